"""Circuits on many wires: blocks on a few wires each, permutations between them, undone again in the backward pass."""
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.device import pauli, rotation, schedule
from qtlrun.device.dense import Dense
from qtlrun.device.readout import Readout
from qtlrun.device.reader import Affine, Gate

KEPT = 8  # states of the forward pass that the backward pass finds again; those before are computed back from them


class Grouped:
    """A circuit as slots of blocks, one for each group of wires, and permutations of amplitudes between slots.

    The blocks of the first slot act on a state of all zeros each: they give a product state, unless (`started`) a state
    is given for each sample.
    """

    def __init__(self, gates: list[Gate], wires: tuple[int, ...], affine: Affine, fed: frozenset[int], real: bool,
                 outcomes: list, started: bool = False):
        self.parts, self.real, self.qubits = schedule.groups(len(wires)), real, len(wires)
        slots = schedule.slots(gates, self.parts)
        if not started:
            opening = slots[0].blocks if slots else {}
            self.opening = [Dense(opening.get(number, []), part, affine, fed, real) for number, part in enumerate(self.parts)]
            slots = [schedule.Slot({}, slots[0].moves), *slots[1:]] if slots else []
        self.started, self.slots = started, slots
        self.blocks = {size: Blocks([(number, group) for number, slot in enumerate(slots) for group in slot.blocks
                                     if len(self.parts[group]) == size], slots, self.parts, affine, fed, real)
                       for size in sorted({len(part) for part in self.parts})}
        self.readout = Readout(outcomes, len(wires), real)
        self.on = lru_cache(maxsize=8)(self._on)

    def __call__(self, x: Float[Tensor, "runs batch features"], w: Float[Tensor, "runs weights"],
                 start: Tensor | None = None) -> Float[Tensor, "runs batch outputs"]:
        state = start if self.started else self._product([one(x, w) for one in self.opening])
        matrices = [blocks(x, w) for blocks in self.blocks.values() if blocks.places]
        dtype = x.dtype if self.real else x.dtype.to_complex()
        return _Sweep.apply(self, self.on(dtype, x.device), state, *matrices)

    def bytes(self, size: int) -> int:
        """Memory that one sample's gradient takes, with real numbers of `size` bytes."""
        return size * (1 if self.real else 2) * 2**self.qubits * (KEPT + 8)

    def _product(self, parts: list[Tensor]) -> Tensor:
        state = parts[0]
        for part in parts[1:]:
            state = (state.unsqueeze(-1) * part.unsqueeze(-2)).flatten(2)
        return state

    def _on(self, dtype: torch.dtype, device: torch.device) -> "Sweep":
        return Sweep(self, dtype, device)


class Blocks:
    """The matrices of all blocks on so many wires, (runs, batch or 1, blocks, side, side); they act from the right."""

    def __init__(self, places: list[tuple[int, int]], slots: list, parts: list, affine: Affine, fed: frozenset[int], real: bool):
        self.places, self.real = places, real
        if not places:
            return
        size = len(parts[places[0][1]])
        layers, self.order = [], []
        for number, group in places:
            own = schedule.layers(slots[number].blocks[group], parts[group], fed)
            self.order.append(list(range(len(layers), len(layers) + len(own))))
            layers += [schedule.Layer([_local(gate, parts[group]) for gate in layer.constants], layer.turns, layer.fed) for layer in own]
        self.count, self.longest = len(layers), max(len(own) for own in self.order)
        self.fed = any(layer.fed for layer in layers)
        self.kinds = rotation.rotations(layers, tuple(range(size)), affine, real)
        self.on = lru_cache(maxsize=8)(self._on)

    def __call__(self, x: Tensor, w: Tensor) -> Tensor:
        tables, order, identity = self.on(x.dtype, x.device, len(x))
        made = [_Matrices.apply(x, w, table) for table in tables]  # runs, batch or 1, members, side, side
        if self.fed:
            made = [one.expand(-1, x.shape[1], -1, -1, -1) for one in made]
        every = torch.cat([*made, identity.expand(*made[0].shape[:2], -1, -1, -1)], dim=2)
        step = every[:, :, order[0]]
        for later in order[1:]:
            step = step @ every[:, :, later]
        return step

    def _on(self, dtype: torch.dtype, device: torch.device, runs: int) -> tuple:
        side = self.kinds[0].table.shape[-1]
        where = {member: number for number, member in enumerate(member for kind in self.kinds for member in kind.members)}
        order = [[where[own[step]] if step < len(own) else self.count for own in self.order] for step in range(self.longest)]
        identity = torch.eye(side, dtype=dtype if self.real else dtype.to_complex(), device=device)[None, None, None]
        return [kind.on(dtype, device, runs) for kind in self.kinds], torch.tensor(order, device=device), identity


