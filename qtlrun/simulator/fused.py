"""Circuits without inputs on many wires: gates fused to matrices on four wires, each one product
over the whole state.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from qtlrun.simulator import cluster
from qtlrun.simulator.cluster import WIDTH, Cluster, Step
from qtlrun.simulator.matrix import Matrices
from qtlrun.simulator.readout import Readout
from qtlrun.tape.angle import Affine, Chosen
from qtlrun.tape.tape import Gate

# That are held at once, at most: the last; before and after a cluster the state and its gradient;
# those read
STATES = 10


class Fused:
    """A circuit as clusters of gates on four wires, applied to one state a run; nothing is kept but
    the last state.

    The backward pass walks back from it. Whichever wires the next cluster keeps stand in front
    after a product, and those that it drops at the end, so that on a ring no state is ever
    permuted.
    """

    def __init__(
        self,
        gates: list[Gate],
        wires: tuple[int, ...],
        affine: Affine | Chosen,
        fed: frozenset[int],
        real: bool,
        outcomes: list,
        started: bool = False,
    ):
        self.qubits = len(wires)
        self.real = real
        self.started = started
        blocks = cluster.blocks(gates, self.qubits)
        self.clusters = cluster.clusters(blocks)
        self.matrices = Matrices(blocks, self.clusters, affine, real)
        self.readout = Readout(outcomes, self.qubits, real)
        self.on = lru_cache(maxsize=8)(self._on)

    def bytes(self, size: int) -> int:
        """Memory that one run's gradient takes, with real numbers of `size` bytes."""
        return size * (STATES * (1 if self.real else 2) * 2**self.qubits + self.matrices.numbers)

    def _on(self, dtype: torch.dtype, device: torch.device, runs: int) -> "Walks":
        return Walks(self, dtype, device)


class Walks:
    """A `Fused` as tensors: the walk of a state (runs, amplitudes) through its clusters, and back
    with the gradient.
    """

    def __init__(self, of: Fused, dtype: torch.dtype, device: torch.device):
        self.kind = dtype if of.real else dtype.to_complex()
        self.device = device
        self.size = 2**of.qubits
        self.started = of.started
        self.matrices = of.matrices.on(dtype, device)
        self.out, self.back = (Walk(of.clusters, of.qubits, device, back) for back in (False, True))
        self.readout = of.readout.on(self.kind, device)
        self.natural = tuple(range(of.qubits))

    def forward(self, x: Tensor, w: Tensor, start: Tensor | None) -> tuple[Tensor, list]:
        """Values, and what the backward pass needs."""
        made, kept = self.matrices.forward(w)
        if start is None:
            state = torch.zeros(len(w), self.size, dtype=self.kind, device=self.device)
            state[:, 0] = 1  # in any order of the wires
        else:
            state = permuted(start[:, 0], self.natural, self.out.begin)
        for turn, matrix in zip(self.out.turns, self.out.taken(made), strict=True):
            state = turn(turn.arranged(state), matrix)
        state = permuted(state, self.out.end, self.natural)
        return self.readout.values(state).unsqueeze(1), [made, kept, state]

    def backward(self, upstream: Tensor, kept: list, of_input: bool, of_weight: bool) -> tuple:
        """Gradients by x, w and the start."""
        made, kept, state = kept
        slope = permuted(
            torch.conj_physical(self.readout.pull(upstream.squeeze(1), state)),
            self.natural,
            self.back.begin,
        )
        state = permuted(state, self.natural, self.back.begin)
        grams = []
        for turn, matrix in zip(self.back.turns, self.back.taken(made), strict=True):
            state = turn.arranged(state)
            slope = turn.arranged(slope)
            grams.append(turn.gram(slope, state))
            if (
                len(grams) < len(self.back.turns) or self.started
            ):  # no gradient is asked for by a state of zeros
                state = turn(state, matrix.conj())
                slope = turn(slope, matrix)
        by_weight = None
        if of_weight:
            gram = torch.zeros(
                len(state), made.shape[0] * made.shape[2] ** 2, dtype=self.kind, device=self.device
            )
            gram = gram.index_copy_(1, self.back.places, torch.cat(grams, dim=1)) if grams else gram
            gram = gram.view(len(state), *made.shape[:1], *made.shape[2:]).transpose(0, 1)
            by_weight = self.matrices.backward(gram.conj() @ made, kept)
        by_start = (
            torch.conj_physical(permuted(slope, self.back.end, self.natural)).unsqueeze(1)
            if self.started
            else None
        )
        return None, by_weight, by_start


