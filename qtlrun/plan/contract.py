"""Contracts of the user's parts by group, and the user's circuits."""

import inspect
import math
from numbers import Integral
from typing import Any

from qtlrun.plan import plugin, size
from qtlrun.plan.refusal import Refused

MAX_QUBITS = 60  # beyond these no machine holds a state
# By group: what a part has, and what that is.
NEEDS = {
    "circuit": (
        ("qubits", "shape", "__call__"),
        (
            "a circuit has qubits (its wires are 0 to qubits - 1), shape (of its weights), and a"
            " __call__ of inputs and weights that returns measurements; it may have inputs (how"
            " many, else one a qubit)"
        ),
    ),
    "head": (
        ("forward", "state_dict"),
        (
            "a head is a torch.nn.Module from features (batch, features) to logits (batch,"
            " classes), or with an axis of runs before both"
        ),
    ),
    "backbone": (
        ("forward", "state_dict", "features", "preprocess"),
        (
            "a backbone is a torch.nn.Module with features (how many numbers it gives), "
            "preprocess(picture, generator=None) and forward from a batch of what that gives to "
            "(batch, features); it may have takes, stages, fingerprint, folded"
        ),
    ),
    "dataset": (
        ("train", "validation", "test", "classes"),
        (
            "a dataset has train, validation and test, each (inputs, labels) or a "
            "qtlrun.dataset.split.Split, and classes (their names); it may have size, "
            "fingerprint, verify"
        ),
    ),
    "freeze": (
        ("apply", "check", "count", "fixed"),
        "a freeze has apply, check, count and fixed, as qtlrun.freeze.Freeze has them",
    ),
    "recipe": (
        (
            "epochs",
            "batch_size",
            "lr",
            "backbone_lr",
            "optimizer",
            "momentum",
            "eps",
            "weight_decay",
            "augment",
            "scale",
            "label_smoothing",
            "reduction",
            "select",
            "rate",
        ),
        "a recipe has the values of qtlrun.recipe.Recipe, and rate; inherit from it",
    ),
    "parametrization": (
        ("weights", "matched", "check", "generator", "added"),
        "a parametrization has these as qtlrun.parametrization.quantum_train.QuantumTrain has them",
    ),
    "device": (
        ("run",),
        (
            "a device has run(circuit, entangle), which gives a function of inputs "
            "(runs, batch, features) and weights (runs, *shape) with outputs (how many numbers it "
            "gives)"
        ),
    ),
}


class Circuit:
    """User's circuit with plain integers as its sizes, whose errors name file and line.

    A circuit of shape () is called with its weight as a single number; its shape here is (1,).
    """

    def __init__(self, circuit, name: str, qubits: int, inputs: int, shape: tuple[int, ...]):
        self.circuit = circuit
        self.name = name
        self.qubits = qubits
        self.inputs = inputs
        self.shape = shape or (1,)
        self.single = not shape
        depth = getattr(circuit, "depth", None)
        if isinstance(depth, Integral):
            self.depth = int(depth)  # which some heads are sized by

    def __call__(self, inputs, weights):
        with plugin.blamed(f"circuit: {self.name}"):
            return self.circuit(inputs, weights[0] if self.single else weights)


def check(group: str, part: object, key: str, target: str) -> None:
    """Refuse a part that lacks what its group's contract needs; the message lists the contract."""
    names, contract = NEEDS[group]
    if group == "parametrization" and not getattr(part, "weights", True):  # it generates none
        names = names[:1]
    absent = [name for name in names if not _has(part, name)]
    if absent:
        raise Refused(f"{key}: {target} has no {' and no '.join(absent)}; {contract}.")


def circuit(part, key: str, target: str) -> Circuit:
    """User's circuit in the form that heads and devices read."""
    check("circuit", part, key, target)
    shape = part.shape
    if isinstance(shape, dict):  # as the weight_shapes of PennyLane's TorchLayer
        if len(shape) != 1:
            raise Refused(
                f"{key}: {target} has shape={shape}; a circuit has one tensor of weights, as "
                "shape=(depth, qubits)."
            )
        (shape,) = shape.values()
    sizes = (shape,) if isinstance(shape, Integral) else shape
    if not isinstance(sizes, (tuple, list)) or not all(_is_count(count, 0) for count in sizes):
        raise Refused(
            f"{key}: {target} has shape={shape!r}; the sizes of one tensor of weights are needed, "
            "as shape=(depth, qubits)."
        )
    if not _is_count(part.qubits, 1):
        raise Refused(
            f"{key}: {target} has qubits={part.qubits!r}; a whole number from 1 up is needed."
        )
    inputs = getattr(part, "inputs", part.qubits)
    if not _is_count(inputs, 0):
        raise Refused(f"{key}: {target} has inputs={inputs!r}; a whole number from 0 up is needed.")
    return Circuit(part, target, int(part.qubits), int(inputs), tuple(map(int, sizes)))


def check_size(circuit, key: str) -> None:
    """Refuse a circuit whose weights are too many to read; nothing is traced."""
    if circuit.qubits > MAX_QUBITS:
        return  # its state is what cannot be, and the device says how large one may be
    weights = math.prod(circuit.shape)
    depth = getattr(circuit, "depth", None)
    size.check_weights(weights, f"{key}.depth={depth}" if depth else key)


def _has(part: object, name: str) -> bool:
    """Whether a part has an attribute of its contract."""
    if name == "__call__":
        return callable(part)
    value = getattr(part, name, None)
    # torch.nn.Module has this in place of a forward.
    unwritten = inspect.ismethod(value) and value.__func__.__name__ == "_forward_unimplemented"
    return value is not None and not unwritten


def _is_count(value: Any, minimum: int) -> bool:
    """Whether a value is a whole number from a minimum up."""
    is_whole = isinstance(value, Integral) and not isinstance(value, bool)
    return is_whole and value >= minimum