class Sweep:
    """The permutations of a `Grouped` as tensors, and its forward and backward passes over states (samples, amplitudes)."""

    def __init__(self, of: Grouped, dtype: torch.dtype, device: torch.device):
        self.sides = [2**len(part) for part in of.parts]
        sizes = [size for size, blocks in of.blocks.items() if blocks.places]
        self.steps = []
        for number, slot in enumerate(of.slots):
            blocks = {group: (sizes.index(len(of.parts[group])), of.blocks[len(of.parts[group])].places.index((number, group)))
                      for group in slot.blocks}
            self.steps.append((blocks, _Move(slot.moves, of.qubits, dtype, device) if slot.moves else None))
        self.readout = of.readout.on(dtype, device)

    def forward(self, state: Tensor, matrices: list[Tensor]) -> tuple[Tensor, Tensor, list]:
        """Values, the last state, and the states after the blocks of the last slots."""
        kept = [None] * len(self.steps)
        for number, (blocks, move) in enumerate(self.steps):
            if blocks:
                state = self._turn(state, blocks, matrices)
            kept[number] = state
            if number >= KEPT:
                kept[number - KEPT] = None
            if move is not None:
                state = move(state)
        return self.readout.values(state), state, kept

    def backward(self, upstream: Tensor, state: Tensor, kept: list, matrices: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Gradients by the first state and by the blocks' matrices."""
        slope = self.readout.pull(upstream, state)
        grams = [torch.zeros_like(one) for one in matrices]
        for number in reversed(range(len(self.steps))):
            blocks, move = self.steps[number]
            if move is not None:
                slope = move.back(slope)
                state = move.back(state) if kept[number] is None else None
            state = kept[number] if kept[number] is not None else state
            kept[number] = None
            for group, (size, place) in blocks.items():
                gram = self._gram(state, slope, group).unflatten(0, (len(matrices[size]), -1))
                grams[size][:, :, place] = gram if matrices[size].shape[1] > 1 else gram.sum(1, keepdim=True)
            if blocks:
                slope = self._unturn(slope, blocks, matrices)
                if number and kept[number - 1] is None:
                    state = self._unturn(state, blocks, matrices)
        return slope, [one @ gram for one, gram in zip(matrices, grams, strict=True)]

    def _turn(self, state: Tensor, blocks: dict, matrices: list[Tensor]) -> Tensor:
        """Every block on its group: each product moves its group from the last place to the first, so the order comes back."""
        samples = len(state)
        for group in reversed(range(len(self.sides))):
            rows = state.view(samples, -1, self.sides[group])
            if group in blocks:
                state = torch.bmm(_each(matrices, blocks[group], samples).mT, rows.mT)
            else:
                state = rows.mT.contiguous()
        return state.view(samples, -1)

    def _unturn(self, state: Tensor, blocks: dict, matrices: list[Tensor]) -> Tensor:
        samples = len(state)
        for group in range(len(self.sides)):
            columns = state.view(samples, self.sides[group], -1)
            if group in blocks:
                state = torch.bmm(columns.mT, _each(matrices, blocks[group], samples).mH)
            else:
                state = columns.mT.contiguous()
        return state.view(samples, -1)

    def _gram(self, state: Tensor, slope: Tensor, group: int) -> Tensor:
        """Of each sample the products of conjugate amplitudes and slopes, summed over all wires but the group's."""
        samples, side = len(state), self.sides[group]
        left = int(np.prod(self.sides[:group]))
        if group == len(self.sides) - 1:
            return torch.bmm(state.view(samples, -1, side).mH, slope.view(samples, -1, side))
        state, slope = (one.view(samples * left, side, -1) for one in (state, slope))
        products = torch.bmm(state.conj(), slope.mT)
        return products if left == 1 else products.view(samples, left, side, side).sum(1)


class _Move:
    """A permutation of amplitudes with phases, and its inverse."""

    def __init__(self, gates: list[Gate], qubits: int, dtype: torch.dtype, device: torch.device):
        source, phase = pauli.permutation(gates, qubits)
        back = np.argsort(source)
        self.source, self.origin = (torch.from_numpy(one).to(device) for one in (source, back))
        self.phase = self.unphase = None
        if np.abs(phase - 1).max() > pauli.SMALL:
            phase, unphase = (one if dtype.is_complex else one.real for one in (phase, phase.conj()[back]))
            self.phase, self.unphase = (torch.as_tensor(one, dtype=dtype, device=device) for one in (phase, unphase))

    def __call__(self, state: Tensor) -> Tensor:
        moved = state.index_select(1, self.source)
        return moved if self.phase is None else moved.mul_(self.phase)

    def back(self, state: Tensor) -> Tensor:
        moved = state.index_select(1, self.origin)
        return moved if self.unphase is None else moved.mul_(self.unphase)


class _Sweep(torch.autograd.Function):
    """All blocks, permutations and the readout as one node of autograd's graph."""

    @staticmethod
    def forward(ctx, of: Grouped, sweep: Sweep, state: Tensor, *matrices: Tensor) -> Tensor:
        values, ctx.last, ctx.states = sweep.forward(state.flatten(0, 1), list(matrices))
        ctx.sweep, ctx.matrices, ctx.shape = sweep, matrices, state.shape
        return values.unflatten(0, state.shape[:2])

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, upstream: Tensor) -> tuple:
        slope, grams = ctx.sweep.backward(upstream.flatten(0, 1), ctx.last, ctx.states, list(ctx.matrices))
        return None, None, slope.view(ctx.shape), *grams


class _Matrices(torch.autograd.Function):
    """A table's matrices (runs, batch or 1, members, side, side) as one node of autograd's graph."""

    @staticmethod
    def forward(ctx, x: Tensor, w: Tensor, table: rotation.Table) -> Tensor:
        sums = table.sums(x, w.unsqueeze(1))
        ctx.table, ctx.sums = table, sums
        return table.matrices(sums).unflatten(1, (-1, len(table.members)))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, upstream: Tensor) -> tuple:
        x, w = ctx.needs_input_grad[:2]
        by_input, by_weight = ctx.table.pull(upstream.flatten(1, 2), ctx.sums, x, w)
        return by_input, None if by_weight is None else by_weight.squeeze(1), None


def _local(gate: Gate, wires: tuple[int, ...]) -> Gate:
    """A gate with its wires numbered within the group."""
    return Gate(tuple(wires.index(wire) for wire in gate.wires), gate.word, gate.angle, gate.matrix)


def _each(matrices: list[Tensor], block: tuple[int, int], samples: int) -> Tensor:
    """One block's matrix for each sample; of a single run it takes no copy."""
    size, place = block
    chosen = matrices[size][:, :, place]
    return chosen.expand(-1, samples // len(chosen), -1, -1).flatten(0, 1)
