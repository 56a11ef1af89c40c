"""Circuits on many wires: blocks on a few wires each, permutations between them, undone again in
the backward pass.
"""

from functools import lru_cache
from math import prod

import numpy as np
import torch
from torch import Tensor

from qtlrun.simulator import schedule
from qtlrun.simulator.block import Blocks
from qtlrun.simulator.dense import Dense
from qtlrun.simulator.readout import Readout
from qtlrun.simulator.rotation import added
from qtlrun.tape import pauli
from qtlrun.tape.angle import Affine, Chosen
from qtlrun.tape.tape import Gate

# States of the forward pass that the backward pass finds again; those before are computed back from
# them
KEPT = 6


class Grouped:
    """A circuit as slots of blocks, one for each group of wires, and permutations of amplitudes
    between slots.

    The blocks of the first slot act on zeros, so they give a product state, unless (`started`) a
    state is given for each sample.
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
        self.parts = schedule.groups(len(wires))
        self.qubits = len(wires)
        self.real = real
        slots = schedule.slots(gates, self.parts, fed)
        self.opening = []
        if not started:
            self.opening = [
                Dense(slots[0].blocks.get(number, []), part, affine, fed, real)
                for number, part in enumerate(self.parts)
            ]
            slots[0] = schedule.Slot({}, slots[0].moves)
        self.slots = slots
        self.places = {}  # of each slot's block on a group its place among all blocks of that size
        for number, slot in enumerate(slots):
            for group in slot.blocks:
                self.places.setdefault(len(self.parts[group]), []).append((number, group))
        self.blocks = [
            Blocks(
                [(slots[number].blocks[group], self.parts[group]) for number, group in places],
                affine,
                fed,
                real,
            )
            for places in self.places.values()
        ]
        self.readout = Readout(outcomes, len(wires), real)
        self.on = lru_cache(maxsize=8)(self._on)

    def bytes(self, size: int) -> int:
        """Memory that one sample's gradient takes, with real numbers of `size` bytes."""
        states = (1 if self.real else 2) * 2**self.qubits * (min(KEPT, len(self.slots)) + 8)
        return size * (states + sum(blocks.numbers for blocks in self.blocks))

    def _on(self, dtype: torch.dtype, device: torch.device, runs: int) -> "Sweep":
        return Sweep(self, dtype, device, runs)


class Sweep:
    """A `Grouped` as tensors for so many runs: its forward and backward passes over states
    (samples, amplitudes).
    """

    def __init__(self, of: Grouped, dtype: torch.dtype, device: torch.device, runs: int):
        self.sides = [2 ** len(part) for part in of.parts]
        self.opening = [one.on(dtype, device, runs) for one in of.opening]
        self.blocks = [one.on(dtype, device, runs) for one in of.blocks]
        places = {
            place: (size, at)
            for size, every in enumerate(of.places.values())
            for at, place in enumerate(every)
        }
        kind, moves = (
            (dtype if of.real else dtype.to_complex()),
            {},
        )  # layers that repeat share their permutation
        for slot in of.slots:
            key = _name(slot.moves)
            if slot.moves and key not in moves:
                moves[key] = Move(slot.moves, of.qubits, kind, device)
        self.steps = [
            ({group: places[number, group] for group in slot.blocks}, moves.get(_name(slot.moves)))
            for number, slot in enumerate(of.slots)
        ]
        self.readout = of.readout.on(kind, device)

    def forward(self, x: Tensor, w: Tensor, start: Tensor | None) -> tuple[Tensor, list]:
        """Values, and what the backward pass needs."""
        opened = [one.forward(x, w, None) for one in self.opening]
        parts = [part.flatten(0, 1) for part, _ in opened]
        state = _product(parts)[-1] if opened else start.flatten(0, 1)
        made = [one.forward(x, w) for one in self.blocks]
        matrices = [_each(one, x.shape[1]) for one, _ in made]
        states = []
        for blocks, move in self.steps:
            state = self._turn(state, blocks, matrices) if blocks else state
            states.append(state)
            state = state if move is None else move(state)
            if len(states) > KEPT:
                states[-KEPT - 1] = None
        values = self.readout.values(state).unflatten(0, x.shape[:2])
        return values, [opened, parts, made, matrices, states, state]

    def backward(self, upstream: Tensor, kept: list, of_input: bool, of_weight: bool) -> tuple:
        """Gradients by x, w and the start."""
        opened, parts, made, matrices, states, state = kept
        slope = self.readout.pull(upstream.flatten(0, 1), state)
        grams = [[None] * len(one) for one in matrices]
        for number in reversed(range(len(self.steps))):
            blocks, move = self.steps[number]
            if move is not None:
                slope = move.back(slope)
            if states[number] is not None:
                state = states[number]
            elif move is not None:
                state = move.back(state)
            for group, (size, place) in blocks.items():
                grams[size][place] = self._gram(state, slope, group)
            if blocks:
                slope = self._unturn(slope, blocks, matrices)
                if (
                    number
                    and states[number - 1] is None
                    and any(earlier for earlier, _ in self.steps[:number])
                ):
                    state = self._unturn(state, blocks, matrices)
        total = (None, None)
        for blocks, (stack, saved), gram in zip(self.blocks, made, grams, strict=True):
            gram = torch.stack(gram, 1).unflatten(
                0, (len(stack), -1)
            )  # runs, batch, blocks, side, side
            gram = gram if stack.shape[1] > 1 else gram.sum(1, keepdim=True)
            total = added(total, blocks.backward(stack @ gram, saved, of_input, of_weight))
        if not self.opening:
            return *total, slope.view(len(upstream), upstream.shape[1], -1)
        for chain, part, (_, saved) in zip(
            self.opening, _factors(parts, slope), opened, strict=True
        ):
            pulled = chain.backward(
                part.view(len(upstream), upstream.shape[1], -1), saved, of_input, of_weight
            )
            total = added(total, pulled[:2])
        return *total, None

    def _turn(self, state: Tensor, blocks: dict, matrices: list) -> Tensor:
        """Every block on its group: each product moves its group from the last place to the first,
        so the order comes back.
        """
        samples = len(state)
        for group in reversed(range(len(self.sides))):
            rows = state.view(samples, -1, self.sides[group])
            state = (
                torch.bmm(_block(matrices, blocks[group]).mT, rows.mT)
                if group in blocks
                else rows.mT.contiguous()
            )
        return state.view(samples, -1)

    def _unturn(self, state: Tensor, blocks: dict, matrices: list) -> Tensor:
        """The inverse of all blocks, which is their adjoint."""
        samples = len(state)
        for group, side in enumerate(self.sides):
            columns = state.view(samples, side, -1).mT
            state = (
                torch.bmm(columns, _block(matrices, blocks[group]).mH)
                if group in blocks
                else columns.contiguous()
            )
        return state.view(samples, -1)

    def _gram(self, state: Tensor, slope: Tensor, group: int) -> Tensor:
        """Conjugate amplitudes times slopes of each sample, summed over all wires but the group's:
        (samples, side, side).
        """
        samples = len(state)
        side = self.sides[group]
        left = prod(self.sides[:group])
        if group == len(self.sides) - 1:
            return torch.bmm(state.view(samples, -1, side).mH, slope.view(samples, -1, side))
        products = torch.bmm(
            state.view(samples * left, side, -1).conj(), slope.view(samples * left, side, -1).mT
        )
        return products if left == 1 else products.view(samples, left, side, side).sum(1)


