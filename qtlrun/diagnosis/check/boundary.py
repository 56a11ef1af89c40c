"""Checks of boundaries: shapes, dtypes and places where one part hands on to the next."""

import re
from typing import Any

from torch import Tensor, nn

from qtlrun.diagnosis.case import Case
from qtlrun.diagnosis.check.label import outside_labels
from qtlrun.diagnosis.check.method import REFUSALS
from qtlrun.diagnosis.finding import Check, Evidence, Severity, check
from qtlrun.diagnosis.trace import Call
from qtlrun.diagnosis.wording import name_shape
from qtlrun.plan import plugin

MAX_FAILURES = 0

# How Python and torch word it, where a list or tuple stands for a tensor
LIST_ERROR = re.compile(
    r"'(list|tuple)' object has no attribute|must be Tensor, not (list|tuple)"
    r"|unsupported operand type.*'(list|tuple)'"
)
DTYPE_ERROR = re.compile(r"same dtype|scalar type|dtype mismatch|expected dtype", re.IGNORECASE)
DEVICE_ERROR = re.compile(r"same device|not on the expected device|device meta", re.IGNORECASE)


@check(
    "Q205",
    "OUTPUT_LIST",
    Severity.FAULT,
    limit=MAX_FAILURES,
    reason="a layer takes one tensor",
)
def list_output(case: Case) -> Evidence | None:
    """Find a list of tensors where one tensor is needed."""
    logits = case.first_pass.logits
    error = case.first_pass.error
    count = 0
    if isinstance(logits, list | tuple):
        count = len(logits)
        where = f"the model gives a {type(logits).__name__} of {count}"
    elif error is not None and LIST_ERROR.search(str(error)):
        call = _find_layer(case)
        count = len(call.inputs[0]) if call and isinstance(call.inputs[0], list | tuple) else 1
        where = f"a list of tensors stands where one is needed: {_locate(error)}"
    if not count:
        return None
    return Evidence(
        count,
        where,
        "join them: torch.stack(outputs, -1); a quantum node that measures several observables"
        " gives a list",
    )


@check(
    "Q206",
    "OUTPUT_TRANSPOSED",
    Severity.FAULT,
    limit=MAX_FAILURES,
    reason="the batch is the first axis",
)
def transposed_output(case: Case) -> Evidence | None:
    """Find outputs with the batch along the last axis."""
    batch = len(case.items)
    logits = case.first_pass.logits
    call = _find_layer(case)
    if isinstance(logits, Tensor) and logits.dim() == 2 and logits.shape == (case.classes, batch):
        if case.classes == batch:
            return None
        shape: tuple[int, ...] = tuple(logits.shape)
        where = "the logits"
    elif call is not None and isinstance(call.module, nn.Linear):
        shape = tuple(call.inputs[0].shape) if isinstance(call.inputs[0], Tensor) else ()
        if shape != (call.module.in_features, batch) or call.module.in_features == batch:
            return None
        where = f"the inputs of {call.name or 'the model'}"
    else:
        return None
    return Evidence(
        batch,
        f"{where} are {name_shape(shape)} for {batch} items, which stand along the last axis",
        "stack the outputs of a circuit along the last axis: torch.stack(outputs, -1)",
    )


@check(
    "Q207",
    "BATCH_OF_ONE",
    Severity.FAULT,
    limit=MAX_FAILURES,
    reason="the last batch of an epoch may be as short as one item",
)
def short_batch(case: Case) -> Evidence | None:
    """Count short batches that fail, or whose logits have another shape."""
    evaluation = case.evaluation
    if not isinstance(evaluation.whole, Tensor) or evaluation.whole.dim() != 2:
        return None
    failures = []
    for count, logits in evaluation.short.items():
        expected = (count, *evaluation.whole.shape[1:])
        if count in evaluation.errors:
            failures.append(f"a batch of {count} fails: {_locate(evaluation.errors[count])}")
        elif not isinstance(logits, Tensor) or tuple(logits.shape) != expected:
            failures.append(
                f"a batch of {count} gives {_form(logits)} in place of {name_shape(expected)}"
            )
    if not failures or (len(failures) > 1 and _is_transposed(case)):
        return None
    return Evidence(
        len(failures),
        failures[0],
        "name the axis that squeeze drops, or leave it out; take sizes from the batch at hand",
    )


