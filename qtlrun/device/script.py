"""PennyLane tapes of a circuit that was read, and the numbers in their results."""

from collections.abc import Sequence

import numpy as np
import pennylane as qml

from qtlrun.simulator.noise import CHANNELS, Noise, stands_behind
from qtlrun.tape.tape import Gate, Reading

SILENCE = Noise()
CONSTANTS = (qml.QubitUnitary, qml.operation.Channel)  # whose parameters are not trained


def build_tape(
    reading: Reading,
    angles: list,
    shots: int | None,
    matrices: Sequence = (),
    noise: Noise = SILENCE,
) -> qml.tape.QuantumScript:
    """Build a tape of the circuit's gates, with angles and matrices put in.

    Every angle is a trainable parameter of the tape. Channels of the noise stand behind the gates
    that it names, flips of the readout before the measurements.
    """
    operations = []
    for gate in reading.gates:
        operations += _operations(gate, angles, matrices)
        if stands_behind(noise, gate, reading.fed):
            operations += [each for wire in gate.wires for each in list_channels(noise, wire)]
    if noise.has_flips:
        operations += [_flip(noise, wire) for wire in range(reading.qubits)]
    tape = qml.tape.QuantumScript(operations, reading.measurements, shots=shots)
    owners = [operation for operation in tape.operations for _ in operation.data]
    tape.trainable_params = [
        index for index, owner in enumerate(owners) if not isinstance(owner, CONSTANTS)
    ]
    return tape


def list_channels(noise: Noise, wire: int) -> list[qml.operation.Channel]:
    """Channels on a wire, in the order in which they act."""
    return [getattr(qml, CHANNELS[name])(value, wire) for name, value in noise.channels.items()]


def _flip(noise: Noise, wire: int) -> qml.QubitChannel:
    """Errors of reading a wire in the basis of Z, as a channel before the measurement."""
    shares = (1 - noise.readout_0, noise.readout_0, noise.readout_1, 1 - noise.readout_1)
    places = ((0, 0), (1, 0), (0, 1), (1, 1))
    matrices = [np.zeros((2, 2)) for _ in places]
    for matrix, element, share in zip(matrices, places, shares, strict=True):
        matrix[element] = share**0.5
    return qml.QubitChannel(matrices, wire)


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
