"""Matrices of clusters of gates, all at once, from the weights, and the gradient by these."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.simulator.cluster import WIDTH, Block, Cluster
from qtlrun.simulator.halving import SequenceProducts
from qtlrun.tape import pauli
from qtlrun.tape.angle import Affine, Chosen
from qtlrun.tape.tape import Gate

ELEMENTS = 4**WIDTH
POSITIONS = range(WIDTH)


class Matrices:
    """Clusters as matrices of side 2**WIDTH.

    A cluster's wires are the last of these, in its order. Rotations cos(a/2) - i sin(a/2) P and
    constants are multiplied to blocks of side 4, these, embedded, to clusters. `numbers` counts the
    real numbers that a run takes.
    """

    def __init__(
        self, blocks: list[Block], clusters: list[Cluster], affine: Affine | Chosen, real: bool
    ):
        self.real = real
        self.affine = affine
        positions: dict[int, list[int]] = {}
        for cluster in clusters:
            positions |= {number: _positions(blocks[number], cluster) for number in cluster.blocks}
        small = [number for number, block in enumerate(blocks) if len(block.wires) <= 2]
        large = [number for number, block in enumerate(blocks) if len(block.wires) > 2]
        factors = Factors([blocks[number] for number in small])
        index = {number: index for index, number in enumerate([*small, *large])}
        self.blocks = SequenceProducts(factors.sequences(), len(factors.angles))
        self.clusters = SequenceProducts(
            [list(map(index.get, cluster.blocks)) for cluster in clusters], len(small)
        )
        self.spread = [_spread(positions[number]) for number in small]
        self.angles = factors.angles
        self.turns = _stack(factors.turns, 4)
        self.constants = _stack([matrix for matrix, _ in factors.constants.values()], 4)
        self.large = _stack([_full(blocks[number], positions[number]) for number in large], 16)
        self.numbers = (
            4
            * (len(self.angles) * 16 + (len(blocks) + len(clusters)) * ELEMENTS)
            * (1 if real else 2)
        )

    def on(self, dtype: torch.dtype, device: torch.device) -> "ClusterMatrices":
        """The constants beside tensors of this (real) dtype."""
        return ClusterMatrices(self, dtype, device)


class Factors:
    """Factors of blocks on two wires, as matrices of side 4: rotations, then constants.

    `angles` are the numbers of the rotations' angles, `turns` their -i P. Equal constants are one
    factor: `constants` has each with its index.
    """

    def __init__(self, blocks: list[Block]):
        self.angles: list[int] = []
        self.turns: list[np.ndarray] = []
        self.constants: dict[bytes, tuple[np.ndarray, int]] = {}
        self._members = [self._add_gates(block) for block in blocks]

    def sequences(self) -> list[list[int]]:
        """The indices of each block's factors, in the order in which they act."""
        return [self._indices(members) for members in self._members]

    def _indices(self, members: list[tuple[bool, int]]) -> list[int]:
        return [index + len(self.angles) * constant for constant, index in members]

    def _add_gates(self, block: Block) -> list[tuple[bool, int]]:
        return [self._add(gate, block.wires) for gate in block.gates]

    def _add(self, gate: Gate, wires: tuple[int, ...]) -> tuple[bool, int]:
        """Add a gate; gives whether it is a constant, and its index among its kind."""
        if gate.angle is None:
            matrix = pauli.embed(torch.from_numpy(_constant(gate)), gate.wires, wires).numpy()
            key = np.round(matrix, 12).tobytes()
            _, index = self.constants.setdefault(key, (matrix, len(self.constants)))
            return True, index
        self.angles.append(gate.angle)
        self.turns.append(-1j * pauli.of_word(pauli.spread(gate.word, gate.wires, wires)))
        return False, len(self.angles) - 1


