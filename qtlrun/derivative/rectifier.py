"""Calls of torch's functions that rectify, wherever a network makes them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

# Functions of torch that rectify, and whether they write over their input
RECTIFIERS: dict[Callable[..., Any], bool] = {
    torch.relu: False,
    torch.relu_: True,
    Tensor.relu: False,
    Tensor.relu_: True,
    functional.relu: False,
    functional.relu6: False,
    functional.hardtanh: False,
    functional.hardtanh_: True,
}
BOUNDED = (functional.hardtanh, functional.hardtanh_)  # a ReLU6 where they begin at 0
CEILINGS = {functional.relu6: 6.0}


@dataclass(frozen=True, eq=False)
class Rectification:
    """Call of a ReLU, or of one up to a ceiling.

    values: its input
    ceiling: infinite of a ReLU
    in_place: whether the input is written over
    """

    values: Tensor
    ceiling: float
    in_place: bool


def read_rectification(
    function: Callable[..., Any], *values: Any, **named: Any
) -> Rectification | None:
    """Rectification that a call of a function is; None where it is none."""
    return _read(function, *values, **named) if function in RECTIFIERS else None


def _read(
    function: Callable[..., Any],
    input: Tensor,
    *bounds: float,
    min_val: float = -1.0,
    max_val: float = 1.0,
    inplace: bool = False,
) -> Rectification | None:
    """The same of a function that may rectify, by its parameters."""
    if function not in BOUNDED:
        in_place = RECTIFIERS[function] or inplace or bool(bounds and bounds[0])
        return Rectification(input, CEILINGS.get(function, torch.inf), in_place)
    low, high, *rest = (*bounds, *(min_val, max_val)[len(bounds) :])
    in_place = RECTIFIERS[function] or inplace or bool(rest and rest[0])
    return Rectification(input, high, in_place) if low == 0 else None
