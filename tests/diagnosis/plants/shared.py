"""What several files of plants have."""

import torch
from torch import nn


def batch(width=4, classes=2, count=16):
    """Items of two classes that a line divides, and their labels."""
    items = torch.randn(count, width)
    return items, (items[:, 0] > 0).long() % classes


class Model(nn.Module):
    """Layers around a function of four numbers."""

    def __init__(self, between, classes=2):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.weights = nn.Parameter(torch.randn(4))
        self.last = nn.Linear(4, classes)
        self.between = between

    def forward(self, items):
        return self.last(self.between(self.first(items), self.weights))
