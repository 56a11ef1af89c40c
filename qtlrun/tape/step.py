"""Steps of a circuit: rotations about Pauli words, matrices, their adjoints and controls."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from qtlrun.error import UsageError
from qtlrun.tape import pauli

MAX_CONSTANT_WIRES = 3  # up to which a constant is one matrix
MAX_CONTROLLED_WIRES = 8  # up to which a controlled constant is written as rotations


@dataclass(frozen=True)
class Turn:
    """Rotation exp(-i angle P / 2) about a Pauli word P without I; without wires a phase."""

    wires: tuple[int, ...]
    word: str
    angle: float | Tensor


@dataclass(frozen=True)
class Matrix:
    """Unitary matrix.

    `moves` says that it depends on inputs or weights, or is too large to be fused with others.
    """

    wires: tuple[int, ...]
    name: str
    matrix: Tensor
    moves: bool = False


Step = Turn | Matrix


def adjoint(step: Step) -> Step:
    """The adjoint of a step."""
    if isinstance(step, Turn):
        return replace(step, angle=-step.angle)
    return replace(step, matrix=step.matrix.mH.resolve_conj())


def control(step: Step, controls: tuple[int, ...], values: Sequence[bool]) -> list[Step]:
    """Make a step act where the control wires have these values.

    A rotation by a becomes one by a / 2**controls for each subset of the controls: the projector on
    their values is the sum of products of Z over all subsets.
    """
    if isinstance(step, Matrix):
        return _control_matrix(step, controls, values)
    turns: list[Step] = []
    for subset in itertools.product((False, True), repeat=len(controls)):
        pairs = list(itertools.compress(zip(controls, values, strict=True), subset))
        wires = [wire for wire, _ in pairs]
        sign = math.prod(-1 if value else 1 for _, value in pairs)
        turns.append(
            Turn(
                (*wires, *step.wires),
                "Z" * len(wires) + step.word,
                step.angle * (sign / 2 ** len(controls)),
            )
        )
    return turns


def commute(turns: list[Turn]) -> bool:
    """Whether rotations commute, all with all."""
    wires = sorted({wire for turn in turns for wire in turn.wires})
    spread = [pauli.spread(turn.word, turn.wires, wires) for turn in turns]
    return all(pauli.commute(word, other) for word, other in itertools.combinations(spread, 2))


def full(step: Step, wires: tuple[int, ...]) -> Tensor:
    """A step's matrix on all these wires."""
    if isinstance(step, Matrix):
        return pauli.embed(step.matrix.detach(), step.wires, wires)
    angle = float(torch.as_tensor(step.angle, dtype=torch.float64).detach())
    return pauli.embed(torch.from_numpy(pauli.rotation(step.word, angle)), step.wires, wires)


def _control_matrix(step: Matrix, controls: tuple[int, ...], values: Sequence[bool]) -> list[Step]:
    """A controlled matrix.

    As one where it is small or moves, else by its eigenvectors around controlled phases.
    """
    wires = (*controls, *step.wires)
    if step.moves or len(wires) <= MAX_CONSTANT_WIRES:
        return [
            replace(
                step,
                wires=wires,
                name=f"C({step.name})",
                matrix=controlled_matrix(step.matrix, values),
            )
        ]
    if len(wires) > MAX_CONTROLLED_WIRES:
        raise UsageError(
            f"a control of its {step.name} acts on {len(wires)} wires",
            f"{MAX_CONTROLLED_WIRES} are the most",
            key="circuit",
        )
    eigenvalues, vectors = _eigenvectors(step.matrix)
    turns = [
        turn
        for phase in _phases(eigenvalues.angle(), step.wires)
        for turn in control(phase, controls, values)
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
    for mask in range(size):
        signs = torch.tensor(pauli.signs(mask, size), dtype=torch.float64)
        mean = float(signs @ angles) / size
        touched = tuple(
            wire for index, wire in enumerate(wires) if mask >> (len(wires) - 1 - index) & 1
        )
        turns.append(Turn(touched, "Z" * len(touched), -2 * mean))
    return turns


def controlled_matrix(matrix: Tensor, values: Sequence[bool]) -> Tensor:
    """A matrix that acts where its controls, in front, have these values."""
    side = len(matrix)
    index = sum(bool(value) << bit for bit, value in enumerate(reversed(values)))
    blocks = [torch.eye(side, dtype=matrix.dtype)] * 2 ** len(values)
    blocks[index] = matrix
    return torch.block_diag(*blocks)
