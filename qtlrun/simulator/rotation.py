"""Layers of commuting rotations as matrices, by product to sum: each is cos(angles S + c) L with
constant S, c and L.
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
    """Layers whose matrices are made at once: those of the same words about the same constants
    share a table L.

    A layer is a matrix that acts on amplitudes from the right, rows before columns, its constants
    first. With projectors E_s on the joint eigenspaces of its words, its rotations are the sum over
    signs s of exp(i s.a / 2) E_s. `members` holds the layers' numbers, table by table, each filled
    up with None to the same count. With `first` there is one layer, and of its matrix the row that
    acts on the state of all zeros.
    """

    def __init__(
        self,
        layers: dict[int, Layer],
        wires: tuple[int, ...],
        affine: Affine | Chosen,
        real: bool,
        first: bool = False,
    ):
        found = {}
        for number, layer in layers.items():
            signs, table = _table(layer, wires)
            table = np.ascontiguousarray((table.real if real else table)[:, : 1 if first else None])
            found.setdefault(
                (signs.tobytes(), signs.shape, np.round(table, 12).tobytes()), (signs, table, [])
            )[2].append(number)
        self.count = max(len(members) for *_, members in found.values())
        terms = max(len(table) for _, table, _ in found.values())
        self.members = []
        self.fed = any(layer.fed for layer in layers.values())
        rows = self.count * len(found) * terms
        shapes = affine.by_input.shape[1:], affine.by_weight.shape[1:], ()
        self.by_input, self.by_weight, self.rest = (np.zeros((rows, *shape)) for shape in shapes)
        for signs, _, members in found.values():
            for number in [*members, *[None] * (self.count - len(members))]:
                first_row = len(self.members) * terms
                block = slice(first_row, first_row + 2 * len(signs))
                self.by_input[block], self.by_weight[block], self.rest[block] = _sums(
                    layers.get(number), signs, affine
                )
                self.members.append(number)
        self.table = np.stack(
            [
                np.pad(table, ((0, terms - len(table)), (0, 0), (0, 0)))
                for _, table, _ in found.values()
            ]
        )
        self.moves = bool(self.by_weight.any())

    def on(self, dtype: torch.dtype, device: torch.device, runs: int) -> "Table":
        """The constants beside tensors of this (real) dtype, for so many runs."""
        return Table(self, dtype, device, runs)


class Table:
    """The constants of `Rotations` as tensors; gives the layers' matrices, and takes their gradient
    back to the angles.
    """

    def __init__(self, of: Rotations, dtype: torch.dtype, device: torch.device, runs: int):
        def place(values: np.ndarray) -> Tensor:
            return torch.as_tensor(np.ascontiguousarray(values), dtype=dtype, device=device).expand(
                runs, *values.shape
            )

        self.members = of.members
        self.fed = of.fed
        self.moves = of.moves
        self.complex, (self.tables, self.terms, self.height, _) = (
            np.iscomplexobj(of.table),
            of.table.shape,
        )
        flat = of.table.view(float).reshape(self.tables, self.terms, -1)
        self.table, self.back = (
            place(one).flatten(0, 1) for one in (flat, flat.transpose(0, 2, 1))
        )
        self.rest = place(of.rest[None])
        self.inputs = of.by_input.shape[1]
        self.weights = of.by_weight.shape[1]
        self.by_weight = place(of.by_weight.T)
        self.from_weight = place(-_filled(of.by_weight))
        self.by_input = place(of.by_input.T)
        self.from_input = place(-_filled(of.by_input))

    def sums(
        self, x: Float[Tensor, "runs batch features"], w: Float[Tensor, "runs 1 weights"]
    ) -> Float[Tensor, "runs rows sums"]:
        """Sums of angles of all layers, in a row for each sample where the layers are fed, else in
        one.
        """
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
        """Gradients by x and w (None where not asked for) of what has this gradient by the
        matrices.
        """
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


def added(totals: tuple, more: tuple) -> tuple:
    """Gradients added up; None where there is none."""
    return tuple(
        one if other is None else other if one is None else one + other
        for one, other in zip(totals, more, strict=True)
    )


def _sums(
    layer: Layer | None, signs: np.ndarray, affine: Affine | Chosen
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sums of angles under a layer's cosines: slopes by input and weight, and the rest."""
    turns = layer.turns.values() if layer else ()
    angles = [angle for turn in turns for angle in turn]
    total = (
        np.repeat(signs, [len(turn) for turn in turns], axis=1) / 2
        if angles
        else np.zeros((len(signs), 0))
    )
    total = np.concatenate([total, total])  # cosines, then sines
    shift = np.repeat([0, -math.pi / 2], len(signs))
    by_input, by_weight, rest = (
        part[angles].numpy() for part in (affine.by_input, affine.by_weight, affine.rest)
    )
    return total @ by_input, total @ by_weight, total @ rest + shift


def _table(layer: Layer, wires: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Signs of the sums (sums, words), and a matrix for each cosine and then each sine of them;
    padded to `LANES`.
    """
    side = 2 ** len(wires)
    constants = pauli.straight(pauli.product(layer.constants, wires))
    words = [pauli.of_word(word) for word in layer.turns]
    chosen = []
    cosines = []
    sines = []
    for signs in _signs(len(words)):
        one, other = (_projector(words, sign, side) for sign in (signs, -signs))
        if (
            np.abs(one).max() + np.abs(other).max() > pauli.SMALL
        ):  # words that depend on each other have fewer
            chosen.append(signs)
            cosines.append(
                (one + other) @ constants / (1 if words else 2)
            )  # without words both are the identity
            sines.append(1j * (one - other) @ constants)
    spare = -2 * len(chosen) % LANES // 2
    none = [np.zeros((side, side))] * spare
    signs = np.concatenate(
        [np.array(chosen).reshape(len(chosen), len(words)), np.zeros((spare, len(words)))]
    )
    return signs, np.stack([*cosines, *none, *sines, *none]).transpose(0, 2, 1).astype(complex)


def _filled(columns: np.ndarray) -> np.ndarray:
    """Columns up to whole `LANES`: products of other widths are rounded otherwise when more runs
    stand beside.
    """
    return np.pad(columns, ((0, 0), (0, -columns.shape[1] % LANES)))


def _signs(count: int) -> Iterator[np.ndarray]:
    """Signs of so many words, the first one always plus."""
    for rest in itertools.product((1, -1), repeat=max(count - 1, 0)):
        yield np.array([1, *rest][:count], dtype=float)


def _projector(words: list[np.ndarray], signs: np.ndarray, side: int) -> np.ndarray:
    return reduce(
        lambda done, pair: done @ (np.eye(side) - pair[1] * pair[0]) / 2,
        zip(words, signs, strict=True),
        np.eye(side),
    )
