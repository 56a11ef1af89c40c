"""Dense simulation of few wires: one matrix per layer, and a backward pass of its own."""

import itertools
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from qtlrun.simulator import schedule
from qtlrun.simulator.readout import Operators
from qtlrun.simulator.rotation import Rotations, add_slopes
from qtlrun.tape import pauli
from qtlrun.tape.angle import Affine, Chosen
from qtlrun.tape.tape import Gate


class Dense:
    """Circuit as a chain of matrices that act on amplitudes from the right.

    Amplitudes are (runs, batch, amplitudes). The state begins at all zeros, or (`started`) as given
    for each sample. Without outcomes the amplitudes are the values.
    """

    def __init__(
        self,
        gates: list[Gate],
        wires: tuple[int, ...],
        affine: Affine | Chosen,
        fed: frozenset[int],
        real: bool,
        outcomes: list | None = None,
        started: bool = False,
    ):
        layers = schedule.layers(gates, wires, fed) or [schedule.Layer()]
        after = np.eye(2 ** len(wires))
        if outcomes is not None and not layers[-1].turns and len(layers) > 1:
            after = pauli.product(layers.pop().constants, wires)
        self.side = 2 ** len(wires)
        self.real = real
        self.count = len(layers)
        self.first = (
            None if started else Rotations({0: layers.pop(0)}, wires, affine, real, first=True)
        )
        self.fed = [layer.fed for layer in layers]
        self.rest = [
            Rotations(part, wires, affine, real) for part in schedule.split_by_feeding(layers)
        ]
        self.readout = None if outcomes is None else Operators(outcomes, len(wires), after, real)
        self.on = lru_cache(maxsize=8)(self._on)

    def bytes(self, size: int) -> int:
        """Memory that one sample's gradient takes, with real numbers of `size` bytes."""
        # Rows of the sample's own matrices, four times
        rows = 4 * self.side * sum(self.fed)
        outputs = 0 if self.readout is None else 2 * self.readout.outputs
        return size * (1 if self.real else 2) * self.side * (rows + 2 * self.count + outputs + 4)

    def _on(self, dtype: torch.dtype, device: torch.device, runs: int) -> "LayerChain":
        return LayerChain(self, dtype, device, runs)


