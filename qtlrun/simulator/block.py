"""Matrices of blocks of gates on a few wires: products of layers of commuting rotations."""

from functools import lru_cache

import torch
from torch import Tensor

from qtlrun.simulator import schedule
from qtlrun.simulator.rotation import Rotations, added
from qtlrun.tape.angle import Affine, Chosen
from qtlrun.tape.tape import Gate


class Blocks:
    """Blocks on equally many wires; their matrices act on amplitudes from the right."""

    def __init__(
        self,
        blocks: list[tuple[list[Gate], tuple[int, ...]]],
        affine: Affine | Chosen,
        fed: frozenset[int],
        real: bool,
    ):
        layers, self.members, self.real = (
            [],
            [],
            real,
        )  # `members` are the numbers of each block's layers
        for gates, wires in blocks:
            own = schedule.layers(
                [_local(gate, wires) for gate in gates], tuple(range(len(wires))), fed
            )
            self.members.append(list(range(len(layers), len(layers) + len(own))))
            layers += own
        self.side = 2 ** len(blocks[0][1])
        self.count = len(layers)
        self.fed = any(layer.fed for layer in layers)
        self.kinds = [
            Rotations(some, tuple(range(len(blocks[0][1]))), affine, real)
            for some in schedule.parted(layers)
        ]
        own = (4 * self.count + 3 * len(blocks)) * self.side**2 * (1 if real else 2)
        self.numbers = (
            own if self.fed else 0
        )  # that every sample has of its own, in the backward pass too
        self.on = lru_cache(maxsize=8)(self._on)

    def _on(self, dtype: torch.dtype, device: torch.device, runs: int) -> "Products":
        return Products(self, dtype, device, runs)


class Products:
    """The constants of `Blocks` as tensors for some runs, and their forward and backward passes."""

    def __init__(self, of: Blocks, dtype: torch.dtype, device: torch.device, runs: int):
        self.fed = of.fed
        self.tables = [kind.on(dtype, device, runs) for kind in of.kinds]
        found = [
            member for kind in of.kinds for member in kind.members
        ]  # the order in which matrices are made
        longest = max(len(own) for own in of.members)
        order = torch.tensor(
            [
                [found.index(own[step]) if step < len(own) else len(found) for own in of.members]
                for step in range(longest)
            ]
        )
        self.order = order.to(device)
        where = {number: place for place, number in enumerate(order.flatten().tolist())}
        self.back = torch.tensor(
            [where.get(number, 0) for number in range(len(found))], device=device
        )
        self.identity = torch.eye(
            of.side, dtype=dtype if of.real else dtype.to_complex(), device=device
        )[None, None, None]

    def forward(self, x: Tensor, w: Tensor) -> tuple[Tensor, list]:
        """Matrices (runs, batch or 1, blocks, side, side), and what the backward pass needs."""
        sums = [table.sums(x, w.unsqueeze(1)) for table in self.tables]
        made = [table.matrices(one) for table, one in zip(self.tables, sums, strict=True)]
        made.append(self.identity.expand(len(x), -1, -1, -1, -1))
        made = [one.expand(-1, x.shape[1], -1, -1, -1) for one in made] if self.fed else made
        every = torch.cat(made, dim=2)
        steps = [every.index_select(2, order) for order in self.order]
        products = steps[:1]
        for step in steps[1:]:
            products.append(products[-1] @ step)
        return products[-1], [sums, steps, products]

    def backward(self, slope: Tensor, kept: list, of_input: bool, of_weight: bool) -> tuple:
        """Gradients by x and w."""
        sums, steps, products = kept
        slopes = []
        for step, before in zip(reversed(steps[1:]), reversed(products[:-1]), strict=True):
            slopes.append(before.mH @ slope)
            slope = slope @ step.mH
        slopes = torch.cat([slope, *reversed(slopes)], dim=2).index_select(2, self.back)
        total = (None, None)
        for table, one, own in zip(
            self.tables,
            sums,
            slopes.split([len(table.members) for table in self.tables], dim=2),
            strict=True,
        ):
            own = own if table.fed == self.fed else own.sum(1, keepdim=True)
            total = added(total, table.pull(own, one, of_input, of_weight))
        return total


def _local(gate: Gate, wires: tuple[int, ...]) -> Gate:
    """A gate with its wires numbered within the block."""
    return Gate(tuple(wires.index(wire) for wire in gate.wires), gate.word, gate.angle, gate.matrix)
