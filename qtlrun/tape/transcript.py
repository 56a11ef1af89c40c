"""Circuit with trained weights as named gates, whose angles are sums of its inputs."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pennylane as qml
import torch
from torch import Tensor

from qtlrun.error import UsageError
from qtlrun.tape import measurement
from qtlrun.tape.measurement import Probabilities, Value
from qtlrun.tape.tape import Gate, Reading

TOLERANCE = 1e-10  # of the entries of a named gate's matrix, and of a slope that is none
# Gates without an angle by their names in OpenQASM's stdgates.inc
CONSTANTS = {
    "id": qml.Identity(0),
    "h": qml.Hadamard(0),
    "x": qml.PauliX(0),
    "y": qml.PauliY(0),
    "z": qml.PauliZ(0),
    "s": qml.S(0),
    "sdg": qml.adjoint(qml.S(0)),
    "t": qml.T(0),
    "tdg": qml.adjoint(qml.T(0)),
    "sx": qml.SX(0),
    "cx": qml.CNOT([0, 1]),
    "cy": qml.CY([0, 1]),
    "cz": qml.CZ([0, 1]),
    "ch": qml.CH([0, 1]),
    "swap": qml.SWAP([0, 1]),
    "ccx": qml.Toffoli([0, 1, 2]),
    "cswap": qml.CSWAP([0, 1, 2]),
}
ROTATIONS = {"RX": "rx", "RY": "ry", "RZ": "rz"}


@dataclass(frozen=True)
class Angle:
    """Angle in radians: a constant, and a slope by each input that it depends on."""

    constant: float
    slopes: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True)
class Instruction:
    """Gate of OpenQASM's stdgates.inc on some wires; only rotations have an angle."""

    name: str
    wires: tuple[int, ...]
    angle: Angle | None = None


@dataclass(frozen=True)
class Transcript:
    """Circuit as instructions from all zeros, up to a global phase.

    inputs: numbers of an item that angles depend on
    outcomes: expectation values and probabilities that are measured
    """

    qubits: int
    inputs: int
    instructions: tuple[Instruction, ...]
    outcomes: tuple[Value | Probabilities, ...]


def parameters(reading: Reading, inputs: Tensor, weights: Tensor) -> Tensor:
    """Inputs of the transcript, (runs, batch, numbers), of those of the circuit.

    They are the circuit's own where its angles are affine in them, else the angles that depend on
    them.
    """
    return reading.prepare(inputs, weights)[0]


@torch.no_grad()
def transcribe(reading: Reading, weights: Tensor) -> Transcript:
    """Write a circuit with its trained weights, (1, *shape), as instructions.

    Raises UsageError where a gate is no rotation whose angle alone depends on values, where the
    circuit begins in amplitudes, and where what it measures is neither expectation value nor
    probability.
    """
    if reading.moving or reading.starts:
        reason = f"the matrix of its {reading.moving} depends on values"
        raise UsageError(
            reason if reading.moving else "it begins in amplitudes that depend on values",
            key="circuit",
        )
    no_inputs = torch.zeros(1, 1, reading.features, dtype=torch.float64)
    sample, run = reading.prepare(no_inputs, weights.detach().cpu().double())
    affine = reading.affine
    constants = affine.by_weight @ run.flatten().double() + affine.rest
    angles = list(map(_angle, affine.by_input, constants))
    instructions = tuple(
        instruction for gate in reading.gates for instruction in _instructions(gate, angles)
    )
    outcomes = measurement.read(reading.measurements, reading.qubits, reading.qubits)
    return Transcript(reading.qubits, sample.shape[-1], instructions, tuple(outcomes))


def _angle(slopes: Tensor, constant: Tensor) -> Angle:
    indices = [index for index, slope in enumerate(slopes.tolist()) if abs(slope) > TOLERANCE]
    return Angle(float(constant), tuple((index, float(slopes[index])) for index in indices))


def _instructions(gate: Gate, angles: list[Angle]) -> Iterator[Instruction]:
    """Instructions of a rotation about a Pauli word, or of a constant matrix."""
    if gate.angle is None:
        yield from _constant(gate.matrix.numpy(), gate.wires)
        return
    wires = [wire for wire, letter in zip(gate.wires, gate.word, strict=True) if letter != "I"]
    word = gate.word.replace("I", "")
    if not word:
        return
    angle = angles[gate.angle]
    if len(word) == 1:
        yield Instruction(ROTATIONS[f"R{word}"], tuple(wires), angle)
        return
    turns = [turn for pair in zip(word, wires, strict=True) for turn in _to_z(*pair)]
    ladder = [Instruction("cx", pair) for pair in itertools.pairwise(wires)]
    yield from (*turns, *ladder)
    yield Instruction("rz", (wires[-1],), angle)
    yield from reversed(ladder)
    backward = {"h": "h", "sdg": "s"}
    for turn in reversed(turns):
        yield Instruction(backward[turn.name], turn.wires)


def _to_z(letter: str, wire: int) -> Iterator[Instruction]:
    """Instructions that turn a Pauli letter into Z."""
    if letter == "Y":
        yield Instruction("sdg", (wire,))
    if letter in "XY":
        yield Instruction("h", (wire,))


def _constant(matrix: np.ndarray, wires: tuple[int, ...]) -> Iterator[Instruction]:
    """Instructions of a constant matrix: a named gate, or rotations and CNOTs."""
    for name, operation in CONSTANTS.items():
        if _is_same(matrix, operation.matrix()):
            yield Instruction(name, wires)
            return
    tape = qml.tape.QuantumScript([qml.QubitUnitary(matrix, wires)])
    gate_set = {*ROTATIONS, "CNOT", "GlobalPhase"}
    (decomposed,), _ = qml.transforms.decompose(tape, gate_set=gate_set)
    for operation in decomposed.operations:
        if operation.name == "CNOT":
            yield Instruction("cx", tuple(operation.wires))
        elif operation.name in ROTATIONS:
            angle = Angle(float(operation.data[0]))
            yield Instruction(ROTATIONS[operation.name], tuple(operation.wires), angle)


def _is_same(matrix: np.ndarray, other: np.ndarray) -> bool:
    """Whether two unitary matrices are the same up to a phase."""
    if matrix.shape != other.shape:
        return False
    overlap = np.vdot(matrix, other)
    phase = overlap / abs(overlap) if overlap else 1.0
    return bool(np.abs(matrix * phase - other).max() < TOLERANCE)