@check(
    "Q208",
    "DTYPES_MIXED",
    Severity.FAULT,
    limit=MAX_FAILURES,
    reason="torch multiplies numbers of one dtype",
)
def mixed_dtypes(case: Case) -> Evidence | None:
    """Find a pass that fails as it meets another dtype."""
    error = case.first_pass.error
    if error is None:
        return None
    call = _find_layer(case)
    dtypes = set()
    where = _locate(error)
    if call is not None and isinstance(call.inputs[0], Tensor):
        floats = [weight.dtype for weight in call.module.parameters(recurse=False)]
        dtypes = {call.inputs[0].dtype, *floats}
    if len(dtypes) > 1:
        name = call.name or "the model"
        where = f"{name} has weights in {floats[0]} and is fed {call.inputs[0].dtype}"
    elif not DTYPE_ERROR.search(str(error)):
        return None
    return Evidence(
        max(2, len(dtypes)),
        where,
        "cast once after the circuit: .to(dtype of the next layer); PennyLane's default.qubit"
        " gives float64",
    )


@check(
    "Q209",
    "DEVICES_MIXED",
    Severity.FAULT,
    limit=1,
    reason="torch combines numbers of one device",
)
def mixed_devices(case: Case) -> Evidence | None:
    """Count the devices of a pass that fails, as it meets another one."""
    error = case.first_pass.error
    if error is None:
        return None
    devices = {case.items.device, case.labels.device}
    devices |= {weight.device for weight in case.model.parameters()}
    devices |= {buffer.device for buffer in case.model.buffers()}
    if len(devices) < 2 and not DEVICE_ERROR.search(str(error)):
        return None
    names = ", ".join(sorted(map(str, devices)))
    return Evidence(
        max(2, len(devices)),
        f"the pass meets several devices ({names}): {_locate(error)}",
        "move the model, the items and what a circuit gives to one: .to(items.device)",
    )


@check(
    "Q220",
    "LOGITS_SHAPE",
    Severity.FAULT,
    limit=MAX_FAILURES,
    reason="the cross-entropy takes (batch, classes)",
)
def other_shape(case: Case) -> Evidence | None:
    """Find logits of another shape than (batch, classes)."""
    logits = case.first_pass.logits
    batch = len(case.items)
    if logits is None or isinstance(logits, list | tuple) or _is_transposed(case):
        return None
    is_tensor = isinstance(logits, Tensor)
    is_matrix = is_tensor and logits.is_floating_point() and logits.dim() == 2
    if is_matrix and len(logits) == batch and logits.shape[1] > 1:
        return None
    return Evidence(
        logits.dim() if is_tensor else 0,
        f"the model gives {_form(logits)} in place of {batch} x classes",
        "give one row an item and a logit for each class; two logits for two classes",
    )


NAMED: tuple[Check, ...] = (
    outside_labels,
    list_output,
    transposed_output,
    mixed_dtypes,
    mixed_devices,
    other_shape,
)


@check(
    "Q219",
    "FORWARD_FAILS",
    Severity.FAULT,
    limit=MAX_FAILURES,
    reason="a model that fails trains nothing",
)
def failing_pass(case: Case) -> Evidence | None:
    """Find a pass that fails for a reason that no other check names."""
    error = case.first_pass.error
    if error is None or any(each.measure(case) for each in (*NAMED, *REFUSALS)):
        return None
    stage = "back" if case.first_pass.loss is not None else "forward"
    return Evidence(
        1,
        f"the pass {stage} fails: {_locate(error)}",
        "correct what the error names",
    )


def _find_layer(case: Case) -> Call | None:
    """Layer of torch's that the forward pass fails in, with its inputs."""
    call = case.trace.failure
    if call is None or not call.inputs or not type(call.module).__module__.startswith("torch.nn."):
        return None
    return call


def _is_transposed(case: Case) -> bool:
    return transposed_output.measure(case) is not None


def _form(value: Any) -> str:
    """Shape of a tensor, or kind of something else."""
    if not isinstance(value, Tensor):
        return type(value).__name__
    kind = "" if value.is_floating_point() else f" of {value.dtype}"
    return f"{name_shape(value.shape)}{kind}"


def _locate(error: Exception) -> str:
    """Kind and first line of an error, with the user's line that it comes from."""
    where = plugin.location(error)
    words = plugin.worded(error).rstrip(".")
    return words if where is None else f"{words} ({where})"


CHECKS = (
    list_output,
    transposed_output,
    short_batch,
    mixed_dtypes,
    mixed_devices,
    failing_pass,
    other_shape,
)
