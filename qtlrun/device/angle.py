"""Angles as functions of inputs and weights: affine, quadratic, or whatever the circuit says, evaluated each step."""
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.layer import affine

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

    def near(self, other: "Affine") -> bool:
        """Whether two maps are the same but for rounding."""
        pairs = zip((self.by_input, self.by_weight, self.rest), (other.by_input, other.by_weight, other.rest), strict=True)
        return all(torch.allclose(mine, its, rtol=0, atol=SIGNAL) for mine, its in pairs)


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
