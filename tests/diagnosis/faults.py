"""Models with the twelve faults that qmlkit 0.3.0 names, in torch and PennyLane."""

import pennylane as qml
import torch
from torch import nn

LANDMARKS = 2  # items that a kernel compares with


def batch(width):
    items = torch.randn(16, width)
    return items, (items[:, 0] > 0).long()


def z(*wires):
    return [qml.expval(qml.PauliZ(wire)) for wire in wires]


def build(function, shape=(), *, wires=2, outputs=2, **options):
    """A circuit on the items themselves, and a linear layer."""
    node = qml.QNode(function, qml.device("default.qubit", wires=wires), **options)
    shapes = {"weights": shape} if shape else {}
    layer = qml.qnn.TorchLayer(node, shapes)
    return nn.Sequential(nn.Tanh(), layer, nn.Linear(outputs, 2)), *batch(wires)


def no_trainable_parameters():
    def circuit(inputs):
        qml.AngleEmbedding(inputs, range(2), rotation="Y")
        qml.CNOT([0, 1])
        return z(0, 1)

    return build(circuit)


def encoding_commutes():
    """Three uploads and trained rotations about one axis, which are one rotation."""

    def circuit(inputs, weights):
        for layer in weights:
            qml.AngleEmbedding(inputs, range(2), rotation="Y")
            qml.AngleEmbedding(layer, range(2), rotation="Y")
        return z(0, 1)

    return build(circuit, (3, 2))


def inputs_unused():
    """An encoding of the first two of three numbers."""

    def circuit(inputs, weights):
        qml.AngleEmbedding(inputs[..., :2], range(2), rotation="Y")
        qml.BasicEntanglerLayers(weights, range(3))
        return z(0, 1, 2)

    return build(circuit, (2, 3), wires=3, outputs=3)


def dead_weights():
    """Phases of a wire that is still in its basis state."""

    def circuit(inputs, weights):
        qml.RZ(weights[0], 0)
        qml.RZ(weights[1], 1)
        qml.AngleEmbedding(inputs, range(2), rotation="Y")
        qml.CNOT([0, 1])
        return z(0, 1)

    return build(circuit, (2,))


def no_entanglement():
    def circuit(inputs, weights):
        qml.AngleEmbedding(inputs, range(2), rotation="Y")
        qml.AngleEmbedding(weights, range(2), rotation="X")
        return z(0, 1)

    return build(circuit, (2,))


def flat_gradients():
    """A global observable of ten wires with two random rotations on each."""

    def circuit(inputs, weights):
        qml.AngleEmbedding(inputs, range(10), rotation="Y")
        qml.AngleEmbedding(weights[0], range(10), rotation="X")
        qml.AngleEmbedding(weights[1], range(10), rotation="Y")
        return [qml.expval(qml.prod(*map(qml.PauliZ, range(10))))]

    return build(circuit, (2, 10), wires=10, outputs=1)


def unmeasurable_weights():
    """A last layer of rotations on wires that nobody measures."""

    def circuit(inputs, weights):
        qml.AngleEmbedding(inputs, range(3), rotation="Y")
        qml.CNOT([2, 1])
        qml.CNOT([1, 0])
        qml.AngleEmbedding(weights, range(3), rotation="X")
        return z(0)

    return build(circuit, (3,), wires=3, outputs=1)


def quantum_layer_bypassed():
    """A circuit that measures the wires of noise and leaves out that of the class."""

    def circuit(inputs, weights):
        qml.AngleEmbedding(inputs, range(2), rotation="Y")
        qml.AngleEmbedding(weights, range(2), rotation="X")
        return z(1)

    return build(circuit, (2,), outputs=1)


class Kernel(nn.Module):
    """Fidelities of each item with some fixed ones, the chance of zeros, and a linear layer."""

    def __init__(self, wires, *, scale, shots=None, observable=None):
        super().__init__()
        if observable is None:  # whether all wires are zero, by words of I and Z
            factors = [0.5 * (qml.Identity(wire) + qml.Z(wire)) for wire in range(wires)]
            observable = qml.prod(*factors)
        device = qml.device("default.qubit", wires=wires, seed=0)

        def embed(inputs):
            qml.AngleEmbedding(inputs, range(wires), rotation="Y")
            for wire in range(wires - 1):
                qml.CNOT([wire, wire + 1])
            qml.AngleEmbedding(inputs, range(wires), rotation="X")

        def circuit(first, second):
            embed(first)
            qml.adjoint(embed)(second)
            return qml.expval(observable)

        self.scale = scale
        self.node = qml.set_shots(qml.QNode(circuit, device), shots)
        self.register_buffer("landmarks", scale * torch.randn(LANDMARKS, wires))
        self.post = nn.Linear(LANDMARKS, 2)

    def forward(self, items):
        rows = [self.node(self.scale * items, landmark) for landmark in self.landmarks]
        return self.post(torch.stack(rows, -1).float())


def kernel_not_psd():
    """Fidelities from a single shot, whose matrix has negative eigenvalues."""
    return Kernel(2, scale=0.3, shots=1), *batch(2)


def kernel_concentrated():
    """Thirteen wires turned far: all fidelities are near 0."""
    return Kernel(13, scale=3.0, observable=qml.Projector([0] * 13, range(13))), *batch(13)


def kernel_unresolvable():
    """Fidelities that differ by less than the error of ten shots."""
    return Kernel(2, scale=0.1, shots=10), *batch(2)


def kernel_at_concentration_scale():
    """Fidelities of six wires that spread as those of random states."""
    return Kernel(6, scale=1.5), *batch(6)
