"""What a circuit returns: expectation values of Pauli words and their sums, and probabilities of wires."""
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.device import pauli
from qtlrun.layer import LANES

KNOWN = "it measures expectation values of Pauli words and their sums, and probabilities of wires"


@dataclass(frozen=True)
class Value:
    """An expectation value, one output: Pauli words on all wires, each with its weight."""
    words: tuple[tuple[float, str], ...]
    outputs = 1

    @property
    def diagonal(self) -> bool:
        """Whether it is read off the probabilities of the basis states."""
        return not any(set(word) & set("XY") for _, word in self.words)

    def matrices(self, qubits: int) -> np.ndarray:
        """The observable, (1, side, side)."""
        return sum((weight * pauli.of_word(word) for weight, word in self.words), np.zeros((2**qubits, 2**qubits)))[None]


@dataclass(frozen=True)
class Probabilities:
    """The probability of each basis state of some wires, in the order of their bits."""
    wires: tuple[int, ...]
    diagonal = True

    @property
    def outputs(self) -> int:
        return 2**len(self.wires)

    def indicators(self, qubits: int) -> np.ndarray:
        """Which of the outputs each basis state of all wires belongs to, (2**qubits, outputs)."""
        return pauli.local(self.wires, qubits)[:, None] == np.arange(self.outputs)

    def matrices(self, qubits: int) -> np.ndarray:
        """A projector a basis state, (outputs, side, side)."""
        return np.stack([np.diag(state) for state in self.indicators(qubits).T]).astype(complex)


def read(measurements: list, qubits: int) -> list[Value | Probabilities]:
    """The measurements on so many wires; refuses others in a sentence that names who measures them."""
    return [_read(measurement, qubits) for measurement in measurements]


def _read(measurement, qubits: int) -> Value | Probabilities:
    kind, observable = type(measurement).__name__, getattr(measurement, "obs", None)
    if kind == "ProbabilityMP" and observable is None:
        return Probabilities(tuple(measurement.wires) or tuple(range(qubits)))
    sentence = getattr(observable, "pauli_rep", None)
    if kind == "ExpectationMP" and sentence is not None:
        return Value(tuple((float(np.real(weight)), pauli.spread("".join(word.values()), tuple(word.keys()), range(qubits)))
                           for word, weight in sentence.items()))
    if kind in ("SampleMP", "CountsMP", "StateMP", "DensityMatrixMP"):
        raise ValueError(f"circuit: it returns {measurement}, and no head takes that; return expectation values or probabilities, "
                         "and set device.shots to have them from samples.")
    raise ValueError(f"device=statevector: {KNOWN}; device=default.qubit measures {measurement} too.")


class Operators:
    """Outcomes of a state on few wires, as matrices: of probabilities where every observable is diagonal, else of amplitudes."""

    def __init__(self, outcomes: list[Value | Probabilities], qubits: int, after: np.ndarray, real: bool):
        matrices = np.concatenate([outcome.matrices(qubits) for outcome in outcomes])
        matrices = after.conj().T @ matrices @ after  # what acts after the last rotation is part of the observable
        diagonals = matrices.diagonal(axis1=1, axis2=2).real
        self.outputs, self.real = len(matrices), real
        self.diagonal = bool(np.abs(matrices - diagonals[:, None] * np.eye(2**qubits)).max() < pauli.SMALL)
        if self.diagonal:
            table = np.repeat(diagonals.T, 1 if real else 2, axis=0)  # of a complex amplitude both squares
            self.table = np.pad(table, ((0, 0), (0, -self.outputs % LANES)))
        else:
            table = matrices.transpose(2, 0, 1).reshape(2**qubits, -1)  # rows take amplitudes from the right
            self.table = table.real if real else table

    def on(self, dtype: torch.dtype, device: torch.device, runs: int) -> "Reader":
        """The same beside tensors of this (real) dtype, for so many runs."""
        return Reader(self, dtype, device, runs)


class Reader:
    """Reads values off amplitudes (runs, batch, amplitudes), and takes their gradient back to the amplitudes."""

    def __init__(self, of: Operators, dtype: torch.dtype, device: torch.device, runs: int):
        kind = dtype if of.diagonal or of.real else dtype.to_complex()
        table = torch.as_tensor(np.ascontiguousarray(of.table), dtype=kind, device=device)
        self.outputs, self.diagonal, self.real = of.outputs, of.diagonal, of.real
        self.table = table.expand(runs, *table.shape)
        self.twice = (2 * table.mT[:self.outputs]).contiguous().expand(runs, -1, -1)

    def values(self, state: Tensor) -> tuple[Float[Tensor, "runs batch outputs"], Tensor]:
        """Values, and what their gradient needs beside the state."""
        if self.diagonal:
            parts = state if self.real else torch.view_as_real(state).flatten(2)
            return torch.bmm(parts.square(), self.table)[..., :self.outputs], parts
        moved = torch.bmm(state, self.table).unflatten(-1, (self.outputs, -1))
        values = (moved * state.conj().unsqueeze(2)).sum(-1)
        return (values if self.real else values.real), moved

    def pull(self, upstream: Float[Tensor, "runs batch outputs"], kept: Tensor, out: Tensor) -> None:
        """Write the gradient by the amplitudes."""
        if self.diagonal:
            torch.mul(torch.bmm(upstream, self.twice), kept, out=out if self.real else torch.view_as_real(out).flatten(2))
        else:
            torch.sum(2 * upstream.unsqueeze(-1) * kept, 2, out=out)
