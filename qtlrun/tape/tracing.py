"""Trace of a circuit at one point: the PennyLane operations that it applies, and its gates."""

import math
import random
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import pennylane as qml
import torch
from torch import Tensor

from qtlrun.error import UsageError
from qtlrun.layer import generator
from qtlrun.tape.gate import Lowering
from qtlrun.tape.measurement import count_outputs
from qtlrun.tape.separation import PREPARATIONS, on_single_wires
from qtlrun.tape.step import Step, Turn
from qtlrun.tape.tape import Gate, inputs_of
from qtlrun.tape.verdict import MOVING_GATES, Checks
from qtlrun.tape.watch import Watch

MOVING_OBSERVABLES = (
    "its observables depend on the values of inputs or weights",
    "only angles of gates may",
)


@dataclass(frozen=True)
class Trace:
    """Circuit as traced at these inputs and weights.

    `starts` are the preparations of amplitudes that wires begin in. `drew` says whether the circuit
    changed the state of a global generator.
    """

    gates: list[Gate]
    angles: list
    matrices: list[Tensor]
    measurements: list
    starts: list
    inputs: Tensor
    weights: Tensor
    watch: Watch
    checks: Checks
    drew: bool

    def numbers(self) -> list[Tensor]:
        """The angles as real numbers in float64; raises ValueError where one is none."""
        return [_number(angle) for angle in self.angles]

    def values(self) -> Tensor:
        """The angles in one tensor, without their gradient."""
        numbers = [number.detach() for number in self.numbers()]
        return torch.stack(numbers) if numbers else torch.zeros(0, dtype=torch.float64)

    def same_gates(self, gates: list[Gate]) -> bool:
        """Whether these are its gates, constants included."""
        return len(self.gates) == len(gates) and all(map(_same, self.gates, gates))

    def same_observables(self, measurements: list) -> bool:
        """Whether the same is measured, coefficients included."""
        return _observables(self.measurements) == _observables(measurements)

    def check_same(self, other: "Trace") -> None:
        """Raise ValueError where gates or observables differ at another point."""
        if not self.same_gates(other.gates):
            raise UsageError(*MOVING_GATES, key="circuit")
        if not self.same_observables(other.measurements):
            raise UsageError(*MOVING_OBSERVABLES, key="circuit")

    def equals(self, other: "Trace") -> bool:
        """Whether another call at the same point gave the very same."""
        if not (self.same_gates(other.gates) and self.same_observables(other.measurements)):
            return False
        pairs = [
            *zip(self.numbers(), other.numbers(), strict=True),
            *zip(self.matrices, other.matrices, strict=True),
        ]
        pairs += [
            (start.data[0], again.data[0])
            for start, again in zip(self.starts, other.starts, strict=True)
        ]
        return all(_equal(first, second) for first, second in pairs)


def trace(circuit, inputs, weights, entangle: bool = True) -> tuple[list, list]:
    """The PennyLane operations that a circuit applies, and its measurements in their order."""
    operations, measurements = _record(circuit, inputs, weights)
    return operations if entangle else on_single_wires(operations), measurements


@torch.no_grad()
def outputs_of(circuit) -> int:
    """Count the numbers that a circuit measures."""
    return count_outputs(_record(circuit, *point(circuit, 0))[1], circuit.qubits)


def _record(circuit, inputs, weights) -> tuple[list, list]:
    with qml.queuing.AnnotatedQueue() as queue:
        returned = circuit(inputs, weights)
    operations = qml.tape.QuantumScript.from_queue(queue).operations
    measurements = list(returned) if isinstance(returned, (list, tuple)) else [returned]
    for measurement in measurements or [None]:
        if not isinstance(measurement, qml.measurements.MeasurementProcess):
            raise UsageError(
                f"it returns {returned!r}",
                "a measurement or a list of them is needed, as [qml.expval(qml.Z(0))]",
                key="circuit",
            )
    return operations, measurements


def trace_at(
    circuit,
    entangle: bool,
    embed: bool,
    inputs: Tensor,
    weights: Tensor,
    checks: Checks | None = None,
) -> Trace:
    """Trace the circuit at these inputs and weights.

    With `embed` amplitudes that wires begin in are no gates.
    """
    watch = Watch(inputs, weights)
    checks = checks or Checks()
    with watch:
        before = _generators()
        operations, measurements = _record(circuit, inputs, weights)
        drew = before != _generators()
        operations = operations if entangle else on_single_wires(operations)
        _check(circuit, operations, measurements, watch)
        starts, steps = _lower(operations, Lowering(watch, checks), embed)
    gates: list[Gate] = []
    angles: list[float | Tensor] = []
    matrices: list[Tensor] = []
    for step in steps:
        _append(step, gates, angles, matrices)
    return Trace(
        gates, angles, matrices, measurements, starts, inputs, weights, watch, checks, drew
    )


