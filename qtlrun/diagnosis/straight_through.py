"""Hard steps of a forward pass, moved as a straight-through estimator has them."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

# Functions whose values jump, of values of the same shape
STEPS = frozenset(
    {
        *(torch.round, torch.floor, torch.ceil, torch.trunc, torch.fix, torch.sign, torch.sgn),
        *(torch.Tensor.round, torch.Tensor.floor, torch.Tensor.ceil, torch.Tensor.trunc),
        *(torch.Tensor.fix, torch.Tensor.sign, torch.Tensor.sgn),
        *(torch.heaviside, torch.Tensor.heaviside),
        *(torch.fake_quantize_per_tensor_affine, torch.fake_quantize_per_channel_affine),
    }
)
# Those that choose, whose values are numbers of places
CHOICES = frozenset(
    {torch.argmax, torch.argmin, torch.Tensor.argmax, torch.Tensor.argmin, functional.one_hot}
)
DETACHMENTS = frozenset({torch.detach, torch.Tensor.detach})


@dataclass(frozen=True, eq=False)
class HardStep:
    """Call of a hard step, or of `detach`, at the point of which the slope is taken.

    before: its input; None of one that is detached
    after: its output
    """

    before: Tensor | None
    after: Tensor


@dataclass(eq=False)
class HardSteps:
    """Hard steps and detached values of a forward pass, in the order of their calls."""

    calls: list[HardStep] = field(default_factory=list)
    has_hard_step: bool = False


class Recorder(TorchFunctionMode):
    """Notes the hard steps and detached values of a forward pass."""

    def __init__(self, steps: HardSteps):
        super().__init__()
        self.steps = steps

    def __torch_function__(self, function, types, arguments=(), named=None):
        output = function(*arguments, **(named or {}))
        self.steps.has_hard_step |= function in STEPS or function in CHOICES
        if function in STEPS:
            self.steps.calls.append(
                HardStep(arguments[0].detach().clone(), output.detach().clone())
            )
        elif function in DETACHMENTS:
            self.steps.calls.append(HardStep(None, output.clone()))
        return output


class StraightThrough(TorchFunctionMode):
    """Lets each hard step move as its input does, and keeps what is detached.

    So the loss moves as the gradient of a straight-through estimator says (Bengio et al.,
    arXiv:1308.3432).
    """

    def __init__(self, steps: HardSteps):
        super().__init__()
        self.calls = iter(steps.calls)

    def __torch_function__(self, function, types, arguments=(), named=None):
        output = function(*arguments, **(named or {}))
        if function not in STEPS and function not in DETACHMENTS:
            return output
        return _move(next(self.calls, None), arguments[0], output)


def _move(step: HardStep | None, value: Any, output: Tensor) -> Tensor:
    """Output of a hard step, or of `detach`, beside its recorded call."""
    if step is None or step.after.shape != output.shape:
        return output
    if step.before is None:
        return step.after
    return step.after + (value - step.before)
