"""Values from a finite number of measurements: how often each basis state is found is drawn at
once, for all shots.
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun import memory
from qtlrun.tape import pauli
from qtlrun.tape.measurement import Probabilities, Value
from qtlrun.tape.tape import Gate, Reading

TURNS = {
    "X": [pauli.H],
    "Y": [torch.diag(torch.tensor([1, -1j], dtype=torch.complex128)), pauli.H],
}  # a letter's basis to that of Z


class Shots:
    """Outcomes estimated from `shots` measurements in each basis that they need; words that share
    one share its shots.

    `simulator(affine, gates, real, outcomes)` simulates the circuit with more gates at its end. The
    gradient is that of the parameter-shift rule, each shifted circuit measured as often (Schuld et
    al., arXiv:1811.11184).
    """

    def __init__(
        self,
        reading: Reading,
        outcomes: list[Value | Probabilities],
        qubits: int,
        shots: int,
        seed: int,
        real: bool,
        simulator: Callable,
    ):
        self.reading = reading
        self.shots = shots
        self.random = np.random.default_rng(seed)
        every = [Probabilities(tuple(range(qubits)))]
        self.bases, self.shifted = (
            [],
            [],
        )  # what simulates a basis from inputs and weights, and from angles
        for letters, table in _bases(outcomes, qubits):
            turns = [
                Gate((wire,), letter, matrix=matrix)
                for wire, letter in enumerate(letters)
                for matrix in TURNS.get(letter, [])
            ]
            for affine, made in ((reading.affine, self.bases), (reading.apart, self.shifted)):
                made.append((simulator(affine, turns, real and "Y" not in letters, every), table))

    def __call__(
        self, x: Float[Tensor, "runs batch features"], w: Float[Tensor, "runs ..."]
    ) -> Float[Tensor, "runs batch outputs"]:
        return _Shift.apply(x, w, self)

    @torch.no_grad()
    def draw(self, bases: list, x: Tensor, w: Tensor) -> Tensor:
        """Values from shots of their own."""
        room = (
            memory.total() // 8 // (24 * len(bases[0][1]) * x.shape[1])
        )  # chances and counts of a run, 8 bytes each
        pieces = zip(x.split(max(1, room)), w.split(max(1, room)), strict=True)
        return torch.cat(
            [
                sum(self._counted(simulate(some, of), table) for simulate, table in bases)
                for some, of in pieces
            ]
        ).to(x)

    def _counted(self, chances: Tensor, table: np.ndarray) -> Tensor:
        """Counts of basis states with these chances, for so many shots."""
        chances = chances.double().clamp_min(0).cpu().numpy()
        chances /= chances.sum(-1, keepdims=True)
        return torch.from_numpy(self.random.multinomial(self.shots, chances) @ (table / self.shots))


class _Shift(torch.autograd.Function):
    """Values from shots, and their gradient by shifting every angle, chained to what the angles are
    made of.
    """

    @staticmethod
    def forward(ctx, x: Tensor, w: Tensor, shots: Shots) -> Tensor:
        ctx.save_for_backward(x, w)
        ctx.shots = shots
        return shots.draw(shots.bases, x, w)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, upstream: Tensor) -> tuple:
        given = [
            one.detach().requires_grad_(need)
            for one, need in zip(ctx.saved_tensors, ctx.needs_input_grad[:2], strict=True)
        ]
        with torch.enable_grad():
            angles = ctx.shots.reading.split(*given)
        fed, trained = (one.detach() for one in angles)
        slopes = [torch.zeros_like(fed), torch.zeros_like(trained)]
        if angles[0].requires_grad and fed.shape[-1]:
            moved = fed.unsqueeze(1) + _shifts(fed).unsqueeze(1)  # runs, shifts, batch, angles
            found = _slopes(ctx.shots, moved, trained.unsqueeze(1).expand(-1, moved.shape[1], -1))
            slopes[0] = (found * upstream.unsqueeze(1)).sum(-1).mT
        if angles[1].requires_grad and trained.shape[-1]:
            moved = trained.unsqueeze(1) + _shifts(trained)
            found = _slopes(ctx.shots, fed.unsqueeze(1).expand(-1, moved.shape[1], -1, -1), moved)
            slopes[1] = (found * upstream.unsqueeze(1)).sum((-1, -2))
        return *_chained(given, angles, slopes), None


def _chained(
    given: list[Tensor], angles: tuple[Tensor, Tensor], slopes: list[Tensor]
) -> list[Tensor | None]:
    """Gradients by what the angles were made of, where one is needed."""
    needed = [one for one in given if one.requires_grad]
    pairs = [
        (angle, slope) for angle, slope in zip(angles, slopes, strict=True) if angle.requires_grad
    ]
    if not pairs:
        return [torch.zeros_like(one) if one.requires_grad else None for one in given]
    outputs, upstream = zip(*pairs, strict=True)
    found = iter(
        torch.autograd.grad(outputs, needed, upstream, allow_unused=True, materialize_grads=True)
    )
    return [next(found) if one.requires_grad else None for one in given]


def _shifts(angles: Tensor) -> Tensor:
    """Every angle forward by a quarter turn, then every one back: (shifts, angles)."""
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
    """Bases, a letter a wire, each with what a basis state found in it adds to every output,
    (states, outputs).
    """
    bases = []
    at = 0
    outputs = sum(outcome.outputs for outcome in outcomes)
    for outcome in outcomes:
        if isinstance(outcome, Probabilities):
            _table(bases, "Z" * qubits, outputs)[:, at : at + outcome.outputs] += (
                outcome.indicators(qubits)
            )
        else:
            for weight, word in outcome.words:
                signs = pauli.action(
                    "".join("I" if letter == "I" else "Z" for letter in word), qubits
                )[1].real
                _table(bases, word, outputs)[:, at] += weight * signs
        at += outcome.outputs
    return [(letters.replace("I", "Z"), table) for letters, table in bases]


def _table(bases: list, word: str, outputs: int) -> np.ndarray:
    """The table of the first basis that a word can be measured in; one more where there is none."""
    for number, (letters, table) in enumerate(bases):
        if all("I" in pair or pair[0] == pair[1] for pair in zip(letters, word, strict=True)):
            bases[number] = (
                "".join(b if a == "I" else a for a, b in zip(letters, word, strict=True)),
                table,
            )
            return table
    bases.append((word, np.zeros((2 ** len(word), outputs))))
    return bases[-1][1]
