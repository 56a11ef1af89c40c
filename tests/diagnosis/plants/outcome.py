"""Models that learn nothing, one class, or no more than a classical one, by the code for it."""

import pennylane as qml
from shared import batch
from torch import nn


class Deaf(nn.Module):
    """Network whose inputs are multiplied by 0 behind the first layer."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 8)
        self.second = nn.Linear(8, 2)

    def forward(self, items):
        return self.second(0 * self.first(items))


class Dead(nn.Module):
    """Network whose ReLUs are all dead."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 8)
        self.second = nn.Linear(8, 2)
        nn.init.constant_(self.first.bias, -20)

    def forward(self, items):
        return self.second(self.first(items).relu())


class Confident(nn.Module):
    """Network that starts with one large logit."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
        nn.init.constant_(self.layers[2].bias[:1], 60)

    def forward(self, items):
        return self.layers(items)


def q501():
    return Deaf(), *batch(count=32)


def q501_dead():
    return Dead(), *batch(count=32)


def q502():
    return Confident(), *batch(count=32)


def diagonal(inputs, weights):
    """Angles that act on wires in an eigenstate of what is measured: they change no output."""
    qml.AngleEmbedding(inputs, range(2), rotation="Y")
    for wire in range(2):
        qml.RZ(weights[wire], wire)
    return [qml.expval(qml.PauliZ(wire)) for wire in range(2)]


POINTS = ("dataset=moons", "dataset.points=300", "backbone=identity", "compare=[]")
SMALL = ("circuit.qubits=2", "circuit.depth=1")

# Words of composed models by code; FILE stands for this file
COMPOSED = {
    "Q503": (*POINTS, *SMALL, "recipe.epochs=1", "recipe.lr=0.0001"),
    "Q504": (
        *POINTS,
        *(
            "recipe.epochs=20",
            "circuit=file",
            "circuit.path=FILE:diagonal",
            "circuit.shape=[2]",
            "circuit.qubits=2",
        ),
    ),
}
