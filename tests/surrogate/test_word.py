"""Words of embedded items, and outputs fitted by them."""

import numpy as np
import pennylane as qml
import pytest
import torch
from circuits import Circuit, draw, qnode

from qtlrun.circuit.iqp import IQP
from qtlrun.circuit.readout import count_words, observables
from qtlrun.circuit.strong import Strong
from qtlrun.surrogate.word import fit_words, read_words
from qtlrun.tape import reader


def rotated(inputs, weights):
    """Three wires turned apart, about axes of their own."""
    for wire in range(3):
        qml.RX(0.4 + wire, wire)
        qml.RY(inputs[wire], wire)
        qml.RZ(2 * inputs[wire - 1], wire)


@pytest.mark.parametrize(
    "embedding",
    [
        rotated,
        lambda inputs, weights: qml.IQPEmbedding(inputs, range(3), n_repeats=2),
        lambda inputs, weights: qml.AngleEmbedding(inputs, range(3)),
    ],
)
def test_words_are_those_of_default_qubit_whether_the_state_is_a_product_or_not(embedding):
    def measured(inputs, weights):
        embedding(inputs, weights)
        return [qml.expval(word) for word in observables(range(3), 2)]

    def whole(inputs, weights):
        embedding(inputs, weights)
        qml.RY(weights[0], 0)
        qml.CNOT([0, 1])
        return qml.expval(qml.Z(1))

    x = draw(2, 3, 3).detach()
    found = read_words(reader.read(Circuit(whole, 3, (1,))), x, (1,))
    right = qnode(Circuit(measured, 3, (1,)), x, torch.zeros(2, 1).double())
    assert found.shape[-1] == count_words(3, 2)
    torch.testing.assert_close(found, right, rtol=0, atol=1e-10)


@pytest.mark.parametrize("circuit", [Strong(2, 2), IQP(2, 1)])
def test_a_circuit_on_two_wires_is_linear_in_the_words_of_its_embedding(circuit):
    """Any observable on two wires, pulled back through the ansatz, is a sum of words on them."""
    reading = reader.read(circuit)
    x = draw(2, 60, 2).detach()
    w = draw(2, *circuit.shape, seed=1).detach()
    numbers = read_words(reading, x, tuple(circuit.shape))
    outputs = qnode(circuit, x, w).detach()
    solution = fit_words(numbers, outputs)
    fitted = numbers @ solution[:, :-1] + solution[:, -1:]
    # A ridge of 1e-8 an item
    assert np.abs((fitted - outputs).numpy()).max() < 1e-4
