"""Reads a circuit once: its gates as rotations and constants, and each angle as a function of
inputs and weights.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from qtlrun.tape.angle import Affine, Chosen, Quadratic, every, slope_of
from qtlrun.tape.degree import Degree
from qtlrun.tape.tape import Preparation, Reading, apart, inputs_of, split
from qtlrun.tape.tracing import Traced, point, trace, trace_at
from qtlrun.tape.watch import Source

__all__ = ["read", "trace"]
PROBES = 12  # points at which a circuit that asks for values must have the same gates
SIGNAL = 1e-9  # two evaluations of one map in float64 differ by less, relative to values above 1
CHANCE = (
    "circuit: it differs from call to call at the same inputs and weights; draw what is random"
    " once, in the constructor, or use device.shots."
)
STUCK = (
    "circuit: an angle has no finite derivative by inputs or weights, so nothing could be trained."
)


@torch.inference_mode(False)
@torch.enable_grad()
def read(circuit, entangle: bool = True, embed: bool = False) -> Reading:
    """Trace a circuit, and prove from autograd's graph what its angles are of inputs and weights.

    Angles that are proved affine or quadratic become such maps; others are evaluated each step by
    the circuit itself. Without `entangle` every gate on more than one wire is dropped. With `embed`
    amplitudes that wires begin in are taken as such, else as the gates that make them. Raises
    ValueError where gates or observables depend on values, where two calls at one point differ, for
    wires that are none of the circuit's, and for operations that are no unitary gates.
    """
    with torch.autocast("cpu", enabled=False), _chance_restored():
        first, other = (
            trace_at(circuit, entangle, embed, *point(circuit, number)) for number in (0, 1)
        )
        again = trace_at(circuit, entangle, embed, *point(circuit, 0))
        if again.drew or not first.equals(again):
            raise ValueError(CHANCE)
        first.check_same(other)
        for number in range(2, PROBES if first.watch.asked else 2):
            first.check_same(trace_at(circuit, entangle, embed, *point(circuit, number)))
        return _Reader(circuit, entangle, embed, first, other).reading()


@contextmanager
def _chance_restored() -> Iterator[None]:
    """Leave the global generators as they are found."""
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        torch.set_rng_state(states[0])
        np.random.set_state(states[1])
        random.setstate(states[2])


@dataclass(frozen=True)
class _Reader:
    """Proof of a circuit's angles at one traced point; another is there to contradict."""

    circuit: object
    entangle: bool
    embed: bool
    first: Traced
    other: Traced

    def reading(self) -> Reading:
        """The circuit as data."""
        first = self.first
        degree = self._highest()
        starts = tuple(self._preparation(place) for place in range(len(first.starts)))
        sizes = self.circuit.qubits, self._features
        if degree <= 1:
            affine, fed, trained = self._affine()
            if self._confirmed(affine):
                return Reading(
                    *sizes,
                    first.gates,
                    _unchanged,
                    affine,
                    first.measurements,
                    fed,
                    trained,
                    starts,
                    first.checks,
                )
        angles, fed, trained = self._quadratic() if degree <= 2 else (None, None, None)
        if angles is None or not self._confirmed(angles):
            angles, fed, trained = self._each_step()
        prepare = split(angles, fed, trained)
        affine = apart(first.values(), fed, trained)
        if first.matrices:
            prepare = self._with_matrices(fed, trained)
        return Reading(
            *sizes,
            first.gates,
            prepare,
            affine,
            first.measurements,
            fed,
            trained,
            starts,
            first.checks,
        )

    @property
    def _features(self) -> int:
        return inputs_of(self.circuit)

    @cached_property
    def _numbers(self) -> list[Tensor]:
        return self.first.numbers()

    @cached_property
    def _degree(self) -> Degree:
        return Degree(self.first.inputs, self.first.weights)

    def _highest(self) -> float:
        """The highest degree of all angles, infinity where values were asked for or something moves
        that is no angle.
        """
        watch = self.first.watch
        if watch.asked or self.first.matrices or any(map(watch.bent, self.first.angles)):
            return float("inf")
        return max(map(self._degree.of, self.first.angles), default=0)

    def _affine(self) -> tuple[Affine | Chosen, frozenset[int], frozenset[int]]:
        """Affine angles, those that depend on inputs, and those that depend on weights."""
        inputs = self.first.inputs
        weights = self.first.weights
        features = inputs.numel()
        count = len(self._numbers)
        z = torch.cat([inputs.flatten(), weights.flatten()]).detach()
        rows = []
        columns = []
        slopes = []
        rest = torch.zeros(count, dtype=torch.float64)
        for number, angle in enumerate(self._numbers):
            slope = slope_of(angle, inputs, weights, create=False)
            places = slope.nonzero().flatten()
            rows += [number] * len(places)
            columns.append(places)
            slopes.append(slope[places])
            rest[number] = angle.detach() - slopes[-1] @ z[places]
        rows = torch.tensor(rows, dtype=torch.long)
        columns = torch.cat(columns or [torch.zeros(0, dtype=torch.long)])
        slopes = torch.cat(slopes or [torch.zeros(0, dtype=torch.float64)])
        fed, trained = (
            frozenset(rows[side].tolist()) for side in (columns < features, columns >= features)
        )
        if not features and len(rows) == len(set(rows.tolist())):
            place = torch.zeros(count, dtype=torch.long)
            factor = torch.zeros(count, dtype=torch.float64)
            place[rows], factor[rows] = columns, slopes
            return Chosen(place, factor, rest, weights.numel()), fed, trained
        table = torch.zeros(count, len(z), dtype=torch.float64)
        table[rows, columns] = slopes
        return (
            Affine(table[:, :features].contiguous(), table[:, features:].contiguous(), rest),
            fed,
            trained,
        )

    def _quadratic(self) -> tuple[Quadratic, frozenset[int], frozenset[int]]:
        angles = Quadratic.at(self._numbers, self.first.inputs, self.first.weights)
        return angles, *self._sources()

    def _sources(self) -> tuple[frozenset[int], frozenset[int]]:
        """The angles that may depend on the inputs, and on the weights; all of them on values that
        were asked for.
        """
        watch = self.first.watch
        moved = self.first.values() != self.other.values()
        sources = [
            watch.source(angle) | watch.asked or (Source.BOTH if moves else Source.NONE)
            for angle, moves in zip(self.first.angles, moved.tolist(), strict=True)
        ]
        return tuple(
            frozenset(number for number, source in enumerate(sources) if source & kind)
            for kind in (Source.INPUTS, Source.WEIGHTS)
        )

    def _confirmed(self, angles: Callable[[Tensor, Tensor], Tensor]) -> bool:
        """Whether a map gives the angles at the other point: rounding to another dtype in between
        is no affine map.
        """
        values = angles(self.other.inputs.detach()[None, None], self.other.weights.detach()[None])[
            0, 0
        ]
        return torch.allclose(values, self.other.values(), rtol=SIGNAL, atol=SIGNAL)

    def _each_step(
        self,
    ) -> tuple[Callable[[Tensor, Tensor], Tensor], frozenset[int], frozenset[int]]:
        moving = [number for number in self._numbers if number.requires_grad]
        if moving:
            slope = slope_of(
                torch.stack(moving).sum(), self.first.inputs, self.first.weights, create=False
            )
            if not slope.isfinite().all():
                raise ValueError(STUCK)
        again = self._again
        return lambda x, w: again(x, w)[0], *self._sources()

    def _with_matrices(
        self, fed: frozenset[int], trained: frozenset[int]
    ) -> Callable[[Tensor, Tensor], tuple[Tensor, ...]]:
        count = len(self.first.matrices)

        def prepare(x: Tensor, w: Tensor) -> tuple[Tensor, ...]:
            angles, *moving = self._again(x, w)
            return *split(lambda *_: angles, fed, trained)(x, w), *moving[:count]

        return prepare

    @cached_property
    def _again(self) -> Callable[[Tensor, Tensor], tuple[Tensor, ...]]:
        """All angles (runs, batch, angles), then each moving matrix and each start, by the circuit
        itself.
        """

        def one(x: Tensor, w: Tensor) -> tuple[Tensor, ...]:
            now = trace_at(
                self.circuit, self.entangle, self.embed, x, w, self.first.checks.repeated()
            )
            self.first.check_same(now)
            angles = [torch.as_tensor(angle, dtype=x.dtype).reshape(()) for angle in now.angles]
            angles = torch.stack(angles) if angles else x.new_zeros(0)
            moving = [*now.matrices, *(torch.as_tensor(start.data[0]) for start in now.starts)]
            return angles, *(
                values.to(x.dtype.to_complex() if values.is_complex() else x.dtype)
                for values in moving
            )

        return every(
            one, self._features, tuple(self.circuit.shape), mapped=not self.first.watch.asked
        )

    def _preparation(self, place: int) -> Preparation:
        """Amplitudes that a circuit prepares: a constant, inputs scaled to norm 1, or what it says,
        evaluated each step.
        """
        operation = self.first.starts[place]
        watch = self.first.watch
        state = torch.as_tensor(operation.data[0])
        wires = tuple(operation.wires)
        if not (watch.source(operation.data[0]) or watch.asked):
            real = not state.is_complex() or not state.imag.any()
            state = state.real if real and state.is_complex() else state
            return Preparation(
                wires, lambda x, w: _placed(state, x, real).expand(*x.shape[:2], -1), real
            )
        scaled = None if watch.asked or watch.bent(operation.data[0]) else self._scaled(state)
        if scaled is not None:
            return Preparation(wires, scaled, real=True)
        number = 1 + len(self.first.matrices) + place
        return Preparation(wires, lambda x, w: self._again(x, w)[number], not state.is_complex())

    def _scaled(self, state: Tensor) -> Callable[[Tensor, Tensor], Tensor] | None:
        """The map of real amplitudes that are an affine one divided by its norm; None for any
        other.
        """
        node = state.grad_fn
        if (
            state.is_complex()
            or node is None
            or node.name() != "DivBackward0"
            or node._saved_other.numel() != 1
        ):
            return None
        vector = node._saved_self
        if vector is None or vector.numel() == 1 or self._degree.of(vector) > 1:
            return None
        leaves = self.first.inputs, self.first.weights
        units = torch.eye(len(vector), dtype=vector.dtype)
        slopes = torch.autograd.grad(
            vector, leaves, units, retain_graph=True, is_grads_batched=True, allow_unused=True
        )
        by_input, by_weight = (
            (
                torch.zeros(len(vector), leaf.numel(), dtype=torch.float64)
                if slope is None
                else slope.flatten(1)
            )
            for slope, leaf in zip(slopes, leaves, strict=True)
        )
        rest = (vector - by_input @ leaves[0] - by_weight @ leaves[1].flatten()).detach()
        amplitudes = _padded(by_input, by_weight, rest) or Affine(by_input, by_weight, rest)

        def scaled(x: Tensor, w: Tensor) -> Tensor:
            values = amplitudes(x, w)
            return values / torch.linalg.vector_norm(values, dim=-1, keepdim=True)

        return scaled


def _padded(
    by_input: Tensor, by_weight: Tensor, rest: Tensor
) -> Callable[[Tensor, Tensor], Tensor] | None:
    """The affine map of inputs as they are with constants behind them; None for any other."""
    features = by_input.shape[1]
    if (
        features > len(rest)
        or by_weight.any()
        or not torch.equal(by_input, torch.eye(len(rest), features, dtype=by_input.dtype))
    ):
        return None
    behind = rest[features:]
    if not len(behind):
        return lambda x, w: x
    return lambda x, w: torch.cat([x, behind.to(x).expand(*x.shape[:2], -1)], dim=-1)


def _unchanged(x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    return x, w


def _placed(state: Tensor, x: Tensor, real: bool) -> Tensor:
    return state.to(x.device, x.dtype if real else x.dtype.to_complex())
