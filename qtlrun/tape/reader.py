"""Reading of a circuit, once: its gates, and each angle as a function of inputs and weights.

Gates are rotations and constants.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from qtlrun.error import UsageError
from qtlrun.tape.amplitude import unit_vector
from qtlrun.tape.angle import Affine, Chosen, Quadratic, slope_of, vectorize
from qtlrun.tape.degree import Degree
from qtlrun.tape.tape import Preparation, QuantumFunction, Reading, apart, inputs_of, split
from qtlrun.tape.tracing import Trace, point, trace, trace_at
from qtlrun.tape.watch import Source

__all__ = ["read", "trace"]
MAX_POINTS = 12  # at which a circuit that asks for values must have the same gates
# Two evaluations of one map in float64 differ by less, relative to values above 1
TOLERANCE = 1e-9


@torch.inference_mode(False)
@torch.enable_grad()
def read(circuit, entangle: bool = True, embed: bool = False) -> Reading:
    """Read a circuit: trace it, and prove what its angles are of inputs and weights.

    The proof is by autograd's graph. Angles that are proved affine or quadratic become such maps;
    others are evaluated each step by the circuit itself. Without `entangle` every gate on more than
    one wire is dropped. With `embed` amplitudes that wires begin in are taken as such, else as the
    gates that make them. Raises ValueError where gates or observables depend on values, where two
    calls at one point differ, for wires that are none of the circuit's, and for operations that are
    no unitary gates.
    """
    with torch.autocast("cpu", enabled=False), _restore_generators():
        first, other = (
            trace_at(circuit, entangle, embed, *point(circuit, number)) for number in (0, 1)
        )
        again = trace_at(circuit, entangle, embed, *point(circuit, 0))
        if again.drew or not first.equals(again):
            raise UsageError(
                "it differs from call to call at the same inputs and weights",
                "draw what is random once, in the constructor, or use device.shots",
                key="circuit",
            )
        first.check_same(other)
        for number in range(2, MAX_POINTS if first.watch.asked else 2):
            first.check_same(trace_at(circuit, entangle, embed, *point(circuit, number)))
        return _Reader(circuit, entangle, embed, first, other).reading()


@contextmanager
def _restore_generators() -> Iterator[None]:
    """Restore the global generators on leaving."""
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        torch.set_rng_state(states[0])
        np.random.set_state(states[1])
        random.setstate(states[2])


@dataclass(frozen=True)
class _Reader:
    """Proof of a circuit's angles at one traced point; the other is there to contradict."""

    circuit: QuantumFunction
    entangle: bool
    embed: bool
    first: Trace
    other: Trace

    def reading(self) -> Reading:
        """The circuit as data."""
        first = self.first
        degree = self._highest_degree()
        starts = tuple(self._preparation(index) for index in range(len(first.starts)))
        sizes = self.circuit.qubits, self._features
        if degree <= 1:
            affine, fed, trained = self._affine()
            if self._confirms(affine):
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
                    proved=True,
                )
        angles: Callable[[Tensor, Tensor], Tensor] | None = None
        if degree <= 2:
            angles, fed, trained = self._quadratic()
        if angles is None or not self._confirms(angles):
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

    def _highest_degree(self) -> float:
        """The highest degree of all angles.

        Infinity where values were asked for, or something moves that is no angle.
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
        rows: list[int] = []
        columns: list[Tensor] = []
        slopes: list[Tensor] = []
        rest = torch.zeros(count, dtype=torch.float64)
        for number, angle in enumerate(self._numbers):
            slope = slope_of(angle, inputs, weights, create=False)
            nonzero = slope.nonzero().flatten()
            rows += [number] * len(nonzero)
            columns.append(nonzero)
            slopes.append(slope[nonzero])
            rest[number] = angle.detach() - slopes[-1] @ z[nonzero]
        row = torch.tensor(rows, dtype=torch.long)
        column = torch.cat(columns or [torch.zeros(0, dtype=torch.long)])
        value = torch.cat(slopes or [torch.zeros(0, dtype=torch.float64)])
        fed, trained = (
            frozenset(row[side].tolist()) for side in (column < features, column >= features)
        )
        if not features and len(rows) == len(set(rows)):
            index = torch.zeros(count, dtype=torch.long)
            factor = torch.zeros(count, dtype=torch.float64)
            index[row] = column
            factor[row] = value
            return Chosen(index, factor, rest, weights.numel()), fed, trained
        table = torch.zeros(count, len(z), dtype=torch.float64)
        table[row, column] = value
        return (
            Affine(table[:, :features].contiguous(), table[:, features:].contiguous(), rest),
            fed,
            trained,
        )

    def _quadratic(self) -> tuple[Quadratic, frozenset[int], frozenset[int]]:
        angles = Quadratic.at(self._numbers, self.first.inputs, self.first.weights)
        return angles, *self._sources()

    def _sources(self) -> tuple[frozenset[int], frozenset[int]]:
        """The angles that may depend on the inputs, and on the weights.

        All of them may depend on values that were asked for.
        """
        watch = self.first.watch
        moved = self.first.values() != self.other.values()
        sources = [
            watch.source(angle) | watch.asked or (Source.BOTH if moves else Source.NONE)
            for angle, moves in zip(self.first.angles, moved.tolist(), strict=True)
        ]
        by_input = [number for number, source in enumerate(sources) if source & Source.INPUTS]
        by_weight = [number for number, source in enumerate(sources) if source & Source.WEIGHTS]
        return frozenset(by_input), frozenset(by_weight)

    def _confirms(self, angles: Callable[[Tensor, Tensor], Tensor]) -> bool:
        """Whether a map gives the angles at the other point.

        Rounding to another dtype in between is no affine map.
        """
        x = self.other.inputs.detach()[None, None]
        values = angles(x, self.other.weights.detach()[None])[0, 0]
        return torch.allclose(values, self.other.values(), rtol=TOLERANCE, atol=TOLERANCE)

    def _each_step(
        self,
    ) -> tuple[Callable[[Tensor, Tensor], Tensor], frozenset[int], frozenset[int]]:
        moving = [number for number in self._numbers if number.requires_grad]
        if moving:
            slope = slope_of(
                torch.stack(moving).sum(), self.first.inputs, self.first.weights, create=False
            )
            if not slope.isfinite().all():
                raise UsageError(
                    "an angle has no finite derivative by inputs or weights, so nothing could be"
                    " trained",
                    key="circuit",
                )
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
        """All angles (runs, batch, angles), each moving matrix and each start, by the circuit."""

        def trace_sample(x: Tensor, w: Tensor) -> tuple[Tensor, ...]:
            traced = trace_at(
                self.circuit, self.entangle, self.embed, x, w, self.first.checks.repeat()
            )
            self.first.check_same(traced)
            numbers = [torch.as_tensor(angle, dtype=x.dtype).reshape(()) for angle in traced.angles]
            angles = torch.stack(numbers) if numbers else x.new_zeros(0)
            starts = [torch.as_tensor(start.data[0]) for start in traced.starts]
            moving = [*traced.matrices, *starts]
            return angles, *(
                values.to(x.dtype.to_complex() if values.is_complex() else x.dtype)
                for values in moving
            )

        return vectorize(
            trace_sample,
            self._features,
            tuple(self.circuit.shape),
            mapped=not self.first.watch.asked,
        )

    def _preparation(self, index: int) -> Preparation:
        """Amplitudes that a circuit prepares.

        A constant, inputs scaled to norm 1, or what the circuit says, evaluated each step.
        """
        operation = self.first.starts[index]
        watch = self.first.watch
        state = torch.as_tensor(operation.data[0])
        wires = tuple(operation.wires)
        if not (watch.source(operation.data[0]) or watch.asked):
            real = not state.is_complex() or not state.imag.any()
            state = state.real if real and state.is_complex() else state
            return Preparation(
                wires, lambda x, w: _convert(state, x, real).expand(*x.shape[:2], -1), real
            )
        scaled = None
        if not (watch.asked or watch.bent(operation.data[0])):
            scaled = unit_vector(state, self.first.inputs, self.first.weights, self._degree)
        if scaled is not None:
            return Preparation(wires, scaled, real=True)
        number = 1 + len(self.first.matrices) + index
        return Preparation(wires, lambda x, w: self._again(x, w)[number], not state.is_complex())


def _unchanged(x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    return x, w


def _convert(state: Tensor, x: Tensor, real: bool) -> Tensor:
    """A state on the device of the inputs, in their precision."""
    return state.to(x.device, x.dtype if real else x.dtype.to_complex())
