"""Circuits that are simulated once for all values drawn of them, against density matrices."""

import numpy as np
import pytest
import torch
from noises import MIXTURE, Chances, Words, angles

from qtlrun.circuit.dressed import Dressed
from qtlrun.device.mixed import compile_density, compile_shots
from qtlrun.robustness.mitigation import flip_chances, invert_readout
from qtlrun.robustness.recall import NoisyCircuit, Recall
from qtlrun.simulator.noise import Noise
from qtlrun.tape import reader

NOISE = Noise(**MIXTURE)


def prepare(circuit):
    """Reading of a circuit, with inputs and weights."""
    reading = reader.read(circuit)
    x, w = (each.detach() for each in angles(circuit))
    return reading, reading.prepare(x, w)[:2]


@pytest.mark.parametrize("circuit", [Dressed(3, 1), Words(), Chances()])
def test_mean_values_are_those_of_the_density_matrix(circuit):
    reading, values = prepare(circuit)
    right = compile_density(reading, [NOISE])(*values)
    found = NoisyCircuit.of(reading, NOISE).expect(*values)
    torch.testing.assert_close(found, right, rtol=0, atol=1e-12)


def test_shots_are_those_of_a_circuit_that_is_simulated_for_them_alone():
    reading, values = prepare(Words())
    circuit = NoisyCircuit.of(reading, NOISE)
    for shots, seed in ((20, 0), (1000, 3)):
        right = compile_shots(reading, NOISE, shots, seed)(*values)
        assert torch.equal(circuit.draw(shots, seed)(*values), right)


def test_the_same_inputs_are_simulated_once_and_others_anew():
    calls = []

    def simulate(x, w):
        calls.append(x)
        return x + w

    recall = Recall(simulate)
    one, two = torch.ones(2), torch.full((2,), 2.0)
    assert torch.equal(recall(one, one), two) and torch.equal(recall(one.clone(), one), two)
    assert len(calls) == 1
    assert torch.equal(recall(two, one), one + two) and len(calls) == 2


def test_a_readout_inverted_by_its_true_chances_leaves_no_error():
    reading, values = prepare(Dressed(3, 1))
    flips = np.array([flip_chances(NOISE.readout_0, NOISE.readout_1)] * reading.qubits)
    found = invert_readout(NoisyCircuit.of(reading, NOISE), flips).expect(*values)
    quiet = Noise(**(MIXTURE | {"readout_0": 0.0, "readout_1": 0.0}))
    right = compile_density(reading, [quiet])(*values)
    torch.testing.assert_close(found, right, rtol=0, atol=1e-12)
