import numpy as np
import pennylane as qml
import pytest
import torch

from qtlrun.circuit.chain import Chain
from qtlrun.device.statevector import Statevector
from qtlrun.layer import Start


def probabilities(qubits, depth, weights, method="auto"):
    return Statevector(method).run(Chain(qubits, depth))(
        weights.new_empty(len(weights), 1, 0), weights
    )


def angles(qubits, depth, runs=2):
    return Start(list(range(runs)), torch.float64).uniform("angles", (depth, qubits), np.pi)


def by_hand(qubits, weights):
    """Dense matrices alone: a Hadamard on every wire, then blocks of a rotation a wire and a sign
    for each pair of ones.
    """

    def everywhere(ones):
        made = np.eye(1)
        for one in ones:
            made = np.kron(made, one)
        return made

    bits = np.arange(2**qubits)[:, None] >> np.arange(qubits)[::-1] & 1
    signs = (-1.0) ** (bits[:, 1:] * bits[:, :-1]).sum(1)
    state = np.full(2**qubits, 2 ** (-qubits / 2), complex)
    for block, row in enumerate(weights):
        cos, sin = np.cos(row / 2), np.sin(row / 2)
        about_z = [np.diag([c - 1j * s, c + 1j * s]) for c, s in zip(cos, sin, strict=True)]
        about_y = [np.array([[c, -s], [s, c]]) for c, s in zip(cos, sin, strict=True)]
        state = signs * (everywhere(about_z if block % 2 else about_y) @ state)
    return np.abs(state) ** 2


@pytest.mark.parametrize("qubits, depth", [(1, 3), (2, 1), (3, 4), (5, 3)])
def test_the_probabilities_are_those_of_its_matrices(qubits, depth):
    weights = angles(qubits, depth)
    right = np.stack([by_hand(qubits, one.numpy()) for one in weights])
    np.testing.assert_allclose(
        probabilities(qubits, depth, weights).squeeze(1).numpy(), right, rtol=0, atol=1e-13
    )


def test_the_probabilities_are_pennylanes():
    weights, node = (
        angles(4, 3),
        qml.QNode(Chain(4, 3), qml.device("default.qubit", wires=4), interface="torch"),
    )
    right = torch.stack([node(torch.empty(0), one) for one in weights])
    torch.testing.assert_close(probabilities(4, 3, weights).squeeze(1), right, rtol=0, atol=1e-13)


@pytest.mark.parametrize("depth", [0, 1])
def test_of_at_most_one_block_the_probabilities_are_products(depth):
    """No phase is seen, and RY(a) after a Hadamard gives (1 -+ sin a) / 2."""
    weights = angles(3, depth)
    factors = (
        torch.stack([1 - weights.sin(), 1 + weights.sin()], -1)[:, 0] / 2
        if depth
        else torch.full((2, 3, 2), 0.5).double()
    )
    right = torch.einsum("ra,rb,rc->rabc", *factors.unbind(1)).flatten(1)
    torch.testing.assert_close(
        probabilities(3, depth, weights).squeeze(1), right, rtol=0, atol=1e-14
    )


def test_the_rotations_of_a_last_block_about_z_move_nothing():
    weights = angles(3, 2).requires_grad_()
    upstream = torch.linspace(-1, 2, 8).double().sin()
    (slope,) = torch.autograd.grad((probabilities(3, 2, weights) * upstream).sum(), weights)
    assert slope[:, 1].abs().max() < 1e-15 and slope[:, 0].abs().min() > 1e-4


def test_sizes_that_cannot_be_are_refused():
    with pytest.raises(ValueError) as error:
        Chain(0, 2)
    assert str(error.value) == "qubits=0: a circuit needs at least one qubit."
    with pytest.raises(ValueError) as error:
        Chain(2, -1)
    assert str(error.value) == "depth=-1: blocks are counted from 0 up."
