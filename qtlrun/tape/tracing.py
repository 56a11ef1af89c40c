"""A circuit traced at one point: the PennyLane operations that it applies, and these as gates."""

import math
import random
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import pennylane as qml
import torch
from pennylane.ops import op_math
from torch import Tensor

from qtlrun.layer import generator
from qtlrun.tape.lowering import DEPENDS, Checks, Lowering, exponentials, whole
from qtlrun.tape.step import Step, Turn
from qtlrun.tape.tape import Gate, inputs_of
from qtlrun.tape.watch import Watch

OBSERVED = (
    "circuit: its observables depend on the values of inputs or weights; only angles of gates may."
)
# Like StatePrep, where their wires are zeros.
PREPARATIONS = (qml.MottonenStatePreparation, qml.MultiplexerStatePreparation)
GATES = (
    "pennylane.ops.",
)  # where PennyLane keeps gates; its templates, and operations of the user's, are made of some


@dataclass(frozen=True)
class Traced:
    """Gates, and what their angles, matrices and the amplitudes that wires begin in are at these
    inputs and weights.

    `drew` says whether the circuit changed the state of a global generator.
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
        """The angles as real numbers in float64; refused where one is none."""
        return [_number(angle) for angle in self.angles]

    def values(self) -> Tensor:
        """The same in one tensor, without their gradient."""
        numbers = [number.detach() for number in self.numbers()]
        return torch.stack(numbers) if numbers else torch.zeros(0, dtype=torch.float64)

    def same_gates(self, gates: list[Gate]) -> bool:
        """Whether these are its gates, constants included."""
        return len(self.gates) == len(gates) and all(map(_same, self.gates, gates))

    def same_observables(self, measurements: list) -> bool:
        """Whether the same is measured, coefficients included."""
        return _measured(self.measurements) == _measured(measurements)

    def check_same(self, other: "Traced") -> None:
        """Refuse gates or observables that differ at another point."""
        if not self.same_gates(other.gates):
            raise ValueError(DEPENDS)
        if not self.same_observables(other.measurements):
            raise ValueError(OBSERVED)

    def equals(self, other: "Traced") -> bool:
        """Whether another call at the same point gave the very same."""
        if not (self.same_gates(other.gates) and self.same_observables(other.measurements)):
            return False
        pairs = [
            *zip(self.numbers(), other.numbers(), strict=True),
            *zip(self.matrices, other.matrices, strict=True),
        ]
        pairs += [
            (mine.data[0], its.data[0]) for mine, its in zip(self.starts, other.starts, strict=True)
        ]
        return all(_equal(mine, its) for mine, its in pairs)


def trace(circuit, inputs, weights, entangle: bool = True) -> tuple[list, list]:
    """The PennyLane operations that a circuit applies, and its measurements in their order."""
    operations, measurements = _record(circuit, inputs, weights)
    return operations if entangle else on_single_wires(operations), measurements


def _record(circuit, inputs, weights) -> tuple[list, list]:
    with qml.queuing.AnnotatedQueue() as queue:
        returned = circuit(inputs, weights)
    operations = qml.tape.QuantumScript.from_queue(queue).operations
    measurements = list(returned) if isinstance(returned, (list, tuple)) else [returned]
    for one in measurements or [None]:
        if not isinstance(one, qml.measurements.MeasurementProcess):
            raise ValueError(
                f"circuit: it returns {returned!r}; a measurement or a list of them is needed, as"
                " [qml.expval(qml.Z(0))]."
            )
    return operations, measurements


def on_single_wires(operations: list) -> list:
    """The gates on single wires that operations are made of: every gate on several wires is
    dropped.

    Products, adjoints and whole powers, templates and operations of the user's are taken apart down
    to gates. Embedded amplitudes and basis states are kept.
    """
    single = []
    for operation in operations:
        if len(operation.wires) < 2 or isinstance(operation, (qml.StatePrep, *PREPARATIONS)):
            single.append(operation)
        else:
            single += on_single_wires(_composed(operation) or [])
    return single


def trace_at(
    circuit,
    entangle: bool,
    embed: bool,
    inputs: Tensor,
    weights: Tensor,
    checks: Checks | None = None,
) -> Traced:
    """The circuit at these inputs and weights; with `embed` amplitudes that wires begin in are no
    gates.
    """
    watch = Watch(inputs, weights)
    checks = checks or Checks()
    gates = []
    angles = []
    matrices = []
    starts = []
    touched = set()
    with watch:
        before = _generators()
        operations, measurements = _record(circuit, inputs, weights)
        drew = before != _generators()
        operations = operations if entangle else on_single_wires(operations)
        _check(circuit, operations, measurements, watch)
        for operation in operations:
            fresh = not touched & set(operation.wires)
            if fresh and isinstance(operation, PREPARATIONS):
                operation = qml.StatePrep(operation.data[0], operation.wires)
            if isinstance(operation, qml.StatePrep) and not fresh:
                raise ValueError(
                    f"circuit: its {operation.name} sets wires {operation.wires.tolist()} after"
                    " gates have acted on them; prepare amplitudes first."
                )
            if embed and isinstance(operation, qml.StatePrep) and not operation.is_sparse:
                starts.append(operation)
            else:
                for step in Lowering(watch, checks).steps(operation):
                    _append(step, gates, angles, matrices)
            touched |= set(operation.wires)
    return Traced(
        gates, angles, matrices, measurements, starts, inputs, weights, watch, checks, drew
    )


def point(circuit, number: int) -> tuple[Tensor, Tensor]:
    """Random inputs and weights, in radians; each second point is the one before it mirrored."""
    draw = generator(number // 2, "reader")
    side = math.pi * (-1) ** number
    reaches = (
        ((inputs_of(circuit),), 0.5),
        (
            tuple(circuit.shape),
            2,
        ),
    )  # heads feed angles up to pi/2
    inputs, weights = (
        (
            (2 * torch.rand(shape, generator=draw, dtype=torch.float64) - 1) * side * reach
        ).requires_grad_()
        for shape, reach in reaches
    )
    return inputs, weights


def _generators() -> tuple:
    """States of the global generators of torch, NumPy and Python."""
    _, words, place, *_ = np.random.get_state()
    return torch.get_rng_state().numpy().tobytes(), words.tobytes(), place, random.getstate()


def _composed(operation) -> list | None:
    """The operations that one is composed of, in the order they act; None for a gate."""
    if isinstance(operation, op_math.CompositeOp):
        return None if isinstance(operation, op_math.Sum) else list(operation.operands[::-1])
    if isinstance(operation, op_math.SProd):
        return [operation.base]  # a phase, of which nothing is seen
    if isinstance(operation, qml.BasisState):
        return operation.decomposition()
    if isinstance(operation, op_math.Adjoint):
        return _reverse(_composed(operation.base))
    if isinstance(operation, op_math.Pow):
        parts = _composed(operation.base)
        if parts and not whole(operation.z):
            return [qml.pow(part, operation.z) for part in parts] if _apart(parts) else None
        return parts and (_reverse(parts) if operation.z < 0 else parts) * abs(int(operation.z))
    if isinstance(operation, op_math.Exp):
        turns = exponentials(operation)
        if turns is None:
            return _exponentials_apart(operation)
        return [qml.PauliRot(turn.angle, turn.word, turn.wires) for turn in turns if turn.wires]
    if isinstance(operation, qml.PauliRot):
        return _narrowed(operation)
    if type(operation).__module__.startswith(GATES) or not operation.has_decomposition:
        return None
    return operation.decomposition()


def _exponentials_apart(operation) -> list:
    """An exponential as one for each set of wires that its Pauli words connect; none where they
    connect all.
    """
    sets: list[tuple[set, list]] = []
    for word, factor in (operation.base.pauli_rep or {}).items():
        wires = set(word.keys())
        terms = [(word, factor)]
        for other in [one for one in sets if one[0] & wires]:
            sets.remove(other)
            wires = wires | other[0]
            terms = other[1] + terms
        sets += [(wires, terms)] * bool(wires)  # a word of none is a phase
    if len(sets) < 2:
        return []
    return [
        qml.exp(
            qml.dot([factor for _, factor in terms], [word.operation() for word, _ in terms]),
            operation.coeff,
        )
        for _, terms in sets
    ]


def _apart(parts: list) -> bool:
    """Whether no two operations act on one wire."""
    wires = [wire for part in parts for wire in part.wires]
    return len(set(wires)) == len(wires)


def _reverse(parts: list | None) -> list | None:
    return parts and [qml.adjoint(part) for part in reversed(parts)]


def _narrowed(operation) -> list | None:
    """A Pauli rotation without the wires that it does not turn; None where it turns about all of
    its wires.
    """
    word = operation.hyperparameters["pauli_word"]
    wires = [wire for wire, letter in zip(operation.wires, word, strict=True) if letter != "I"]
    if len(wires) == len(word) or not wires:
        return None
    return [qml.PauliRot(operation.data[0], word.replace("I", ""), wires)]


def _check(circuit, operations: list, measurements: list, watch: Watch) -> None:
    """Refuse wires that are none of the circuit's, and observables that depend on values."""
    used = [wire for one in (*operations, *measurements) for wire in one.wires]
    strange = [
        wire for wire in used if not isinstance(wire, Integral) or wire not in range(circuit.qubits)
    ]
    if strange:
        wire = min(strange, key=str)
        kind = "" if isinstance(wire, (Integral, str)) else f" (a {type(wire).__name__})"
        raise ValueError(
            f"circuit: it uses wire {wire}{kind}, and its {circuit.qubits} qubits are the "
            f"wires 0 to {circuit.qubits - 1}."
        )
    if any(watch.source(list(one.obs.data)) for one in measurements if one.obs is not None):
        raise ValueError(OBSERVED)


