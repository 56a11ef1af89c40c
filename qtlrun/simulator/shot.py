"""Values from a finite number of measurements.

How often each basis state is found is drawn at once, for all shots.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun import memory
from qtlrun.tape import measurement, pauli
from qtlrun.tape.measurement import Probabilities, Value
from qtlrun.tape.tape import Gate, Reading

# From a letter's basis to that of Z
BASIS_CHANGES = {
    "X": [pauli.H],
    "Y": [torch.diag(torch.tensor([1, -1j], dtype=torch.complex128)), pauli.H],
}


Basis = tuple[Callable[[Tensor, Tensor], Tensor], np.ndarray]  # simulator and table


@dataclass(frozen=True)
class RunShots:
    """Measurements of each execution of a run, and the seed that they are drawn from."""

    shots: int
    seed: int


class Shots:
    """Outcomes estimated from a number of measurements in each basis that they need.

    Words that share a basis share its shots. `simulator(affine, gates, real, outcomes)` simulates
    the circuit with more gates at its end. The gradient is that of the parameter-shift rule, each
    shifted circuit measured as often (Schuld et al., arXiv:1811.11184). Of several `runs` each has
    shots and a stream of its own, and draws the same beside others as alone; one is for any number
    of runs.
    """

    def __init__(
        self,
        reading: Reading,
        outcomes: list[Value | Probabilities],
        qubits: int,
        runs: Sequence[RunShots],
        real: bool,
        simulator: Callable,
    ):
        self.reading = reading
        self.runs = runs
        self.streams = [np.random.default_rng(run.seed) for run in runs]
        # Simulators of each basis from inputs and weights, and from angles
        self.bases: list[Basis] = []
        self.shifted: list[Basis] = []
        all_states = [Probabilities(tuple(range(qubits)))]
        for letters, table in _bases(outcomes, qubits):
            turns = [
                Gate((wire,), letter, matrix=matrix)
                for wire, letter in enumerate(letters)
                for matrix in BASIS_CHANGES.get(letter, [])
            ]
            real_basis = real and "Y" not in letters
            for affine, bases in ((reading.affine, self.bases), (reading.apart, self.shifted)):
                bases.append((simulator(affine, turns, real_basis, all_states), table))

    def __call__(
        self, x: Float[Tensor, "runs batch features"], w: Float[Tensor, "runs ..."]
    ) -> Float[Tensor, "runs batch outputs"]:
        return _Shift.apply(x, w, self)

    @torch.no_grad()
    def draw(self, bases: list[Basis], x: Tensor, w: Tensor) -> Tensor:
        """Values from shots of their own; every run has as many of the rows of `x`, in order.

        Raises ValueError where the rows are no multiple of the runs.
        """
        rows, rest = divmod(len(x), len(self.runs))
        if rest:
            raise ValueError(f"{len(x)} rows, which {len(self.runs)} runs cannot share")
        # Probabilities and counts of a row, 8 bytes each
        room = max(1, memory.total() // 8 // (24 * len(bases[0][1]) * x.shape[1]))
        together = max(1, room // max(1, rows))
        total = torch.zeros(())
        # Bases outside: a stream draws in one order, however memory divides its rows
        for basis in bases:
            parts = []
            for first in range(0, len(self.runs), together):
                block = slice(first * rows, (first + together) * rows)
                pieces = zip(x[block].split(room), w[block].split(room), strict=True)
                runs = slice(first, first + together)
                parts += [self._measure(basis, *piece, runs) for piece in pieces]
            total = total + torch.cat(parts)
        return total.to(x)

    def _measure(self, basis: Basis, x: Tensor, w: Tensor, block: slice) -> Tensor:
        """Values of rows that the runs of a block share, by shots in one basis."""
        simulate, table = basis
        shares = np.split(_shares(simulate(x, w)), len(self.runs[block]))
        parts = [
            stream.multinomial(run.shots, share) @ (table / run.shots)
            for run, stream, share in zip(
                self.runs[block], self.streams[block], shares, strict=True
            )
        ]
        return torch.from_numpy(np.concatenate(parts))


def _shares(probabilities: Tensor) -> np.ndarray:
    """Probabilities in float64 that sum to 1."""
    shares = probabilities.double().clamp_min(0).cpu().numpy()
    shares /= shares.sum(-1, keepdims=True)
    return shares


class _Shift(torch.autograd.Function):
    """Values from shots, and their gradient by shifting every angle.

    It is chained to what the angles are made of.
    """

    @staticmethod
    def forward(ctx, x: Tensor, w: Tensor, shots: Shots) -> Tensor:
        ctx.save_for_backward(x, w)
        ctx.shots = shots
        return shots.draw(shots.bases, x, w)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, upstream: Tensor) -> tuple:
        leaves = [
            saved.detach().requires_grad_(need)
            for saved, need in zip(ctx.saved_tensors, ctx.needs_input_grad[:2], strict=True)
        ]
        with torch.enable_grad():
            angles = ctx.shots.reading.split(*leaves)
        fed, trained = (part.detach() for part in angles)
        slopes = [torch.zeros_like(fed), torch.zeros_like(trained)]
        if angles[0].requires_grad and fed.shape[-1]:
            moved = fed.unsqueeze(1) + _shifts(fed).unsqueeze(1)  # runs, shifts, batch, angles
            by_angle = _slopes(
                ctx.shots, moved, trained.unsqueeze(1).expand(-1, moved.shape[1], -1)
            )
            slopes[0] = (by_angle * upstream.unsqueeze(1)).sum(-1).mT
        if angles[1].requires_grad and trained.shape[-1]:
            moved = trained.unsqueeze(1) + _shifts(trained)
            by_angle = _slopes(
                ctx.shots, fed.unsqueeze(1).expand(-1, moved.shape[1], -1, -1), moved
            )
            slopes[1] = (by_angle * upstream.unsqueeze(1)).sum((-1, -2))
        return *_chain(leaves, angles, slopes), None


def _chain(
    leaves: list[Tensor], angles: tuple[Tensor, Tensor], slopes: list[Tensor]
) -> list[Tensor | None]:
    """Gradients by what the angles were made of, where one is needed."""
    needed = [leaf for leaf in leaves if leaf.requires_grad]
    pairs = [
        (angle, slope) for angle, slope in zip(angles, slopes, strict=True) if angle.requires_grad
    ]
    if not pairs:
        return [torch.zeros_like(leaf) if leaf.requires_grad else None for leaf in leaves]
    outputs, upstream = zip(*pairs, strict=True)
    leaf_slopes = iter(
        torch.autograd.grad(outputs, needed, upstream, allow_unused=True, materialize_grads=True)
    )
    return [next(leaf_slopes) if leaf.requires_grad else None for leaf in leaves]


def _shifts(angles: Tensor) -> Tensor:
    """Quarter turns forward, each of one angle, then the same back: (shifts, angles)."""
    unit = torch.eye(angles.shape[-1], dtype=angles.dtype, device=angles.device) * torch.pi / 2
    return torch.cat([unit, -unit])


def _slopes(shots: Shots, fed: Tensor, trained: Tensor) -> Tensor:
    """Half the difference between forward and back, (runs, angles, batch, outputs)."""
    values = shots.draw(shots.shifted, fed.flatten(0, 1), trained.flatten(0, 1)).unflatten(
        0, fed.shape[:2]
    )
    forward, back = values.chunk(2, dim=1)
    return (forward - back) / 2


def _bases(outcomes: list[Value | Probabilities], qubits: int) -> list[tuple[str, np.ndarray]]:
    """Bases, a letter per wire, each with a table (states, outputs).

    The table says what a basis state found in it adds to every output.
    """
    letters: list[str] = []
    tables: list[np.ndarray] = []
    first = 0
    outputs = sum(outcome.outputs for outcome in outcomes)
    for outcome in outcomes:
        if isinstance(outcome, Probabilities):
            columns = slice(first, first + outcome.outputs)
            table = _table(letters, tables, outcome.word(qubits), outputs)
            table[:, columns] += outcome.indicators(qubits)
        else:
            for weight, word in outcome.terms:
                diagonal = "".join("I" if letter == "I" else "Z" for letter in word)
                signs = pauli.action(diagonal, qubits)[1].real
                _table(letters, tables, word, outputs)[:, first] += weight * signs
        first += outcome.outputs
    full = [each.replace("I", "Z") for each in letters]
    return list(zip(full, tables, strict=True))


def _table(letters: list[str], tables: list[np.ndarray], word: str, outputs: int) -> np.ndarray:
    """The table of the first basis that a word can be measured in, or of a new one."""
    number = measurement.assign_basis(letters, word)
    if number == len(tables):
        tables.append(np.zeros((2 ** len(word), outputs)))
    return tables[number]
