"""Grouped simulation of many wires: blocks on a few wires each, permutations between them.

Both are undone again in the backward pass.
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
from qtlrun.simulator.rotation import add_slopes
from qtlrun.tape import pauli
from qtlrun.tape.angle import Affine, Chosen
from qtlrun.tape.tape import Gate

# States of the forward pass that the backward pass finds again; those before are computed back from
# them
SAVED_STATES = 6


class Grouped:
    """Circuit as slots of blocks, one for each group of wires, and permutations between slots.

    The blocks of the first slot act on zeros, so they give a product state, unless (`started`) a
    state is given for each sample. `sites` are the (slot, group) of all blocks, by the size of
    their group.
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
        self.sites: dict[int, list[tuple[int, int]]] = {}
        for number, slot in enumerate(slots):
            for group in slot.blocks:
                self.sites.setdefault(len(self.parts[group]), []).append((number, group))
        self.blocks = []
        for sites in self.sites.values():
            blocks = [(slots[number].blocks[group], self.parts[group]) for number, group in sites]
            self.blocks.append(Blocks(blocks, affine, fed, real))
        self.readout = Readout(outcomes, len(wires), real)
        self.on = lru_cache(maxsize=8)(self._on)

    def bytes(self, size: int) -> int:
        """Memory that one sample's gradient takes, with real numbers of `size` bytes."""
        states = (1 if self.real else 2) * 2**self.qubits * (min(SAVED_STATES, len(self.slots)) + 8)
        return size * (states + sum(blocks.numbers for blocks in self.blocks))

    def _on(self, dtype: torch.dtype, device: torch.device, runs: int) -> "Sweep":
        return Sweep(self, dtype, device, runs)


