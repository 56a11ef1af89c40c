"""Gates: PennyLane operations as rotations about Pauli words, and matrices.

Adjoints, powers and controls follow by rule.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pennylane as qml
import torch
from pennylane.exceptions import OperatorPropertyUndefined
from pennylane.ops import op_math

from qtlrun.error import UsageError
from qtlrun.tape import pauli, preparation
from qtlrun.tape.step import MAX_CONSTANT_WIRES, Matrix, Step, Turn, adjoint, commute, control, full
from qtlrun.tape.unitary import TOLERANCE, as_complex, is_unitary, is_whole, matrix_of
from qtlrun.tape.verdict import Checks
from qtlrun.tape.watch import Watch

IDLE_OPERATIONS = (qml.Identity, qml.Barrier, qml.WireCut, qml.Snapshot)
# A gate as rotations exp(-i a P / 2), in the order they act: the word P, and a as a multiple of
# which parameter. A word of I alone is a phase, which only a control sees.
ROTATIONS: dict[type, list[tuple[str, int, float]]] = {
    qml.RX: [("X", 0, 1)],
    qml.RY: [("Y", 0, 1)],
    qml.RZ: [("Z", 0, 1)],
    qml.PhaseShift: [("Z", 0, 1), ("I", 0, -1)],
    qml.U1: [("Z", 0, 1), ("I", 0, -1)],
    qml.Rot: [("Z", 0, 1), ("Y", 1, 1), ("Z", 2, 1)],
    qml.U3: [("Z", 2, 1), ("Y", 0, 1), ("Z", 1, 1), ("I", 1, -1), ("I", 2, -1)],
    qml.IsingXX: [("XX", 0, 1)],
    qml.IsingYY: [("YY", 0, 1)],
    qml.IsingZZ: [("ZZ", 0, 1)],
}
MAX_CONTROLS = 6  # wires, each of which doubles the rotations
MAX_REPEATS = 32  # up to which a power is written out
MAX_MOVING_WIRES = 8  # of a matrix that depends on inputs or weights
MAX_RECURSIONS = 8  # times that an operation may stand in its own decomposition, on the same wires
# Errors of PennyLane's for torch tensors
TENSOR_ERRORS = (RuntimeError, TypeError, AttributeError, ImportError, NotImplementedError)
# They take a matrix, and their decomposition has no gradient where its angles coincide.
MATRIX_OPERATIONS = (qml.QubitUnitary, qml.DiagonalQubitUnitary, qml.SpecialUnitary)


@dataclass(frozen=True)
class Lowering:
    """Writing of operations as steps.

    A watch tells which of their data depend on inputs or weights. `exact` keeps the phase, which a
    control sees. `within` are the operations whose decomposition this one is part of.
    """

    watch: Watch
    checks: Checks
    exact: bool = False
    within: tuple = ()

    def steps(self, operation) -> list[Step]:
        """The steps of an operation in the order they act.

        They are chosen by the kind of the operation and never by its values. Raises ValueError for
        what is no unitary gate, and for a decomposition that does not end.
        """
        if isinstance(operation, IDLE_OPERATIONS):
            return []
        rotations = _rotations(operation)
        if rotations is not None:
            return [_turn(operation, *rotation) for rotation in rotations]
        if isinstance(operation, qml.StatePrep) and not operation.is_sparse:
            return _preparation(operation)
        constant = not operation.data or not (
            self.watch.asked or self.watch.source(list(operation.data))
        )
        if constant and len(operation.wires) <= MAX_CONSTANT_WIRES and operation.has_matrix:
            return [self._matrix(operation, moves=False)]
        inner = replace(self, within=(*self.within, operation))
        rule = next((rule for kind, rule in RULES.items() if isinstance(operation, kind)), None)
        steps = rule(inner, operation) if rule else None
        if steps is None and (constant or not isinstance(operation, MATRIX_OPERATIONS)):
            steps = inner._decompose(operation)
        if steps is not None:
            return steps
        if operation.has_matrix and len(operation.wires) <= MAX_MOVING_WIRES:
            return [self._matrix(operation, moves=True)]
        if operation.has_decomposition and (parts := _decomposition(operation)) is not None:
            return inner.of_all(parts)
        raise UsageError(
            f"it uses {operation.name}",
            "circuits are made of unitary gates with a matrix or a decomposition",
            key="circuit",
        )

    def ask(self, question: Callable[[], bool]) -> bool:
        """The verdict on numbers, asked for in silence: the circuit does not depend on them."""
        with self.watch.silent():
            return self.checks.ask(question)

    def of_all(self, operations: Sequence) -> list[Step]:
        """The steps of operations one after the other."""
        return [step for operation in operations for step in self.steps(operation)]

    def _decompose(self, operation) -> list[Step] | None:
        """Steps by the operation's decomposition; None where its structure depends on values."""
        if not operation.has_decomposition:
            return None
        self._check_end(operation)
        asked = self.watch.asked
        parts = _decomposition(operation)
        if parts is None:
            return None
        if self.watch.asked != asked:
            self.watch.asked = asked
            return None
        steps = self.of_all(parts)
        if self.exact and not self.ask(lambda: _agrees(operation, steps)):
            return None
        return steps

    def _matrix(self, operation, *, moves: bool) -> Matrix:
        """An operation as one matrix; raises ValueError where that is not unitary."""
        with _name_operation(operation):
            matrix = matrix_of(operation)
        if not self.ask(lambda: is_unitary(matrix)):
            raise UsageError(f"the matrix of its {operation.name} is not unitary", key="circuit")
        return Matrix(
            tuple(operation.wires), operation.name, matrix if moves else matrix.detach(), moves
        )

    def _check_end(self, operation) -> None:
        same = [
            outer
            for outer in self.within
            if type(outer) is type(operation) and outer.wires == operation.wires
        ]
        if len(same) > MAX_RECURSIONS:
            raise UsageError(
                f"the decomposition of its {operation.name} contains itself, so it never ends",
                key="circuit",
            )