class Walk:
    """The steps through all clusters, forward or (`back`) from the last, then of transposed
    matrices.
    """

    def __init__(self, clusters: list[Cluster], qubits: int, device: torch.device, back: bool):
        order = range(len(clusters))[:: -1 if back else 1]
        self.begin, steps, self.end = cluster.walk(
            [clusters[number].wires for number in order], qubits
        )
        self.turns = [Turn(step) for step in steps]
        indices = []
        places = []
        for number, step in zip(order, steps, strict=True):
            into, out = (
                _amplitudes(clusters[number].wires, wires)
                for wires in (step.taken, step.kept + step.dropped)
            )
            places.append(number * 4**WIDTH + 2**WIDTH * into[:, None] + into[None])
            index = (
                2**WIDTH * out[:, None] + into[None]
                if not back
                else out[:, None] + 2**WIDTH * into[None]
            )
            index = index.reshape(2 ** len(step.kept), -1, len(into))  # kept, dropped, taken
            indices.append(
                number * 4**WIDTH + (index.transpose(0, 2, 1) if step.dropped else index)
            )
        self.index, self.places = (
            torch.from_numpy(
                np.concatenate([one.flatten() for one in some] or [np.zeros(0, int)])
            ).to(device)
            for some in (indices, places)
        )
        self.sizes = [one.size for one in indices]

    def taken(self, matrices: Tensor) -> list[Tensor]:
        """Matrices of each step, (runs, ...), of those of clusters (clusters, runs, side, side)."""
        flat = matrices.transpose(0, 1).flatten(1).index_select(1, self.index)
        return [
            turn.shaped(one)
            for turn, one in zip(self.turns, flat.split(self.sizes, dim=1), strict=True)
        ]


class Turn:
    """One cluster's step: states (runs, amplitudes) to states."""

    def __init__(self, step: Step):
        self.kept = 2 ** len(step.kept)
        self.side = 2 ** len(step.taken)
        self.dropped = 2 ** len(step.dropped)
        self.moved = step.moved

    def arranged(self, state: Tensor) -> Tensor:
        """The state with the cluster's wires in front."""
        return state if self.moved is None else permuted(state, *self.moved)

    def shaped(self, matrix: Tensor) -> Tensor:
        """A matrix as it is applied: (runs, kept, taken, dropped), or (runs, kept, taken) where no
        wire is dropped.
        """
        return matrix.unflatten(
            1, (self.kept, self.side, self.dropped) if self.dropped > 1 else (self.kept, self.side)
        )

    def __call__(self, state: Tensor, matrix: Tensor) -> Tensor:
        runs = len(state)
        state = state.unflatten(1, (self.side, -1))
        if self.dropped == 1:
            return torch.bmm(matrix, state).flatten(1)
        if runs == 1:
            return torch.bmm(state.mT.expand(self.kept, -1, -1), matrix[0]).view(1, -1)
        out = state.new_empty(runs, self.kept, state.shape[2], self.dropped)
        for kept in range(self.kept):
            torch.bmm(state.mT, matrix[:, kept], out=out[:, kept])
        return out.view(runs, -1)

    def gram(self, slope: Tensor, state: Tensor) -> Tensor:
        """Products of slopes and amplitudes, summed over all wires but the cluster's, (runs, side *
        side).
        """
        slope, state = (one.unflatten(1, (self.side, -1)) for one in (slope, state))
        return torch.bmm(slope, state.mT).flatten(1)


def permuted(state: Tensor, before: tuple[int, ...], after: tuple[int, ...]) -> Tensor:
    """States (runs, amplitudes) with their wires in another order; wires that stay neighbours are
    moved as one.
    """
    if before == after:
        return state
    groups = []
    for place in map(before.index, after):
        if groups and groups[-1][-1] + 1 == place:
            groups[-1].append(place)
        else:
            groups.append([place])
    ordered = sorted(groups)
    cube = state.unflatten(1, [2 ** len(group) for group in ordered])
    return cube.permute(0, *(1 + ordered.index(group) for group in groups)).reshape(len(state), -1)


def _amplitudes(wires: list[int], order: tuple[int, ...]) -> np.ndarray:
    """The index of each basis state of ordered wires among those of a cluster of these wires."""
    rows = np.arange(2 ** len(order))
    bits = {wire: rows >> (len(order) - 1 - place) & 1 for place, wire in enumerate(order)}
    return sum(bits[wire] << (len(wires) - 1 - place) for place, wire in enumerate(wires))