class Sweep:
    """Constants of a `Grouped` as tensors for some runs, with its forward and backward passes.

    States are (samples, amplitudes). Each of `steps` has the blocks of a slot, by their group, as
    the stack of matrices and the index in it, and the permutation that follows.
    """

    def __init__(self, grouped: Grouped, dtype: torch.dtype, device: torch.device, runs: int):
        self.sides = [2 ** len(part) for part in grouped.parts]
        self.opening = [dense.on(dtype, device, runs) for dense in grouped.opening]
        self.blocks = [blocks.on(dtype, device, runs) for blocks in grouped.blocks]
        address: dict[tuple[int, int], tuple[int, int]] = {}
        for stack, sites in enumerate(grouped.sites.values()):
            address |= {site: (stack, index) for index, site in enumerate(sites)}
        state_dtype = dtype if grouped.real else dtype.to_complex()
        moves = {}  # layers that repeat share their permutation
        self.steps = []
        for number, slot in enumerate(grouped.slots):
            key = _identity(slot.moves)
            if slot.moves and key not in moves:
                moves[key] = Move(slot.moves, grouped.qubits, state_dtype, device)
            blocks = {group: address[number, group] for group in slot.blocks}
            self.steps.append((blocks, moves.get(key)))
        self.readout = grouped.readout.on(state_dtype, device)

    def forward(self, x: Tensor, w: Tensor, start: Tensor | None) -> tuple[Tensor, list]:
        """Values, and what the backward pass needs."""
        opened = [chain.forward(x, w, None) for chain in self.opening]
        parts = [part.flatten(0, 1) for part, _ in opened]
        state = _product(parts)[-1] if opened else start.flatten(0, 1)
        stacks = [blocks.forward(x, w) for blocks in self.blocks]
        matrices = [_each(stack, x.shape[1]) for stack, _ in stacks]
        states = []
        for blocks, move in self.steps:
            state = self._turn(state, blocks, matrices) if blocks else state
            states.append(state)
            state = state if move is None else move(state)
            if len(states) > SAVED_STATES:
                states[-SAVED_STATES - 1] = None
        values = self.readout.values(state).unflatten(0, x.shape[:2])
        return values, [opened, parts, stacks, matrices, states, state]

    def backward(self, upstream: Tensor, saved: list, of_input: bool, of_weight: bool) -> tuple:
        """Gradients by x, w and the start."""
        opened, parts, stacks, matrices, states, state = saved
        slope, grams = self._walk_back(
            state, self.readout.pull(upstream.flatten(0, 1), state), matrices, states
        )
        total = (None, None)
        for blocks, (stack, products), gram in zip(self.blocks, stacks, grams, strict=True):
            # runs, batch, blocks, side, side
            gram = torch.stack(gram, 1).unflatten(0, (len(stack), -1))
            gram = gram if stack.shape[1] > 1 else gram.sum(1, keepdim=True)
            slopes = blocks.backward(stack @ gram, products, of_input, of_weight)
            total = add_slopes(total, slopes)
        if not self.opening:
            return *total, slope.view(len(upstream), upstream.shape[1], -1)
        for chain, part, (_, chain_saved) in zip(
            self.opening, _factors(parts, slope), opened, strict=True
        ):
            part = part.view(len(upstream), upstream.shape[1], -1)
            slopes = chain.backward(part, chain_saved, of_input, of_weight)
            total = add_slopes(total, slopes[:2])
        return *total, None

    def _walk_back(
        self, state: Tensor, slope: Tensor, matrices: list[list[Tensor]], states: list
    ) -> tuple[Tensor, list[list[Tensor]]]:
        """The gradient by the state before the first step, and the `_gram` of each block."""
        grams: list[list[Tensor]] = [[None] * len(stack) for stack in matrices]
        for number in reversed(range(len(self.steps))):
            blocks, move = self.steps[number]
            if move is not None:
                slope = move.back(slope)
            if states[number] is not None:
                state = states[number]
            elif move is not None:
                state = move.back(state)
            for group, (stack, index) in blocks.items():
                grams[stack][index] = self._gram(state, slope, group)
            if blocks:
                slope = self._unturn(slope, blocks, matrices)
                if (
                    number
                    and states[number - 1] is None
                    and any(earlier for earlier, _ in self.steps[:number])
                ):
                    state = self._unturn(state, blocks, matrices)
        return slope, grams

    def _turn(self, state: Tensor, blocks: dict, matrices: list) -> Tensor:
        """Apply every block to its group.

        Each product moves its group from the last position to the first, so the order comes back.
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
        """Apply the inverse of all blocks, which is their adjoint."""
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
        """Conjugate amplitudes times slopes of each sample, summed over all wires but the group's.

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
    """Permutation of amplitudes with phases, and its inverse."""

    def __init__(self, gates: list[Gate], qubits: int, dtype: torch.dtype, device: torch.device):
        source, phase = pauli.permutation(gates, qubits)
        back = np.argsort(source)
        self.source, self.origin = (
            torch.from_numpy(index.astype(np.int32)).to(device) for index in (source, back)
        )
        self.phase = None
        self.unphase = None
        if np.abs(phase - 1).max() > pauli.ELEMENT_TOLERANCE:
            self.phase, self.unphase = (
                torch.as_tensor(
                    factor if dtype.is_complex else factor.real, dtype=dtype, device=device
                )
                for factor in (phase, phase.conj()[back])
            )

    def __call__(self, state: Tensor) -> Tensor:
        moved = state.index_select(1, self.source)
        return moved if self.phase is None else moved.mul_(self.phase)

    def back(self, state: Tensor) -> Tensor:
        """The state before."""
        moved = state.index_select(1, self.origin)
        return moved if self.unphase is None else moved.mul_(self.unphase)


def _identity(gates: list[Gate]) -> tuple:
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
    """Blocks (runs, batch or 1, blocks, side, side) as a list, each (samples, side, side).

    Of a single run it takes no copy.
    """
    stack = stack.expand(-1, batch, -1, -1, -1)
    return [matrices.flatten(0, 1) for matrices in stack.unbind(2)]


def _block(matrices: list[list[Tensor]], address: tuple[int, int]) -> Tensor:
    stack, index = address
    return matrices[stack][index]
