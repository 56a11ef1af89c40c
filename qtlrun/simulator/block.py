"""Matrices of blocks of gates on a few wires: products of layers of commuting rotations."""

from functools import lru_cache

import torch
from torch import Tensor

from qtlrun.simulator import schedule
from qtlrun.simulator.rotation import Rotations, add_slopes
from qtlrun.tape.angle import Affine, Chosen
from qtlrun.tape.tape import Gate


class Blocks:
    """Blocks on equally many wires; their matrices act on amplitudes from the right.

    `members` holds the numbers of each block's layers.
    """

    def __init__(
        self,
        blocks: list[tuple[list[Gate], tuple[int, ...]]],
        affine: Affine | Chosen,
        fed: frozenset[int],
        real: bool,
    ):
        layers: list[schedule.Layer] = []
        self.members = []
        self.real = real
        wires = tuple(range(len(blocks[0][1])))
        for gates, block_wires in blocks:
            local_gates = [_local(gate, block_wires) for gate in gates]
            block_layers = schedule.layers(local_gates, wires, fed)
            self.members.append(list(range(len(layers), len(layers) + len(block_layers))))
            layers += block_layers
        self.side = 2 ** len(wires)
        self.count = len(layers)
        self.fed = any(layer.fed for layer in layers)
        self.kinds = [
            Rotations(part, wires, affine, real) for part in schedule.split_by_feeding(layers)
        ]
        numbers = (4 * self.count + 3 * len(blocks)) * self.side**2 * (1 if real else 2)
        # Of each sample, in the backward pass too
        self.numbers = numbers if self.fed else 0
        self.on = lru_cache(maxsize=8)(self._on)

    def _on(self, dtype: torch.dtype, device: torch.device, runs: int) -> "BlockMatrices":
        return BlockMatrices(self, dtype, device, runs)


class BlockMatrices:
    """Constants of `Blocks` as tensors for some runs, with the forward and backward passes."""

    def __init__(self, blocks: Blocks, dtype: torch.dtype, device: torch.device, runs: int):
        self.fed = blocks.fed
        self.tables = [kind.on(dtype, device, runs) for kind in blocks.kinds]
        # The layers in the order in which their matrices are made
        layers = [member for kind in blocks.kinds for member in kind.members]
        order = torch.tensor(_order(blocks.members, layers))
        self.order = order.to(device)
        index = {number: index for index, number in enumerate(order.flatten().tolist())}
        self.back = torch.tensor(
            [index.get(number, 0) for number in range(len(layers))], device=device
        )
        self.identity = torch.eye(
            blocks.side, dtype=dtype if blocks.real else dtype.to_complex(), device=device
        )[None, None, None]

    def forward(self, x: Tensor, w: Tensor) -> tuple[Tensor, list]:
        """Matrices (runs, batch or 1, blocks, side, side), and what the backward pass needs."""
        sums = [table.sums(x, w.unsqueeze(1)) for table in self.tables]
        matrices = self._layers(sums, *x.shape[:2])
        steps = [matrices.index_select(2, order) for order in self.order]
        products = steps[:1]
        for step in steps[1:]:
            products.append(products[-1] @ step)
        return products[-1], [sums, steps, products]

    def backward(self, slope: Tensor, saved: list, of_input: bool, of_weight: bool) -> tuple:
        """Gradients by x and w."""
        sums, steps, products = saved
        slopes = (
            _step_slopes(slope, steps, products)
            .index_select(2, self.back)
            .split([len(table.members) for table in self.tables], dim=2)
        )
        total = (None, None)
        for table, table_sums, table_slopes in zip(self.tables, sums, slopes, strict=True):
            if table.fed != self.fed:
                table_slopes = table_slopes.sum(1, keepdim=True)
            total = add_slopes(total, table.pull(table_slopes, table_sums, of_input, of_weight))
        return total

    def _layers(self, sums: list[Tensor], runs: int, batch: int) -> Tensor:
        """Matrices of all layers and the identity, (runs, batch or 1, layers + 1, side, side)."""
        matrices = [
            table.matrices(table_sums) for table, table_sums in zip(self.tables, sums, strict=True)
        ]
        matrices.append(self.identity.expand(runs, -1, -1, -1, -1))
        if self.fed:
            matrices = [stack.expand(-1, batch, -1, -1, -1) for stack in matrices]
        return torch.cat(matrices, dim=2)


def _step_slopes(slope: Tensor, steps: list[Tensor], products: list[Tensor]) -> Tensor:
    """Gradients by the matrices of all steps, one step's blocks after the other's."""
    slopes = []
    for step, before in zip(reversed(steps[1:]), reversed(products[:-1]), strict=True):
        slopes.append(before.mH @ slope)
        slope = slope @ step.mH
    return torch.cat([slope, *reversed(slopes)], dim=2)


def _order(members: list[list[int]], layers: list[int | None]) -> list[list[int]]:
    """Position among `layers` of each block's first layer, then of each block's second ...

    Where a block has no more of them stands the position of the identity, which comes behind all
    layers. `layers` holds None where a table is filled up.
    """
    position = {layer: position for position, layer in enumerate(layers)}
    longest = max(len(numbers) for numbers in members)
    blocks = [
        [*map(position.get, numbers), *[len(layers)] * (longest - len(numbers))]
        for numbers in members
    ]
    return [list(step) for step in zip(*blocks, strict=True)]


def _local(gate: Gate, wires: tuple[int, ...]) -> Gate:
    """A gate with its wires numbered within the block."""
    return Gate(tuple(wires.index(wire) for wire in gate.wires), gate.word, gate.angle, gate.matrix)
