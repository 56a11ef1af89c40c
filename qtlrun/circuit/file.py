"""Circuit of the user's, a PennyLane quantum function in a file."""

import inspect
import math
from collections.abc import Callable

import pennylane as qml

from qtlrun.circuit.readout import Register
from qtlrun.error import BadValue, about_values
from qtlrun.plan import code, facts, plugin

SIGNATURES = "a circuit takes (inputs, weights), or (inputs, weights, wires)"
SIZES = "sizes are whole numbers from 0 up"


@facts(title=("{path}",), code="path")
class FileCircuit:
    """Function of a file, of inputs, weights and, if it asks for them, wires.

    It returns what it measures. A QNode stands for its function, whatever its device.

    Arguments:
        path: file and function, FILE.py:NAME.
        qubits: its wires are 0 to qubits - 1.
        shape: sizes of its weights: a list, or the number of a vector. By name, as PennyLane's
            TorchLayer has them, weights are passed by name, and one of size 1 is a single number.
        inputs: numbers of an item that it takes; None: one a qubit.
        depth: layers, for heads that are sized by it.
        copies: circuits side by side, each with inputs and weights of its own.
    """

    def __init__(
        self,
        path: str,
        qubits: int,
        shape: int | list[int] | dict,
        inputs: int | None = None,
        depth: int | None = None,
        copies: int = 1,
    ):
        if qubits < 1:
            raise BadValue("qubits", qubits, "a circuit needs at least one qubit")
        if inputs is not None and inputs < 0:
            raise BadValue("inputs", inputs, "numbers of an item, from 0 up, or null")
        self.path = path
        self.qubits = qubits
        self.inputs = qubits if inputs is None else inputs
        self.depth = depth
        self.copies = Register(copies=copies).copies
        self.sizes = _sizes(shape)
        # Weights by name lie in one vector
        self.lengths = [math.prod(sizes) for sizes in self.sizes.values()]
        self.shape = (sum(self.lengths),) if isinstance(shape, dict) else self.sizes[""]
        sizes = [f"{name} {_product(each)}".strip() for name, each in self.sizes.items()]
        self.words = f"{path} with weights {', '.join(sizes)}"
        with about_values(path=path):
            self.function = _quantum_function(code.load(path))
        self.takes_wires = self._check_signature()

    def __call__(self, inputs, weights):
        with plugin.blamed("circuit", self.words):
            return self.function(inputs, *self._positional(weights), **self._named(weights))

    def _positional(self, weights) -> list:
        """Weights that have no name."""
        return [weights] if "" in self.sizes else []

    def _named(self, weights) -> dict:
        """Weights by name, and the wires."""
        values: dict[str, object] = {}
        if "" not in self.sizes:
            parts = weights.split(self.lengths)
            for (name, sizes), part in zip(self.sizes.items(), parts, strict=True):
                values[name] = part.reshape(sizes)
        return values | ({"wires": range(self.qubits)} if self.takes_wires else {})

    def _check_signature(self) -> bool:
        """Refuse a function that cannot be called with these arguments; whether it takes wires."""
        try:
            signature = inspect.signature(self.function)
        except (TypeError, ValueError):  # of a builtin
            return False
        names = [name for name in self.sizes if name]
        takes_wires = "wires" in signature.parameters
        wires = {"wires": 0} if takes_wires else {}
        try:
            signature.bind(0, *([] if names else [0]), **dict.fromkeys(names, 0), **wires)
        except TypeError as error:
            fix = f"shape names inputs and {', '.join(names)}" if names else SIGNATURES
            raise BadValue("path", self.path, f"its arguments are {signature}", fix) from error
        return takes_wires


def _quantum_function(value: Callable) -> Callable:
    """The function of a QNode, else itself."""
    return value.func if isinstance(value, qml.QNode) else value


def _sizes(shape: int | list[int] | dict) -> dict[str, tuple[int, ...]]:
    """Sizes of the weights by name; the name is empty where they are passed by position."""
    if not isinstance(shape, dict):
        return {"": _tuple(shape, shape)}
    if not shape:
        raise BadValue("shape", shape, "it names no weights", "write as {weights: [2, 3]}")
    sizes = {}
    for name, each in shape.items():
        sizes[str(name)] = () if each in (1, [1]) else _tuple(each, shape)
    return sizes


def _tuple(sizes: object, shape: object) -> tuple[int, ...]:
    numbers = sizes if isinstance(sizes, list) else [sizes]
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise BadValue("shape", shape, SIZES, "as [2, 3], 6 or {weights: [2, 3]}")
    return tuple(numbers)


def _product(sizes: tuple[int, ...]) -> str:
    return " x ".join(map(str, sizes)) or "of one number"
