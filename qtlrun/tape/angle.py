"""Angles as functions of inputs and weights.

Affine, quadratic, or whatever the circuit says, evaluated each step.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from qtlrun.error import UsageError
from qtlrun.layer import affine


@dataclass(frozen=True)
class Affine:
    """Angles as by_input @ x + by_weight @ w + rest, in radians."""

    by_input: Float[Tensor, "angles features"]
    by_weight: Float[Tensor, "angles weights"]
    rest: Float[Tensor, " angles"]

    def __call__(
        self, x: Float[Tensor, "runs batch features"], w: Float[Tensor, "runs ..."]
    ) -> Float[Tensor, "runs batch angles"]:
        by_input, by_weight, rest = (
            part.to(x).expand(len(x), *part.shape)
            for part in (self.by_input, self.by_weight, self.rest)
        )
        w = w.reshape(len(w), math.prod(w.shape[1:])).unsqueeze(1)
        return affine(x, by_input, affine(w, by_weight, rest).squeeze(1))

    @property
    def weights(self) -> int:
        """How many weights there are."""
        return self.by_weight.shape[1]

    def entries(self) -> tuple[Tensor, Tensor, Tensor]:
        """Where angles depend on weights: the angle, the weight and the slope, as three columns."""
        angle, weight = self.by_weight.nonzero().unbind(1)
        return angle, weight, self.by_weight[angle, weight]


@dataclass(frozen=True)
class Chosen:
    """Angles of one weight each, as factor * w[index] + rest, in radians.

    What `Affine` is, without its zeros.
    """

    index: Int[Tensor, " angles"]
    factor: Float[Tensor, " angles"]
    rest: Float[Tensor, " angles"]
    weights: int

    def __call__(
        self, x: Float[Tensor, "runs batch 0"], w: Float[Tensor, "runs ..."]
    ) -> Float[Tensor, "runs batch angles"]:
        w = w.reshape(len(w), math.prod(w.shape[1:]))
        chosen = w.index_select(1, self.index.to(w.device))
        angles = chosen * self.factor.to(w) + self.rest.to(w)
        return angles.unsqueeze(1).expand(-1, x.shape[1], -1)

    def entries(self) -> tuple[Tensor, Tensor, Tensor]:
        """Where angles depend on weights: the angle, the weight and the slope, as three columns."""
        angle = self.factor.nonzero().flatten()
        return angle, self.index[angle], self.factor[angle]

    @property
    def by_input(self) -> Float[Tensor, "angles 0"]:
        """No angle takes an input."""
        return torch.zeros(len(self.rest), 0, dtype=torch.float64)

    @cached_property
    def by_weight(self) -> Float[Tensor, "angles weights"]:
        """The slopes by the weights, zeros and all: for circuits with few."""
        table = torch.zeros(len(self.rest), self.weights, dtype=torch.float64)
        table[torch.arange(len(self.rest)), self.index] = self.factor
        return table


class Quadratic:
    """Angles with products of two inputs or weights.

    An affine map of z = (x, w) and of the products z_i z_j that occur.
    """

    def __init__(self, linear: Tensor, products: Tensor, rest: Tensor):
        pairs = products.flatten(1).any(0).nonzero().flatten()
        self.first = pairs // products.shape[-1]
        self.second = pairs % products.shape[-1]
        self.slopes = torch.cat([linear, products.flatten(1)[:, pairs]], dim=1)
        self.rest = rest

    def __call__(
        self, x: Float[Tensor, "runs batch features"], w: Float[Tensor, "runs ..."]
    ) -> Float[Tensor, "runs batch angles"]:
        w = w.reshape(len(w), math.prod(w.shape[1:])).unsqueeze(1).expand(-1, x.shape[1], -1)
        z = torch.cat([x, w], dim=-1)
        z = torch.cat(
            [z, z[..., self.first.to(x.device)] * z[..., self.second.to(x.device)]], dim=-1
        )
        slopes, rest = (part.to(x).expand(len(x), *part.shape) for part in (self.slopes, self.rest))
        return affine(z, slopes, rest)

    @classmethod
    def at(cls, angles: list[Tensor], inputs: Tensor, weights: Tensor) -> "Quadratic":
        """The expansion to second order about a point of angles that are quadratic."""
        size = inputs.numel() + weights.numel()
        z = torch.cat([inputs.flatten(), weights.flatten()]).detach()
        linear, products, rest = (
            torch.zeros(len(angles), *shape, dtype=torch.float64)
            for shape in ((size,), (size, size), ())
        )
        for number, angle in enumerate(angles):
            slope = slope_of(angle, inputs, weights, create=True)
            for index in slope.detach().nonzero().flatten().tolist():
                products[number, index] = slope_of(slope[index], inputs, weights, create=False) / 2
            curve = products[number]
            linear[number] = slope.detach() - 2 * curve @ z
            rest[number] = angle.detach() - linear[number] @ z - z @ curve @ z
        return cls(linear, products, rest)


def vectorize(
    function: Callable[[Tensor, Tensor], tuple[Tensor, ...]],
    features: int,
    shape: tuple[int, ...],
    mapped: bool,
) -> Callable[[Tensor, Tensor], tuple[Tensor, ...]]:
    """Vectorize a function of one sample (features,) and weights over runs and samples by vmap.

    Where its arithmetic does not go through vmap, or may not (`mapped`), one sample after the
    other. Without features one sample stands for all.
    """

    def loop(x: Tensor, w: Tensor) -> tuple[Tensor, ...]:
        runs = [_loop_samples(function, batch, run) for batch, run in zip(x, w, strict=True)]
        return tuple(map(torch.stack, zip(*runs, strict=True)))

    def alike(x: Tensor, w: Tensor) -> tuple[Tensor, ...]:
        if features or x.shape[1] < 2:
            return call(x, w)
        return tuple(
            values.expand(-1, x.shape[1], *values.shape[2:]) for values in call(x[:, :1], w)
        )

    call = torch.func.vmap(torch.func.vmap(function, in_dims=(0, None))) if mapped else loop
    try:
        call(
            torch.ones(1, 2, features, dtype=torch.float64),
            torch.ones(1, *shape, dtype=torch.float64),
        )
    except RuntimeError:
        call = loop
    return alike


def _loop_samples(
    function: Callable[[Tensor, Tensor], tuple[Tensor, ...]], batch: Tensor, weights: Tensor
) -> tuple[Tensor, ...]:
    """Each of a function's outputs for all samples of one run, stacked."""
    samples = [function(sample, weights) for sample in batch]
    return tuple(map(torch.stack, zip(*samples, strict=True)))


def slope_of(value: Tensor, inputs: Tensor, weights: Tensor, create: bool) -> Tensor:
    """The derivative of a number by inputs and weights, as one vector."""
    if not value.requires_grad:
        return torch.zeros(inputs.numel() + weights.numel(), dtype=torch.float64)
    try:
        slopes = torch.autograd.grad(
            value,
            (inputs, weights),
            retain_graph=True,
            create_graph=create,
            allow_unused=True,
            materialize_grads=True,
        )
    except RuntimeError as error:
        raise UsageError(
            (
                f"an angle has no derivative by inputs or weights ({error}), so nothing"
                " could be trained"
            ),
            key="circuit",
        ) from error
    return torch.cat([slope.flatten() for slope in slopes])
