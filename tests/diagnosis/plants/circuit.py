"""Circuits with a fault, by the code that names it; composed models and modules of users."""

import numpy as np
import pennylane as qml
import torch
from shared import batch
from torch import nn

SMALL = ("circuit=file", "circuit.qubits=2", "compare=[]")


def z(*wires):
    return [qml.expval(qml.PauliZ(wire)) for wire in wires]


class Hybrid(nn.Module):
    """Linear layer, tanh, a circuit as TorchLayer has it, and a linear layer."""

    def __init__(self, function, shape, *, device="default.qubit", qubits=2, outputs=2, **options):
        super().__init__()
        node = qml.QNode(function, qml.device(device, wires=qubits), **options)
        self.pre = nn.Linear(4, 2)
        self.circuit = qml.qnn.TorchLayer(node, {"weights": shape})
        self.post = nn.Linear(outputs, 2)

    def forward(self, items):
        return self.post(self.circuit(torch.tanh(self.pre(items))))


def gates(inputs, weights):
    """Gates without a fault."""
    qml.AngleEmbedding(inputs, range(2), rotation="Y")
    qml.CNOT([0, 1])
    qml.RX(weights[0], 0)
    qml.RX(weights[1], 1)
    qml.CNOT([1, 0])


def dressed(inputs, weights):
    """A circuit without a fault."""
    gates(inputs, weights)
    return z(0, 1)


class Residual(Hybrid):
    """A circuit beside a path that is ten thousand times as strong."""

    def forward(self, items):
        return 1e-3 * super().forward(items) + 10 * items[:, :2]


def q101():
    return Residual(dressed, (2,)), *batch()


def unmeasured(inputs, weights):
    qml.AngleEmbedding(inputs, range(2), rotation="Y")
    qml.RY(weights[0], 0)
    qml.RY(weights[1], 1)
    qml.CNOT([0, 1])
    qml.RX(weights[2], 1)
    return z(0)


def q102():
    """A rotation behind the last gate that reaches the measured wire."""
    return Hybrid(unmeasured, (3,), outputs=1), *batch()


def phases(inputs, weights):
    """Phases of a basis state, which Z does not see."""
    qml.AngleEmbedding(inputs, range(2), rotation="Z")
    qml.CNOT([0, 1])
    qml.RY(weights[0], 0)
    qml.RY(weights[1], 1)
    return z(0, 1)


def q103():
    return Hybrid(phases, (2,)), *batch()


def uploads(inputs, weights):
    """Rotations of weights about the axis of the inputs', so that all of them add up."""
    for layer in weights:
        qml.AngleEmbedding(inputs, range(2), rotation="Y")
        for wire in range(2):
            qml.RY(layer[wire], wire)
    return z(0, 1)


def q103_b():
    return Hybrid(uploads, (3, 2)), *batch()


def unread(inputs, weights):
    qml.AngleEmbedding(inputs, range(2), rotation="Y")
    qml.RX(weights[0], 0)
    return z(0)


def q104():
    """The second input, on a wire that is not measured."""
    return Hybrid(unread, (1,), outputs=1), *batch()


def merged(inputs, weights):
    qml.AngleEmbedding(inputs, range(2), rotation="Y")
    qml.CNOT([0, 1])
    for wire in range(2):
        qml.RX(weights[wire], wire)
        qml.RX(weights[2 + wire], wire)
    qml.CNOT([1, 0])
    return z(0, 1)


def q105():
    return Hybrid(merged, (4,)), *batch()


def zeros(inputs, weights):
    """Phases that nothing sees while the rotations behind them are 0."""
    qml.AngleEmbedding(inputs, range(2), rotation="X")
    for wire in range(2):
        qml.RZ(weights[0, wire], wire)
    for wire in range(2):
        qml.RX(weights[1, wire], wire)
    qml.CNOT([0, 1])
    return z(0, 1)


def q106():
    model = Hybrid(zeros, (2, 2))
    nn.init.zeros_(model.circuit.weights)
    return model, *batch()


def parity(inputs, weights):
    """Parity of ten wires, a product of numbers of which each is about a half."""
    for wire in range(10):
        qml.RX(inputs[..., wire % 2], wire)
        qml.RY(weights[0, wire], wire)
        qml.RX(weights[1, wire], wire)
    return [qml.expval(qml.prod(*map(qml.PauliZ, range(10))))]


def q107():
    return Hybrid(parity, (2, 10), qubits=10, outputs=1), *batch()


def q108():
    """Pixels that are divided by 255 twice."""
    model = Hybrid(dressed, (2,))
    with torch.no_grad():
        model.pre.weight /= 255**2
    return model, *batch()


def copied(inputs, weights):
    """The same observable twice."""
    gates(inputs, weights)
    return z(0, 1, 1)


def q109():
    return Hybrid(copied, (2,), outputs=3), *batch()


def single(inputs, weights):
    qml.AngleEmbedding(inputs, range(2), rotation="Y")
    qml.RX(weights[0], 0)
    qml.RX(weights[1], 1)
    return z(0, 1)


def q110():
    return Hybrid(single, (2,)), *batch()


def q111():
    """A wire that no gate acts on."""
    return Hybrid(dressed, (2,), qubits=3), *batch()


class Unscaled(Hybrid):
    def forward(self, items):
        return self.post(self.circuit(255 * items[:, :2]))


def q112():
    return Unscaled(dressed, (2,)), *batch()


SEEDED = {"default.qubit": {"seed": 0}}