class LayerChain:
    """Constants of a `Dense` as tensors for some runs, with its forward and backward passes."""

    def __init__(self, dense: Dense, dtype: torch.dtype, device: torch.device, runs: int):
        self.side = dense.side
        self.fed = dense.fed
        self.length = len(dense.fed)
        self.dtype = dtype if dense.real else dtype.to_complex()
        self.first = None if dense.first is None else dense.first.on(dtype, device, runs)
        self.rest = [kind.on(dtype, device, runs) for kind in dense.rest]
        self.positions = [_positions(table.members, device) for table in self.rest]
        self.readout = None if dense.readout is None else dense.readout.on(dtype, device, runs)

    def forward(self, x: Tensor, w: Tensor, start: Tensor | None) -> tuple[Tensor, list]:
        """Values, and what the backward pass needs."""
        w = w.unsqueeze(1)
        states = torch.empty(
            self.length + 1, *x.shape[:2], self.side, dtype=self.dtype, device=x.device
        )
        rows = states.unbind()
        opening = self._open(x, w, start, rows[0])
        sums = [table.sums(x, w) for table in self.rest]
        matrices, adjoints = self._matrices(sums)
        for number, matrix in enumerate(matrices):
            _multiply(rows[number], matrix, rows[number + 1], self.fed[number])
        if self.readout is None:
            return rows[-1], [states, opening, sums, adjoints, None]
        values, measured = self.readout.values(rows[-1])
        return values, [states, opening, sums, adjoints, measured]

    def backward(self, upstream: Tensor, saved: list, of_input: bool, of_weight: bool) -> tuple:
        """Gradients by x, w and the start."""
        states, opening, sums, adjoints, measured = saved
        slopes = torch.empty_like(states)
        rows = slopes.unbind()
        if self.readout is None:
            rows[-1].copy_(upstream)
        else:
            self.readout.pull(upstream.contiguous(), measured, rows[-1])
        for number in reversed(range(self.length)):
            _multiply(rows[number + 1], adjoints[number], rows[number], self.fed[number])
        total = (None, None)
        for table, positions, table_sums in zip(self.rest, self.positions, sums, strict=True):
            # members, runs, batch, side
            before, after = (_pick(part, positions) for part in (states[:-1], slopes[1:]))
            products = self._products(before.conj(), after, table.fed)
            total = add_slopes(total, table.pull(products, table_sums, of_input, of_weight))
        if self.first is not None:
            pulled = rows[0] if self.first.fed else rows[0].sum(1, keepdim=True)
            total = add_slopes(
                total, self.first.pull(pulled[:, :, None, None], opening, of_input, of_weight)
            )
        return *total, rows[0]

    def _open(self, x: Tensor, w: Tensor, start: Tensor | None, out: Tensor) -> Tensor | None:
        """Write the amplitudes after the first layer, or those given; gives the sums of angles."""
        if self.first is None:
            out.copy_(start)
            return None
        sums = self.first.sums(x, w)
        if self.first.fed:
            self.first.write(sums, out)
        else:
            out.copy_(self.first.matrices(sums)[:, :, 0, 0])
        return sums

    def _matrices(self, sums: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Matrices of the layers behind the first, in their order, and their adjoints."""
        matrices: list[Tensor] = [None] * self.length
        adjoints: list[Tensor] = [None] * self.length
        for table, table_sums in zip(self.rest, sums, strict=True):
            stack = table.matrices(table_sums)
            stack = stack if table.fed else stack.squeeze(1)
            # One rounding, whatever stands beside
            back = stack.mH.resolve_conj().contiguous() if stack.is_complex() else stack.mT
            for number, matrix, adjoint in zip(
                table.members, stack.unbind(-3), back.unbind(-3), strict=True
            ):
                if number is not None:
                    matrices[number] = matrix
                    adjoints[number] = adjoint
        return matrices, adjoints

    def _products(self, before: Tensor, after: Tensor, fed: bool) -> Tensor:
        """Conjugate amplitudes before a layer times slopes after it.

        (runs, batch or 1, members, side, side).
        """
        # Complex numbers that fill no line of memory are multiplied with another rounding
        if fed and before.is_complex():
            products = torch.bmm(
                before.flatten(0, 2).unsqueeze(-1), after.flatten(0, 2).unsqueeze(-2)
            )
            return products.view(*before.shape, -1).permute(1, 2, 0, 3, 4)
        if fed:
            return (before.unsqueeze(-1) * after.unsqueeze(-2)).permute(1, 2, 0, 3, 4)
        products = torch.bmm(before.flatten(0, 1).mT, after.flatten(0, 1))
        return products.view(*before.shape[:2], self.side, self.side).transpose(0, 1).unsqueeze(1)


def _positions(members: list[int | None], device: torch.device) -> slice | Tensor:
    """Positions of layers in the chain, as a slice where evenly spaced: it takes no copy.

    What fills up a table has no angle, so any position will do for it.
    """
    members = [0 if member is None else member for member in members]
    steps = {after - before for before, after in itertools.pairwise(members)} or {1}
    if len(steps) == 1 and min(steps) > 0:
        return slice(members[0], members[-1] + 1, steps.pop())
    return torch.tensor(members, device=device)


def _pick(states: Tensor, positions: slice | Tensor) -> Tensor:
    return states[positions] if isinstance(positions, slice) else states.index_select(0, positions)


def _multiply(state: Tensor, matrix: Tensor, out: Tensor, fed: bool) -> None:
    """Write amplitudes times a matrix, one for each run or (fed) for each sample."""
    if fed:
        state = state.flatten(0, 1).unsqueeze(1)
        matrix = matrix.flatten(0, 1)
        out = out.flatten(0, 1).unsqueeze(1)
    torch.bmm(state, matrix, out=out)
