"""Noise of each kind for the tests, and circuits whose values under it are known."""

import pennylane as qml
import torch

CHANNELS = ("depolarizing", "bit_flip", "phase_flip", "phase_damping", "amplitude_damping")
SINGLE = [{name: 0.13} for name in (*CHANNELS, "readout_0", "readout_1", "over_rotation")]
MIXTURE = {
    "depolarizing": 0.02,
    "bit_flip": 0.03,
    "phase_flip": 0.1,
    "phase_damping": 0.2,
    "amplitude_damping": 0.1,
    "readout_0": 0.1,
    "readout_1": 0.2,
    "over_rotation": -0.1,
}
MIXTURES = [MIXTURE | {"after": after} for after in ("gates", "entanglers", "inputs")]


class Turn:
    """RY of the input, then the expectation value of a Pauli matrix."""

    qubits = 1
    shape = (1,)

    def __init__(self, observable=qml.PauliZ):
        self.observable = observable

    def __call__(self, inputs, weights):
        qml.RY(inputs[0], 0)
        return qml.expval(self.observable(0))


class Words:
    """Two entangled wires, measured in words of several bases."""

    qubits = 3
    shape = (3,)

    def __call__(self, inputs, weights):
        for wire in range(3):
            qml.RX(inputs[wire], wire)
        qml.IsingXY(weights[0], [0, 1])
        qml.PauliRot(weights[1], "XYZ", [0, 1, 2])
        qml.CRY(weights[2], [2, 0])
        return [
            qml.expval(qml.X(0) @ qml.Y(2)),
            qml.expval(0.3 * qml.Z(1) + qml.Y(0)),
            qml.expval(qml.Z(0) @ qml.Z(1) @ qml.Z(2)),
        ]


class Chances:
    """Probabilities of two wires of three, in another order."""

    qubits = 3
    shape = (2,)

    def __call__(self, inputs, weights):
        for wire in range(3):
            qml.RY(inputs[wire], wire)
        qml.CNOT([0, 1])
        qml.Rot(weights[0], weights[1], inputs[0], 1)
        qml.Toffoli([0, 1, 2])
        return qml.probs([2, 0])


def angles(circuit, runs=2, batch=3, seed=0):
    """Inputs (runs, batch, inputs) and weights (runs, *shape) that ask for a gradient."""
    draw = torch.Generator().manual_seed(seed)
    x, w = (
        torch.randn(runs, *shape, generator=draw, dtype=torch.float64)
        for shape in ((batch, circuit.qubits), circuit.shape)
    )
    return x.requires_grad_(), w.requires_grad_()


def slopes(values, *leaves):
    """Gradients of the sum of the squares of values."""
    return torch.autograd.grad(values.square().sum(), leaves)
