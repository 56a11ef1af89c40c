"""Gradient of a batch that mixes its items.

github.com/qiskit-community/qiskit-machine-learning/issues/100: for more than one item the connector
multiplied the gradient by the outputs with a transposed one by the weights.
"""

import torch
from torch import nn


class Expectation(torch.autograd.Function):
    """<Z> of RX(x) RX(w), and the slope of another item for each."""

    @staticmethod
    def forward(ctx, items, weight):
        ctx.save_for_backward(items, weight)
        return torch.cos(items + weight)

    @staticmethod
    def backward(ctx, upstream):
        items, weight = ctx.saved_tensors
        slopes = -torch.sin(items + weight)
        return upstream * slopes, (upstream * slopes.flip(0)).sum(0)


class Connector(nn.Module):
    def __init__(self):
        super().__init__()
        self.pre = nn.Linear(2, 2)
        self.weight = nn.Parameter(torch.rand(2))
        self.post = nn.Linear(2, 2)

    def forward(self, items):
        return self.post(Expectation.apply(self.pre(items), self.weight))


def build():
    items = torch.randn(16, 2)
    return Connector(), items, (items[:, 0] > 0).long()