def node_of(function, device="default.qubit", shots=None, **options):
    return qml.set_shots(
        qml.QNode(function, qml.device(device, wires=2, **SEEDED.get(device, {})), **options), shots
    )


class Loop(nn.Module):
    """A circuit that is called once an item."""

    def __init__(self, node, shape=(2,)):
        super().__init__()
        self.pre = nn.Linear(4, 2)
        self.weights = nn.Parameter(torch.rand(shape))
        self.post = nn.Linear(2, 2)
        self.node = node

    def forward(self, items):
        angles = torch.tanh(self.pre(items))
        values = [torch.stack(self.node(each, self.weights)) for each in angles]
        return self.post(torch.stack(values).float())


def deep(inputs, weights):
    qml.AngleEmbedding(inputs, range(2), rotation="Y")
    for layer in weights:
        qml.CNOT([0, 1])
        qml.RX(layer[0], 0)
        qml.RX(layer[1], 1)
        qml.RZ(layer[2], 0)
        qml.RZ(layer[3], 1)
    qml.CNOT([1, 0])
    qml.Hadamard(0)
    qml.Hadamard(1)
    return z(0, 1)


def q113():
    node = node_of(deep, shots=1, diff_method="parameter-shift")
    return Loop(node, (2, 4)), *batch(count=2)


def q114():
    """One random direction for sixteen weights."""
    return Loop(node_of(deep, diff_method="spsa"), (4, 4)), *batch(count=2)


def q115():
    """Finite differences with a step of one radian."""
    node = node_of(dressed, diff_method="finite-diff", gradient_kwargs={"h": 1.0})
    return Loop(node), *batch(count=2)


def q115_b():
    """Finite differences of float32 values with the step of float64."""
    device = qml.device("lightning.qubit", wires=2, c_dtype=np.complex64)
    return Loop(qml.QNode(dressed, device, diff_method="finite-diff")), *batch(count=2)


def q116():
    """Backprop through samples."""
    return Loop(node_of(dressed, shots=100, diff_method="backprop")), *batch(count=2)


def q116_b():
    """Adjoint with shots."""
    return Loop(node_of(dressed, shots=100, diff_method="adjoint")), *batch(count=2)


def q116_c():
    """Hadamard's test without an auxiliary wire."""
    return Loop(node_of(dressed, diff_method="hadamard")), *batch(count=2)


def state(inputs, weights):
    gates(inputs, weights)
    return qml.state()


class State(Loop):
    def forward(self, items):
        angles = torch.tanh(self.pre(items))
        states = [self.node(each, self.weights) for each in angles]
        return self.post(torch.stack(states).abs()[:, :2].float())


def q116_d():
    """A state by a rule for processors."""
    return State(node_of(state, diff_method="parameter-shift")), *batch(count=2)


def q117():
    """Parameter shift of a batch."""
    return Hybrid(dressed, (2,), diff_method="parameter-shift"), *batch()


def q118():
    return Loop(node_of(dressed, diff_method="parameter-shift")), *batch(count=2)


def q119():
    return Loop(node_of(dressed)), *batch(count=4)


def q120():
    items, labels = batch()
    device = qml.device("lightning.qubit", wires=2, c_dtype=np.complex64)
    model = Hybrid(dressed, (2,)).double()
    model.circuit = qml.qnn.TorchLayer(qml.QNode(dressed, device), {"weights": (2,)}).double()
    return model, items.double(), labels


def q122():
    """Differences of a tenth between items, at ten shots."""
    model = Loop(node_of(dressed, shots=10, diff_method="parameter-shift"))
    with torch.no_grad():
        model.pre.weight /= 10
    return model, *batch(count=4)


class Constant(Hybrid):
    """Weights of the circuit that are no parameters."""

    def __init__(self):
        super().__init__(dressed, (2,))
        self.node = self.circuit.qnode
        self.circuit = None
        self.weights = torch.rand(2)

    def forward(self, items):
        values = self.node(torch.tanh(self.pre(items)), self.weights)
        return self.post(torch.stack(values, -1).float())


def q123():
    return Constant(), *batch()


def overlap(inputs, weights):
    """Probability that six wires, rotated far by the inputs, are all zero."""
    for repeat in range(3):
        for wire in range(6):
            qml.RX(2 * inputs[..., wire % 2], wire)
            qml.RY(2 * inputs[..., (wire + repeat) % 2] + weights[repeat, wire], wire)
        for wire in range(6):
            qml.CNOT([wire, (wire + 1) % 6])
    return [qml.probs(range(6))]


class Overlap(Hybrid):
    """Similarity to the items that the weights stand for, as a kernel has it."""

    def forward(self, items):
        values = self.circuit(torch.tanh(self.pre(items)))
        return self.post(values[:, :1])


def q124():
    return Overlap(overlap, (3, 6), qubits=6, outputs=1), *batch()


PHOTONIC = ("experiment=qc_states", "compare=[]")
# Words of composed models by code; FILE stands for this file
COMPOSED = {
    "Q102": (*SMALL, "circuit.path=FILE:unmeasured", "circuit.shape=[3]"),
    "Q103": (*SMALL, "circuit.path=FILE:phases", "circuit.shape=[2]"),
    "Q110": ("circuit=product", "circuit.qubits=2", "compare=[]"),
    "Q118": (
        *SMALL,
        "device=default.qubit",
        "device.diff_method=parameter-shift",
        "circuit.path=FILE:dressed",
        "circuit.shape=[2]",
    ),
    "Q121": (*PHOTONIC, "backbone.weights=none", "backbone.cutoff=4"),
}
