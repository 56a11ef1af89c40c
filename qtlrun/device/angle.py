"""Angles as functions of inputs and weights: affine, quadratic, or whatever the circuit says, evaluated each step."""
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from qtlrun.layer import affine, generator

SIGNAL = 1e-9  # two evaluations of one map in float64 differ by less


@dataclass(frozen=True)
class Affine:
    """Angles as by_input @ x + by_weight @ w + rest, in radians."""
    by_input: Float[Tensor, "angles features"]
    by_weight: Float[Tensor, "angles weights"]
    rest: Float[Tensor, "angles"]

    def __call__(self, x: Float[Tensor, "runs batch features"], w: Float[Tensor, "runs ..."]) -> Float[Tensor, "runs batch angles"]:
        by_input, by_weight, rest = (one.to(x).expand(len(x), *one.shape) for one in (self.by_input, self.by_weight, self.rest))
        return affine(x, by_input, affine(w.flatten(1).unsqueeze(1), by_weight, rest).squeeze(1))

    @property
    def weights(self) -> int:
        """How many weights there are."""
        return self.by_weight.shape[1]

    def entries(self) -> tuple[Tensor, Tensor, Tensor]:
        """Where angles depend on weights: the angle, the weight and the slope, as three columns."""
        angle, weight = self.by_weight.nonzero().unbind(1)
        return angle, weight, self.by_weight[angle, weight]

    def near(self, other: "Affine") -> bool:
        """Whether two maps are the same but for rounding."""
        pairs = zip((self.by_input, self.by_weight, self.rest), (other.by_input, other.by_weight, other.rest), strict=True)
        return all(torch.allclose(mine, its, rtol=0, atol=SIGNAL) for mine, its in pairs)


@dataclass(frozen=True)
class Chosen:
    """Angles that take one weight each, as factor * w[place] + rest in radians: what `Affine` is, without its zeros."""
    place: Int[Tensor, "angles"]
    factor: Float[Tensor, "angles"]
    rest: Float[Tensor, "angles"]
    weights: int

    def __call__(self, x: Float[Tensor, "runs batch 0"], w: Float[Tensor, "runs ..."]) -> Float[Tensor, "runs batch angles"]:
        taken = w.flatten(1).index_select(1, self.place.to(w.device)) * self.factor.to(w) + self.rest.to(w)
        return taken.unsqueeze(1).expand(-1, x.shape[1], -1)

    def entries(self) -> tuple[Tensor, Tensor, Tensor]:
        """Where angles depend on weights: the angle, the weight and the slope, as three columns."""
        angle = self.factor.nonzero().flatten()
        return angle, self.place[angle], self.factor[angle]

    @property
    def by_input(self) -> Float[Tensor, "angles 0"]:
        """No angle takes an input."""
        return torch.zeros(len(self.rest), 0, dtype=torch.float64)

    @cached_property
    def by_weight(self) -> Float[Tensor, "angles weights"]:
        """The slopes by the weights, zeros and all: for circuits with few."""
        made = torch.zeros(len(self.rest), self.weights, dtype=torch.float64)
        made[torch.arange(len(self.rest)), self.place] = self.factor
        return made


class Quadratic:
    """Angles with products of two inputs or weights: an affine map of z = (x, w) and of the products z_i z_j that occur."""

    def __init__(self, linear: Tensor, products: Tensor, rest: Tensor):
        pairs = products.flatten(1).any(0).nonzero().flatten()
        self.first, self.second = pairs // products.shape[-1], pairs % products.shape[-1]
        self.slopes, self.rest = torch.cat([linear, products.flatten(1)[:, pairs]], dim=1), rest

    def __call__(self, x: Float[Tensor, "runs batch features"], w: Float[Tensor, "runs ..."]) -> Float[Tensor, "runs batch angles"]:
        w = w.flatten(1).unsqueeze(1).expand(-1, x.shape[1], -1)
        z = torch.cat([x, w], dim=-1)
        z = torch.cat([z, z[..., self.first.to(x.device)] * z[..., self.second.to(x.device)]], dim=-1)
        slopes, rest = (one.to(x).expand(len(x), *one.shape) for one in (self.slopes, self.rest))
        return affine(z, slopes, rest)

    @classmethod
    def found(cls, seen: list[tuple[list, Tensor, Tensor]]) -> "Quadratic | None":
        """The map that gives these angles at each point (angles, inputs, weights); None where no quadratic one does."""
        made = cls._at(*seen[0])
        for angles, inputs, weights in seen:
            values = torch.stack([torch.as_tensor(angle, dtype=torch.float64).detach() for angle in angles])
            mine = made(inputs.detach()[None, None], weights.detach()[None])[0, 0]
            if not torch.allclose(mine, values, rtol=0, atol=SIGNAL):
                return None
        return made

    @classmethod
    def _at(cls, angles: list, inputs: Tensor, weights: Tensor) -> "Quadratic":
        """The expansion of angles to second order about a point."""
        size = inputs.numel() + weights.numel()
        z = torch.cat([inputs.flatten(), weights.flatten()]).detach()
        linear, products, rest = (torch.zeros(len(angles), *shape, dtype=torch.float64) for shape in ((size,), (size, size), ()))
        for number, angle in enumerate(torch.as_tensor(one, dtype=torch.float64) for one in angles):
            slope = _slope(angle, inputs, weights, create=True)
            for place in slope.detach().nonzero().flatten().tolist():
                products[number, place] = _slope(slope[place], inputs, weights, create=False) / 2
            curve = products[number]
            linear[number] = slope.detach() - 2 * curve @ z
            rest[number] = angle.detach() - linear[number] @ z - z @ curve @ z
        return cls(linear, products, rest)


