"""Rules for the gradient of rectifiers, wherever a network calls them."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from jaxtyping import Bool
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

Rule = Literal["plain", "guided", "deconvolution"]

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


class Rectifiers(TorchFunctionMode):
    """Within it, the gradient of every ReLU and ReLU6 follows a rule.

    It is set where torch is called, so modules, functions and calls in place are alike, which hooks
    on modules are not. `plain` is the gradient itself.

    Attributes:
        count: rectifiers that were called.
        negative: negative numbers of a gradient that came to an active unit, which the rules drop.
    """

    def __init__(self, rule: Rule):
        super().__init__()
        self.rule = rule
        self.count = 0
        self.negative = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func not in RECTIFIERS:
            return func(*args, **kwargs)
        values, in_place, ceiling = _read(func, *args, **kwargs)
        if ceiling is None:
            return func(*args, **kwargs)
        self.count += 1
        return _Rectify.apply(values, ceiling, in_place, self)

    def pass_back(self, gradient: Tensor, active: Bool[Tensor, "..."]) -> Tensor:
        """Gradient by a rectifier's input, of that by its output and of which units were active."""
        self.negative += int(((gradient < 0) & active).sum())
        if self.rule == "plain":
            return gradient * active
        positive = gradient.clamp_min(0)
        return positive if self.rule == "deconvolution" else positive * active


class _Rectify(torch.autograd.Function):
    """Rectifier up to a ceiling, whose gradient is that of the mode's rule."""

    @staticmethod
    def forward(ctx, values: Tensor, ceiling: float, in_place: bool, mode: Rectifiers) -> Tensor:
        ctx.mode = mode
        ctx.save_for_backward((values > 0) & (values < ceiling))
        if in_place:
            ctx.mark_dirty(values)
            return values.clamp_(0, ceiling)
        return values.clamp(0, ceiling)

    @staticmethod
    def backward(ctx, gradient: Tensor):
        (active,) = ctx.saved_tensors
        return ctx.mode.pass_back(gradient, active), None, None, None


def _read(
    func: Callable[..., Any],
    input: Tensor,
    *bounds: float,
    min_val: float = -1.0,
    max_val: float = 1.0,
    inplace: bool = False,
) -> tuple[Tensor, bool, float | None]:
    """Input of a rectifier, whether it is written over, and its ceiling; None: it is none."""
    if func not in BOUNDED:
        is_in_place = RECTIFIERS[func] or inplace or bool(bounds and bounds[0])
        return input, is_in_place, CEILINGS.get(func, torch.inf)
    low, high, *rest = (*bounds, *(min_val, max_val)[len(bounds) :])
    is_in_place = RECTIFIERS[func] or inplace or bool(rest and rest[0])
    return input, is_in_place, high if low == 0 else None
