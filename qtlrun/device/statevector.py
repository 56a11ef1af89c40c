"""An exact simulator in torch: every run and sample in one batch, differentiable through inputs and weights."""
import itertools
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.device import reader

PAULI = {"I": np.eye(2), "X": np.array([[0, 1], [1, 0]]), "Y": np.array([[0, -1j], [1j, 0]]), "Z": np.diag([1, -1])}


class Statevector:
    """Runs circuits as (samples, 2**qubits) amplitudes; real ones where every gate is real, complex ones else."""

    def run(self, circuit, entangle: bool = True) -> "Run":
        """The circuit as a batched function of inputs and weights.

        Raises ValueError for a state that this machine cannot hold and for operations or measurements it does not know.
        """
        reader.fits(circuit.qubits)
        return Run(reader.read(circuit, entangle))


class Run:
    """A circuit ready to run: inputs (runs, batch, features) and weights (runs, *shape) to its expectation values.

    Wire 0 is the most significant bit of a basis state's index.
    """

    def __init__(self, reading: reader.Reading):
        self.reading = reading
        self.outputs = len(reading.measurements)
        steps = [_step(gate, reading.qubits) for gate in reading.gates]
        self.real = all(real for _, real in steps)
        self.steps = [step for step, _ in steps]
        self.words = [_observable(measurement, reading.qubits) for measurement in reading.measurements]

    def __call__(self, inputs: Float[Tensor, "*runs batch features"],
                 weights: Float[Tensor, "..."]) -> Float[Tensor, "*runs batch outputs"]:
        if inputs.dim() == 2:
            return self(inputs.unsqueeze(0), weights.unsqueeze(0)).squeeze(0)
        angles = self.reading.angles(inputs, weights).flatten(0, 1)
        dtype = angles.dtype if self.real else angles.dtype.to_complex()
        state = torch.zeros(len(angles), 2**self.reading.qubits, dtype=dtype, device=angles.device)
        state[:, 0] = 1
        for step in self.steps:
            state = step(state, angles)
        values = torch.stack([_expectation(state, terms) for terms in self.words], dim=-1)
        return values.unflatten(0, inputs.shape[:2])


def _step(gate: reader.Gate, qubits: int) -> tuple[Callable[[Tensor, Tensor], Tensor], bool]:
    """What a gate does to the state, and whether it keeps real amplitudes real."""
    if gate.angle is None:
        return _constant(gate, qubits)
    swap, phase = _word(gate.word, gate.wires, qubits)
    phase = -1j * phase
    real = bool(np.all(phase.imag == 0))

    def rotate(state: Tensor, angles: Tensor) -> Tensor:
        half = angles[:, gate.angle, None] / 2
        return half.cos() * state + half.sin() * (_on(phase, state) * state[:, _on(swap)])
    return rotate, real


def _constant(gate: reader.Gate, qubits: int):
    matrix = gate.matrix.numpy()
    largest = matrix.flat[np.abs(matrix).argmax()]
    if np.allclose((matrix * largest.conj()).imag, 0, atol=1e-15):  # real up to a phase, which no measurement sees
        matrix = (matrix * largest.conj() / abs(largest)).real
    rows = np.arange(2**qubits)
    shifts = np.array([qubits - 1 - wire for wire in gate.wires])
    local = sum(((rows >> shift) & 1) << place for place, shift in enumerate(shifts[::-1]))
    cleared = rows & ~sum(1 << int(shift) for shift in shifts)
    parts = []
    for column, bits in enumerate(itertools.product((0, 1), repeat=len(shifts))):
        source = cleared | sum(bit << int(shift) for bit, shift in zip(bits, shifts, strict=True))
        if (factor := matrix[local, column]).any():
            parts.append((factor, source))

    def apply(state: Tensor, angles: Tensor) -> Tensor:
        return sum(_on(factor, state) * state[:, _on(source)] for factor, source in parts)
    return apply, not np.iscomplexobj(matrix)


def _observable(measurement, qubits: int) -> list[tuple[float, np.ndarray, np.ndarray]]:
    """An expectation value as terms (factor, swap, phase) of Pauli words."""
    import pennylane as qml
    sentence = getattr(measurement.obs, "pauli_rep", None)
    if not isinstance(measurement, qml.measurements.ExpectationMP) or sentence is None:
        raise ValueError("device=statevector measures expectation values of Pauli words and their sums; "
                         f"device=default.qubit measures {measurement}.")
    return [(float(np.real(factor)), *_word("".join(word.values()) or "I", tuple(word.keys()) or (0,), qubits))
            for word, factor in sentence.items()]


def _expectation(state: Tensor, terms) -> Tensor:
    total = 0
    for factor, swap, phase in terms:
        if np.array_equal(swap, np.arange(len(swap))):
            total = total + factor * ((state.abs()**2 if state.is_complex() else state**2) @ _on(phase.real, state.real))
        elif state.is_complex() or np.all(phase.imag == 0):
            total = total + factor * (state.conj() * _on(phase, state) * state[:, _on(swap)]).sum(-1).real
        else:
            total = total + torch.zeros_like(state[:, 0])  # an odd number of Y on real amplitudes
    return total


def _word(word: str, wires: tuple[int, ...], qubits: int) -> tuple[np.ndarray, np.ndarray]:
    """A Pauli word as (P psi)[k] = phase[k] psi[swap[k]]."""
    rows = np.arange(2**qubits)
    swap, phase = rows.copy(), np.ones(2**qubits, dtype=complex)
    for letter, wire in zip(word, wires, strict=True):
        bit = (rows >> (qubits - 1 - wire)) & 1
        flips = letter in "XY"
        swap ^= int(flips) << (qubits - 1 - wire)
        phase *= PAULI[letter][bit, bit ^ int(flips)]
    return swap, phase


def _on(array: np.ndarray, like: Tensor | None = None) -> Tensor:
    """A constant as a tensor beside the state, in its dtype (indices keep theirs)."""
    if like is None:
        return torch.from_numpy(array)
    return torch.as_tensor(array if like.is_complex() else np.real(array), dtype=like.dtype, device=like.device)
