"""Operations without their gates on several wires."""

import pennylane as qml
from pennylane.ops import op_math

from qtlrun.tape.gate import exponentials
from qtlrun.tape.unitary import is_whole

# Like StatePrep, where their wires are zeros.
PREPARATIONS = (qml.MottonenStatePreparation, qml.MultiplexerStatePreparation)
# Where PennyLane keeps gates; its templates, and operations of the user's, are made of some
GATE_MODULES = ("pennylane.ops.",)


def on_single_wires(operations: list) -> list:
    """The gates on single wires that operations are made of; those on several are dropped.

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


def _composed(operation) -> list | None:
    """The operations that an operation is composed of, in the order they act; None for a gate."""
    if isinstance(operation, op_math.CompositeOp):
        return None if isinstance(operation, op_math.Sum) else list(operation.operands[::-1])
    if isinstance(operation, op_math.SProd):
        return [operation.base]  # a phase, of which nothing is seen
    if isinstance(operation, qml.BasisState):
        return operation.decomposition()
    if isinstance(operation, op_math.Adjoint):
        return _adjoints(_composed(operation.base))
    if isinstance(operation, op_math.Pow):
        parts = _composed(operation.base)
        if parts and not is_whole(operation.z):
            return [qml.pow(part, operation.z) for part in parts] if _are_disjoint(parts) else None
        return parts and (_adjoints(parts) if operation.z < 0 else parts) * abs(int(operation.z))
    if isinstance(operation, op_math.Exp):
        turns = exponentials(operation)
        if turns is None:
            return _separate_exponentials(operation)
        return [qml.PauliRot(turn.angle, turn.word, turn.wires) for turn in turns if turn.wires]
    if isinstance(operation, qml.PauliRot):
        return _narrow_rotation(operation)
    if type(operation).__module__.startswith(GATE_MODULES) or not operation.has_decomposition:
        return None
    return operation.decomposition()


def _separate_exponentials(operation) -> list:
    """An exponential for each set of wires that an exponential's Pauli words connect.

    None where they connect all.
    """
    sets: list[tuple[set, list]] = []
    for word, factor in (operation.base.pauli_rep or {}).items():
        wires = set(word.keys())
        terms = [(word, factor)]
        for other in [connected for connected in sets if connected[0] & wires]:
            sets.remove(other)
            wires = wires | other[0]
            terms = other[1] + terms
        sets += [(wires, terms)] * bool(wires)  # a word of none is a phase
    if len(sets) < 2:
        return []
    return [qml.exp(_sum(terms), operation.coeff) for _, terms in sets]


def _sum(terms: list[tuple]):
    """The operator of Pauli words with their factors."""
    factors = [factor for _, factor in terms]
    return qml.dot(factors, [word.operation() for word, _ in terms])


def _are_disjoint(parts: list) -> bool:
    """Whether no two operations act on one wire."""
    wires = [wire for part in parts for wire in part.wires]
    return len(set(wires)) == len(wires)


def _adjoints(parts: list | None) -> list | None:
    """The adjoints of operations, in the order they act; None of none."""
    return parts and [qml.adjoint(part) for part in reversed(parts)]


def _narrow_rotation(operation) -> list | None:
    """A Pauli rotation without the wires that it does not turn; None where it turns all."""
    word = operation.hyperparameters["pauli_word"]
    wires = [wire for wire, letter in zip(operation.wires, word, strict=True) if letter != "I"]
    if len(wires) == len(word) or not wires:
        return None
    return [qml.PauliRot(operation.data[0], word.replace("I", ""), wires)]
