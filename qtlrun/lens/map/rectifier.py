"""Rules for the gradient of rectifiers, wherever a network calls them."""

from typing import Literal

import torch
from jaxtyping import Bool
from torch import Tensor
from torch.overrides import TorchFunctionMode

from qtlrun.derivative.rectifier import read_rectification

Rule = Literal["plain", "guided", "deconvolution"]


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
        call = read_rectification(func, *args, **kwargs)
        if call is None:
            return func(*args, **kwargs)
        self.count += 1
        return _Rectify.apply(call.values, call.ceiling, call.in_place, self)

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
