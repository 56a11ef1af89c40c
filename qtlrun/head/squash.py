"""Squashing of any number to an angle, and the share that it saturates."""

import math

from jaxtyping import Float
from torch import Tensor

SATURATION = 0.99  # absolute tanh beyond which an input hardly moves


def saturated(x: Float[Tensor, "runs batch inputs"]) -> Float[Tensor, "runs batch"]:
    """Share of the values whose tanh is within .01 of an end, where its slope is below .02."""
    return (x.tanh().abs() > SATURATION).to(x.dtype).mean(-1)


def squash(x: Tensor, reach: float = math.pi / 2) -> Tensor:
    """Squash any number into (-reach, reach); by default to an angle of at most a right one."""
    return reach * x.tanh()
