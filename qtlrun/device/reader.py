"""Reads a circuit once: its gates as rotations and constants, and each angle as a function of inputs and weights."""
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pennylane as qml
import torch
from torch import Tensor

from qtlrun.device import pauli, preparation
from qtlrun.device.angle import SIGNAL, Affine, Chosen, Quadratic, every, single
from qtlrun.device.reading import Gate, Preparation, Reading, apart, inputs_of, split
from qtlrun.layer import generator

# A gate as rotations exp(-i a P / 2), in the order they act: the word P, and a as a multiple of which parameter.
ROTATIONS = {
    "RX": [("X", 0, 1)], "RY": [("Y", 0, 1)], "RZ": [("Z", 0, 1)], "PhaseShift": [("Z", 0, 1)],
    "Rot": [("Z", 0, 1), ("Y", 1, 1), ("Z", 2, 1)],
    "IsingXX": [("XX", 0, 1)], "IsingYY": [("YY", 0, 1)], "IsingZZ": [("ZZ", 0, 1)],
    "CRX": [("IX", 0, .5), ("ZX", 0, -.5)], "CRY": [("IY", 0, .5), ("ZY", 0, -.5)],
    "CRZ": [("IZ", 0, .5), ("ZZ", 0, -.5)],
    "CRot": [("IZ", 0, .5), ("ZZ", 0, -.5), ("IY", 1, .5), ("ZY", 1, -.5), ("IZ", 2, .5), ("ZZ", 2, -.5)],
    "U3": [("Z", 2, 1), ("Y", 0, 1), ("Z", 1, 1)],  # but for a phase, which a control feels
    "C(U3)": [("IZ", 2, .5), ("ZZ", 2, -.5), ("IY", 0, .5), ("ZY", 0, -.5), ("IZ", 1, .5), ("ZZ", 1, -.5), ("ZI", 1, .5), ("ZI", 2, .5)],
    "ControlledPhaseShift": [("ZI", 0, .5), ("IZ", 0, .5), ("ZZ", 0, -.5)],
}
POINTS = 12  # at which a circuit is read; each second one is the one before it mirrored, so |x| is not taken for x
LAYERED = ("pennylane.templates.embeddings", "pennylane.templates.layers")  # templates of gates on single wires and others
OBSERVED = "circuit: its observables depend on the values of inputs or weights; only angles of gates may."
DEPENDS = "circuit: its gates depend on the values of inputs or weights; only their angles may."


@torch.inference_mode(False)
@torch.enable_grad()
def read(circuit, entangle: bool = True, embed: bool = False) -> Reading:
    """Trace a circuit, find what its angles are of inputs and weights, and verify it at further random points.

    Without `entangle` every gate on more than one wire is dropped from what was recorded. With `embed` amplitudes that
    wires begin in are taken as such, else as the gates that make them. Raises ValueError where gates or observables
    depend on values, a wire is none of the circuit's, or an operation has no matrix and no decomposition.
    """
    lowered = [_lower(circuit, entangle, embed, point) for point in range(POINTS)]
    gates, measurements = lowered[0].gates, lowered[0].measurements
    if not all(_same(gates, other.gates) for other in lowered):
        raise ValueError(DEPENDS)
    if not all(_measured(measurements) == _measured(other.measurements) for other in lowered):
        raise ValueError(OBSERVED)
    starts = tuple(_preparation(circuit, entangle, [one.starts[place] for one in lowered], lowered, place)
                   for place in range(len(lowered[0].starts)))
    if found := single([(one.angles, one.inputs, one.weights) for one in lowered]):
        affine, fed, trained = _chosen(*found, inputs_of(circuit), math.prod(circuit.shape))
        return Reading(circuit.qubits, inputs_of(circuit), gates, lambda x, w: (x, w), affine, measurements, fed, trained, starts)
    pieces = [_slopes(one) for one in lowered]
    fed, trained = (frozenset(sum((piece[place] != 0).any(1) for piece in pieces).nonzero().flatten().tolist()) for place in (0, 1))
    steps = {place for piece in pieces for place in (~piece[2].isclose(pieces[0][2], rtol=0, atol=SIGNAL)).nonzero().flatten().tolist()}
    fed |= steps - fed - trained  # an angle that jumps: it has no slope anywhere, and differs from sample to sample
    affine = Affine(*pieces[0])
    if all(affine.near(Affine(*piece)) for piece in pieces[1:]):
        return Reading(circuit.qubits, inputs_of(circuit), gates, lambda x, w: (x, w), affine, measurements, fed, trained, starts)
    angles = Quadratic.found([(one.angles, one.inputs, one.weights) for one in lowered]) or _retrace(circuit, entangle, embed, gates)
    return Reading(circuit.qubits, inputs_of(circuit), gates, split(angles, fed, trained), apart(affine.rest, fed, trained), measurements,
                   fed, trained, starts)


