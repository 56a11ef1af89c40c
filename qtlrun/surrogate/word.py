"""Pauli words of embedded items, and the fit of a circuit's outputs by them."""

import dataclasses
import math

import pennylane as qml
import torch
from jaxtyping import Float64
from torch import Tensor

from qtlrun.circuit.readout import observables
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
    before = embedded(reading)
    angles = inputs.new_zeros(len(inputs), *shape)
    if before.starts or any(len(gate.wires) > 1 for gate in before.gates):
        return _measure(before, observables(range(reading.qubits), 2), inputs, angles)
    # Of a product state a word on two wires is the product of theirs
    singles = _measure(before, observables(range(reading.qubits), 1), inputs, angles)
    by_wire = singles.unflatten(-1, (reading.qubits, -1))
    first, second = torch.triu_indices(reading.qubits, reading.qubits, 1)
    pairs = by_wire[..., first, :, None] * by_wire[..., second, None, :]
    return torch.cat([singles, pairs.flatten(-3)], -1)


def _measure(
    reading: Reading, operators: list, inputs: Tensor, angles: Tensor
) -> Float64[Tensor, "circuits items values"]:
    """Expectation values at the end of a circuit."""
    measured = dataclasses.replace(reading, measurements=list(map(qml.expval, operators)))
    return evaluate(StatevectorCircuit(measured, "auto"), measured, inputs, angles)


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
