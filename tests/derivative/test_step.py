"""A step of a circuit: its gradient, its time, its memory."""

import math
import subprocess
import sys
import time

import pytest
import torch

from qtlrun.derivative.specimen import CircuitBatch
from qtlrun.derivative.step import PEAK_RESET, differentiate, time_step


def wave(inputs, weights):
    """A stand-in of a compiled circuit: cos(x + w)."""
    return torch.cos(inputs + weights.unsqueeze(1))


def batch(by_inputs=True, by_weights=True):
    inputs = torch.tensor([[[0.1], [0.4]]], dtype=torch.float64)
    weights = torch.tensor([[0.3]], dtype=torch.float64)
    return CircuitBatch(wave, inputs, weights, by_inputs, by_weights)


def test_values_and_gradient_are_those_of_the_closed_form():
    found = differentiate(batch(), torch.tensor([2.0]))
    angles = torch.tensor([0.4, 0.7], dtype=torch.float64)
    assert torch.allclose(found.values.flatten(), angles.cos())
    assert torch.allclose(found.by_inputs.flatten(), -2 * angles.sin())
    assert torch.allclose(found.by_weights.flatten(), (-2 * angles.sin()).sum())


def test_what_training_does_not_need_is_not_differentiated():
    found = differentiate(batch(by_inputs=False))
    assert not found.by_inputs.numel() and found.by_weights.numel() == 1
    assert not differentiate(batch(by_inputs=False, by_weights=False)).slopes.numel()


def test_a_short_step_is_repeated_and_a_long_one_is_not():
    calls = []
    assert 0 <= time_step(lambda: calls.append(0)) < 0.1
    assert len(calls) > 2
    calls.clear()
    assert time_step(lambda: (calls.append(0), time.sleep(0.03)), 0.02) >= 0.03
    assert len(calls) == 1


@pytest.mark.skipif(not PEAK_RESET.exists(), reason="Linux alone tells the peak")
def test_the_memory_of_a_step_is_what_it_holds_at_once():
    # 32 MiB that are written, twice in turn: one at a time. In a process of its own, whose heap
    # has no holes: the second block of a fragmented heap need not lie where the first one lay.
    script = """
import torch
from qtlrun.derivative.step import measure_memory

print(measure_memory(lambda: [torch.ones(2**23).sum() for _ in range(2)]))
"""
    output = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    found = float(output.stdout)
    assert math.isnan(found) or 31 < found < 40