def trace(circuit, inputs, weights, entangle: bool = True) -> tuple[list, list]:
    """The PennyLane operations that a circuit applies, and what it returns, in the order returned."""
    with qml.queuing.AnnotatedQueue() as queue:
        returned = circuit(inputs, weights)
    operations = qml.tape.QuantumScript.from_queue(queue).operations
    measurements = list(returned) if isinstance(returned, (list, tuple)) else [returned]
    for one in measurements or [None]:
        if not isinstance(one, qml.measurements.MeasurementProcess):
            raise ValueError(f"circuit: it returns {returned!r}; a measurement or a list of them is needed, as [qml.expval(qml.Z(0))].")
    return operations if entangle else [op for whole in operations for op in _on_single_wires(whole)], measurements


def _on_single_wires(operation) -> list:
    """What is left of an operation without gates on several wires: templates are taken apart first, embedded amplitudes kept."""
    if len(operation.wires) < 2 or isinstance(operation, qml.StatePrep):
        return [operation]
    if type(operation).__module__.startswith(LAYERED) and operation.has_decomposition:
        return [one for part in operation.decomposition() for one in _on_single_wires(part)]
    return []


def _measured(measurements: list) -> list:
    """What tells one list of measurements from another, coefficients included."""
    return [(type(one).__name__, tuple(one.wires), getattr(one.obs, "pauli_rep", None) or repr(one.obs)) for one in measurements]


def _check(circuit, operations: list, measurements: list) -> None:
    """Refuse wires that are none of the circuit's, and observables that depend on values."""
    used = {wire for one in (*operations, *measurements) for wire in one.wires}
    if strange := used - set(range(circuit.qubits)):
        raise ValueError(f"circuit: it uses wire {min(strange, key=str)}, and its {circuit.qubits} qubits are the "
                         f"wires 0 to {circuit.qubits - 1}.")
    numbers = [number for one in measurements if one.obs is not None for number in one.obs.data]
    if any(getattr(number, "requires_grad", False) for number in numbers):
        raise ValueError(OBSERVED)


def _same(gates: list[Gate], others: list[Gate]) -> bool:
    """Whether two readings have the same gates."""
    return len(gates) == len(others) and all(
        (one.wires, one.word) == (other.wires, other.word) and (one.matrix is None or torch.equal(one.matrix, other.matrix))
        for one, other in zip(gates, others, strict=True))


@dataclass(frozen=True)
class _Lowered:
    """A circuit traced at one point."""
    gates: list[Gate]
    angles: list
    measurements: list
    starts: list
    inputs: Tensor
    weights: Tensor


