"""Fused simulation of many wires without inputs: each cluster of gates is one product."""

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

# Held at once, at most: the last, the state and its gradient before and after a cluster, those read
MAX_STATES = 10


class Fused:
    """Circuit as clusters of gates on four wires, applied to one state per run.

    Nothing but the last state is kept, and the backward pass walks back from it. Whichever wires
    the next cluster has too stand in front after a product, and those that it drops at the end, so
    that on a ring no state is ever permuted.
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
        return size * (
            MAX_STATES * (1 if self.real else 2) * 2**self.qubits + self.matrices.numbers
        )

    def _on(self, dtype: torch.dtype, device: torch.device, runs: int) -> "Walks":
        return Walks(self, dtype, device)


class Walks:
    """Constants of a `Fused` as tensors, with its forward and backward passes.

    A state (runs, amplitudes) walks through the clusters, and back with the gradient.
    """

    def __init__(self, fused: Fused, dtype: torch.dtype, device: torch.device):
        self.dtype = dtype if fused.real else dtype.to_complex()
        self.device = device
        self.size = 2**fused.qubits
        self.started = fused.started
        self.matrices = fused.matrices.on(dtype, device)
        self.out, self.back = (
            Walk(fused.clusters, fused.qubits, device, back) for back in (False, True)
        )
        self.readout = fused.readout.on(self.dtype, device)
        self.natural = tuple(range(fused.qubits))

    def forward(self, x: Tensor, w: Tensor, start: Tensor | None) -> tuple[Tensor, list]:
        """Values, and what the backward pass needs."""
        matrices, products = self.matrices.forward(w)
        if start is None:
            state = torch.zeros(len(w), self.size, dtype=self.dtype, device=self.device)
            state[:, 0] = 1  # in any order of the wires
        else:
            state = permute_wires(start[:, 0], self.natural, self.out.begin)
        for step, matrix in zip(self.out.steps, self.out.pick(matrices), strict=True):
            state = step(step.arrange(state), matrix)
        state = permute_wires(state, self.out.end, self.natural)
        return self.readout.values(state).unsqueeze(1), [matrices, products, state]

    def backward(self, upstream: Tensor, saved: list, of_input: bool, of_weight: bool) -> tuple:
        """Gradients by x, w and the start."""
        matrices, products, state = saved
        slope = torch.conj_physical(self.readout.pull(upstream.squeeze(1), state))
        slope = permute_wires(slope, self.natural, self.back.begin)
        state = permute_wires(state, self.natural, self.back.begin)
        grams = []
        for step, matrix in zip(self.back.steps, self.back.pick(matrices), strict=True):
            state = step.arrange(state)
            slope = step.arrange(slope)
            grams.append(step.gram(slope, state))
            # No gradient is asked for by a state of zeros
            if len(grams) < len(self.back.steps) or self.started:
                state = step(state, matrix.conj())
                slope = step(slope, matrix)
        by_weight = None
        if of_weight:
            clusters, runs, side = matrices.shape[:3]
            gram = torch.zeros(runs, clusters * side**2, dtype=self.dtype, device=self.device)
            if grams:
                gram = gram.index_copy_(1, self.back.positions, torch.cat(grams, dim=1))
            gram = gram.view(runs, clusters, side, side).transpose(0, 1)
            by_weight = self.matrices.backward(gram.conj() @ matrices, products)
        by_start = None
        if self.started:
            slope = permute_wires(slope, self.back.end, self.natural)
            by_start = torch.conj_physical(slope).unsqueeze(1)
        return None, by_weight, by_start


class Walk:
    """Steps through all clusters, forward or (`back`) from the last with transposed matrices."""

    def __init__(self, clusters: list[Cluster], qubits: int, device: torch.device, back: bool):
        order = range(len(clusters))[:: -1 if back else 1]
        self.begin, steps, self.end = cluster.walk(
            [clusters[number].wires for number in order], qubits
        )
        self.steps = [ClusterStep(step) for step in steps]
        indices = []
        positions = []
        for number, step in zip(order, steps, strict=True):
            into, out = (
                _amplitudes(clusters[number].wires, wires)
                for wires in (step.wires, step.shared + step.dropped)
            )
            first = number * 4**WIDTH
            positions.append(first + 2**WIDTH * into[:, None] + into[None])
            index = (
                2**WIDTH * out[:, None] + into[None]
                if not back
                else out[:, None] + 2**WIDTH * into[None]
            )
            # shared, dropped, wires
            index = index.reshape(2 ** len(step.shared), -1, len(into))
            indices.append(first + (index.transpose(0, 2, 1) if step.dropped else index))
        self.index = _joined(indices, device)
        self.positions = _joined(positions, device)
        self.sizes = [index.size for index in indices]

    def pick(self, matrices: Tensor) -> list[Tensor]:
        """Matrices of each step, (runs, ...), of those of clusters (clusters, runs, side, side)."""
        flat = matrices.transpose(0, 1).flatten(1).index_select(1, self.index)
        return [
            step.unflatten(matrix)
            for step, matrix in zip(self.steps, flat.split(self.sizes, dim=1), strict=True)
        ]


class ClusterStep:
    """One cluster's step: states (runs, amplitudes) to states."""

    def __init__(self, step: Step):
        self.shared = 2 ** len(step.shared)
        self.side = 2 ** len(step.wires)
        self.dropped = 2 ** len(step.dropped)
        self.moved = step.moved

    def arrange(self, state: Tensor) -> Tensor:
        """The state with the cluster's wires in front."""
        return state if self.moved is None else permute_wires(state, *self.moved)

    def unflatten(self, matrix: Tensor) -> Tensor:
        """A matrix as it is applied: (runs, shared, side), before an axis of any dropped wires."""
        sides = (self.shared, self.side)
        return matrix.unflatten(1, (*sides, self.dropped) if self.dropped > 1 else sides)

    def __call__(self, state: Tensor, matrix: Tensor) -> Tensor:
        runs = len(state)
        state = state.unflatten(1, (self.side, -1))
        if self.dropped == 1:
            return torch.bmm(matrix, state).flatten(1)
        if runs == 1:
            return torch.bmm(state.mT.expand(self.shared, -1, -1), matrix[0]).view(1, -1)
        out = state.new_empty(runs, self.shared, state.shape[2], self.dropped)
        for shared in range(self.shared):
            torch.bmm(state.mT, matrix[:, shared], out=out[:, shared])
        return out.view(runs, -1)

    def gram(self, slope: Tensor, state: Tensor) -> Tensor:
        """Products of slopes and amplitudes, summed over all wires but the cluster's.

        (runs, side * side).
        """
        slope, state = (values.unflatten(1, (self.side, -1)) for values in (slope, state))
        return torch.bmm(slope, state.mT).flatten(1)


