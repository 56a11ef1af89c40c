"""Forward pass as its modules and activations see it."""

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from qtlrun.diagnosis.attempt import attempt
from qtlrun.layer import reseeded

# Functions of torch by their names, in place or not
KINDS = ("tanh", "sigmoid", "relu")
# Of a tanh; its slope is below .02 there
SATURATION = 0.99


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
    kind: tanh, sigmoid or relu
    saturated: share of a tanh's or sigmoid's values that are at their ends
    dead: share of a ReLU's units that are 0 for all items
    units: of the ReLU
    has_gradient: whether anything before it is trained
    """

    name: str
    kind: str
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
        kind = function.__name__.rstrip("_")
        if kind in KINDS and isinstance(output, Tensor):
            current = self.trace.failure
            name = "" if current is None else current.name
            self.trace.activations.append(_find_activation(name, kind, output, self.batch))
        return output


def trace_pass(model: nn.Module, items: Tensor) -> CallTrace:
    """CallTrace a forward pass in training mode; torch's generator begins at 0, for dropout."""
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


@torch.no_grad()
def _find_activation(name: str, kind: str, values: Tensor, batch: int) -> Activation:
    """Shares of an activation's values, from which its slope can be told."""
    saturated = dead = 0.0
    units = 0
    if values.numel() and not values.is_meta:
        if kind == "tanh":
            saturated = (values.abs() > SATURATION).double().mean().item()
        elif kind == "sigmoid":
            saturated = ((2 * values - 1).abs() > SATURATION).double().mean().item()
        elif batch in values.shape:
            axis = values.shape.index(batch)
            # Places of a picture belong to the unit of their channel
            still = (values == 0).all(dim=axis, keepdim=True)
            for inner in range(axis + 2, values.dim()):
                still = still.all(dim=inner, keepdim=True)
            units = still.numel()
            dead = still.double().mean().item()
    return Activation(name, kind, saturated, dead, units, values.requires_grad)


def _is_finite(value: Any) -> bool:
    """Whether no number of a tensor is nan or infinite; whatever is no tensor counts as finite."""
    is_number = isinstance(value, Tensor) and not value.is_meta and value.numel() > 0
    return not is_number or bool(value.isfinite().all())
