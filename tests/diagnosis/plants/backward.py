"""Modules with a fault of the pass back, a function each, by the code that names it."""

import pennylane as qml
import torch
from shared import Model, batch
from torch import nn


class Frozen(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, items):
        with torch.no_grad():
            return self.layer(items)


def q201():
    return Frozen(), *batch()


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


def q202():
    return Model(lambda x, w: run(x, torch.tensor(w.tolist()))), *batch()


class Unused(nn.Module):
    """Layer that the forward pass leaves out."""

    def __init__(self):
        super().__init__()
        self.used = nn.Linear(4, 2)
        self.unused = nn.Linear(4, 2)

    def forward(self, items):
        return self.used(items)


def q202_unused():
    return Unused(), *batch()


def q203():
    return Model(lambda x, w: run(x.detach(), w)), *batch()


def q203_numpy():
    return Model(lambda x, w: run(torch.tensor(x.tolist()), w)), *batch()


class Stored(nn.Module):
    """More angles than layers, as a published head stores them."""

    def __init__(self):
        super().__init__()
        self.angles = nn.Parameter(torch.randn(15, 4))
        self.last = nn.Linear(4, 2)

    def forward(self, items):
        for angles in self.angles[:6]:
            items = (items + angles).sin()
        return self.last(items)


def q204():
    return Stored(), *batch()


def q204_rounded():
    return Model(lambda x, w: x.round() + w), *batch()


class Doubled(torch.autograd.Function):
    """Sine whose derivative is twice as large as it should be."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return 2 * x.cos() * gradient


def q210():
    return Model(lambda x, w: Doubled.apply(x + w)), *batch()


class Sharp(torch.autograd.Function):
    """Expectation values, shifted by pi / 4 in place of pi / 2."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.cos()

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return ((x + torch.pi / 4).cos() - (x - torch.pi / 4).cos()) / 2 * gradient


def q210_shift():
    return Model(lambda x, w: Sharp.apply(x * w)), *batch()


class Sign(torch.autograd.Function):
    """Sign whose gradient goes straight through."""

    @staticmethod
    def forward(ctx, x):
        return x.sign()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def q221():
    return Model(lambda x, w: Sign.apply(x * w)), *batch()


def rounded(x):
    return x + (x.round() - x).detach()


def q221_detached():
    """A rounding beside a smooth path, so that the loss moves all the same."""
    return Model(lambda x, w: rounded(x) + (x * w).sin()), *batch()


def squash(function, scale):
    return lambda x, w: function(scale * (x + w))


def q211():
    return Model(squash(torch.tanh, 100)), *batch()


def q211_sigmoid():
    return Model(squash(torch.sigmoid, 1000)), *batch()


def q212():
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
    with torch.no_grad():
        model[0].bias.fill_(-100.0)
    return model, *batch()


def deep(activation, gain):
    """Many layers of one activation, whose start weights have a gain."""
    layers = []
    for _ in range(12):
        layer = nn.Linear(4, 4)
        with torch.no_grad():
            layer.weight.copy_(gain * torch.eye(4) + 0.01 * torch.randn(4, 4))
        layers += [layer, activation]
    return nn.Sequential(*layers, nn.Linear(4, 2))


def q213():
    return deep(nn.Sigmoid(), 1.0), *batch()


def q214():
    return deep(nn.Identity(), 10.0), *batch()


def q215():
    return Model(lambda x, w: (x - x + w - w).log() + x), *batch()


class Root(nn.Module):
    """Root at 0, whose slope is infinite."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 2, bias=False)
        nn.init.zeros_(self.layer.weight)

    def forward(self, items):
        return self.layer(items).square().sqrt()


def q215_root():
    return Root(), *batch()


class Remembering(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.last = nn.Linear(4, 2)
        self.seen = []

    def forward(self, items):
        hidden = self.layer(items).tanh()
        self.seen.append(hidden.square().mean())
        return self.last(hidden)


def q216():
    return Remembering(), *batch()
