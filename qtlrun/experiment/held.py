"""Runs of one head that train different weights of it and hold the others."""

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from qtlrun.experiment.network import Module

# Runs that hold a weight, by the weight; none of a weight that all runs train, or no run
Holds = dict[Tensor, Bool[Tensor, " runs"]]


class Held(nn.Module):
    """Module of which some runs hold some weights.

    `held` has these runs, by the weight.
    """

    def __init__(self, module: nn.Module, held: Holds):
        super().__init__()
        self.module = module
        self.held = held

    def forward(self, x: Tensor) -> Tensor:
        return self.module(x)


def hold_weights(head: Module, variants: list[tuple[Module, int]]) -> Holds:
    """Runs of a head that hold its weights, as the heads of their own variants do.

    A weight is trained where any run trains it. `variants` are heads with their numbers of runs, in
    the order of the runs.
    """
    holds: Holds = {}
    for name, weight in head.named_parameters():
        runs = []
        for each, count in variants:
            runs += [not each.get_parameter(name).requires_grad] * count
        weight.requires_grad_(not all(runs))
        if any(runs) and not all(runs):
            holds[weight] = torch.tensor(runs, device=weight.device)
    return holds
