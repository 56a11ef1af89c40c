"""Steps of a circuit: rotations about Pauli words and matrices, their adjoints, and what a control
makes of them.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from qtlrun.tape import pauli

WIDE = 3  # wires up to which a constant is one matrix
CONTROLLED = 8  # wires up to which a controlled constant is written as rotations


@dataclass(frozen=True)
class Turn:
    """The rotation exp(-i angle P / 2) about a Pauli word P without I; without wires a phase."""

    wires: tuple[int, ...]
    word: str
    angle: float | Tensor


@dataclass(frozen=True)
class Matrix:
    """A unitary matrix; `moves` says that it depends on inputs or weights, or is too large to be
    fused with others.
    """

    wires: tuple[int, ...]
    name: str
    matrix: Tensor
    moves: bool = False


Step = Turn | Matrix


def flipped(step: Step) -> Step:
    """The adjoint of a step."""
    if isinstance(step, Turn):
        return replace(step, angle=-step.angle)
    return replace(step, matrix=step.matrix.mH.resolve_conj())


def controlled(step: Step, controls: tuple[int, ...], values: Sequence[bool]) -> list[Step]:
    """A step that acts where the control wires have these values.

    A rotation by a becomes one by a / 2**controls for each subset of the controls: the projector on
    their values is the sum of products of Z over all subsets.
    """
    if isinstance(step, Matrix):
        return _controlled_constant(step, controls, values)
    turns = []
    for chosen in itertools.product((False, True), repeat=len(controls)):
        some = [
            (wire, value)
            for wire, value, taken in zip(controls, values, chosen, strict=True)
            if taken
        ]
        sign = math.prod(-1 if value else 1 for _, value in some)
        wires = (*(wire for wire, _ in some), *step.wires)
        turns.append(
            Turn(wires, "Z" * len(some) + step.word, step.angle * (sign / 2 ** len(controls)))
        )
    return turns


def commute(turns: list[Turn]) -> bool:
    """Whether rotations commute, all with all."""
    wires = sorted({wire for turn in turns for wire in turn.wires})
    words = [pauli.spread(turn.word, turn.wires, wires) for turn in turns]
    return all(pauli.commute(one, other) for one, other in itertools.combinations(words, 2))


def full(step: Step, wires: tuple[int, ...]) -> Tensor:
    """A step's matrix on all these wires."""
    if isinstance(step, Matrix):
        return embed(step.matrix.detach(), step.wires, wires)
    angle = float(torch.as_tensor(step.angle, dtype=torch.float64).detach())
    return embed(torch.from_numpy(pauli.turned(step.word, angle)), step.wires, wires)


def embed(matrix: Tensor, of: tuple[int, ...], wires: tuple[int, ...]) -> Tensor:
    """A matrix on its own wires as one on all of these."""
    count = len(wires)
    few = len(of)
    order = [[*of, *(wire for wire in wires if wire not in of)].index(wire) for wire in wires]
    full = torch.kron(
        matrix.contiguous(), torch.eye(2 ** (count - few), dtype=matrix.dtype)
    ).reshape([2] * 2 * count)
    return full.permute([*order, *(count + place for place in order)]).reshape(2**count, 2**count)


def _controlled_constant(
    step: Matrix, controls: tuple[int, ...], values: Sequence[bool]
) -> list[Step]:
    """A controlled matrix, as one where it is small or moves, else by its eigenvectors around
    controlled phases.
    """
    wires = (*controls, *step.wires)
    if step.moves or len(wires) <= WIDE:
        return [
            replace(
                step,
                wires=wires,
                name=f"C({step.name})",
                matrix=controlled_matrix(step.matrix, values),
            )
        ]
    if len(wires) > CONTROLLED:
        raise ValueError(
            f"circuit: a control of its {step.name} acts on {len(wires)} wires; {CONTROLLED} are"
            " the most."
        )
    eigenvalues, vectors = _eigenvectors(step.matrix)
    turns = [
        turn
        for phase in _phases(eigenvalues.angle(), step.wires)
        for turn in controlled(phase, controls, values)
    ]
    return [replace(step, matrix=vectors.mH.resolve_conj()), *turns, replace(step, matrix=vectors)]


def _eigenvectors(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues and orthonormal eigenvectors of a unitary matrix, by its Schur form."""
    from scipy.linalg import schur

    triangle, vectors = schur(matrix.numpy(), output="complex")
    return torch.from_numpy(triangle.diagonal().copy()), torch.from_numpy(vectors)


def _phases(angles: Tensor, wires: tuple[int, ...]) -> list[Turn]:
    """A diagonal matrix exp(i angles) as rotations about products of Z."""
    turns = []
    size = len(angles)
    states = range(size)
    for mask in range(size):
        signs = torch.tensor(
            [(-1) ** (state & mask).bit_count() for state in states], dtype=torch.float64
        )
        share = float(signs @ angles) / size
        some = tuple(
            wire for place, wire in enumerate(wires) if mask >> (len(wires) - 1 - place) & 1
        )
        turns.append(Turn(some, "Z" * len(some), -2 * share))
    return turns


def controlled_matrix(matrix: Tensor, values: Sequence[bool]) -> Tensor:
    """A matrix that acts where its controls, in front, have these values."""
    side = len(matrix)
    place = sum(bool(value) << place for place, value in enumerate(reversed(values)))
    blocks = [torch.eye(side, dtype=matrix.dtype)] * 2 ** len(values)
    blocks[place] = matrix
    return torch.block_diag(*blocks)
