"""Circuits that a module of the user's calls, recorded at PennyLane's quantum nodes."""

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pennylane as qml
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils import _pytree

from qtlrun.device.statevector import Statevector
from qtlrun.diagnosis import quantum_node
from qtlrun.diagnosis.attempt import PASS_ERRORS, attempt
from qtlrun.diagnosis.case import Case
from qtlrun.diagnosis.circuit_use import CircuitUse
from qtlrun.diagnosis.quantum_node import NodeCall, NodeCircuit, is_number, to_tensor

MAX_QUBITS = 12  # of a circuit that is read
MAX_ITEMS = 64  # of the inputs that are kept
MAX_DIFFERENCE = 1e-4  # between a circuit as it is read and its values without shots
MAX_DEVIATIONS = 10  # of values with shots


@dataclass(frozen=True)
class Roles:
    """Numbers of the leaves among a call's arguments that hold inputs and weights.

    parameters: names of the model's weights that the call's weights come from
    """

    inputs: list[int]
    weights: list[int]
    parameters: tuple[str, ...]


def find_circuits(case: Case) -> list[CircuitUse]:
    """Circuits as a module calls them in one forward pass; none where that fails.

    Inputs are arguments that derive from the items, by autograd's graph, or that differ where the
    items are others; weights are those that derive from the model's weights.
    """
    items = case.items.detach().clone()
    if items.is_floating_point():
        items.requires_grad_()
    calls = _record(case.model, items)
    others = _record(case.model, case.items.roll(1, 0))
    if len(calls) != len(others):
        return []
    groups: dict[tuple, tuple[Roles, list[int]]] = {}
    for number, pair in enumerate(zip(calls, others, strict=True)):
        roles = _find_roles(*pair, items, case.model)
        key = (id(pair[0].node), *_find_constants(pair[0], roles))
        groups.setdefault(key, (roles, []))[1].append(number)
    uses = [_find_use(case, calls, roles, numbers) for roles, numbers in groups.values()]
    return [use for use in uses if use is not None]


def _record(model: nn.Module, items: Tensor) -> list[NodeCall]:
    """Calls of quantum nodes in a forward pass in evaluation; none where it fails."""
    calls: list[NodeCall] = []

    def record(node: qml.QNode, args: tuple, kwargs: dict) -> Any:
        result = quantum_node.call(node, args, kwargs)
        calls.append(NodeCall(node, (args, kwargs), result))
        return result

    with quantum_node.intercept(record):
        _, error = attempt(lambda: model.eval()(items))
    return [] if error else calls


def _find_roles(call: NodeCall, other: NodeCall, items: Tensor, model: nn.Module) -> Roles:
    """Roles of a call's arguments; `other` is the same call for other items."""
    named = dict(model.named_parameters())
    by_id = {id(weight): name for name, weight in named.items()}
    by_address = {weight.untyped_storage().data_ptr(): name for name, weight in named.items()}
    inputs = []
    weights = []
    parameters: dict[str, None] = {}
    for index, (leaf, changed) in enumerate(zip(call.leaves, other.leaves, strict=True)):
        if not is_number(leaf):
            continue
        value = to_tensor(leaf)
        sources = set(map(id, _find_sources(value)))
        names = [by_id[source] for source in sources if source in by_id]
        address = value.untyped_storage().data_ptr()
        if address in by_address:
            names.append(by_address[address])
        if id(items) in sources or not _is_same(value, to_tensor(changed)):
            inputs.append(index)
        elif names:
            weights.append(index)
            parameters |= dict.fromkeys(names)
    return Roles(inputs, weights, tuple(parameters))


def _find_sources(value: Tensor) -> Iterator[Tensor]:
    """Tensors that a value derives from, by autograd's graph."""
    if value.grad_fn is None:
        yield value
        return
    waiting = [value.grad_fn]
    seen = set()
    while waiting:
        step = waiting.pop()
        if step in seen:
            continue
        seen.add(step)
        if isinstance(step, torch._C._functions.AccumulateGrad):
            yield step.variable
        waiting += [each for each, _ in step.next_functions if each is not None]


def _is_same(value: Tensor, other: Tensor) -> bool:
    return value.shape == other.shape and torch.equal(value, other)


def _find_constants(call: NodeCall, roles: Roles) -> list[object]:
    """Arguments that are no inputs, by their values."""
    constants: list[object] = []
    for index, leaf in enumerate(call.leaves):
        if index not in roles.inputs:
            value = tuple(to_tensor(leaf).flatten().tolist()) if is_number(leaf) else str(leaf)
            constants.append(value)
    return constants


def _find_use(
    case: Case, calls: list[NodeCall], roles: Roles, numbers: list[int]
) -> CircuitUse | None:
    """Use of a circuit by some of the calls; None where its results are no real numbers."""
    first = calls[numbers[0]]
    try:
        batch = first.count_batch()
    except PASS_ERRORS:
        return None
    group = [calls[number] for number in numbers]
    stacks = [quantum_node.stack_result(each.result, batch) for each in group]
    if any(stack is None for stack in stacks):
        return None
    outputs = torch.cat(stacks)[:MAX_ITEMS].detach()
    weights = [to_tensor(first.leaves[index]).detach().flatten() for index in roles.weights]
    shots = first.node.shots.total_shots
    circuit = exact = inputs = flat = None
    for circuit in _list_circuits(first, roles, batch):
        inputs = torch.cat([_stack_inputs(each, circuit, batch) for each in group])[:MAX_ITEMS]
        flat = torch.cat([inputs.new_zeros(0), *weights])
        exact = _read(circuit, inputs, flat, outputs, shots)
        if exact is not None:
            break
    if circuit is None or inputs is None:
        return None
    return CircuitUse(
        _find_name(case.model, first.node),
        inputs.unsqueeze(0),
        flat.unsqueeze(0),
        outputs.unsqueeze(0),
        exact,
        None if exact is None else exact.reading,
        len(group),
        _find_method(first),
        first.node.device.name,
        shots,
        functools.partial(_run, circuit, batch),
        tuple(name for name in roles.parameters if name in case.trained),
        functools.partial(_cut, case, numbers, group, batch),
        batch is not None,
    )


