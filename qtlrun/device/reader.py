"""Reads a circuit once: its gates as rotations and constants, and each angle as a function of inputs and weights."""
import math
import os
from collections.abc import Callable
from dataclasses import dataclass

import pennylane as qml
import torch
from torch import Tensor

from qtlrun.layer import affine, generator

# A gate as rotations exp(-i a P / 2), in the order they act: the word P, and a as a multiple of which parameter.
ROTATIONS = {
    "RX": [("X", 0, 1)], "RY": [("Y", 0, 1)], "RZ": [("Z", 0, 1)], "PhaseShift": [("Z", 0, 1)],
    "Rot": [("Z", 0, 1), ("Y", 1, 1), ("Z", 2, 1)],
    "IsingXX": [("XX", 0, 1)], "IsingYY": [("YY", 0, 1)], "IsingZZ": [("ZZ", 0, 1)],
    "CRX": [("IX", 0, .5), ("ZX", 0, -.5)], "CRY": [("IY", 0, .5), ("ZY", 0, -.5)],
    "CRZ": [("IZ", 0, .5), ("ZZ", 0, -.5)],
    "ControlledPhaseShift": [("ZI", 0, .5), ("IZ", 0, .5), ("ZZ", 0, -.5)],
}
SIGNAL = 1e-9  # two evaluations of one affine map in float64 differ by less
POINTS = 4  # at which a circuit is read; each second one is the one before it mirrored, so |x| is not taken for x
DEPENDS = "circuit: its gates depend on the values of inputs or weights; only their angles may."


@dataclass(frozen=True)
class Gate:
    """A rotation about a Pauli word by the angle of that number, or (angle None) a constant matrix."""
    wires: tuple[int, ...]
    word: str = ""
    angle: int | None = None
    matrix: Tensor | None = None


@dataclass(frozen=True)
class Reading:
    """A circuit as data: `angles(inputs, weights)` gives the angle of every rotation among `gates`."""
    qubits: int
    gates: list[Gate]
    angles: Callable[[Tensor, Tensor], Tensor]
    measurements: list
    fed: frozenset[int]  # the angles that depend on the inputs
    trained: frozenset[int]  # those that depend on the weights


def read(circuit, entangle: bool = True) -> Reading:
    """Trace a circuit, find which angles are affine in inputs and weights, and verify it at further random points.

    Without `entangle` every gate on more than one wire is dropped from what was recorded. Raises ValueError where gates
    or observables depend on values, a wire is none of the circuit's, or an operation has no matrix and no decomposition.
    """
    lowered = [_lower(circuit, entangle, point) for point in range(POINTS)]
    gates, _, measurements, *_ = lowered[0]
    if not all(_same(gates, other) for other, *_ in lowered):
        raise ValueError(DEPENDS)
    pieces = [_slopes(*rest) for _, *rest in lowered]
    inputs, weights, constant = pieces[0]
    if all(torch.allclose(a, b, atol=SIGNAL) for piece in pieces[1:] for a, b in zip(pieces[0], piece, strict=True)):
        def angles(x: Tensor, w: Tensor) -> Tensor:
            """Angles (runs, batch, angles) of inputs (runs, batch, features) and weights (runs, *shape)."""
            by_input, by_weight, rest = (one.to(x).expand(len(x), *one.shape) for one in (inputs, weights, constant))
            fixed = affine(w.flatten(1).unsqueeze(1), by_weight, rest).squeeze(1)
            return affine(x, by_input, fixed)
    else:
        angles = _retrace(circuit, entangle, gates)
    moved = (sum((piece[place] != 0).any(1) for piece in pieces) for place in (0, 1))
    return Reading(circuit.qubits, gates, angles, measurements, *(frozenset(by.nonzero().flatten().tolist()) for by in moved))


def fits(qubits: int, mixed: bool = False) -> None:
    """Refuse, with the largest number that fits, a state (`mixed`: a density matrix) that this machine cannot hold."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    bits, room = qubits * (1 + mixed), memory // 4 // 16
    if 2**bits > room:
        raise ValueError(
            f"circuit.qubits={qubits}: a state of 2**{bits} amplitudes needs {2**bits * 16 / 2**30:,.0f} GiB, with its gradient "
            f"four times that, and this machine has {memory / 2**30:.0f}; use {(room.bit_length() - 1) // (1 + mixed)} or fewer.")


def trace(circuit, inputs, weights, entangle: bool = True) -> tuple[list, list]:
    """The PennyLane operations that a circuit applies, and what it returns, in the order returned."""
    with qml.queuing.AnnotatedQueue() as queue:
        returned = circuit(inputs, weights)
    operations = qml.tape.QuantumScript.from_queue(queue).operations
    measurements = list(returned) if isinstance(returned, (list, tuple)) else [returned]
    return [op for op in operations if entangle or len(op.wires) < 2], measurements


def _check(circuit, operations: list, measurements: list) -> None:
    """Refuse wires that are none of the circuit's, and observables that depend on values."""
    used = {wire for one in (*operations, *measurements) for wire in one.wires}
    if strange := used - set(range(circuit.qubits)):
        raise ValueError(f"circuit: it uses wire {min(strange, key=str)}, and its {circuit.qubits} qubits are the "
                         f"wires 0 to {circuit.qubits - 1}.")
    numbers = [number for one in measurements if one.obs is not None for number in one.obs.data]
    if any(getattr(number, "requires_grad", False) for number in numbers):
        raise ValueError("circuit: its observables depend on the values of inputs or weights; only angles of gates may.")