class Move:
    """A permutation of amplitudes with phases, and its inverse."""

    def __init__(self, gates: list[Gate], qubits: int, dtype: torch.dtype, device: torch.device):
        source, phase = pauli.permutation(gates, qubits)
        back = np.argsort(source)
        self.source, self.origin = (
            torch.from_numpy(one.astype(np.int32)).to(device) for one in (source, back)
        )
        self.phase = self.unphase = None
        if np.abs(phase - 1).max() > pauli.SMALL:
            phase, unphase = (
                one if dtype.is_complex else one.real for one in (phase, phase.conj()[back])
            )
            self.phase, self.unphase = (
                torch.as_tensor(one, dtype=dtype, device=device) for one in (phase, unphase)
            )

    def __call__(self, state: Tensor) -> Tensor:
        moved = state.index_select(1, self.source)
        return moved if self.phase is None else moved.mul_(self.phase)

    def back(self, state: Tensor) -> Tensor:
        """The state before."""
        moved = state.index_select(1, self.origin)
        return moved if self.unphase is None else moved.mul_(self.unphase)


def _name(gates: list[Gate]) -> tuple:
    """Identity of a sequence of constant gates."""
    return tuple((gate.wires, gate.matrix.numpy().tobytes()) for gate in gates)


def _product(parts: list[Tensor]) -> list[Tensor]:
    """Products of the first one, two ... of these states (samples, amplitudes)."""
    states = parts[:1]
    for part in parts[1:]:
        states.append((states[-1].unsqueeze(-1) * part.unsqueeze(-2)).flatten(1))
    return states


def _factors(parts: list[Tensor], slope: Tensor) -> list[Tensor]:
    """Gradients by each of the states whose product has this one."""
    prefixes = _product(parts[:-1]) if len(parts) > 1 else []
    slopes = []
    for prefix, part in zip(reversed(prefixes), reversed(parts[1:]), strict=False):
        slope = slope.view(len(slope), -1, part.shape[-1])
        slopes.append(torch.bmm(prefix.conj().unsqueeze(1), slope).squeeze(1))
        slope = torch.bmm(slope, part.conj().unsqueeze(-1)).squeeze(-1)
    return [slope, *reversed(slopes)]


def _each(stack: Tensor, batch: int) -> list[Tensor]:
    """Blocks (runs, batch or 1, blocks, side, side) as one (samples, side, side) for each; of a
    single run it takes no copy.
    """
    stack = stack.expand(-1, batch, -1, -1, -1)
    return [one.flatten(0, 1) for one in stack.unbind(2)]


def _block(matrices: list[list[Tensor]], at: tuple[int, int]) -> Tensor:
    size, place = at
    return matrices[size][place]
