"""The user's circuits, in the form that heads and devices read."""

import math
from collections.abc import Collection
from numbers import Integral
from typing import Any

from qtlrun.contract.check import check_part, optional_members, takes
from qtlrun.error import UsageError
from qtlrun.plan import plugin, size
from qtlrun.tape.tape import inputs_of

MAX_QUBITS = 60  # beyond these no machine holds a state


class UserCircuit:
    """User's circuit with plain integers as its sizes, whose errors name file and line.

    A circuit of shape () is called with its weight as a single number; its shape here is (1,).
    """

    def __init__(
        self,
        circuit,
        name: str,
        qubits: int,
        inputs: int,
        shape: tuple[int, ...],
        depth: int | None,
        direct: bool,
        copies: int,
    ):
        self.circuit = circuit
        self.name = name
        self.qubits = qubits
        self.inputs = inputs
        self.shape = shape or (1,)
        self.single = not shape
        self.depth = depth
        self.direct = direct
        self.copies = copies

    def __call__(self, inputs, weights):
        with plugin.blamed("circuit", self.name):
            return self.circuit(inputs, weights[0] if self.single else weights)


def adapt_circuit(part, key: str, target: str) -> UserCircuit:
    """User's circuit in the form that heads and devices read."""
    check_part("circuit", part, key, target)
    if not takes(part, 2):
        raise UsageError(f"{target}.__call__ takes other arguments than (inputs, weights)", key=key)
    shape = part.shape
    if isinstance(shape, dict):  # as the weight_shapes of PennyLane's TorchLayer
        if len(shape) != 1:
            raise UsageError(
                f"{target} has shape={shape}",
                "a circuit has one tensor of weights, as shape=(depth, qubits)",
                key=key,
            )
        (shape,) = shape.values()
    sizes = (shape,) if isinstance(shape, Integral) else shape
    if not isinstance(sizes, (tuple, list)) or not all(_is_count(count, 0) for count in sizes):
        raise UsageError(
            f"{target} has shape={shape!r}",
            "the sizes of one tensor of weights are needed, as shape=(depth, qubits)",
            key=key,
        )
    if not _is_count(part.qubits, 1):
        raise UsageError(
            f"{target} has qubits={part.qubits!r}", "a whole number from 1 up is needed", key=key
        )
    members = optional_members("circuit", part)
    inputs: Any = part.qubits if members["inputs"] is None else members["inputs"]
    if not _is_count(inputs, 0):
        raise UsageError(
            f"{target} has inputs={inputs!r}", "a whole number from 0 up is needed", key=key
        )
    copies: Any = members["copies"]
    if not _is_count(copies, 1):
        raise UsageError(
            f"{target} has copies={copies!r}", "a whole number from 1 up is needed", key=key
        )
    return UserCircuit(
        part,
        target,
        int(part.qubits),
        int(inputs),
        tuple(map(int, sizes)),
        _depth(members["depth"]),
        bool(members["direct"]),
        int(copies),
    )


def _depth(value: object) -> int | None:
    """Number of layers, for the heads that are sized by it; None where it is no number."""
    return int(value) if isinstance(value, Integral) else None


def check_size(circuit, key: str) -> None:
    """Refuse a circuit whose weights are too many to read; nothing is traced."""
    if circuit.qubits > MAX_QUBITS:
        return  # its state is what cannot be, and the device says how large one may be
    weights = math.prod(circuit.shape)  # of one copy, which is what is traced
    size.check_weights(weights, f"{key}.depth={circuit.depth}" if circuit.depth else key)


def sizes(circuit, names: Collection[str]) -> dict[str, object]:
    """Sizes of a circuit that are offered to heads.

    Outputs, which are traced, and frequencies, which are read, if among `names`.
    """
    counts: dict[str, object] = {
        "qubits": circuit.qubits,
        "circuit_angles": math.prod(circuit.shape) * circuit.copies,
        # A block in place of amplitudes is as wide as what is measured
        "circuit_inputs": circuit.qubits if circuit.direct else inputs_of(circuit) * circuit.copies,
    }
    if circuit.depth is not None:
        counts["depth"] = circuit.depth
    if "circuit_outputs" in names:
        if circuit.qubits > MAX_QUBITS:
            raise UsageError(
                "it is read to learn what it gives, and has too many wires for that",
                f"use {MAX_QUBITS} or fewer",
                key="circuit.qubits",
                value=circuit.qubits,
            )
        from qtlrun.tape.tracing import outputs_of

        counts["circuit_outputs"] = outputs_of(circuit) * circuit.copies
    if "circuit_frequencies" in names:
        from qtlrun.surrogate.frequency import read_frequencies

        counts["circuit_frequencies"] = read_frequencies(circuit)
    return counts


def _is_count(value: Any, minimum: int) -> bool:
    """Whether a value is a whole number from a minimum up."""
    is_whole = isinstance(value, Integral) and not isinstance(value, bool)
    return is_whole and value >= minimum
