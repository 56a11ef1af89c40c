"""Cases of the user's modules: a factory in a file gives a module and a batch."""

import functools
import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from qtlrun.diagnosis.attempt import attempt
from qtlrun.diagnosis.capture import find_circuits
from qtlrun.diagnosis.case import Case
from qtlrun.diagnosis.wording import name_shape
from qtlrun.error import BadValue
from qtlrun.layer import reseeded
from qtlrun.plan import code, plugin

RETURNS = (
    "return (module, items, labels), or (module, items, labels, optimizer): a torch.nn.Module"
    " from items to logits (batch, classes), a batch, its labels as int64, and a torch optimizer"
)


def load_case(path: str, seed: int = 0) -> Case:
    """Case of FILE.py:NAME, a function without arguments; torch's generator begins at the seed.

    Raises UsageError, with file and line, where the file or the function fails, and where it gives
    something else than a module with a batch.
    """
    try:
        factory = code.load(path)
    except ValueError as error:
        raise BadValue("module", path, str(error)) from error
    try:
        inspect.signature(factory).bind()
    except TypeError as error:
        reason = f"it is called without arguments, and that fails: {error}"
        raise BadValue("module", path, reason, "give each a default") from error
    with plugin.blamed("module", path), reseeded(seed):
        value = factory()
    model, items, labels, optimizer = _take_apart(path, value)
    if any(isinstance(weight, UninitializedParameter) for weight in model.parameters()):
        with torch.no_grad():
            attempt(lambda: model(items))
    classes = int(labels.max()) + 1
    return Case(
        path,
        model,
        items,
        labels,
        classes,
        optimizer,
        frozenset(),
        functools.partial(load_case, path),
        find_circuits,
        seed=seed,
    )


def _take_apart(
    path: str, value: Any
) -> tuple[nn.Module, Tensor, Tensor, torch.optim.Optimizer | None]:
    """Module, items, labels and optimizer that a factory gives."""
    if isinstance(value, nn.Module):
        raise BadValue("module", path, "it returns a module without a batch", RETURNS)
    if not isinstance(value, Sequence) or len(value) not in (3, 4):
        raise BadValue("module", path, f"it returns {type(value).__name__}", RETURNS)
    model, items, labels = value[:3]
    optimizer = value[3] if len(value) == 4 else None
    if not isinstance(model, nn.Module):
        raise BadValue("module", path, f"{type(model).__name__} is no torch.nn.Module", RETURNS)
    if not isinstance(items, Tensor) or not isinstance(labels, Tensor):
        raise BadValue("module", path, "items and labels are tensors", RETURNS)
    if optimizer is not None and not isinstance(optimizer, torch.optim.Optimizer):
        kind = type(optimizer).__name__
        raise BadValue("module", path, f"{kind} is no torch.optim.Optimizer", RETURNS)
    if labels.dim() != 1 or len(labels) != len(items) or len(items) < 2:
        reason = f"labels are {name_shape(labels.shape)} and items {name_shape(items.shape)}"
        raise BadValue("module", path, reason, "two items or more, and a label of each")
    if labels.dtype != torch.int64:
        kind = str(labels.dtype).removeprefix("torch.")
        raise BadValue(
            "module", path, f"its labels are {kind}", "give numbers of classes, as int64"
        )
    return model, items, labels, optimizer
