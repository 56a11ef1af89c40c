"""Circuit of PennyLane's templates, an embedding and trained layers, by their names."""

import functools
import inspect
import math
from typing import Any, Literal

import pennylane as qml

from qtlrun.circuit.readout import PLAIN, Register
from qtlrun.error import BadValue, nearest
from qtlrun.plan import facts

SIZES = ["n_layers", "n_wires"]
EMBEDDINGS = {
    "AngleEmbedding": qml.AngleEmbedding,
    "IQPEmbedding": qml.IQPEmbedding,
    "AmplitudeEmbedding": functools.partial(qml.AmplitudeEmbedding, normalize=True),
}


@facts(title=("{name}",), widths=("qubits", "embedding", "readout", "copies"))
class Template:
    """Embedding of the inputs, then a template of `depth` layers, by PennyLane's names for both.

    Any template counts whose `shape(n_layers, n_wires)` says how many weights it has, and that
    takes these and wires alone; all of its weights lie in one vector. They are as many as PennyLane
    gives it: of StronglyEntanglingLayers the last layer's third angles do not act on <Z>. Angles
    are in radians; AmplitudeEmbedding takes 2**qubits inputs, divided by their norm.
    """

    def __init__(
        self,
        name: str,
        qubits: int,
        depth: int,
        embedding: Literal["AngleEmbedding", "IQPEmbedding", "AmplitudeEmbedding"],
        register: Register = PLAIN,
    ):
        if qubits < 1:
            raise BadValue("qubits", qubits, "a circuit needs at least one qubit")
        if depth < 1:
            raise BadValue("depth", depth, "layers of a template, from 1 up")
        if name not in templates():
            raise BadValue("name", name, nearest(name, templates()))
        self.template = templates()[name]
        self.qubits = qubits
        self.depth = depth
        self.embedding = embedding
        self.inputs = 2**qubits if embedding == "AmplitudeEmbedding" else qubits
        sizes = self.template.shape(depth, qubits)
        self.sizes = list(sizes) if isinstance(sizes[0], tuple) else [sizes]
        self.ansatz = (sum(map(math.prod, self.sizes)),)
        self.register = register
        self.copies = register.copies
        self.shape = register.shape(self.ansatz, qubits)

    def __call__(self, inputs, weights):
        wires = range(self.qubits)
        weights, angles = self.register.split(weights, self.ansatz)
        EMBEDDINGS[self.embedding](inputs, wires)
        parts = weights.split([math.prod(size) for size in self.sizes])
        shaped = [part.reshape(size) for part, size in zip(parts, self.sizes, strict=True)]
        self.template(*shaped, wires=wires)
        return self.register.measure(wires, angles)


@functools.cache
def templates() -> dict[str, Any]:
    """Templates of layers by name: sized by layers and wires, made of weights and wires."""
    return {
        name: kind
        for name, kind in sorted(vars(qml).items())
        if isinstance(kind, type) and issubclass(kind, qml.operation.Operator) and _is_layers(kind)
    }


def _is_layers(kind: type) -> bool:
    """Whether an operator is sized by layers and wires, and made of weights and wires alone.

    One with a state to begin in would set wires that the embedding has turned.
    """
    shape = vars(kind).get("shape")
    if not isinstance(shape, staticmethod) or _parameters(shape.__func__) != SIZES:
        return False
    takes = inspect.signature(kind).parameters
    required = [
        name
        for name, parameter in takes.items()
        if parameter.default is parameter.empty and not name.endswith("weights")
    ]
    return "wires" in takes and "init_state" not in takes and set(required) <= {"wires"}


def _parameters(function) -> list[str]:
    return list(inspect.signature(function).parameters)