class ClusterMatrices:
    """Constants of `Matrices` as tensors, with the forward and backward passes.

    Small tensors have a leading axis of gates or blocks, then one of runs.
    """

    def __init__(self, matrices: Matrices, dtype: torch.dtype, device: torch.device):
        self.real = matrices.real
        matrix_dtype = dtype if matrices.real else dtype.to_complex()

        def on_device(values: np.ndarray) -> Tensor:
            values = np.ascontiguousarray(values.real) if matrices.real else values
            return torch.as_tensor(values, dtype=matrix_dtype, device=device)

        self.blocks = matrices.blocks.on(device)
        self.clusters = matrices.clusters.on(device)
        # (turns, 1, numbers)
        self.turns = self._flat(on_device(matrices.turns)).unsqueeze(1)
        self.identity = self._flat(on_device(np.eye(4)[None])).unsqueeze(1)
        self.constants = on_device(matrices.constants).unsqueeze(1)
        self.large = on_device(matrices.large).unsqueeze(1)
        angle, weight, slope = matrices.affine.entries()
        index = {angle: index for index, angle in enumerate(matrices.angles)}
        used = torch.tensor([each in index for each in angle.tolist()], dtype=torch.bool)
        turn = torch.tensor([index[each] for each in angle[used].tolist()], dtype=torch.long)
        self.rest = matrices.affine.rest[matrices.angles].to(device, dtype)
        self.of_weight = Rows(turn, weight[used], slope[used], len(matrices.angles), dtype, device)
        self.to_weight = Rows(
            weight[used], turn, slope[used], matrices.affine.weights, dtype, device
        )
        into = np.zeros((0, ELEMENTS), int)
        back = np.zeros((0, 64), int)
        if matrices.spread:
            into, back = (np.stack(indices) for indices in zip(*matrices.spread, strict=True))
        self.into = torch.from_numpy(into).to(device).unsqueeze(1)
        self.back = torch.from_numpy(back).to(device).unsqueeze(1)

    def forward(self, w: Float[Tensor, "runs weights"]) -> tuple[Tensor, list]:
        """Matrices (clusters, runs, side, side), and what the backward pass needs."""
        half = (self.of_weight(w) + self.rest).T.unsqueeze(-1) / 2  # turns, runs, 1
        cosine = half.cos()
        sine = half.sin()
        turns = self._square(torch.addcmul(cosine * self.identity, sine, self.turns), 4)
        factors = torch.cat([turns, self.constants.expand(-1, len(w), -1, -1)])
        blocks, block_factors = self.blocks.forward(factors)
        padded = torch.nn.functional.pad(blocks.flatten(2), (0, 1))
        embedded = padded.gather(2, self.into.expand(-1, len(w), -1)).unflatten(2, (2**WIDTH, -1))
        embedded = torch.cat([embedded, self.large.expand(-1, len(w), -1, -1)])
        clusters, cluster_factors = self.clusters.forward(embedded)
        return clusters, [cosine, sine, block_factors, cluster_factors]

    def backward(self, slope: Tensor, saved: list) -> Float[Tensor, "runs weights"]:
        """The gradient by the weights, of one by the matrices."""
        cosine, sine, block_factors, cluster_factors = saved
        slope = self.clusters.backward(slope, cluster_factors).flatten(2)
        slope = (
            slope.gather(2, self.back.expand(-1, slope.shape[1], -1))
            .unflatten(2, (4, 4, 4))
            .sum(-1)
        )
        slope = self._flat(self.blocks.backward(slope, block_factors))
        slope = cosine[..., 0] * (slope * self.turns).sum(-1) - sine[..., 0] * (
            slope * self.identity
        ).sum(-1)
        return self.to_weight(slope.T / 2)

    def _flat(self, matrices: Tensor) -> Tensor:
        """Matrices as real numbers."""
        return matrices.flatten(-2) if self.real else torch.view_as_real(matrices).flatten(-3)

    def _square(self, numbers: Tensor, side: int) -> Tensor:
        numbers = numbers if self.real else torch.view_as_complex(numbers.unflatten(-1, (-1, 2)))
        return numbers.unflatten(-1, (side, side))


class Rows:
    """Sparse matrix that acts on (runs, columns).

    It has as many entries per row as the fullest row, the rest of them zero.
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
        position = torch.arange(len(row)) - (count.cumsum(0) - count)[row]
        column_of = torch.zeros(max(1, int(count.max()) if rows else 0), rows, dtype=torch.long)
        value_of = torch.zeros(column_of.shape, dtype=dtype)
        column_of[position, row] = column
        value_of[position, row] = value.to(dtype)
        self.column = column_of.to(device)
        self.value = value_of.to(device)

    def __call__(self, values: Float[Tensor, "runs columns"]) -> Float[Tensor, "runs rows"]:
        if not values.shape[1]:
            return values.new_zeros(len(values), self.column.shape[1])
        total = values.index_select(1, self.column[0]) * self.value[0]
        # One after the other: rounded alike in any company
        for column, value in zip(self.column[1:], self.value[1:], strict=True):
            total = torch.addcmul(total, values.index_select(1, column), value)
        return total


def _positions(block: Block, cluster: Cluster) -> list[int]:
    """Positions of a block's wires among those of its cluster's matrix."""
    return [WIDTH - len(cluster.wires) + cluster.wires.index(wire) for wire in block.wires]


def _constant(gate: Gate) -> np.ndarray:
    return pauli.without_phase(gate.matrix.numpy())


def _full(block: Block, positions: list[int]) -> np.ndarray:
    """The matrix of a block of one constant, on all wires of its cluster's matrix."""
    return pauli.embed(torch.from_numpy(_constant(block.gates[0])), positions, POSITIONS).numpy()


def _stack(matrices: list[np.ndarray], side: int) -> np.ndarray:
    return np.stack(matrices).astype(complex) if matrices else np.zeros((0, side, side), complex)


def _spread(positions: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Embedding of a block of two wires in its cluster's matrix.

    Gives which of the block's elements each element of the matrix is (the last: zero), and where in
    it each of the block's stands.
    """
    inside = pauli.local(positions, WIDTH)
    rest = pauli.local([position for position in POSITIONS if position not in positions], WIDTH)
    into = np.where(rest[:, None] == rest[None], 4 * inside[:, None] + inside[None], 16).flatten()
    back = [np.flatnonzero(into == number) for number in range(16)]
    return into, np.concatenate(back)