def exponentials(operation) -> list[Turn] | None:
    """An exponential of commuting Pauli words as a rotation each, None for any other.

    The exponent of a gate is imaginary; a real part is left out.
    """
    sentence = operation.base.pauli_rep
    if sentence is None:
        return None
    turns = []
    for word, factor in sentence.items():
        exponent = as_complex(operation.coeff) * as_complex(factor)  # exp(i phi P) turns by -2 phi
        turns.append(Turn(tuple(word.keys()), "".join(word.values()), -2 * exponent.imag))
    return turns if commute(turns) else None


def _rotations(operation) -> list[tuple[str, int, float]] | None:
    """The rotations of a gate that is made of some, None for any other."""
    if isinstance(operation, qml.MultiRZ):
        return [("Z" * len(operation.wires), 0, 1)]
    if isinstance(operation, qml.PauliRot):
        return [(operation.hyperparameters["pauli_word"], 0, 1)]
    if isinstance(operation, qml.GlobalPhase):
        return [("", 0, 2)]
    return ROTATIONS.get(type(operation))


def _turn(operation, word: str, parameter: int, factor: float) -> Turn:
    # A phase has wires or none
    pairs = [
        (wire, letter) for wire, letter in zip(operation.wires, word, strict=False) if letter != "I"
    ]
    angle = operation.data[parameter]
    wires = tuple(wire for wire, _ in pairs)
    letters = "".join(letter for _, letter in pairs)
    return Turn(wires, letters, angle if factor == 1 else angle * factor)


def _preparation(operation) -> list[Step]:
    """Gates that make the amplitudes of a StatePrep from zeros."""
    amplitudes = torch.as_tensor(operation.data[0])
    wires = tuple(operation.wires)
    return [
        Matrix(on, word, pauli.CNOT) if angle is None else Turn(on, word, angle)
        for on, word, angle in preparation.gates(amplitudes, wires)
    ]


def _decomposition(operation) -> list | None:
    """An operation's own decomposition, None where it has none for these parameters."""
    try:
        with _name_operation(operation):
            return operation.decomposition()
    except OperatorPropertyUndefined:
        return None


@contextmanager
def _name_operation(operation) -> Iterator[None]:
    """Name the operation whose code fails."""
    try:
        yield
    except TENSOR_ERRORS as error:
        raise UsageError(
            f"PennyLane's {operation.name} does not take these values: {error}", key="circuit"
        ) from error


def _agrees(operation, steps: list[Step]) -> bool:
    """Whether steps are the operation with its phase; trusted where it has no matrix of its own."""
    if not operation.has_matrix or len(operation.wires) > MAX_MOVING_WIRES:
        return True
    wires = tuple(operation.wires)
    if not {wire for step in steps for wire in step.wires} <= set(wires):
        return True  # it borrows wires
    product = torch.eye(2 ** len(wires), dtype=torch.complex128)
    for step in steps:
        product = full(step, wires) @ product
    return torch.allclose(product, matrix_of(operation).detach(), rtol=0, atol=TOLERANCE)


def _prod(lowering: Lowering, operation) -> list[Step]:
    return lowering.of_all(operation.operands[::-1])


def _adjoint(lowering: Lowering, operation) -> list[Step]:
    return [adjoint(step) for step in reversed(lowering.steps(operation.base))]


def _power(lowering: Lowering, operation) -> list[Step] | None:
    exponent = operation.z
    if not is_whole(exponent):
        return None
    steps = lowering.steps(operation.base)
    count = abs(int(exponent))
    if exponent < 0:
        steps = [adjoint(step) for step in reversed(steps)]
    turns = [step for step in steps if isinstance(step, Turn)]
    if len(turns) == len(steps) and commute(turns):
        return [replace(turn, angle=turn.angle * count) for turn in turns]
    return steps * count if count <= MAX_REPEATS else None


def _control(lowering: Lowering, operation) -> list[Step] | None:
    controls = tuple(operation.control_wires)
    if len(controls) > MAX_CONTROLS:
        return None
    steps = replace(lowering, exact=True).steps(operation.base)
    return [inner for step in steps for inner in control(step, controls, operation.control_values)]


def _exponential(lowering: Lowering, operation) -> list[Step] | None:
    if not lowering.ask(lambda: _imaginary(operation)):
        raise UsageError(
            f"its {operation.name} is not unitary",
            "the exponent of a gate is imaginary, as 1j * angle",
            key="circuit",
        )
    turns = exponentials(operation)
    return None if turns is None else [*turns]


RULES: dict[type, Callable[[Lowering, object], list[Step] | None]] = {
    op_math.Prod: _prod,
    op_math.Adjoint: _adjoint,
    op_math.Pow: _power,
    op_math.Controlled: _control,
    op_math.Exp: _exponential,
}


def _imaginary(operation) -> bool:
    """Whether an exponent is imaginary, as far as its Pauli words tell."""
    coefficient = as_complex(operation.coeff).detach()
    factors = (operation.base.pauli_rep or {}).values()
    return all(
        abs((coefficient * as_complex(factor).detach()).real) < TOLERANCE for factor in factors
    )