def _same(gates: list[Gate], others: list[Gate]) -> bool:
    """Whether two readings have the same gates."""
    return len(gates) == len(others) and all(
        (one.wires, one.word) == (other.wires, other.word) and (one.matrix is None or torch.equal(one.matrix, other.matrix))
        for one, other in zip(gates, others, strict=True))


def _lower(circuit, entangle: bool, point: int):
    """Gates and angles at a random point, the measurements, and the point itself."""
    draw, side = generator(point // 2, "reader"), math.pi * (-1)**point
    inputs, weights = (((2 * torch.rand(shape, generator=draw, dtype=torch.float64) - 1) * side).requires_grad_()
                       for shape in ((_inputs(circuit),), circuit.shape))
    operations, measurements = trace(circuit, inputs, weights, entangle)
    _check(circuit, operations, measurements)
    gates, angles = [], []
    for operation in operations:
        _append(operation, gates, angles)
    return gates, angles, measurements, inputs, weights


def _append(operation, gates: list[Gate], angles: list) -> None:
    wires, name = tuple(operation.wires), operation.name
    if name in ("Identity", "GlobalPhase", "Barrier", "WireCut"):
        return
    if name in ("MultiRZ", "PauliRot"):
        words = [("Z" * len(wires) if name == "MultiRZ" else operation.hyperparameters["pauli_word"], 0, 1)]
    else:
        words = ROTATIONS.get(name)
    if words is not None:
        for word, parameter, factor in words:
            gates.append(Gate(wires, word, len(angles)))
            angles.append(operation.data[parameter] * factor)
    elif not operation.data and operation.has_matrix and len(wires) <= 3:
        gates.append(Gate(wires, name, matrix=torch.as_tensor(operation.matrix(), dtype=torch.complex128)))
    elif operation.has_decomposition:
        for part in operation.decomposition():
            _append(part, gates, angles)
    else:
        raise ValueError(f"circuit: it uses {name}; circuits are made of unitary gates with a matrix or a decomposition.")


def _slopes(angles: list, _measurements, inputs: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The derivative of each angle by inputs and weights, and what is left at zero."""
    by_input, by_weight, rest = [], [], []
    for angle in angles:
        angle = torch.as_tensor(angle, dtype=torch.float64)
        slopes = (None, None)
        if angle.requires_grad:
            slopes = torch.autograd.grad(angle, (inputs, weights), retain_graph=True, allow_unused=True)
        x, w = (torch.zeros_like(of) if slope is None else slope for slope, of in zip(slopes, (inputs, weights), strict=True))
        if not (x.isfinite().all() and w.isfinite().all()):
            raise ValueError("circuit: an angle has no finite derivative by inputs or weights, so nothing could be trained.")
        by_input.append(x.flatten())
        by_weight.append(w.flatten())
        rest.append((angle - (x * inputs).sum() - (w * weights).sum()).detach())
    empty = torch.zeros(0, dtype=torch.float64)
    return (torch.stack(by_input) if angles else torch.zeros(0, inputs.numel(), dtype=torch.float64),
            torch.stack(by_weight) if angles else torch.zeros(0, weights.numel(), dtype=torch.float64),
            torch.stack(rest) if angles else empty)


def _retrace(circuit, entangle: bool, gates: list[Gate]) -> Callable[[Tensor, Tensor], Tensor]:
    """Angles that are no affine map, evaluated anew each step: for every sample at once, by vmap over runs and batch.

    Where the circuit's own arithmetic does not go through vmap, one sample after the other.
    """
    def one(x: Tensor, w: Tensor) -> Tensor:
        now, angles = [], []
        for operation in trace(circuit, x, w, entangle)[0]:
            _append(operation, now, angles)
        if not _same(gates, now):
            raise ValueError(DEPENDS)
        return torch.stack([torch.as_tensor(angle, dtype=x.dtype) for angle in angles])

    def loop(x: Tensor, w: Tensor) -> Tensor:
        return torch.stack([torch.stack([one(sample, run) for sample in batch]) for batch, run in zip(x, w, strict=True)])
    every = torch.func.vmap(torch.func.vmap(one, in_dims=(0, None)))
    try:
        every(torch.ones(1, 2, _inputs(circuit), dtype=torch.float64), torch.ones(1, *circuit.shape, dtype=torch.float64))
    except RuntimeError:
        return loop
    return every


def _inputs(circuit) -> int:
    """How many inputs a circuit takes: its `inputs`, where it says so, or one a qubit."""
    return getattr(circuit, "inputs", circuit.qubits)
