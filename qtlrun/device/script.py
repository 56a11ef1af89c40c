"""PennyLane tapes of a circuit that was read, and the numbers in their results."""

from collections.abc import Sequence

import numpy as np
import pennylane as qml

from qtlrun.tape.tape import Gate, Reading


def build_tape(
    reading: Reading, angles: list, shots: int | None, matrices: Sequence = ()
) -> qml.tape.QuantumScript:
    """Build a tape of the circuit's gates, with angles and matrices put in.

    Every angle is a trainable parameter of the tape.
    """
    operations = [
        operation for gate in reading.gates for operation in _operations(gate, angles, matrices)
    ]
    tape = qml.tape.QuantumScript(operations, reading.measurements, shots=shots)
    owners = [operation for operation in tape.operations for _ in operation.data]
    tape.trainable_params = [
        index for index, owner in enumerate(owners) if owner.name != "QubitUnitary"
    ]
    return tape


def _operations(gate: Gate, angles: list, matrices: Sequence) -> list:
    if gate.angle is not None:
        return _rotation(gate, angles[gate.angle])
    matrix = gate.matrix.numpy() if gate.moving is None else matrices[gate.moving]
    return [qml.QubitUnitary(matrix, gate.wires)]


def _rotation(gate: Gate, angle) -> list:
    """A Pauli rotation by gates that every device differentiates.

    Lightning would decompose a PauliRot into further angles.
    """
    wires = [wire for wire, letter in zip(gate.wires, gate.word, strict=True) if letter != "I"]
    word = gate.word.replace("I", "")
    single = {"X": qml.RX, "Y": qml.RY, "Z": qml.RZ}
    if word in single:
        return [single[word](angle, wires)]
    turns = []
    for wire, letter in zip(wires, word, strict=True):
        if letter == "Y":
            turns.append(qml.adjoint(qml.S(wire)))
        if letter in "XY":
            turns.append(qml.Hadamard(wire))
    return [
        *turns,
        qml.MultiRZ(angle, wires),
        *(qml.adjoint(turn, lazy=False) for turn in reversed(turns)),
    ]


def count_angles(reading: Reading) -> int:
    """Count the angles of a circuit."""
    return sum(gate.angle is not None for gate in reading.gates)


def size(process, qubits: int) -> int:
    """How many numbers a measurement gives."""
    if not isinstance(process, qml.measurements.ProbabilityMP):
        return 1
    return 2 ** (len(process.wires) or qubits)


def stack_results(results, samples: int) -> np.ndarray:
    """Stack PennyLane's tuples of measurements, or single ones, to values (samples, outputs)."""
    rows = [result if isinstance(result, (tuple, list)) else (result,) for result in results]
    return np.stack([np.concatenate(list(map(np.ravel, row))) for row in rows]).reshape(samples, -1)
