"""Measurements of states, and their gradient by the amplitudes: on few wires by matrices, on many
by signs and moves.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.layer import LANES
from qtlrun.tape import pauli
from qtlrun.tape.measurement import Probabilities, Value


class Operators:
    """Outcomes of a state on few wires, as matrices: of probabilities where every observable is
    diagonal, else of amplitudes.
    """

    def __init__(
        self, outcomes: list[Value | Probabilities], qubits: int, after: np.ndarray, real: bool
    ):
        matrices = np.concatenate([outcome.matrices(qubits) for outcome in outcomes])
        matrices = (
            after.conj().T @ matrices @ after
        )  # what acts after the last rotation is part of the observable
        diagonals = matrices.diagonal(axis1=1, axis2=2).real
        self.outputs = len(matrices)
        self.real = real
        self.diagonal = bool(
            np.abs(matrices - diagonals[:, None] * np.eye(2**qubits)).max() < pauli.SMALL
        )
        if self.diagonal:
            table = np.repeat(
                diagonals.T, 1 if real else 2, axis=0
            )  # of a complex amplitude both squares
            self.table = np.pad(table, ((0, 0), (0, -self.outputs % LANES)))
        else:
            table = matrices.transpose(2, 0, 1).reshape(
                2**qubits, -1
            )  # rows take amplitudes from the right
            self.table = table.real if real else table

    def on(self, dtype: torch.dtype, device: torch.device, runs: int) -> "Expectations":
        """The same beside tensors of this (real) dtype, for so many runs."""
        return Expectations(self, dtype, device, runs)


class Expectations:
    """Reads values off amplitudes (runs, batch, amplitudes), and takes their gradient back to the
    amplitudes.
    """

    def __init__(self, of: Operators, dtype: torch.dtype, device: torch.device, runs: int):
        kind = dtype if of.diagonal or of.real else dtype.to_complex()
        table = torch.as_tensor(np.ascontiguousarray(of.table), dtype=kind, device=device)
        self.outputs = of.outputs
        self.diagonal = of.diagonal
        self.real = of.real
        self.table = table.expand(runs, *table.shape)
        self.twice = (2 * table.mT[: self.outputs]).contiguous().expand(runs, -1, -1)

    def values(self, state: Tensor) -> tuple[Float[Tensor, "runs batch outputs"], Tensor]:
        """Values, and what their gradient needs beside the state."""
        if self.diagonal:
            parts = state if self.real else torch.view_as_real(state).flatten(2)
            return torch.bmm(parts.square(), self.table)[..., : self.outputs], parts
        moved = torch.bmm(state, self.table).unflatten(-1, (self.outputs, -1))
        values = (moved * state.conj().unsqueeze(2)).sum(-1)
        return (values if self.real else values.real), moved

    def pull(
        self, upstream: Float[Tensor, "runs batch outputs"], kept: Tensor, out: Tensor
    ) -> None:
        """Write the gradient by the amplitudes."""
        if self.diagonal:
            torch.mul(
                torch.bmm(upstream, self.twice),
                kept,
                out=out if self.real else torch.view_as_real(out).flatten(2),
            )
        else:
            torch.sum(2 * upstream.unsqueeze(-1) * kept, 2, out=out)


class Readout:
    """Outcomes of states (samples, amplitudes): products of Z by signs of either half of the wires,
    other words by moving amplitudes.
    """

    def __init__(self, outcomes: list[Value | Probabilities], qubits: int, real: bool):
        self.qubits = qubits
        self.real = real
        self.outputs = sum(outcome.outputs for outcome in outcomes)
        self.signs = []
        self.moved = []
        self.shares = []
        at = 0
        for outcome in outcomes:
            if isinstance(outcome, Probabilities):
                self.shares.append((slice(at, at + outcome.outputs), outcome.wires))
            else:
                for weight, word in outcome.words:
                    if not set(word) & set("XY"):
                        self.signs.append((at, weight, word))
                    elif not (
                        real and word.count("Y") % 2
                    ):  # such a word has the value 0 in real amplitudes
                        self.moved.append((at, weight, word))
            at += outcome.outputs

    def on(self, dtype: torch.dtype, device: torch.device) -> "Values":
        """The same for amplitudes of this dtype."""
        return Values(self, dtype, device)


class Values:
    """The constants of a `Readout` as tensors; gives values, and the gradient by the amplitudes."""

    def __init__(self, of: Readout, dtype: torch.dtype, device: torch.device):
        self.of = of
        real = dtype.to_real()
        half = of.qubits // 2
        count = -(-len(of.signs) // LANES) * LANES
        upper = np.zeros((2**half, count))
        lower = np.zeros((2 ** (of.qubits - half), count))
        weights = np.zeros((count, of.outputs))
        for number, (at, weight, word) in enumerate(of.signs):
            upper[:, number], lower[:, number] = (
                pauli.action(part, len(part))[1].real for part in (word[:half], word[half:])
            )
            weights[number, at] = weight
        self.upper, self.lower, self.weights = (
            torch.as_tensor(one, dtype=real, device=device) for one in (upper, lower, weights)
        )
        self.moved = []
        for at, weight, word in of.moved:
            source, phase = pauli.action(word, of.qubits)
            phase = weight * (phase if dtype.is_complex else phase.real)
            self.moved.append(
                (
                    at,
                    torch.from_numpy(source).to(device),
                    torch.as_tensor(phase, dtype=dtype, device=device),
                )
            )

    def values(self, state: Tensor) -> Float[Tensor, "samples outputs"]:
        """Outcomes measured on each state."""
        values = torch.zeros(
            len(state), self.of.outputs, dtype=self.weights.dtype, device=state.device
        )
        if self.of.signs or self.of.shares:
            seen = state.square() if self.of.real else torch.view_as_real(state).square().sum(-1)
        if self.of.signs:
            words = (
                torch.matmul(seen.view(len(state), len(self.upper), -1), self.lower) * self.upper
            ).sum(1)
            values = words @ self.weights
        for place, wires in self.of.shares:
            values[:, place] += pauli.marginal(seen, wires, self.of.qubits)
        for at, source, phase in self.moved:
            values[:, at] += (state.conj() * phase * state.index_select(1, source)).sum(-1).real
        return values

    def pull(self, upstream: Float[Tensor, "samples outputs"], state: Tensor) -> Tensor:
        """The gradient by the amplitudes."""
        slopes = torch.zeros_like(state)
        if self.of.signs:
            words = (upstream @ self.weights.T).unsqueeze(1) * self.upper
            slopes = torch.matmul(2 * words, self.lower.T).flatten(1) * state
        for place, wires in self.of.shares:
            slopes = (
                slopes + 2 * pauli.unmarginal(upstream[:, place], wires, self.of.qubits) * state
            )
        for at, source, phase in self.moved:
            slopes = slopes + 2 * upstream[:, at, None] * phase * state.index_select(1, source)
        return slopes
