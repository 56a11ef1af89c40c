"""Layers of commuting rotations as matrices, by product to sum.

Each is cos(angles S + c) L with constant S, c and L.
"""

import itertools
import math
from collections.abc import Iterator
from functools import reduce

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.layer import LANES
from qtlrun.simulator.schedule import Layer
from qtlrun.tape import pauli
from qtlrun.tape.angle import Affine, Chosen


class Rotations:
    """Layers whose matrices are made at once.

    Layers of the same words about the same constants share a table L. A layer is a matrix that acts
    on amplitudes from the right, rows before columns, its constants first. With projectors E_s on
    the joint eigenspaces of its words, its rotations are the sum over signs s of exp(i s.a / 2)
    E_s. `members` holds the layers' numbers, table by table, each filled up with None to the same
    count. With `first` there is one layer, and of its matrix the row that acts on the state of all
    zeros.
    """

    def __init__(
        self,
        layers: dict[int, Layer],
        wires: tuple[int, ...],
        affine: Affine | Chosen,
        real: bool,
        first: bool = False,
    ):
        tables: dict[tuple, tuple[np.ndarray, np.ndarray, list[int]]] = {}
        for number, layer in layers.items():
            signs, table = _table(layer, wires)
            table = np.ascontiguousarray((table.real if real else table)[:, : 1 if first else None])
            key = signs.tobytes(), signs.shape, np.round(table, 12).tobytes()
            tables.setdefault(key, (signs, table, []))[2].append(number)
        self.count = max(len(members) for *_, members in tables.values())
        terms = max(len(table) for _, table, _ in tables.values())
        self.members: list[int | None] = []
        self.fed = any(layer.fed for layer in layers.values())
        rows = self.count * len(tables) * terms
        # Amplitudes are inputs that no angle depends on, and there are many
        moving = affine.by_input if self.fed else affine.by_input[:, :0]
        shapes = moving.shape[1:], affine.by_weight.shape[1:], ()
        self.by_input, self.by_weight, self.rest = (np.zeros((rows, *shape)) for shape in shapes)
        for signs, _, members in tables.values():
            for number in [*members, *[None] * (self.count - len(members))]:
                first_row = len(self.members) * terms
                block = slice(first_row, first_row + 2 * len(signs))
                self.by_input[block], self.by_weight[block], self.rest[block] = _sums(
                    layers.get(number), signs, (moving, affine.by_weight, affine.rest)
                )
                self.members.append(number)
        self.table = np.stack(
            [
                np.pad(table, ((0, terms - len(table)), (0, 0), (0, 0)))
                for _, table, _ in tables.values()
            ]
        )
        self.moves = bool(self.by_weight.any())

    def on(self, dtype: torch.dtype, device: torch.device, runs: int) -> "RotationTable":
        """The constants beside tensors of this (real) dtype, for so many runs."""
        return RotationTable(self, dtype, device, runs)


class RotationTable:
    """Constants of `Rotations` as tensors: the layers' matrices, and the gradient by the angles."""

    def __init__(self, rotations: Rotations, dtype: torch.dtype, device: torch.device, runs: int):
        def on_device(values: np.ndarray) -> Tensor:
            return torch.as_tensor(np.ascontiguousarray(values), dtype=dtype, device=device).expand(
                runs, *values.shape
            )

        self.members = rotations.members
        self.fed = rotations.fed
        self.moves = rotations.moves
        self.complex = np.iscomplexobj(rotations.table)
        self.tables, self.terms, self.height, _ = rotations.table.shape
        flat = rotations.table.view(float).reshape(self.tables, self.terms, -1)
        self.table = on_device(flat).flatten(0, 1)
        self.back = on_device(flat.transpose(0, 2, 1)).flatten(0, 1)
        self.rest = on_device(rotations.rest[None])
        self.inputs = rotations.by_input.shape[1]
        self.weights = rotations.by_weight.shape[1]
        self.by_weight = on_device(rotations.by_weight.T)
        self.from_weight = on_device(-_pad_to_lanes(rotations.by_weight))
        self.by_input = on_device(rotations.by_input.T)
        self.from_input = on_device(-_pad_to_lanes(rotations.by_input))

    def sums(
        self, x: Float[Tensor, "runs batch features"], w: Float[Tensor, "runs 1 weights"]
    ) -> Float[Tensor, "runs rows sums"]:
        """Sums of angles of all layers: a row per sample where the layers are fed, else one."""
        rest = torch.baddbmm(self.rest, w, self.by_weight) if self.moves else self.rest
        return torch.baddbmm(rest, x, self.by_input) if self.fed else rest

    def matrices(self, sums: Float[Tensor, "runs rows sums"]) -> Tensor:
        """The layers' matrices, (runs, rows, members, side, side)."""
        flat = self._by_row(
            torch.bmm(self._by_table(sums.cos(), self.terms), self.table), sums.shape[1]
        )
        flat = torch.view_as_complex(flat.view(*flat.shape[:3], -1, 2)) if self.complex else flat
        return flat.view(*flat.shape[:3], self.height, -1)

    def write(self, sums: Float[Tensor, "runs batch sums"], out: Tensor) -> None:
        """Write the single row of the only layer's matrix, (runs, batch, side)."""
        torch.bmm(
            sums.cos(), self.table, out=torch.view_as_real(out).flatten(2) if self.complex else out
        )

    def pull(
        self,
        upstream: Tensor,
        sums: Float[Tensor, "runs rows sums"],
        by_input: bool,
        by_weight: bool,
    ):
        """Gradients by x and w, of one by the matrices; None where not asked for."""
        flat = self._by_table(
            torch.view_as_real(upstream) if self.complex else upstream, self.back.shape[1]
        )
        slopes = (
            self._by_row(torch.bmm(flat, self.back), sums.shape[1]).reshape(sums.shape) * sums.sin()
        )
        of_input = (
            torch.bmm(slopes, self.from_input)[..., : self.inputs]
            if self.fed and by_input
            else None
        )
        of_weight = None
        if self.moves and by_weight:
            slopes = slopes.sum(1, keepdim=True) if self.fed else slopes
            of_weight = torch.bmm(slopes, self.from_weight)[:, 0, : self.weights]
        return of_input, of_weight

    def _by_table(self, values: Tensor, width: int) -> Tensor:
        """Values of rows and members as (runs * tables, rows * count, width)."""
        runs, rows = values.shape[:2]
        if rows == 1 or self.tables == 1:
            return values.reshape(runs * self.tables, -1, width)
        return (
            values.reshape(runs, rows, self.tables, -1, width)
            .transpose(1, 2)
            .reshape(runs * self.tables, -1, width)
        )

    def _by_row(self, values: Tensor, rows: int) -> Tensor:
        """The inverse: (runs, rows, members, width)."""
        runs = len(values) // self.tables
        if rows == 1 or self.tables == 1:
            return values.view(runs, rows, -1, values.shape[-1])
        return (
            values.view(runs, self.tables, rows, -1, values.shape[-1])
            .transpose(1, 2)
            .reshape(runs, rows, -1, values.shape[-1])
        )