def point(circuit, number: int) -> tuple[Tensor, Tensor]:
    """Random inputs and weights, in radians; each second point is the one before it mirrored."""
    draw = generator(number // 2, "reader")
    side = math.pi * (-1) ** number
    # Heads feed angles up to pi/2
    reaches = (((inputs_of(circuit),), 0.5), (tuple(circuit.shape), 2))
    inputs, weights = (
        (
            (2 * torch.rand(shape, generator=draw, dtype=torch.float64) - 1) * side * reach
        ).requires_grad_()
        for shape, reach in reaches
    )
    return inputs, weights


def _generators() -> tuple:
    """States of the global generators of torch, NumPy and Python."""
    numpy_state = np.random.get_state(legacy=False)["state"]
    return (
        torch.get_rng_state().numpy().tobytes(),
        numpy_state["key"].tobytes(),
        numpy_state["pos"],
        random.getstate(),
    )


def _lower(operations: list, lowering: Lowering, embed: bool) -> tuple[list, list[Step]]:
    """Preparations that are embedded, and the steps of all other operations."""
    starts = []
    steps = []
    touched: set[int] = set()
    for operation in operations:
        fresh = not touched & set(operation.wires)
        if fresh and isinstance(operation, PREPARATIONS):
            operation = qml.StatePrep(operation.data[0], operation.wires)
        if isinstance(operation, qml.StatePrep) and not fresh:
            raise UsageError(
                (
                    f"its {operation.name} sets wires {operation.wires.tolist()} after"
                    " gates have acted on them"
                ),
                "prepare amplitudes first",
                key="circuit",
            )
        if embed and isinstance(operation, qml.StatePrep) and not operation.is_sparse:
            starts.append(operation)
        else:
            steps += lowering.steps(operation)
        touched |= set(operation.wires)
    return starts, steps


def _check(circuit, operations: list, measurements: list, watch: Watch) -> None:
    """Raise ValueError for wires that are none of the circuit's, and moving observables."""
    used = [wire for user in (*operations, *measurements) for wire in user.wires]
    strange = [
        wire for wire in used if not isinstance(wire, Integral) or wire not in range(circuit.qubits)
    ]
    if strange:
        wire = min(strange, key=str)
        kind = "" if isinstance(wire, (Integral, str)) else f" (a {type(wire).__name__})"
        raise UsageError(
            (
                f"it uses wire {wire}{kind}, and its {circuit.qubits} qubits are the"
                f" wires 0 to {circuit.qubits - 1}"
            ),
            key="circuit",
        )
    observables = [each.obs for each in measurements if each.obs is not None]
    if any(watch.source(list(observable.data)) for observable in observables):
        raise UsageError(*MOVING_OBSERVABLES, key="circuit")


def _append(step: Step, gates: list[Gate], angles: list, matrices: list[Tensor]) -> None:
    """Append a step as a gate; a phase is none."""
    if not step.wires:
        return
    if isinstance(step, Turn):
        gates.append(Gate(step.wires, step.word, angle=len(angles)))
        angles.append(step.angle)
    elif step.moves:
        gates.append(Gate(step.wires, step.name, moving=len(matrices)))
        matrices.append(step.matrix)
    else:
        gates.append(Gate(step.wires, step.name, matrix=step.matrix))


def _number(angle: object) -> Tensor:
    """An angle as a number in float64."""
    angle = angle if isinstance(angle, torch.Tensor) else torch.as_tensor(np.asarray(angle))
    if angle.is_complex():
        raise UsageError(
            "an angle is complex", "angles are real numbers, in radians", key="circuit"
        )
    if angle.numel() != 1:
        raise UsageError(
            f"an angle is {angle.numel()} numbers",
            "a circuit sees one sample, and each gate one of its inputs",
            key="circuit",
        )
    if not angle.isfinite():
        raise UsageError("an angle is not finite", key="circuit")
    return angle.to(torch.float64).reshape(())


def _same(gate: Gate, other: Gate) -> bool:
    if _form(gate) != _form(other):
        return False
    return gate.matrix is other.matrix or torch.equal(gate.matrix, other.matrix)


def _form(gate: Gate) -> tuple:
    return gate.wires, gate.word, gate.angle, gate.moving


def _equal(value: object, other: object) -> bool:
    value = torch.as_tensor(value)
    other = torch.as_tensor(other)
    return value.dtype == other.dtype and torch.equal(value, other)


def _observables(measurements: list) -> list:
    """Identity of a list of measurements, coefficients included."""
    return [
        (type(each).__name__, tuple(each.wires), _observable(each.obs)) for each in measurements
    ]


def _observable(observable) -> object:
    sentence = None if observable is None else observable.pauli_rep
    return sentence if sentence is not None else repr(observable)
