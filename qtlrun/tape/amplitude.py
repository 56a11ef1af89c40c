"""Amplitudes that wires begin in, as functions of inputs and weights."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from qtlrun.tape.angle import Affine
from qtlrun.tape.degree import Degree


def unit_vector(
    state: Tensor, inputs: Tensor, weights: Tensor, degree: Degree
) -> Callable[[Tensor, Tensor], Tensor] | None:
    """The map of real amplitudes that are an affine one divided by its norm; None for others."""
    node: Any = state.grad_fn  # torch declares no saved values of a node's
    if (
        state.is_complex()
        or node is None
        or node.name() != "DivBackward0"
        or node._saved_other.numel() != 1
    ):
        return None
    vector = node._saved_self
    if vector is None or vector.numel() == 1 or degree.of(vector) > 1:
        return None
    leaves = inputs, weights
    units = torch.eye(len(vector), dtype=vector.dtype)
    slopes = torch.autograd.grad(
        vector, leaves, units, retain_graph=True, is_grads_batched=True, allow_unused=True
    )
    by_input, by_weight = (
        (
            torch.zeros(len(vector), leaf.numel(), dtype=torch.float64)
            if slope is None
            else slope.flatten(1)
        )
        for slope, leaf in zip(slopes, leaves, strict=True)
    )
    rest = (vector - by_input @ leaves[0] - by_weight @ leaves[1].flatten()).detach()
    amplitudes = _padding(by_input, by_weight, rest) or Affine(by_input, by_weight, rest)

    def scaled(x: Tensor, w: Tensor) -> Tensor:
        values = amplitudes(x, w)
        return values / torch.linalg.vector_norm(values, dim=-1, keepdim=True)

    return scaled


def _padding(
    by_input: Tensor, by_weight: Tensor, rest: Tensor
) -> Callable[[Tensor, Tensor], Tensor] | None:
    """The affine map of inputs as they are with constants behind them; None for any other."""
    features = by_input.shape[1]
    if (
        features > len(rest)
        or by_weight.any()
        or not torch.equal(by_input, torch.eye(len(rest), features, dtype=by_input.dtype))
    ):
        return None
    behind = rest[features:]
    if not len(behind):
        return lambda x, w: x
    return lambda x, w: torch.cat([x, behind.to(x).expand(*x.shape[:2], -1)], dim=-1)
