"""Circuits on few wires: every layer is one matrix, and the whole circuit one function with a backward of its own."""
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from qtlrun.device import measure, pauli, rotation, schedule
from qtlrun.device.reader import Affine, Gate


class Dense:
    """A circuit as a chain of matrices that act on amplitudes (runs, batch, amplitudes) from the right.

    The state begins at all zeros, or (`started`) as given for each sample. Without outcomes the amplitudes are the values.
    """

    def __init__(self, gates: list[Gate], wires: tuple[int, ...], affine: Affine, fed: frozenset[int], real: bool,
                 outcomes: list | None = None, started: bool = False):
        layers = schedule.layers(gates, wires, fed) or [schedule.Layer()]
        after = np.eye(2**len(wires))
        if outcomes is not None and not layers[-1].turns and len(layers) > 1:
            after = pauli.product(layers.pop().constants, wires)
        self.side, self.real, self.count = 2**len(wires), real, len(layers)
        self.first = [] if started else rotation.rotations(layers[:1], wires, affine, real, first=True)
        self.fed = [layer.fed for layer in layers[len(self.first):]]
        self.rest = rotation.rotations(layers[len(self.first):], wires, affine, real)
        self.readout = None if outcomes is None else measure.Operators(outcomes, len(wires), after, real)
        self.on = lru_cache(maxsize=8)(self._on)

    def bytes(self, size: int) -> int:
        """Memory that one sample's gradient takes, with real numbers of `size` bytes."""
        rows = sum(4 * self.side * len(kind.members) for kind in self.rest if kind.fed)  # matrices of its own, four times
        outputs = 0 if self.readout is None else 2 * self.readout.outputs
        return size * (1 if self.real else 2) * self.side * (rows + 2 * self.count + outputs + 4)

    def _on(self, dtype: torch.dtype, device: torch.device, runs: int) -> "Chain":
        return Chain(self, dtype, device, runs)


class Chain:
    """The constants of a `Dense` as tensors for so many runs, and its forward and backward passes."""

    def __init__(self, of: Dense, dtype: torch.dtype, device: torch.device, runs: int):
        self.side, self.fed, self.length = of.side, of.fed, len(of.fed)
        self.kind = dtype if of.real else dtype.to_complex()
        self.first = [kind.on(dtype, device, runs) for kind in of.first]
        self.rest = [kind.on(dtype, device, runs) for kind in of.rest]
        self.tables = self.first + self.rest
        self.readout = None if of.readout is None else of.readout.on(dtype, device, runs)

    def forward(self, x: Tensor, w: Tensor, start: Tensor | None) -> tuple[Tensor, list]:
        """Values, and what the backward pass needs."""
        runs, batch = x.shape[:2]
        w = w.unsqueeze(1)
        states = torch.empty(self.length + 1, runs, batch, self.side, dtype=self.kind, device=x.device)
        sums = [table.sums(x, w) for table in self.tables]
        rows, matrices, adjoints = states.unbind(), [None] * self.length, [None] * self.length
        if start is not None:
            rows[0].copy_(start)
        elif self.first[0].fed:
            self.first[0].write(sums[0], rows[0])
        else:
            rows[0].copy_(self.first[0].matrices(sums[0]).squeeze(2))
        for table, one in zip(self.rest, sums[len(self.first):], strict=True):
            made = table.matrices(one)  # runs, rows, side, side
            made = made.view(runs, batch, -1, self.side, self.side) if table.fed else made
            for number, matrix, adjoint in zip(table.members, made.unbind(-3), made.mH.unbind(-3), strict=True):
                matrices[number], adjoints[number] = matrix, adjoint
        for number, matrix in enumerate(matrices):
            _times(rows[number], matrix, rows[number + 1], self.fed[number])
        if self.readout is None:
            return rows[-1], [states, sums, adjoints, None]
        values, kept = self.readout.values(rows[-1])
        return values, [states, sums, adjoints, kept]

    def backward(self, upstream: Tensor, kept: list, of_input: bool, of_weight: bool) -> tuple:
        """Gradients by x, w and the start."""
        states, sums, adjoints, read = kept
        slopes = torch.empty_like(states)
        rows = slopes.unbind()
        if self.readout is None:
            rows[-1].copy_(upstream)
        else:
            self.readout.pull(upstream.contiguous(), read, rows[-1])
        for number in reversed(range(self.length)):
            _times(rows[number + 1], adjoints[number], rows[number], self.fed[number])
        total = (None, None)
        for table, one in zip(self.rest, sums[len(self.first):], strict=True):
            before, after = states[:-1][table.places].conj(), slopes[1:][table.places]  # members, runs, batch, side
            if table.fed:
                pulled = (before.unsqueeze(-1) * after.unsqueeze(-2)).permute(1, 2, 0, 3, 4).flatten(1, 2)
            else:
                pulled = torch.bmm(before.flatten(0, 1).mT, after.flatten(0, 1))
                pulled = pulled.view(*before.shape[:2], self.side, self.side).transpose(0, 1)
            total = added(total, table.pull(pulled, one, of_input, of_weight))
        for table, one in zip(self.first, sums):
            pulled = rows[0] if table.fed else rows[0].sum(1, keepdim=True)
            total = added(total, table.pull(pulled.unsqueeze(2), one, of_input, of_weight))
        return *total, rows[0]


def _times(state: Tensor, matrix: Tensor, out: Tensor, fed: bool) -> None:
    """Amplitudes times a matrix, one for each run or (fed) for each sample."""
    if fed:
        state, matrix, out = state.flatten(0, 1).unsqueeze(1), matrix.flatten(0, 1), out.flatten(0, 1).unsqueeze(1)
    torch.bmm(state, matrix, out=out)


def added(totals: tuple, more: tuple) -> tuple:
    """Gradients added up; None where there is none."""
    return tuple(one if other is None else other if one is None else one + other for one, other in zip(totals, more, strict=True))
