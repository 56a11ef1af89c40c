"""Pauli words of embedded items, and the fit of a circuit's outputs by them."""

import dataclasses
import math

import torch
from jaxtyping import Float64
from torch import Tensor

from qtlrun.circuit.readout import Register
from qtlrun.device import state
from qtlrun.device.statevector import StatevectorCircuit
from qtlrun.surrogate.batch import evaluate
from qtlrun.tape.tape import Reading

RIDGE = 1e-8  # on squared coefficients; few items leave some words undecided


def embedded(reading: Reading) -> Reading:
    """The circuit up to its last gate that an input moves; whole where weights stand among them."""
    before = state.embedding(reading)
    return reading if before is None else before


def read_words(
    reading: Reading, inputs: Float64[Tensor, "circuits items inputs"], shape: tuple[int, ...]
) -> Float64[Tensor, "circuits items words"]:
    """Expectation values of the Pauli words on one wire, then on two, of the embedded items.

    shape: of a circuit's weights, which are 0 where the embedding takes any
    """
    register = Register("paulis")
    measured = dataclasses.replace(
        embedded(reading), measurements=register.measure(range(reading.qubits))
    )
    angles = inputs.new_zeros(len(inputs), *shape)
    run = StatevectorCircuit(measured, "auto")
    return evaluate(run, measured, inputs, angles)


def fit_words(
    words: Float64[Tensor, "circuits items words"],
    outputs: Float64[Tensor, "circuits items outputs"],
) -> Float64[Tensor, "circuits words+1 outputs"]:
    """Least squares of outputs on words and a constant, with a ridge of `RIDGE` an item."""
    numbers = with_constant(words)
    circuits, items, width = numbers.shape
    ridge = math.sqrt(RIDGE * items) * torch.eye(width).to(words).expand(circuits, -1, -1)
    nothing = outputs.new_zeros(circuits, width, outputs.shape[2])
    rows = torch.cat([numbers, ridge], 1)
    return torch.linalg.lstsq(rows, torch.cat([outputs, nothing], 1), driver="gels").solution


def with_constant(
    words: Float64[Tensor, "circuits items words"],
) -> Float64[Tensor, "circuits items words+1"]:
    """Words with a 1 behind them."""
    return torch.nn.functional.pad(words, (0, 1), value=1.0)