def _lower(circuit, entangle: bool, embed: bool, point: int) -> _Lowered:
    """The circuit at a random point; each second point is the one before it mirrored."""
    draw, side = generator(point // 2, "reader"), math.pi * (-1)**point
    inputs, weights = (((2 * torch.rand(shape, generator=draw, dtype=torch.float64) - 1) * side * reach).requires_grad_()
                       for shape, reach in (((inputs_of(circuit),), .5), (circuit.shape, 2)))  # heads feed angles up to pi/2
    operations, measurements = trace(circuit, inputs, weights, entangle)
    _check(circuit, operations, measurements)
    gates, angles, starts = _gates(operations, embed)
    return _Lowered(gates, angles, measurements, starts, inputs, weights)


def _gates(operations: list, embed: bool) -> tuple[list[Gate], list, list]:
    """Gates, their angles, and (with `embed`) the operations that prepare amplitudes before anything touched their wires."""
    gates, angles, starts, touched = [], [], [], set()
    for operation in operations:
        if embed and isinstance(operation, qml.StatePrep) and not operation.is_sparse and not touched & set(operation.wires):
            starts.append(operation)
        else:
            _append(operation, gates, angles)
        touched |= set(operation.wires)
    return gates, angles, starts


def _append(operation, gates: list[Gate], angles: list) -> None:
    wires, name = tuple(operation.wires), operation.name
    if not wires or name in ("Identity", "GlobalPhase", "Barrier", "WireCut"):
        return
    if name in ("MultiRZ", "PauliRot"):
        words = [("Z" * len(wires) if name == "MultiRZ" else operation.hyperparameters["pauli_word"], 0, 1)]
    else:
        words = ROTATIONS.get(name) if getattr(operation, "control_values", [True]) == [True] else None  # of one control, if any
    if isinstance(operation, qml.StatePrep) and not operation.is_sparse:
        for on, word, angle in preparation.gates(torch.as_tensor(operation.data[0]), wires):
            gates.append(Gate(on, word, matrix=pauli.CNOT) if angle is None else Gate(on, word, len(angles)))
            angles += [] if angle is None else [angle]
    elif words is not None:
        for word, parameter, factor in words:
            gates.append(Gate(wires, word, len(angles)))
            angles.append(operation.data[parameter] * factor)
    elif operation.has_matrix and len(wires) <= 3 and (not operation.data or name == "QubitUnitary" and isinstance(operation.data[0], np.ndarray)):
        gates.append(Gate(wires, name, matrix=_unitary(name, torch.as_tensor(operation.matrix(), dtype=torch.complex128))))
    elif operation.has_decomposition:
        for part in operation.decomposition():
            _append(part, gates, angles)
    else:
        raise ValueError(f"circuit: it uses {name}; circuits are made of unitary gates with a matrix or a decomposition.")


def _unitary(name: str, matrix: Tensor) -> Tensor:
    if not torch.allclose(matrix @ matrix.mH, torch.eye(len(matrix), dtype=matrix.dtype), rtol=0, atol=1e-6):  # a float32's worth
        raise ValueError(f"circuit: the matrix of its {name} is not unitary.")
    return matrix


def _chosen(place: Tensor, factor: Tensor, rest: Tensor, features: int,
            weights: int) -> tuple[Affine | Chosen, frozenset[int], frozenset[int]]:
    """Angles of one element of (inputs, weights) each, with those that depend on the inputs, and on the weights."""
    fed, trained = (frozenset(((factor != 0) & side).nonzero().flatten().tolist()) for side in (place < features, place >= features))
    if not features:
        return Chosen(place, factor, rest, weights), fed, trained
    slopes = torch.zeros(len(rest), features + weights, dtype=torch.float64)
    slopes[torch.arange(len(rest)), place] = factor
    return Affine(slopes[:, :features].contiguous(), slopes[:, features:].contiguous(), rest), fed, trained


def _slopes(at: _Lowered) -> tuple[Tensor, Tensor, Tensor]:
    """The derivative of each angle by inputs and weights, and what is left at zero."""
    by_input, by_weight, rest = [], [], []
    for angle in at.angles:
        angle = torch.as_tensor(angle, dtype=torch.float64)
        if angle.numel() != 1:
            raise ValueError(f"circuit: an angle is {angle.numel()} numbers; a circuit sees one sample, and each gate one of its inputs.")
        if not angle.isfinite():
            raise ValueError("circuit: an angle is not finite.")
        slopes = (None, None)
        if angle.requires_grad:
            slopes = torch.autograd.grad(angle, (at.inputs, at.weights), retain_graph=True, allow_unused=True)
        x, w = (torch.zeros_like(of) if slope is None else slope for slope, of in zip(slopes, (at.inputs, at.weights), strict=True))
        if not (x.isfinite().all() and w.isfinite().all()):
            raise ValueError("circuit: an angle has no finite derivative by inputs or weights, so nothing could be trained.")
        by_input.append(x.flatten())
        by_weight.append(w.flatten())
        rest.append((angle - (x * at.inputs).sum() - (w * at.weights).sum()).detach())
    count = len(at.angles)
    return (torch.stack(by_input) if count else torch.zeros(0, at.inputs.numel(), dtype=torch.float64),
            torch.stack(by_weight) if count else torch.zeros(0, at.weights.numel(), dtype=torch.float64),
            torch.stack(rest) if count else torch.zeros(0, dtype=torch.float64))


def _retrace(circuit, entangle: bool, embed: bool, gates: list[Gate]) -> Callable[[Tensor, Tensor], Tensor]:
    """Angles that are neither affine nor quadratic, evaluated anew each step."""
    def one(x: Tensor, w: Tensor) -> Tensor:
        now, angles, _ = _gates(trace(circuit, x, w, entangle)[0], embed)
        if not _same(gates, now):
            raise ValueError(DEPENDS)
        return torch.stack([torch.as_tensor(angle, dtype=x.dtype) for angle in angles])
    return every(one, inputs_of(circuit), circuit.shape)


def _preparation(circuit, entangle: bool, seen: list, lowered: list[_Lowered], place: int) -> Preparation:
    """Amplitudes that a circuit prepares: a constant, its inputs padded and scaled, or what it says, evaluated each step."""
    wires, states = tuple(seen[0].wires), [torch.as_tensor(one.data[0]) for one in seen]
    real = all(not state.is_complex() or not state.imag.any() for state in states)
    states = [state.real if real and state.is_complex() else state for state in states]
    fill = seen[0].hyperparameters["pad_with"]

    def padded(x: Tensor, w: Tensor) -> Tensor:
        x = torch.nn.functional.pad(x, (0, 2**len(wires) - x.shape[-1]), value=0. if fill is None else float(fill))
        return x / torch.linalg.vector_norm(x, dim=-1, keepdim=True)

    def one(x: Tensor, w: Tensor) -> Tensor:
        state = torch.as_tensor(_gates(trace(circuit, x, w, entangle)[0], True)[2][place].data[0])
        return (state.real if real and state.is_complex() else state).to(x.dtype if real else x.dtype.to_complex())
    if not any(state.requires_grad for state in states):
        if not all(torch.equal(states[0], state) for state in states):
            raise ValueError(DEPENDS)
        return Preparation(wires, lambda x, w: states[0].to(x.device, x.dtype if real else x.dtype.to_complex()).expand(*x.shape[:2], -1), real)
    if real and inputs_of(circuit) <= 2**len(wires) and all(
            torch.allclose(padded(at.inputs, at.weights), state, rtol=0, atol=SIGNAL) for state, at in zip(states, lowered, strict=True)):
        return Preparation(wires, padded, real)
    return Preparation(wires, every(one, inputs_of(circuit), circuit.shape), real)
