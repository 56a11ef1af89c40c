"""Largest curvature of the loss, by differences of its gradient."""

import math

import torch
from torch import Tensor, nn

from qtlrun.derivative.gradient import find_gradients
from qtlrun.diagnosis.attempt import attempt
from qtlrun.diagnosis.case import Case, find_loss
from qtlrun.layer import generator

ITERATIONS = 12
STEP = 1e-2  # along a unit vector of all trained weights

Weights = dict[str, nn.Parameter]


def find_curvature(case: Case) -> float | None:
    """Largest eigenvalue of the loss's Hessian in size, in evaluation mode; None where it fails.

    Power iteration on central differences of the gradient, which circuits with a gradient method
    of first order have too.
    """
    case = case.start_again()
    case.model.eval()
    weights = case.trained
    directions = []
    for number, weight in enumerate(weights.values()):
        draw = torch.randn(weight.shape, generator=generator(0, "curvature", number))
        directions.append(draw.to(weight))
    value = 0.0
    for _ in range(ITERATIONS):
        size = _find_norm(directions)
        if not size or not math.isfinite(size):
            return None
        directions = [direction / size for direction in directions]
        product, _ = attempt(lambda: _multiply(case, weights, directions))  # noqa: B023
        if product is None:
            return None
        pairs = zip(directions, product, strict=True)
        value = sum((direction * each).sum().item() for direction, each in pairs)
        directions = product
    return value


def _multiply(case: Case, weights: Weights, directions: list[Tensor]) -> list[Tensor]:
    """Product of the Hessian with a unit vector."""
    _move(weights, directions, STEP)
    above = _find_gradient(case, weights)
    _move(weights, directions, -2 * STEP)
    below = _find_gradient(case, weights)
    _move(weights, directions, STEP)
    return [(high - low) / (2 * STEP) for high, low in zip(above, below, strict=True)]


@torch.no_grad()
def _move(weights: Weights, directions: list[Tensor], step: float) -> None:
    for weight, direction in zip(weights.values(), directions, strict=True):
        weight.add_(direction, alpha=step)


def _find_gradient(case: Case, weights: Weights) -> list[Tensor]:
    """Gradient of all trained weights; 0 of those that the loss does not reach."""
    gradients = find_gradients(find_loss(case.model(case.items), case.labels), weights)
    return [gradients.get(name, torch.zeros_like(each)) for name, each in weights.items()]


def _find_norm(tensors: list[Tensor]) -> float:
    return math.hypot(*(tensor.norm().item() for tensor in tensors))