def single(seen: list[tuple[list, Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor] | None:
    """Of angles seen at some points (angles, inputs, weights) the one element of z = (inputs, weights) that each is affine
    in, its slope, and what is left at zero; None unless that explains every angle at every point.

    The element is found by how the angle moves from the first point to two others, its slope by autograd, of as many
    angles at a time as take different elements. Slopes at the other points are verified by a random sum of all angles.
    """
    if not all(getattr(angle, "numel", lambda: 1)() == 1 for angles, *_ in seen for angle in angles):
        return None
    angles = [[torch.as_tensor(angle, dtype=torch.float64).reshape(()) for angle in angles] for angles, *_ in seen]
    values = torch.stack([torch.stack(one).detach() for one in angles]) if angles[0] else torch.zeros(len(seen), 0, dtype=torch.float64)
    z = torch.stack([torch.cat([x.flatten(), w.flatten()]).detach() for _, x, w in seen])
    moving = ((values - values[0]).abs() > SIGNAL).any(0)
    place = _places(z, values) if z.shape[1] else torch.zeros(values.shape[1], dtype=torch.long)
    factor = torch.zeros(values.shape[1], dtype=torch.float64)
    if moving.any() and not z.shape[1]:
        return None
    for members in _ranks(place, moving):
        slope = _slope(torch.stack([angles[0][number] for number in members]).sum(), *seen[0][1:], create=False)
        factor[members] = slope[place[members]]
        slope[place[members]] = 0
        if slope.any():
            return None
    rest = values - factor * z[:, place] if z.shape[1] else values
    if not ((rest - rest[0]).abs() <= SIGNAL).all():
        return None
    if z.shape[1] and angles[0]:
        weight = torch.rand(len(factor), generator=generator(0, "single"), dtype=torch.float64) + .5
        right = torch.zeros(z.shape[1], dtype=torch.float64).index_add(0, place, weight * factor)
        found = [_slope(torch.stack(one) @ weight, *at[1:], create=False) for one, at in zip(angles, seen, strict=True)]
        if not all(torch.allclose(one, right, rtol=0, atol=SIGNAL) for one in found):
            return None
    return place, factor, rest[0]


def _places(z: Float[Tensor, "points elements"], values: Float[Tensor, "points angles"]) -> Int[Tensor, "angles"]:
    """The element that moves most nearly in the direction in which each angle does, between three independent points."""
    def direction(of: Tensor) -> Tensor:
        return torch.atan2(of[4] - of[0], of[2] - of[0]) % math.pi  # a slope of either sign
    known, order = direction(z).sort()
    ring = torch.cat([known[-1:] - math.pi, known, known[:1] + math.pi])
    wanted = direction(values)
    above = torch.searchsorted(ring, wanted).clamp(1, len(ring) - 1)
    nearest = torch.where(wanted - ring[above - 1] < ring[above] - wanted, above - 1, above)
    return order[(nearest - 1) % len(known)]


def _ranks(place: Int[Tensor, "angles"], moving: Tensor) -> list[list[int]]:
    """The moving angles in lists, each of angles that take different elements."""
    made, seen = [], {}
    for number in moving.nonzero().flatten().tolist():
        rank = seen[int(place[number])] = seen.get(int(place[number]), -1) + 1
        made += [[]] if rank == len(made) else []
        made[rank].append(number)
    return made


def every(one: Callable[[Tensor, Tensor], Tensor], features: int, shape: tuple[int, ...]) -> Callable[[Tensor, Tensor], Tensor]:
    """A function of one sample (features,) and weights, for all runs and samples at once by vmap.

    Where its arithmetic does not go through vmap, one sample after the other.
    """
    def loop(x: Tensor, w: Tensor) -> Tensor:
        return torch.stack([torch.stack([one(sample, run) for sample in batch]) for batch, run in zip(x, w, strict=True)])
    mapped = torch.func.vmap(torch.func.vmap(one, in_dims=(0, None)))
    try:
        mapped(torch.ones(1, 2, features, dtype=torch.float64), torch.ones(1, *shape, dtype=torch.float64))
    except RuntimeError:
        return loop
    return mapped


def _slope(value: Tensor, inputs: Tensor, weights: Tensor, create: bool) -> Tensor:
    """The derivative of a number by inputs and weights, as one vector."""
    if not value.requires_grad:
        return torch.zeros(inputs.numel() + weights.numel(), dtype=torch.float64)
    slopes = torch.autograd.grad(value, (inputs, weights), retain_graph=True, create_graph=create, allow_unused=True, materialize_grads=True)
    return torch.cat([slope.flatten() for slope in slopes])