def add_slopes(totals: tuple, slopes: tuple) -> tuple:
    """Add gradients pairwise; None stands where there is none."""
    return tuple(_add(total, slope) for total, slope in zip(totals, slopes, strict=True))


def _add(total: Tensor | None, slope: Tensor | None) -> Tensor | None:
    if total is None or slope is None:
        return slope if total is None else total
    return total + slope


def _sums(
    layer: Layer | None, signs: np.ndarray, affine: tuple[Tensor, Tensor, Tensor]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sums of angles under a layer's cosines: slopes by input and weight, and the rest.

    affine: the same of the angles
    """
    turns = layer.turns.values() if layer else ()
    angles = [angle for turn in turns for angle in turn]
    total = np.zeros((len(signs), 0))
    if angles:
        total = np.repeat(signs, [len(turn) for turn in turns], axis=1) / 2
    total = np.concatenate([total, total])  # cosines, then sines
    shift = np.repeat([0, -math.pi / 2], len(signs))
    by_input, by_weight, rest = (part[angles].numpy() for part in affine)
    return total @ by_input, total @ by_weight, total @ rest + shift


def _table(layer: Layer, wires: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Signs of a layer's sums (sums, words), and a matrix for each cosine and then each sine.

    Both are padded to `LANES`.
    """
    side = 2 ** len(wires)
    constants = pauli.without_phase(pauli.product(layer.constants, wires))
    generators = [pauli.of_word(word) for word in layer.turns]
    count = len(generators)
    rows = []
    cosines = []
    sines = []
    for signs in _signs(count):
        plus, minus = (_projector(generators, sign, side) for sign in (signs, -signs))
        # Words that depend on each other have fewer joint eigenspaces
        if np.abs(plus).max() + np.abs(minus).max() > pauli.ELEMENT_TOLERANCE:
            rows.append(signs)
            # Without words both projectors are the identity
            cosines.append((plus + minus) @ constants / (1 if count else 2))
            sines.append(1j * (plus - minus) @ constants)
    spare = -2 * len(rows) % LANES // 2
    padding = [np.zeros((side, side))] * spare
    signs = np.concatenate([np.array(rows).reshape(len(rows), count), np.zeros((spare, count))])
    table = np.stack([*cosines, *padding, *sines, *padding])
    return signs, table.transpose(0, 2, 1).astype(complex)


def _pad_to_lanes(columns: np.ndarray) -> np.ndarray:
    """Pad columns to whole `LANES`.

    Products of other widths are rounded otherwise when more runs stand beside.
    """
    return np.pad(columns, ((0, 0), (0, -columns.shape[1] % LANES)))


def _signs(count: int) -> Iterator[np.ndarray]:
    """Signs of so many words, the first one always plus."""
    for rest in itertools.product((1, -1), repeat=max(count - 1, 0)):
        yield np.array([1, *rest][:count], dtype=float)


def _projector(generators: list[np.ndarray], signs: np.ndarray, side: int) -> np.ndarray:
    """Projector on the joint eigenspace of words, as matrices, with these signs."""
    return reduce(
        lambda product, pair: product @ (np.eye(side) - pair[1] * pair[0]) / 2,
        zip(generators, signs, strict=True),
        np.eye(side),
    )