def _list_circuits(call: NodeCall, roles: Roles, batch: int | None) -> Iterator[NodeCircuit]:
    """Ways to understand a call's arguments, until one gives its values."""
    leaves = call.leaves
    shapes = {index: to_tensor(leaves[index]).shape for index in roles.inputs}
    for is_last, keeps_axis in itertools.product((False, True), (False, True)):
        if batch is None and (is_last or keeps_axis):
            return
        axes = {index: _find_axis(shape, batch, is_last) for index, shape in shapes.items()}
        try:
            yield NodeCircuit(call, axes, roles.weights, keeps_axis=keeps_axis)
        except PASS_ERRORS:
            return


def _find_axis(shape: torch.Size, batch: int | None, is_last: bool) -> int | None:
    """Axis of the items; None where there is none."""
    ends = (-1, 0) if is_last else (0, -1)
    return next((end for end in ends if shape and shape[end] == batch), None)


def _stack_inputs(
    call: NodeCall, circuit: NodeCircuit, batch: int | None
) -> Float[Tensor, "batch inputs"]:
    """Inputs of each item of a call."""
    count = batch or 1
    rows = []
    leaves = call.leaves
    for index, axis in circuit.axes.items():
        value = to_tensor(leaves[index]).detach()
        value = value.unsqueeze(0) if axis is None else value.movedim(axis, 0)
        rows.append(value.reshape(len(value), -1).expand(count, -1))
    return torch.cat(rows, 1) if rows else torch.zeros(count, 0)


def _read(circuit: NodeCircuit, inputs: Tensor, weights: Tensor, outputs: Tensor, shots):
    """The circuit on the statevector simulator, if that gives the outputs; else None."""
    if circuit.qubits > MAX_QUBITS:
        return None
    try:
        exact = Statevector().run(circuit)
        with torch.no_grad():
            values = exact(inputs.double().unsqueeze(0), weights.double().unsqueeze(0))[0]
    except PASS_ERRORS:
        return None
    tolerance = MAX_DIFFERENCE + (MAX_DEVIATIONS / shots**0.5 if shots else 0)
    if values.shape != outputs.shape or (values - outputs).abs().max() > tolerance:
        return None
    return exact


def _run(circuit: NodeCircuit, batch: int | None, inputs: Tensor, weights: Tensor) -> Tensor:
    """Values of the node itself, (1, batch, outputs)."""
    node = circuit.call.node
    if batch is not None:
        args, kwargs = circuit.fill_batch(inputs[0], weights[0])
        return quantum_node.stack_result(node(*args, **kwargs), inputs.shape[1]).unsqueeze(0)
    rows = []
    for item in inputs[0]:
        args, kwargs = circuit.fill(item, weights[0])
        rows.append(quantum_node.stack_result(node(*args, **kwargs), None))
    return torch.cat(rows).unsqueeze(0)


def _cut(case: Case, numbers: list[int], group: list[NodeCall], batch: int | None) -> Any:
    """Logits with the results of some calls replaced by their mean over the items."""
    count = itertools.count()
    means = iter(_find_means(group, batch))

    def answer(node: qml.QNode, args: tuple, kwargs: dict) -> Any:
        if next(count) in chosen:
            return next(means)
        return quantum_node.call(node, args, kwargs)

    chosen = set(numbers)
    with torch.no_grad(), quantum_node.intercept(answer):
        return case.model.eval()(case.items)


def _find_means(group: list[NodeCall], batch: int | None) -> list[Any]:
    """Result of each call, replaced by its mean over the items."""
    if batch is not None:

        def average(value: Any) -> Tensor:
            return to_tensor(value).detach().mean(0, keepdim=True).expand_as(to_tensor(value))

        return [_pytree.tree_map(average, each.result) for each in group]
    leaves, spec = _pytree.tree_flatten(group[0].result)
    sums = [to_tensor(leaf).detach().clone() for leaf in leaves]
    for each in group[1:]:
        for total, leaf in zip(sums, _pytree.tree_flatten(each.result)[0], strict=True):
            total += to_tensor(leaf).detach()
    mean = _pytree.tree_unflatten([total / len(group) for total in sums], spec)
    return [mean] * len(group)


def _find_method(call: NodeCall) -> str:
    """Gradient method of a node, `best` resolved for this call; empty where it has none."""
    method = call.node.diff_method
    if method != "best":
        return method if isinstance(method, str) else ""
    args, kwargs = call.arguments
    try:
        return qml.workflow.get_best_diff_method(call.node)(*args, **kwargs)
    except PASS_ERRORS:
        return ""


def _find_name(model: nn.Module, node: qml.QNode) -> str:
    """Name of a node's function, with that of the module that holds the node."""
    name = node.func.__name__
    for path, module in model.named_modules():
        if path and any(value is node for value in vars(module).values()):
            return f"{name} in {path}"
    return name
