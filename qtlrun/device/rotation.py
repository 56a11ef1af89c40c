"""Layers of commuting rotations as matrices, by product to sum: each is cos(angles S + c) L with constant S, c and L."""
import itertools
import math
from collections.abc import Iterator
from functools import reduce

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.device import pauli
from qtlrun.device.reader import Affine
from qtlrun.device.schedule import Layer
from qtlrun.layer import LANES


class Rotations:
    """Layers that have the same words about the same constants, and differ in their angles: one table L serves all.

    A layer is a matrix that acts on amplitudes from the right, rows before columns, its constants first. With projectors
    E_s on the joint eigenspaces of its words, its rotations are the sum over signs s of exp(i s.a / 2) E_s.
    """

    def __init__(self, members: list[int], layers: list[Layer], signs: np.ndarray, table: np.ndarray, affine: Affine):
        self.members, self.fed, self.table = members, layers[0].fed, table
        sums = [np.zeros((len(signs), len(affine.rest))) for _ in layers]
        for total, layer in zip(sums, layers, strict=True):
            for column, angles in zip(signs.T, layer.turns.values(), strict=True):
                total[:, angles] += column[:, None] / 2
        sums = np.concatenate([half for total in sums for half in (total, total)])  # of each layer cosines, then sines
        shift = np.tile(np.repeat([0, -math.pi / 2], len(signs)), len(layers))
        self.by_input, self.by_weight = (sums @ one.numpy() for one in (affine.by_input, affine.by_weight))
        self.rest = sums @ affine.rest.numpy() + shift
        self.moves = bool(self.by_weight.any())

    def on(self, dtype: torch.dtype, device: torch.device, runs: int) -> "Table":
        """The constants beside tensors of this (real) dtype, for so many runs."""
        return Table(self, dtype, device, runs)


class Table:
    """The constants of `Rotations` as tensors; gives the layers' matrices, and takes their gradient back to the angles."""

    def __init__(self, of: Rotations, dtype: torch.dtype, device: torch.device, runs: int):
        def place(values: np.ndarray) -> Tensor:
            return torch.as_tensor(np.ascontiguousarray(values), dtype=dtype, device=device).expand(runs, *values.shape)
        self.members, self.fed, self.moves = of.members, of.fed, of.moves
        self.places = _places(of.members)
        flat = np.ascontiguousarray(of.table).view(float).reshape(len(of.table), -1)
        self.complex, self.side, self.terms = np.iscomplexobj(of.table), of.table.shape[-1], len(of.table)
        self.table, self.back = place(flat), place(flat.T)
        self.rest = place(of.rest[None])
        self.inputs, self.weights = of.by_input.shape[1], of.by_weight.shape[1]
        self.by_weight, self.from_weight = place(of.by_weight.T), place(-_filled(of.by_weight))
        self.by_input, self.from_input = place(of.by_input.T), place(-_filled(of.by_input))

    def sums(self, x: Float[Tensor, "runs batch features"], w: Float[Tensor, "runs 1 weights"]) -> Float[Tensor, "runs rows sums"]:
        """Sums of angles, a row for each layer, or for each layer of each sample."""
        rest = torch.baddbmm(self.rest, w, self.by_weight) if self.moves else self.rest
        if self.fed:
            rest = torch.baddbmm(rest, x, self.by_input)
        return rest.view(len(rest), -1, self.terms)

    def matrices(self, sums: Float[Tensor, "runs rows sums"]) -> Tensor:
        """The layers' matrices, (runs, rows, rows of the table, side)."""
        flat = torch.bmm(sums.cos(), self.table)
        flat = torch.view_as_complex(flat.view(*flat.shape[:2], -1, 2)) if self.complex else flat
        return flat.view(*flat.shape[:2], -1, self.side)

    def write(self, sums: Float[Tensor, "runs batch sums"], out: Tensor) -> None:
        """Write the single row of the only layer's matrix, (runs, batch, side)."""
        torch.bmm(sums.cos(), self.table, out=torch.view_as_real(out).flatten(2) if self.complex else out)

    def pull(self, upstream: Tensor, sums: Float[Tensor, "runs rows sums"], by_input: bool, by_weight: bool):
        """Gradients by x and w (None where not asked for) of what has this gradient by the matrices."""
        flat = (torch.view_as_real(upstream) if self.complex else upstream).flatten(2)
        slopes = torch.bmm(flat, self.back).mul_(sums.sin())
        slopes = slopes.view(len(slopes), -1, self.terms * len(self.members))
        of_input = torch.bmm(slopes, self.from_input)[..., :self.inputs] if self.fed and by_input else None
        of_weight = None
        if self.moves and by_weight:
            slopes = slopes.sum(1, keepdim=True) if self.fed else slopes
            of_weight = torch.bmm(slopes, self.from_weight)[:, 0, :self.weights]
        return of_input, of_weight


def rotations(layers: list[Layer], wires: tuple[int, ...], affine: Affine, real: bool, first: bool = False) -> list[Rotations]:
    """Layers sorted by their words and constants; with `first`, the only layer's action on the state of all zeros."""
    found = {}
    for number, layer in enumerate(layers):
        signs, table = _table(layer, wires)
        table = table[:, :1] if first else table
        table = np.ascontiguousarray(table.real if real else table)
        key = (layer.fed, len(signs), np.round(table, 12).tobytes())
        found.setdefault(key, (signs, table, []))[2].append(number)
    return [Rotations(members, [layers[one] for one in members], signs, table, affine)
            for signs, table, members in found.values()]


def _table(layer: Layer, wires: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Signs of the sums (sums, words), and a matrix for each cosine and then each sine of them; padded to `LANES`."""
    side = 2**len(wires)
    constants = pauli.straight(pauli.product(layer.constants, wires))
    words = [pauli.of_word(word) for word in layer.turns]
    chosen, cosines, sines = [], [], []
    for signs in _signs(len(words)):
        one, other = (_projector(words, sign, side) for sign in (signs, -signs))
        if np.abs(one).max() + np.abs(other).max() > pauli.SMALL:  # words that depend on each other have fewer
            chosen.append(signs)
            cosines.append((one + other) @ constants / (1 if words else 2))  # without words both are the identity
            sines.append(1j * (one - other) @ constants)
    spare = -2 * len(chosen) % LANES // 2
    none = [np.zeros((side, side))] * spare
    signs = np.concatenate([np.array(chosen).reshape(len(chosen), len(words)), np.zeros((spare, len(words)))])
    return signs, np.stack([*cosines, *none, *sines, *none]).transpose(0, 2, 1).astype(complex)


def _filled(columns: np.ndarray) -> np.ndarray:
    """Columns up to whole `LANES`: products of other widths are rounded otherwise when more runs stand beside."""
    return np.pad(columns, ((0, 0), (0, -columns.shape[1] % LANES)))


def _signs(count: int) -> Iterator[np.ndarray]:
    """Signs of so many words, the first one always plus."""
    for rest in itertools.product((1, -1), repeat=max(count - 1, 0)):
        yield np.array([1, *rest][:count], dtype=float)


def _projector(words: list[np.ndarray], signs: np.ndarray, side: int) -> np.ndarray:
    return reduce(lambda done, pair: done @ (np.eye(side) - pair[1] * pair[0]) / 2, zip(words, signs, strict=True), np.eye(side))


def _places(members: list[int]) -> slice | list[int]:
    """Numbers as a slice, where they are evenly spaced: it takes no copy."""
    steps = {after - before for before, after in zip(members, members[1:])} or {1}
    return slice(members[0], members[-1] + 1, steps.pop()) if len(steps) == 1 else members
