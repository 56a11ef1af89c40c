"""Straight-through gradients are told from wrong ones."""

import plants
import pytest
import torch
from torch import nn

from qtlrun.diagnosis import CHECKS, examine
from qtlrun.diagnosis.case import Case
from qtlrun.layer import generator, reseeded

ITEMS = torch.randn(40, 3, generator=generator(0, "items"))
LABELS = (ITEMS[:, 0] > 0).long()
Doubled = plants.load(plants.FOLDER / "backward.py").Doubled
STRAIGHT = {"Q221"}
WRONG = {"Q210"}


def make_case(build):
    """Case of a model that a function builds, from a seed."""

    def start(seed):
        with reseeded(seed):
            model = build()
        return Case("model", model, ITEMS, LABELS, 2, None, frozenset(), start, lambda case: [])

    return start(0)


class Stepped(nn.Module):
    """Hard step on the first layer's values, beside a smooth path."""

    def __init__(self, step):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.last = nn.Linear(4, 2)
        self.step = step

    def forward(self, items):
        values = self.first(items)
        return self.last(self.step(values) + values.sin())


class Step(nn.Module):
    def __init__(self, step):
        super().__init__()
        self.step = step

    def forward(self, values):
        return self.step(values)


class Spike(torch.autograd.Function):
    """Step with the gradient of a hat, as spiking networks have it."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0).to(x)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * (1 - x.abs()).clamp_min(0)


def straight_round(x):
    return x + (x.round() - x).detach()


def straight_choice(x):
    return nn.functional.one_hot(x.argmax(1), 4) + x.softmax(1) - x.softmax(1).detach()


@pytest.mark.parametrize(
    "build, expected",
    [
        (lambda: Stepped(straight_round), STRAIGHT),
        (lambda: Stepped(straight_choice), STRAIGHT),
        (lambda: nn.Sequential(nn.Linear(3, 4), Step(Spike.apply), nn.Linear(4, 2)), STRAIGHT),
        (lambda: Stepped(torch.round), set()),
        (lambda: Stepped(torch.sign), set()),
        (lambda: Stepped(lambda x: nn.functional.one_hot(x.argmax(1), 4)), set()),
        (lambda: Stepped(lambda x: x.detach()), WRONG),
        (lambda: Stepped(lambda x: torch.round(x) + 2 * Doubled.apply(x)), WRONG),
        (lambda: Stepped(lambda x: straight_round(x) + Doubled.apply(x)), WRONG),
        (lambda: Stepped(lambda x: Doubled.apply(x.float()).to(x)), WRONG),
    ],
    ids=[
        "round, straight",
        "choice, straight",
        "spike",
        "round",
        "sign",
        "choice",
        "detached without a step",
        "round beside a wrong backward",
        "straight round beside a wrong backward",
        "wrong backward in single precision",
    ],
)
def test_a_straight_through_gradient_is_told_from_a_wrong_one(build, expected):
    checks = [check for check in CHECKS if check.code in STRAIGHT | WRONG]
    findings = examine(make_case(build), checks).findings
    assert {finding.check.code for finding in findings} == expected
