"""PennyLane's quantum nodes as a module calls them: calls, their arguments, their results."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pennylane as qml
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils import _pytree

Handler = Callable[[qml.QNode, tuple, dict], Any]
# What a quantum function is called with: arguments by position, and by name
Arguments = tuple[tuple, dict]


@dataclass(frozen=True, eq=False)
class NodeCall:
    """Call of a quantum node.

    node: that is called
    arguments: by position and by name
    result: of the call
    """

    node: qml.QNode
    arguments: Arguments
    result: Any

    @property
    def leaves(self) -> list:
        """Arguments, those within lists and dictionaries too."""
        return _pytree.tree_flatten(self.arguments)[0]

    def replace_leaves(self, leaves: list) -> Arguments:
        """Arguments with other values."""
        return _pytree.tree_unflatten(leaves, _pytree.tree_flatten(self.arguments)[1])

    def count_batch(self) -> int | None:
        """Count the items of a call that broadcasts; None for a call of a single item."""
        args, kwargs = self.arguments
        return qml.workflow.construct_tape(self.node)(*args, **kwargs).batch_size


@contextmanager
def intercept(handle: Handler) -> Iterator[None]:
    """Let calls of all quantum nodes be answered by a function of node and arguments."""
    before = qml.QNode.__call__
    qml.QNode.__call__ = lambda node, *args, **kwargs: handle(node, args, kwargs)
    try:
        yield
    finally:
        qml.QNode.__call__ = before


def call(node: qml.QNode, args: tuple, kwargs: dict) -> Any:
    """Call a node as PennyLane does, within `intercept` too."""
    return node._impl_call(*args, **kwargs)


def is_number(value: object) -> bool:
    """Whether an argument holds real numbers."""
    if isinstance(value, Tensor):
        return value.is_floating_point()
    if isinstance(value, np.ndarray):
        return value.dtype.kind == "f"
    return isinstance(value, (float, np.floating))


def to_tensor(value: Any) -> Tensor:
    """A number or an array as a tensor, which shares an array's memory."""
    if isinstance(value, Tensor):
        return value
    return torch.as_tensor(value if isinstance(value, np.ndarray) else float(value))


def stack_result(result: Any, batch: int | None) -> Float[Tensor, "batch outputs"] | None:
    """Stack the numbers of a result; None where it has others than real ones."""
    values = result if isinstance(result, (tuple, list)) else [result]
    if not all(map(is_number, values)):
        return None
    columns = [to_tensor(value).reshape(batch or 1, -1) for value in values]
    return torch.cat(columns, 1)


class NodeCircuit:
    """Quantum function of a node as a circuit of one item, for the reader.

    call: that it repeats
    inputs_at: numbers of the leaves that hold an item's inputs, with the axis of the items; None
        where a call is of one item
    weights_at: numbers of the leaves that hold weights
    keeps_axis: whether the function is given an axis of one item
    """

    def __init__(
        self,
        call: NodeCall,
        inputs_at: dict[int, int | None],
        weights_at: list[int],
        *,
        keeps_axis: bool,
    ):
        self.call = call
        self.keeps_axis = keeps_axis
        leaves = call.leaves
        self.input_shapes = {
            index: _item_shape(to_tensor(leaves[index]), axis) for index, axis in inputs_at.items()
        }
        self.axes = inputs_at
        self.weight_shapes = {index: to_tensor(leaves[index]).shape for index in weights_at}
        self.inputs = sum(shape.numel() for shape in self.input_shapes.values())
        self.shape = (sum(shape.numel() for shape in self.weight_shapes.values()),)
        args, kwargs = call.arguments
        wires = qml.workflow.construct_tape(call.node)(*args, **kwargs).wires
        wires = call.node.device.wires or wires
        self.qubits = len(wires)
        self.wires = dict(zip(wires, range(self.qubits), strict=True))

    def __call__(self, inputs: Tensor, weights: Tensor) -> Any:
        args, kwargs = self.fill(inputs, weights)
        function = self.call.node.func
        if any(wire is not number for wire, number in self.wires.items()):
            function = qml.map_wires(function, self.wires)
        return function(*args, **kwargs)

    def fill(self, inputs: Tensor, weights: Tensor) -> Arguments:
        """Arguments for an item's inputs (inputs,) and weights (weights,)."""
        leaves = self.call.leaves
        first = 0
        for index, shape in self.input_shapes.items():
            value = inputs[first : first + shape.numel()].reshape(shape)
            axis = self.axes[index]
            leaves[index] = value.unsqueeze(axis) if self.keeps_axis and axis is not None else value
            first += shape.numel()
        return self._fill_weights(leaves, weights)

    def fill_batch(self, inputs: Float[Tensor, "batch inputs"], weights: Tensor) -> Arguments:
        """Arguments for inputs of several items in one call."""
        leaves = self.call.leaves
        first = 0
        for index, shape in self.input_shapes.items():
            value = inputs[:, first : first + shape.numel()].unflatten(1, shape or (1,))
            value = value if shape else value.squeeze(1)
            leaves[index] = value.movedim(0, self.axes[index] or 0)
            first += shape.numel()
        return self._fill_weights(leaves, weights)

    def _fill_weights(self, leaves: list, weights: Tensor) -> Arguments:
        first = 0
        for index, shape in self.weight_shapes.items():
            leaves[index] = weights[first : first + shape.numel()].reshape(shape)
            first += shape.numel()
        return self.call.replace_leaves(leaves)


def _item_shape(value: Tensor, axis: int | None) -> torch.Size:
    """Shape of an item's numbers in an argument that holds several along an axis."""
    shape = list(value.shape)
    if axis is not None:
        del shape[axis]
    return torch.Size(shape)
