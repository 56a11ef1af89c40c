"""Modules with a fault where one part hands on to the next, by the code that names it."""

import pennylane as qml
import torch
from shared import Model, batch
from torch import nn


@qml.qnode(qml.device("default.qubit"))
def circuit(inputs, weights):
    for wire in range(4):
        qml.RY(inputs[..., wire], wire)
        qml.RX(weights[wire], wire)
    for wire in range(3):
        qml.CNOT([wire, wire + 1])
    return [qml.expval(qml.PauliZ(wire)) for wire in range(4)]


def run(inputs, weights):
    return torch.stack(circuit(inputs, weights), -1).float()


def q205():
    return Model(circuit), *batch()


def q205_float():
    return Model(lambda x, w: circuit(x, w).float()), *batch()


class Raw(nn.Module):
    """Expectation values as they come, for logits."""

    def __init__(self):
        super().__init__()
        self.weights = nn.Parameter(torch.randn(4))

    def forward(self, items):
        return circuit(items, self.weights)[:2]


def q205_logits():
    return Raw(), *batch()


def q206():
    return Model(lambda x, w: torch.stack(circuit(x, w)).float()), *batch()


class Columns(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, items):
        return self.layer(items).T


def q206_logits():
    return Columns(), *batch()


class Squeezed(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, items):
        return self.layer(items).squeeze()


def q207():
    return Squeezed(), *batch()


class Sized(nn.Module):
    """Layer that takes the size of the batch for granted."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, items):
        return self.layer(items.reshape(16, 4))


def q207_size():
    return Sized(), *batch()


def q208():
    return Model(lambda x, w: torch.stack(circuit(x, w), -1).double()), *batch()


def q208_items():
    items, labels = batch()
    return nn.Linear(4, 2), items.double(), labels


def q209():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    model[1].to("meta")
    return model, *batch()


def q217():
    return Model(lambda x, w: nn.functional.dropout(x + w)), *batch()


def q218():
    return Model(lambda x, w: (x + w).softmax(0)), *batch()


def q218_norm():
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4, track_running_stats=False))
    return model.append(nn.Linear(4, 2)), *batch()


def q219():
    return nn.Sequential(nn.Linear(4, 3), nn.Linear(4, 2)), *batch()


def q219_name():
    return Model(lambda x, w: x @ undefined + w), *batch()  # noqa: F821


def q219_wires():
    return Model(lambda x, w: torch.stack(crossed(x, w), -1).float()), *batch()


@qml.qnode(qml.device("default.qubit", wires=2))
def crossed(inputs, weights):
    qml.RY(inputs[..., 0], 0)
    qml.RY(weights[0], 5)
    return [qml.expval(qml.PauliZ(wire)) for wire in range(4)]


class Flat(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 1)

    def forward(self, items):
        return self.layer(items).squeeze(1)


def q220():
    return Flat(), *batch()


class Answer(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, items):
        return {"logits": self.layer(items)}


def q220_dictionary():
    return Answer(), *batch()


def healthy():
    """The circuit between two layers, as it should be."""
    return Model(run), *batch()
