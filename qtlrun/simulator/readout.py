"""Measurements of states, and their gradient by the amplitudes.

On few wires by matrices, on many by signs and moves.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.layer import LANES
from qtlrun.tape import pauli
from qtlrun.tape.measurement import Probabilities, Value


class Operators:
    """Outcomes of a state on few wires, as matrices.

    Of probabilities where every observable is diagonal, else of amplitudes.
    """

    def __init__(
        self, outcomes: list[Value | Probabilities], qubits: int, after: np.ndarray, real: bool
    ):
        matrices = np.concatenate([outcome.matrices(qubits) for outcome in outcomes])
        # What acts after the last rotation is part of the observable
        matrices = after.conj().T @ matrices @ after
        diagonals = matrices.diagonal(axis1=1, axis2=2).real
        self.outputs = len(matrices)
        self.real = real
        self.diagonal = bool(
            np.abs(matrices - diagonals[:, None] * np.eye(2**qubits)).max()
            < pauli.ELEMENT_TOLERANCE
        )
        if self.diagonal:
            # Of a complex amplitude both squares
            table = np.repeat(diagonals.T, 1 if real else 2, axis=0)
            self.table = np.pad(table, ((0, 0), (0, -self.outputs % LANES)))
        else:
            # Rows take amplitudes from the right
            table = matrices.transpose(2, 0, 1).reshape(2**qubits, -1)
            self.table = table.real if real else table

    def on(self, dtype: torch.dtype, device: torch.device, runs: int) -> "Expectations":
        """The same beside tensors of this (real) dtype, for so many runs."""
        return Expectations(self, dtype, device, runs)


class Expectations:
    """Constants of `Operators` as tensors: values of amplitudes, and the gradient by these.

    Amplitudes are (runs, batch, amplitudes).
    """

    def __init__(self, operators: Operators, dtype: torch.dtype, device: torch.device, runs: int):
        table_dtype = dtype if operators.diagonal or operators.real else dtype.to_complex()
        table = torch.as_tensor(
            np.ascontiguousarray(operators.table), dtype=table_dtype, device=device
        )
        self.outputs = operators.outputs
        self.diagonal = operators.diagonal
        self.real = operators.real
        self.table = table.expand(runs, *table.shape)
        self.twice = (2 * table.mT[: self.outputs]).contiguous().expand(runs, -1, -1)

    def values(self, state: Tensor) -> tuple[Float[Tensor, "runs batch outputs"], Tensor]:
        """Values, and what their gradient needs beside the state."""
        if self.diagonal:
            numbers = state if self.real else torch.view_as_real(state).flatten(2)
            return torch.bmm(numbers.square(), self.table)[..., : self.outputs], numbers
        moved = torch.bmm(state, self.table).unflatten(-1, (self.outputs, -1))
        values = (moved * state.conj().unsqueeze(2)).sum(-1)
        return (values if self.real else values.real), moved

    def pull(
        self, upstream: Float[Tensor, "runs batch outputs"], measured: Tensor, out: Tensor
    ) -> None:
        """Write the gradient by the amplitudes; `measured` is what `values` gave beside them."""
        if self.diagonal:
            torch.mul(
                torch.bmm(upstream, self.twice),
                measured,
                out=out if self.real else torch.view_as_real(out).flatten(2),
            )
        else:
            torch.sum(2 * upstream.unsqueeze(-1) * measured, 2, out=out)


class Readout:
    """Outcomes of states (samples, amplitudes) on many wires.

    Products of Z are measured by the signs of either half of the wires, other words by moving
    amplitudes. Both are held as (output, weight, word), `probabilities` as (outputs, wires).
    """

    def __init__(self, outcomes: list[Value | Probabilities], qubits: int, real: bool):
        self.qubits = qubits
        self.real = real
        self.outputs = sum(outcome.outputs for outcome in outcomes)
        self.signs: list[tuple[int, float, str]] = []
        self.moved: list[tuple[int, float, str]] = []
        self.probabilities: list[tuple[slice, tuple[int, ...]]] = []
        first = 0
        for outcome in outcomes:
            if isinstance(outcome, Probabilities):
                outputs = slice(first, first + outcome.outputs)
                self.probabilities.append((outputs, outcome.wires))
            else:
                self._add_words(outcome, first)
            first += outcome.outputs

    def on(self, dtype: torch.dtype, device: torch.device) -> "Values":
        """The same for amplitudes of this dtype."""
        return Values(self, dtype, device)

    def _add_words(self, value: Value, output: int) -> None:
        for weight, word in value.terms:
            if not set(word) & set("XY"):
                self.signs.append((output, weight, word))
            elif not (self.real and word.count("Y") % 2):
                self.moved.append((output, weight, word))
            # Any other has the value 0 in real amplitudes


class Values:
    """Constants of a `Readout` as tensors: values of states, and the gradient by the amplitudes."""

    def __init__(self, readout: Readout, dtype: torch.dtype, device: torch.device):
        self.readout = readout
        real = dtype.to_real()
        half = readout.qubits // 2
        count = -(-len(readout.signs) // LANES) * LANES
        upper = np.zeros((2**half, count))
        lower = np.zeros((2 ** (readout.qubits - half), count))
        weights = np.zeros((count, readout.outputs))
        for number, (output, weight, word) in enumerate(readout.signs):
            upper[:, number], lower[:, number] = (
                pauli.action(part, len(part))[1].real for part in (word[:half], word[half:])
            )
            weights[number, output] = weight
        self.upper, self.lower, self.weights = (
            torch.as_tensor(table, dtype=real, device=device) for table in (upper, lower, weights)
        )
        self.moved = []
        for output, weight, word in readout.moved:
            source, phase = pauli.action(word, readout.qubits)
            factor = weight * (phase if dtype.is_complex else phase.real)
            self.moved.append(
                (
                    output,
                    torch.from_numpy(source).to(device),
                    torch.as_tensor(factor, dtype=dtype, device=device),
                )
            )

    def values(self, state: Tensor) -> Float[Tensor, "samples outputs"]:
        """Outcomes measured on each state."""
        values = torch.zeros(
            len(state), self.readout.outputs, dtype=self.weights.dtype, device=state.device
        )
        if self.readout.signs or self.readout.probabilities:
            squares = (
                state.square() if self.readout.real else torch.view_as_real(state).square().sum(-1)
            )
        if self.readout.signs:
            cube = squares.view(len(state), len(self.upper), -1)
            word_values = (torch.matmul(cube, self.lower) * self.upper).sum(1)
            values = word_values @ self.weights
        for outputs, wires in self.readout.probabilities:
            values[:, outputs] += pauli.marginal(squares, wires, self.readout.qubits)
        for output, source, factor in self.moved:
            values[:, output] += (
                (state.conj() * factor * state.index_select(1, source)).sum(-1).real
            )
        return values

    def pull(self, upstream: Float[Tensor, "samples outputs"], state: Tensor) -> Tensor:
        """The gradient by the amplitudes."""
        slopes = torch.zeros_like(state)
        if self.readout.signs:
            word_slopes = (upstream @ self.weights.T).unsqueeze(1) * self.upper
            slopes = torch.matmul(2 * word_slopes, self.lower.T).flatten(1) * state
        for outputs, wires in self.readout.probabilities:
            slopes = (
                slopes
                + 2 * pauli.unmarginal(upstream[:, outputs], wires, self.readout.qubits) * state
            )
        for output, source, factor in self.moved:
            slopes = slopes + 2 * upstream[:, output, None] * factor * state.index_select(1, source)
        return slopes
