"""The matrices of clusters of gates, all at once, from the weights; and their gradient back to the
weights.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.simulator.cluster import WIDTH, Block, Cluster
from qtlrun.tape import pauli
from qtlrun.tape.angle import Affine, Chosen
from qtlrun.tape.tape import Gate

FULL = 4**WIDTH
PLACES = range(WIDTH)


class Matrices:
    """Clusters as matrices of side 2**WIDTH; the wires of a cluster are the last of these, in its
    order.

    Rotations cos(a/2) - i sin(a/2) P and constants are multiplied to blocks of side 4, these,
    embedded, to clusters.
    """

    def __init__(
        self, blocks: list[Block], clusters: list[Cluster], affine: Affine | Chosen, real: bool
    ):
        self.real = real
        turns = []
        constants = {}
        small = []
        large = []
        element = {}
        home = {}
        for cluster in clusters:
            home |= {number: _places(blocks[number], cluster) for number in cluster.blocks}
        for number, block in enumerate(blocks):
            if len(block.wires) > 2:
                large.append((number, pauli.embed(_constant(block.gates[0]), home[number], PLACES)))
                continue
            element[number] = len(small)
            small.append([])
            for gate in block.gates:
                if gate.angle is not None:
                    small[-1].append((len(turns), None))
                    turns.append(
                        (
                            gate.angle,
                            -1j * pauli.of_word(pauli.spread(gate.word, gate.wires, block.wires)),
                        )
                    )
                else:
                    matrix = pauli.embed(_constant(gate), gate.wires, block.wires)
                    _, place = constants.setdefault(
                        np.round(matrix, 12).tobytes(), (matrix, len(constants))
                    )
                    small[-1].append((None, place))
        element |= {number: len(small) + place for place, (number, _) in enumerate(large)}
        self.blocks = Products(
            [
                [len(turns) + place if turn is None else turn for turn, place in one]
                for one in small
            ],
            len(turns),
        )
        self.clusters = Products(
            [[element[number] for number in cluster.blocks] for cluster in clusters], len(small)
        )
        self.spread = [_spread(home[number]) for number in element if element[number] < len(small)]
        self.turns, self.small, self.large = (
            _stack(some, side)
            for some, side in (
                ([matrix for _, matrix in turns], 4),
                ([matrix for matrix, _ in constants.values()], 4),
                ([matrix for _, matrix in large], 16),
            )
        )
        self.angles = [angle for angle, _ in turns]
        self.affine = affine
        self.numbers = (
            4 * (len(turns) * 16 + (len(blocks) + len(clusters)) * FULL) * (1 if real else 2)
        )  # that a run takes

    def on(self, dtype: torch.dtype, device: torch.device) -> "Table":
        """The constants beside tensors of this (real) dtype."""
        return Table(self, dtype, device)


class Table:
    """The constants of `Matrices` as tensors.

    Small tensors have a leading axis of gates or blocks, then one of runs.
    """

    def __init__(self, of: Matrices, dtype: torch.dtype, device: torch.device):
        self.real = of.real

        def place(values: np.ndarray) -> Tensor:
            values = np.ascontiguousarray(values.real) if of.real else values
            return torch.as_tensor(
                values, dtype=dtype if of.real else dtype.to_complex(), device=device
            )

        self.blocks = of.blocks.on(device)
        self.clusters = of.clusters.on(device)
        self.turn, self.unit = (
            self._flat(place(one)).unsqueeze(1) for one in (of.turns, np.eye(4)[None])
        )  # (turns, 1, numbers)
        self.small = place(of.small).unsqueeze(1)
        self.large = place(of.large).unsqueeze(1)
        angle, weight, slope = of.affine.entries()
        number = {angle: place for place, angle in enumerate(of.angles)}
        own = torch.tensor([one in number for one in angle.tolist()], dtype=torch.bool)
        angle = torch.tensor([number[one] for one in angle[own].tolist()], dtype=torch.long)
        self.rest = of.affine.rest[of.angles].to(device, dtype)
        self.of_weight = Rows(angle, weight[own], slope[own], len(of.angles), dtype, device)
        self.to_weight = Rows(weight[own], angle, slope[own], of.affine.weights, dtype, device)
        into, back = (
            (
                np.stack(some) if some else np.zeros((0, 1), int)
                for some in zip(*of.spread, strict=True)
            )
            if of.spread
            else (np.zeros((0, FULL), int), np.zeros((0, 64), int))
        )
        self.into, self.back = (
            torch.from_numpy(one).to(device).unsqueeze(1) for one in (into, back)
        )

    def forward(self, w: Float[Tensor, "runs weights"]) -> tuple[Tensor, list]:
        """Matrices (clusters, runs, side, side), and what the backward pass needs."""
        half = (self.of_weight(w) + self.rest).T.unsqueeze(-1) / 2  # turns, runs, 1
        cosine = half.cos()
        sine = half.sin()
        turns = torch.addcmul(cosine * self.unit, sine, self.turn)
        small = torch.cat([self._square(turns, 4), self.small.expand(-1, len(w), -1, -1)])
        made, kept = self.blocks.forward(small)
        padded = torch.nn.functional.pad(made.flatten(2), (0, 1))
        made = padded.gather(2, self.into.expand(-1, len(w), -1)).unflatten(2, (2**WIDTH, -1))
        made, more = self.clusters.forward(torch.cat([made, self.large.expand(-1, len(w), -1, -1)]))
        return made, [cosine, sine, kept, more]

    def backward(self, slope: Tensor, kept: list) -> Float[Tensor, "runs weights"]:
        """The gradient by the weights, of one by the matrices."""
        cosine, sine, blocks, clusters = kept
        slope = self.clusters.backward(slope, clusters).flatten(2)
        slope = (
            slope.gather(2, self.back.expand(-1, slope.shape[1], -1))
            .unflatten(2, (4, 4, 4))
            .sum(-1)
        )
        slope = self._flat(self.blocks.backward(slope, blocks))
        slope = cosine[..., 0] * (slope * self.turn).sum(-1) - sine[..., 0] * (
            slope * self.unit
        ).sum(-1)
        return self.to_weight(slope.T / 2)

    def _flat(self, matrices: Tensor) -> Tensor:
        """Matrices as real numbers."""
        return matrices.flatten(-2) if self.real else torch.view_as_real(matrices).flatten(-3)

    def _square(self, numbers: Tensor, side: int) -> Tensor:
        numbers = numbers if self.real else torch.view_as_complex(numbers.unflatten(-1, (-1, 2)))
        return numbers.unflatten(-1, (side, side))


class Products:
    """Products of sequences of matrices (elements, runs, side, side), the first acting first, by
    halving their lengths.

    Gradients are those of the first `moving` elements, each of which stands in one sequence, once.
    """

    def __init__(self, sequences: list[list[int]], moving: int):
        # Which elements, first those of pairs; how many pairs; where each element went.
        self.levels = []
        while max(map(len, sequences), default=0) > 1:
            pairs = [pair for one in sequences for pair in zip(one[::2], one[1::2], strict=False)]
            single = [one[-1] for one in sequences if len(one) % 2]
            order = [first for first, _ in pairs] + [second for _, second in pairs] + single
            self.levels.append((order, len(pairs), _inverse(order, moving)))
            moving = len(pairs) + len(single)
            paired = iter(range(len(pairs)))
            alone = iter(range(len(pairs), moving))
            sequences = [
                [next(paired) for _ in range(len(one) // 2)]
                + [next(alone) for _ in range(len(one) % 2)]
                for one in sequences
            ]
        order = [element for (element,) in sequences]
        self.last = order, _inverse(order, moving)

    def on(self, device: torch.device) -> "Halving":
        """The same with its orders as tensors."""
        return Halving(self, device)


class Halving:
    """The orders of `Products` as tensors."""

    def __init__(self, of: Products, device: torch.device):
        def place(order: list[int]) -> Tensor:
            return torch.tensor(order, dtype=torch.long, device=device)

        self.levels = [(place(order), pairs, place(back)) for order, pairs, back in of.levels]
        self.order, self.back = map(place, of.last)

    def forward(self, element: Tensor) -> tuple[Tensor, list]:
        """A product of each sequence, and what the backward pass needs."""
        kept = []
        for order, pairs, _ in self.levels:
            some = element.index_select(0, order)
            kept.append(some)
            element = torch.cat([some[pairs : 2 * pairs] @ some[:pairs], some[2 * pairs :]])
        return element.index_select(0, self.order), kept

    def backward(self, slope: Tensor, kept: list) -> Tensor:
        """The gradient by the moving elements."""
        slope = slope.index_select(0, self.back)
        for (_, pairs, back), some in zip(reversed(self.levels), reversed(kept), strict=True):
            first = some[:pairs]
            second = some[pairs : 2 * pairs]
            own = slope[:pairs]
            slope = torch.cat([second.mH @ own, own @ first.mH, slope[pairs:]]).index_select(
                0, back
            )
        return slope


class Rows:
    """A sparse matrix that acts on (runs, columns): as many entries a row as the fullest has, the
    rest of them zero.
    """

    def __init__(
        self,
        row: Tensor,
        column: Tensor,
        value: Tensor,
        rows: int,
        dtype: torch.dtype,
        device: torch.device,
    ):
        order = row.argsort(stable=True)
        row = row[order]
        column = column[order]
        value = value[order]
        count = row.bincount(minlength=rows)
        place = torch.arange(len(row)) - (count.cumsum(0) - count)[row]
        column_of = torch.zeros(max(1, int(count.max()) if rows else 0), rows, dtype=torch.long)
        value_of = torch.zeros(column_of.shape, dtype=dtype)
        column_of[place, row], value_of[place, row] = column, value.to(dtype)
        self.column = column_of.to(device)
        self.value = value_of.to(device)

    def __call__(self, values: Float[Tensor, "runs columns"]) -> Float[Tensor, "runs rows"]:
        if not values.shape[1]:
            return values.new_zeros(len(values), self.column.shape[1])
        total = values.index_select(1, self.column[0]) * self.value[0]
        for column, value in zip(
            self.column[1:], self.value[1:], strict=True
        ):  # one after the other: rounded alike in any company
            total = torch.addcmul(total, values.index_select(1, column), value)
        return total


def _places(block: Block, cluster: Cluster) -> list[int]:
    """Which of a cluster's places the wires of a block are."""
    return [WIDTH - len(cluster.wires) + cluster.wires.index(wire) for wire in block.wires]


def _constant(gate: Gate) -> np.ndarray:
    return pauli.straight(gate.matrix.numpy())


def _stack(matrices: list[np.ndarray], side: int) -> np.ndarray:
    return np.stack(matrices).astype(complex) if matrices else np.zeros((0, side, side), complex)


def _spread(places: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Which element of a block each of the embedded matrix is (the last: zero), and where in it
    each of the block's stands.
    """
    inside = pauli.local(places, WIDTH)
    rest = pauli.local([place for place in PLACES if place not in places], WIDTH)
    into = np.where(rest[:, None] == rest[None], 4 * inside[:, None] + inside[None], 16).flatten()
    back = [np.flatnonzero(into == number) for number in range(16)]
    return into, np.concatenate(back)


def _inverse(order: list[int], count: int) -> list[int]:
    """Where each of the first elements stands in an order."""
    place = {element: place for place, element in enumerate(order)}
    return [place[element] for element in range(count)]