def permute_wires(state: Tensor, before: tuple[int, ...], after: tuple[int, ...]) -> Tensor:
    """States (runs, amplitudes) with their wires in another order.

    Wires that stay neighbours are moved together.
    """
    if before == after:
        return state
    groups: list[list[int]] = []
    for position in map(before.index, after):
        if groups and groups[-1][-1] + 1 == position:
            groups[-1].append(position)
        else:
            groups.append([position])
    ordered = sorted(groups)
    cube = state.unflatten(1, [2 ** len(group) for group in ordered])
    return cube.permute(0, *(1 + ordered.index(group) for group in groups)).reshape(len(state), -1)


def _amplitudes(wires: list[int], order: tuple[int, ...]) -> np.ndarray:
    """The index of each basis state of ordered wires among those of a cluster of these wires."""
    rows = np.arange(2 ** len(order))
    bits = {wire: rows >> (len(order) - 1 - position) & 1 for position, wire in enumerate(order)}
    return sum(
        (bits[wire] << (len(wires) - 1 - position) for position, wire in enumerate(wires)),
        np.zeros_like(rows),
    )


def _joined(indices: list[np.ndarray], device: torch.device) -> Tensor:
    """Indices of all steps in one row."""
    flat = [index.flatten() for index in indices] or [np.zeros(0, int)]
    return torch.from_numpy(np.concatenate(flat)).to(device)
