"""Squashing of any numbers to angles, and its saturation."""

import math

from jaxtyping import Float
from torch import Tensor

RIGHT_ANGLE = math.pi / 2  # radians
SATURATION = 0.99  # absolute tanh beyond which an input hardly moves


def saturated(x: Float[Tensor, "runs batch inputs"]) -> Float[Tensor, "runs batch"]:
    """Share of the values whose tanh is within .01 of an end, where its slope is below .02."""
    return (x.tanh().abs() > SATURATION).to(x.dtype).mean(-1)


def squash(x: Tensor, reach: float = RIGHT_ANGLE) -> Tensor:
    """Squash any number into (-reach, reach); by default to an angle of at most a right one."""
    return reach * x.tanh()
