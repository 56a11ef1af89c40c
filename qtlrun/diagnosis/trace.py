"""Forward pass as its modules and activations see it."""

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from qtlrun.derivative import activity
from qtlrun.derivative.rectifier import read_rectification
from qtlrun.diagnosis.attempt import attempt
from qtlrun.layer import reseeded


@dataclass(eq=False)
class Call:
    """Call of a module.

    name: of the module
    module: that is called
    inputs: that it is called with, until it comes back
    is_over: whether it came back
    """

    name: str
    module: nn.Module
    inputs: tuple[Any, ...]
    is_over: bool = False


@dataclass(frozen=True, eq=False)
class Activation:
    """Output of an activation function.

    name: of the module that calls it
    function: its own name
    saturated: share of a tanh's or sigmoid's values that are at their ends
    dead: share of a ReLU's units that are 0 for all items
    units: of a ReLU that takes a batch; 0 of another function
    has_gradient: whether anything before it is trained
    """

    name: str
    function: str
    saturated: float
    dead: float
    units: int
    has_gradient: bool


@dataclass(eq=False)
class CallTrace:
    """Forward pass as its modules and activations see it.

    calls: of modules, in their order
    activations: in their order
    buffers: names of those that it changed
    infinite: name of the first module that gives nan or infinity; None
    error: that ended it; None
    """

    calls: list[Call] = field(default_factory=list)
    activations: list[Activation] = field(default_factory=list)
    buffers: list[str] = field(default_factory=list)
    infinite: str | None = None
    error: Exception | None = None

    @property
    def failure(self) -> Call | None:
        """Innermost call that never came back."""
        return next((call for call in reversed(self.calls) if not call.is_over), None)

    @property
    def order(self) -> dict[str, int]:
        """Number of each module's first call."""
        numbers: dict[str, int] = {}
        for number, call in enumerate(self.calls):
            numbers.setdefault(call.name, number)
        return numbers


class Listener(TorchFunctionMode):
    """Notes the outputs of activation functions, whoever calls them."""

    def __init__(self, trace: CallTrace, batch: int):
        super().__init__()
        self.trace = trace
        self.batch = batch

    def __torch_function__(self, function, types, arguments=(), named=None):
        output = function(*arguments, **(named or {}))
        is_rectifier = read_rectification(function, *arguments, **(named or {})) is not None
        is_empty = not isinstance(output, Tensor) or output.is_meta or not output.numel()
        if is_empty or not (is_rectifier or function in activity.SQUASHINGS):
            return output
        current = self.trace.failure
        saturated = dead = 0.0
        units = 0
        if not is_rectifier:
            saturated = activity.squashed_share(function, output)
        elif self.batch in output.shape:
            active = activity.find_active(output)
            units = len(active)
            dead = float((~active).double().mean())
        self.trace.activations.append(
            Activation(
                "" if current is None else current.name,
                function.__name__.rstrip("_"),
                saturated,
                dead,
                units,
                output.requires_grad,
            )
        )
        return output


def trace_pass(model: nn.Module, items: Tensor) -> CallTrace:
    """Trace a forward pass in training mode; torch's generator begins at 0, for dropout."""
    trace = CallTrace()
    model.train()
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    with _hooks(model, trace), Listener(trace, len(items)), reseeded(0, items.device):
        _, trace.error = attempt(lambda: model(items))
    for name, buffer in model.named_buffers():
        if name in before and not torch.equal(before[name], buffer):
            trace.buffers.append(name)
    return trace


@contextlib.contextmanager
def _hooks(model: nn.Module, trace: CallTrace) -> Iterator[None]:
    """Note the calls of a model's modules within."""
    handles = []
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            continue  # it takes no hooks
        enter = functools.partial(_enter, trace, name)
        handles.append(module.register_forward_pre_hook(enter))
        handles.append(module.register_forward_hook(functools.partial(_leave, trace)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _enter(trace: CallTrace, name: str, module: nn.Module, inputs: tuple[Any, ...]) -> None:
    trace.calls.append(Call(name, module, inputs))


def _leave(trace: CallTrace, module: nn.Module, _inputs: tuple[Any, ...], output: Any) -> None:
    call = trace.failure
    if call is not None and call.module is module:
        call.is_over = True
        call.inputs = ()  # which may be large
        if trace.infinite is None and not _is_finite(output):
            trace.infinite = call.name


def _is_finite(value: Any) -> bool:
    """Whether no number of a tensor is nan or infinite; whatever is no tensor counts as finite."""
    is_number = isinstance(value, Tensor) and not value.is_meta and value.numel() > 0
    return not is_number or bool(value.isfinite().all())
