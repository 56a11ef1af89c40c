"""Modules with a fault of training, by the code that names it, and composed models."""

import torch
from shared import batch
from torch import nn

SMALL = ("circuit.qubits=2", "circuit.depth=1", "compare=[]")
RESIDUAL = ("dataset=digits", "backbone=small", "backbone.weights=none")
STEPS = ("recipe.schedule=step", "recipe.epochs=9")

# Words of composed models by code
COMPOSED = {
    "Q302": (*SMALL, *RESIDUAL, "freeze.batch_norm=train"),
    "Q305": (*SMALL, "recipe.lr=0"),
    "Q306": (*SMALL, "recipe.lr=30"),
    "Q307": (*SMALL, "recipe.lr=1e-9"),
    "Q308": (*SMALL, *STEPS, "recipe.step_size=20"),
    "Q309": (*SMALL, *STEPS, "recipe.step_size=3", "recipe.schedule_step=start"),
    "Q310": (*SMALL, "recipe.weight_decay=10"),
}


def small():
    return nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))


def q301():
    model = small()
    model[0].requires_grad = False  # an attribute of the module, which freezes nothing
    return model, *batch(), torch.optim.Adam(model.parameters(), lr=0.01)


def q302():
    base = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)).requires_grad_(False)
    model = nn.Sequential(base, nn.Linear(4, 2))
    return model, *batch()


def q303():
    model = small()
    optimizer = torch.optim.Adam(model[0].parameters(), lr=0.01)
    return model, *batch(), optimizer


def q304():
    model = small()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    model[2] = nn.Linear(4, 2)
    return model, *batch(), optimizer


def q305():
    return small().requires_grad_(False), *batch()


def q306():
    model = small()
    items, _ = batch(count=64)
    labels = torch.randint(2, (64,))
    return model, items, labels, torch.optim.SGD(model.parameters(), lr=30)


def q306_adam():
    model = small()
    items, _ = batch(count=64)
    labels = torch.randint(2, (64,))
    return model, items, labels, torch.optim.Adam(model.parameters(), lr=10)


def q307():
    model = small()
    return model, *batch(), torch.optim.SGD(model.parameters(), lr=1e-8)


def q310():
    model = small()
    return model, *batch(), torch.optim.AdamW(model.parameters(), lr=0.001, weight_decay=30)


def q311():
    return nn.Sequential(nn.Linear(4, 2), nn.Softmax(1)), *batch()


def q312():
    model = nn.Sequential(nn.Linear(4, 16), nn.Dropout(0.95), nn.Linear(16, 2))
    with torch.no_grad():
        model[0].weight.mul_(10)
    return model, *batch(), torch.optim.Adam(model.parameters(), lr=0.001)


def q312_norm():
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4, momentum=0.0), nn.Linear(4, 2))
    with torch.no_grad():
        model[0].weight.mul_(100)
    return model, *batch(), torch.optim.Adam(model.parameters(), lr=0.01)
