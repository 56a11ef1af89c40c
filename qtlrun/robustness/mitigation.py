"""Mitigation of noise on a row's circuit: what each method recovers, and what it costs."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
import torch

from qtlrun.robustness.exposure import CircuitRow, Values
from qtlrun.robustness.folding import (
    EXPONENTIAL,
    LINEAR,
    POLYNOMIAL,
    extrapolate,
    extrapolation_weights,
    fold,
)
from qtlrun.robustness.recall import NoisyCircuit
from qtlrun.simulator.noise import Noise
from qtlrun.tape import measurement

NONE = "none"
MORE_SHOTS = "more shots"
INVERSION = "readout inverted"
CALIBRATIONS = 2  # circuits that prepare all wires in 0, and all in 1, for all items


@dataclass(frozen=True)
class Attempt:
    """Values of a row's circuits under a method of mitigation.

    shots: measurements of each circuit; None: exact values
    circuits: that are executed for an item, in all bases
    gates: that act in these, by those of the plain circuit
    variance: factor of that of the plain circuit's shots, for values of one wire; nan: unknown
    """

    method: str
    shots: int | None
    circuits: int
    gates: float
    variance: float
    values: Values

    @property
    def shots_per_item(self) -> int:
        """Measurements of an item."""
        return (self.shots or 0) * self.circuits


@dataclass(frozen=True)
class Mitigation:
    """Trial of all methods on one row under one noise.

    noise: of each circuit
    factors: gates of the folded circuits, by those of the plain one
    shots: measurements of each circuit
    seed: of the shots
    """

    row: CircuitRow
    noise: Noise
    factors: Sequence[int]
    shots: int
    seed: int

    def attempts(self, shots: int | None) -> list[Attempt]:
        """Every method that the noise asks for, from exact values or from shots."""
        bases = self.bases
        series = [self._values(factor, shots, inverted=False) for factor in self.factors]
        attempts = [Attempt(NONE, shots, bases, 1, 1.0, series[0])]
        count = len(self.factors)
        if shots is not None:
            more = self._values(1, shots * count, inverted=False)
            attempts.append(Attempt(MORE_SHOTS, shots * count, bases, 1, 1 / count, more))
        has_gates = self.noise.has_channels
        forms = (LINEAR, POLYNOMIAL, EXPONENTIAL) if has_gates else ()
        attempts += [self._extrapolate(form, "", series, shots, 1.0) for form in forms]
        if self.noise.has_flips:
            shrinkage, _ = self.noise.reading
            inverted = [self._values(factor, shots, inverted=True) for factor in self.factors]
            variance = 1 / shrinkage**2
            attempts.append(Attempt(INVERSION, shots, bases, 1, variance, inverted[0]))
            if has_gates:
                name = f"{INVERSION} + "
                attempts.append(self._extrapolate(LINEAR, name, inverted, shots, variance))
        return attempts

    @property
    def bases(self) -> int:
        """Bases that a circuit is measured in."""
        reading = self.row.reading
        return measurement.count_bases(reading.measurements, reading.qubits)

    @cached_property
    def folded(self) -> dict[int, NoisyCircuit]:
        """Circuit folded to each factor."""
        reading = self.row.reading
        return {
            factor: NoisyCircuit.of(fold(reading, factor), self.noise) for factor in self.factors
        }

    def _extrapolate(
        self, form: str, name: str, series: list[Values], shots: int | None, variance: float
    ) -> Attempt:
        """Extrapolation of values at each factor."""
        values = [extrapolate(each, self.factors, form) for each in zip(*series, strict=True)]
        weights = extrapolation_weights(self.factors, form)
        spread = float("nan") if form == EXPONENTIAL else variance * float(np.square(weights).sum())
        circuits = self.bases * len(self.factors)
        return Attempt(
            f"{name}{form} extrapolation", shots, circuits, sum(self.factors), spread, values
        )

    def _values(self, factor: int, shots: int | None, *, inverted: bool) -> Values:
        """Values of the circuit folded to a factor, their errors of the readout inverted or not."""
        circuit = self.folded[factor]
        qubits = self.row.reading.qubits
        if shots is None:
            chances = np.array([flip_chances(self.noise.readout_0, self.noise.readout_1)] * qubits)
        else:
            chances = calibrate(self.noise, qubits, shots, self.seed)
        if inverted:
            circuit = invert_readout(circuit, chances)
        # The circuits of one factor are the same whatever is done with their counts
        simulate = circuit.expect if shots is None else circuit.draw(shots, self.seed + factor)
        return self.row.run(simulate)[0]


def flip_chances(zero: float, occupied: float) -> list[list[float]]:
    """Chances of a wire's readings, (reading, state), by those of the errors of 0 and of 1."""
    return [[1 - zero, occupied], [zero, 1 - occupied]]


def calibrate(noise: Noise, qubits: int, shots: int, seed: int) -> np.ndarray:
    """Chances of each wire's readings, (wires, reading, state), counted of so many shots."""
    draw = np.random.default_rng(seed)
    chances = []
    for _ in range(qubits):
        zero = draw.binomial(shots, noise.readout_0) / shots
        occupied = draw.binomial(shots, noise.readout_1) / shots
        chances.append(flip_chances(zero, occupied))
    return np.array(chances)


def invert_readout(circuit: NoisyCircuit, chances: np.ndarray) -> NoisyCircuit:
    """Circuit whose counts add to outputs what counts before errors of the readout would."""
    inverse = reduce(np.kron, np.linalg.pinv(chances))
    template = copy.copy(circuit.template)
    template.bases = [(each, inverse.T @ table) for each, table in template.bases]
    return NoisyCircuit(template)


def error_of(values: Values, ideal: Values) -> float:
    """Root mean square difference of values."""
    squares = [(each - right).square().flatten() for each, right in zip(values, ideal, strict=True)]
    return float(torch.cat(squares).mean().sqrt())