def _append(step: Step, gates: list[Gate], angles: list, matrices: list[Tensor]) -> None:
    """One more gate; a phase is none."""
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
        raise ValueError("circuit: an angle is complex; angles are real numbers, in radians.")
    if angle.numel() != 1:
        raise ValueError(
            f"circuit: an angle is {angle.numel()} numbers; a circuit sees one sample, and each"
            " gate one of its inputs."
        )
    if not angle.isfinite():
        raise ValueError("circuit: an angle is not finite.")
    return angle.to(torch.float64).reshape(())


def _same(mine: Gate, its: Gate) -> bool:
    if (mine.wires, mine.word, mine.angle, mine.moving) != (
        its.wires,
        its.word,
        its.angle,
        its.moving,
    ):
        return False
    return mine.matrix is its.matrix or torch.equal(mine.matrix, its.matrix)


def _equal(mine: object, its: object) -> bool:
    mine = torch.as_tensor(mine)
    its = torch.as_tensor(its)
    return mine.dtype == its.dtype and torch.equal(mine, its)


def _measured(measurements: list) -> list:
    """Identity of a list of measurements, coefficients included."""
    return [(type(one).__name__, tuple(one.wires), _observed(one.obs)) for one in measurements]


def _observed(observable: object) -> object:
    words = None if observable is None else observable.pauli_rep
    return words if words is not None else repr(observable)
