"""An exact simulator in torch: every run and sample in one batch, differentiable through inputs and weights."""
import itertools
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.device import reader

PAULI = {"I": np.eye(2), "X": np.array([[0, 1], [1, 0]]), "Y": np.array([[0, -1j], [1j, 0]]), "Z": np.diag([1, -1])}
LEAST = 3  # qubits, idle ones included: complex products are rounded otherwise where a state does not fill a line of memory


@dataclass(frozen=True)
class Term:
    """Part of an operator: (O psi)[k] = sum over its terms of factor[k] psi[source[k]]; a factor of None is 1."""
    source: Tensor
    factor: Tensor | None

    def __call__(self, state: Tensor) -> Tensor:
        moved = state.index_select(1, self.source)
        return moved if self.factor is None else self.factor * moved

    def place(self, dtype: torch.dtype, device: torch.device) -> "Term":
        factor = self.factor
        if factor is not None:
            factor = (factor if dtype.is_complex or not factor.is_complex() else factor.real).to(device, dtype)
        return Term(self.source.to(device), factor)


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
        self.qubits = max(reading.qubits, LEAST)
        self.gates = [(gate.angle, _operator(gate, self.qubits)) for gate in reading.gates]
        self.real = not any(_complex(term) for _, terms in self.gates for term in terms)
        self.observables = [_observable(measurement, self.qubits) for measurement in reading.measurements]
        self._placed = {}  # gates and observables by dtype and place

    def __call__(self, inputs: Float[Tensor, "*runs batch features"],
                 weights: Float[Tensor, "..."]) -> Float[Tensor, "*runs batch outputs"]:
        if inputs.dim() == 2:
            return self(inputs.unsqueeze(0), weights.unsqueeze(0)).squeeze(0)
        half = self.reading.angles(inputs, weights).flatten(0, 1) / 2
        cosines, sines = half.cos().unsqueeze(-1), half.sin().unsqueeze(-1)
        dtype = half.dtype if self.real else half.dtype.to_complex()
        gates, observables = self._on(dtype, half.device)
        state = torch.zeros(len(half), 2**self.qubits, dtype=dtype, device=half.device)
        state[:, 0] = 1
        for angle, terms in gates:
            moved = sum(term(state) for term in terms)
            state = moved if angle is None else cosines[:, angle] * state + sines[:, angle] * moved
        values = torch.stack([_expectation(state, terms) for terms in observables], dim=-1)
        return values.unflatten(0, inputs.shape[:2])

    def _on(self, dtype: torch.dtype, device: torch.device) -> tuple[list, list]:
        """Gates and observables as tensors beside the state."""
        if (dtype, device) not in self._placed:
            self._placed[dtype, device] = (
                [(angle, [term.place(dtype, device) for term in terms]) for angle, terms in self.gates],
                [[(weight, term.place(dtype, device)) for weight, term in terms if not (self.real and _complex(term))]
                 for terms in self.observables])
        return self._placed[dtype, device]


def _operator(gate: reader.Gate, qubits: int) -> list[Term]:
    """A gate's terms; of a rotation exp(-i a P / 2) those of -i P, real for an odd number of Y."""
    if gate.angle is None:
        return _constant(gate, qubits)
    swap, phase = _word(gate.word, gate.wires, qubits)
    return [_term(swap, -1j * phase)]


def _constant(gate: reader.Gate, qubits: int) -> list[Term]:
    """The terms of a matrix on a few wires: one that only permutes is one term, any other one for each column."""
    matrix = gate.matrix.numpy()
    largest = matrix.flat[np.abs(matrix).argmax()]
    matrix = matrix * largest.conj() / abs(largest)  # a phase that no measurement sees; it makes many matrices real
    rows = np.arange(2**qubits)
    shifts = [qubits - 1 - wire for wire in gate.wires]
    local = sum(((rows >> shift) & 1) << place for place, shift in enumerate(reversed(shifts)))
    cleared = rows & ~sum(1 << shift for shift in shifts)
    sources = [cleared | sum(bit << shift for bit, shift in zip(bits, shifts, strict=True))
               for bits in itertools.product((0, 1), repeat=len(shifts))]
    present = np.abs(matrix) > 1e-15
    if (present.sum(1) == 1).all():
        column = present.argmax(1)[local]
        return [_term(np.stack(sources)[column, rows], matrix[local, column])]
    return [_term(source, matrix[local, column]) for column, source in enumerate(sources) if present[:, column].any()]


def _observable(measurement, qubits: int) -> list[tuple[float, Term]]:
    """An expectation value as Pauli words with their weights."""
    sentence = getattr(measurement.obs, "pauli_rep", None)
    if type(measurement).__name__ != "ExpectationMP" or sentence is None:
        raise ValueError("device=statevector: it measures expectation values of Pauli words and their sums; "
                         f"device=default.qubit measures {measurement} too.")
    return [(float(np.real(weight)), _term(*_word("".join(word.values()), tuple(word.keys()), qubits)))
            for word, weight in sentence.items()]


def _expectation(state: Tensor, terms: list[tuple[float, Term]]) -> Tensor:
    """<psi| O |psi>, one number a sample; a word of an odd number of Y gives 0 on real amplitudes, and is left out before."""
    values = [weight * (state.conj() * term(state)).sum(-1).real for weight, term in terms]
    return sum(values) if values else torch.zeros_like(state[:, 0])


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


def _term(source: np.ndarray, factor: np.ndarray) -> Term:
    if np.allclose(factor.imag, 0, atol=1e-15):
        factor = factor.real
    return Term(torch.from_numpy(np.ascontiguousarray(source)), None if np.all(factor == 1) else torch.from_numpy(factor.copy()))


def _complex(term: Term) -> bool:
    return term.factor is not None and term.factor.is_complex()
