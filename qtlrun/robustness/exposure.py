"""Rows of a finished run at each strength of a noise: all seeds and strengths at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from qtlrun import memory
from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.outcome import Outcome
from qtlrun.comparison.row import Row
from qtlrun.device.mixed import check_angles, compile_density
from qtlrun.experiment.network import circuit_weights, has_inner_circuit
from qtlrun.experiment.subject import Subject
from qtlrun.robustness.kind import Grid
from qtlrun.robustness.recall import NoisyCircuit
from qtlrun.simulator.noise import Noise
from qtlrun.tape import reader
from qtlrun.tape.tape import Reading

Logits = list[np.ndarray]  # of each training, (items, classes)
Values = list[Tensor]  # of each training's circuits, (circuits, items, outputs)
COEFFICIENT_BYTES = 8  # of the value of one Pauli word in one circuit's state
TABLE_BYTES = 16  # for each Pauli word: where a gate that is no turn of one wire moves it, and sign
MEMORY_PARTS = 8  # of the machine's memory, one of which states may fill
ITSELF = "itself without noise"  # label of the composed row as it is without noise
Simulate = Callable[..., Tensor]


@dataclass(frozen=True)
class CircuitRow:
    """Trainings of a row whose circuit stands between two layers, on their test items."""

    subjects: list[Subject]

    @cached_property
    def reading(self) -> Reading:
        """Circuit of the row; amplitudes that it begins in are gates, for noise acts on these."""
        head = self.subjects[0].head
        reading = reader.read(head.circuit, head.entangle)
        check_angles(reading)
        return reading

    @cached_property
    def inputs(self) -> Values:
        """Inputs of each training's circuits."""
        with torch.no_grad():
            return [self._encode(subject) for subject in self.subjects]

    @cached_property
    def weights(self) -> Values:
        """Angles of each training's circuits."""
        return [circuit_weights(subject.head).detach().double() for subject in self.subjects]

    def _encode(self, subject: Subject) -> Tensor:
        features = subject.features(subject.split("test"))
        return subject.head.encode(subject.network.scale(features)).double()

    @torch.no_grad()
    def run(self, simulate: Simulate, repeats: int = 1) -> list[Values]:
        """Values of the circuits, so many times over; trainings of equally many items at once.

        Of runs in a row each repeat has those of all trainings: `simulate` may change from one
        repeat to the next.
        """
        values: list[Values] = [[torch.empty(0)] * len(self.subjects) for _ in range(repeats)]
        sizes = [len(inputs[0]) for inputs in self.inputs]
        for size in set(sizes):
            members = [number for number, each in enumerate(sizes) if each == size]
            inputs = torch.cat([self.inputs[number] for number in members])
            weights = torch.cat([self.weights[number] for number in members])
            shape = [1] * (weights.dim() - 1)
            x = inputs.repeat(repeats, 1, 1)
            w = weights.repeat(repeats, *shape)
            outputs = simulate(*self.reading.prepare(x, w)[:2])
            parts = iter(outputs.split(len(self.inputs[0])))
            for each in values:
                for number in members:
                    each[number] = next(parts)
        return values

    def under(self, noises: Sequence[Noise]) -> list[Values]:
        """Exact values of the circuits under each noise, of as many at once as memory holds."""
        words = 4**self.reading.qubits
        circuits = sum(map(len, self.inputs))
        tables = [gate for gate in self.reading.gates if gate.angle is None or len(gate.wires) > 1]
        free = memory.total() // MEMORY_PARTS - TABLE_BYTES * words * len(tables)
        room = max(1, free // (COEFFICIENT_BYTES * words * circuits))
        values = []
        for first in range(0, len(noises), room):
            values += self._under(noises[first : first + room])
        return values

    def _under(self, noises: Sequence[Noise]) -> list[Values]:
        def simulate(x: Tensor, w: Tensor) -> Tensor:
            repeated = [noise for noise in noises for _ in range(len(x) // len(noises))]
            return compile_density(self.reading, repeated)(x, w)

        return self.run(simulate, len(noises))

    @cached_property
    def ideal(self) -> Values:
        """Exact values of the circuits without noise."""
        return self.under([Noise()])[0]

    def sampled(self, numbers: Sequence[int], seed: int) -> list[Values]:
        """Values of the circuits without noise from each number of shots."""
        circuit = NoisyCircuit.of(self.reading, Noise())
        return [self.run(circuit.draw(shots, seed))[0] for shots in numbers]

    @torch.no_grad()
    def decode(self, values: Values) -> Logits:
        """Logits of what the circuits give."""
        return [_decode(subject, each) for subject, each in zip(self.subjects, values, strict=True)]


def _decode(subject: Subject, values: Tensor) -> np.ndarray:
    dtype = circuit_weights(subject.head).dtype
    return subject.head.decode(values.to(dtype))[0].cpu().double().numpy()


@dataclass(frozen=True)
class Exposure:
    """Rows at each strength of a kind of noise; those without a circuit do not change.

    comparisons: composed row beside the others, by position on the grid's axis
    circuits: labels of the rows whose circuit had the noise
    retrained: labels of those among them that were trained under it
    failures: number of trainings that failed in the run, of the rows that have any
    numbers: of the run's splits in which a training was finished, in the comparisons' order
    """

    grid: Grid
    comparisons: dict[float, Comparison]
    circuits: tuple[str, ...]
    retrained: tuple[str, ...] = ()
    failures: dict[str, int] = field(default_factory=dict)
    numbers: tuple[int, ...] = ()

    @cached_property
    def dead(self) -> dict[str, int]:
        """Number of trainings that are dead without noise, of the rows that have any."""
        first = self.comparisons[0.0]
        counts = {label: first.dead(label) for label in first.labels}
        return {label: count for label, count in counts.items() if count}

    @property
    def lost(self) -> frozenset[str]:
        """Labels of the rows of which a training failed in the run or is dead without noise."""
        return frozenset(self.failures) | frozenset(self.dead)

    @cached_property
    def fallen(self) -> dict[str, dict[float, int]]:
        """Number of trainings by row and position that are dead there and not without noise."""
        first = self.comparisons[0.0]
        fallen: dict[str, dict[float, int]] = {}
        for position, comparison in self.comparisons.items():
            for label in comparison.labels:
                before = first.dead_seeds(label)
                counts = [
                    len(seeds - before.get(split, set()))
                    for split, seeds in comparison.dead_seeds(label).items()
                ]
                if sum(counts):
                    fallen.setdefault(label, {})[position] = sum(counts)
        return fallen


def read_rows(trainings: dict[str, list[Subject]]) -> dict[str, CircuitRow]:
    """Rows whose circuit noise acts on."""
    return {
        label: CircuitRow(subjects)
        for label, subjects in trainings.items()
        if has_inner_circuit(subjects[0].head)
    }


def read_flat(trainings: dict[str, list[Subject]]) -> dict[str, Logits]:
    """Logits of the rows on which no noise acts."""
    flat = {}
    for label, subjects in trainings.items():
        if not has_inner_circuit(subjects[0].head):
            logits = [each.logits(each.split("test")).cpu().double() for each in subjects]
            flat[label] = [each.numpy() for each in logits]
    return flat


def expose(
    trainings: dict[str, list[Subject]],
    circuits: dict[str, CircuitRow],
    flat: dict[str, Logits],
    composed: str,
    grid: Grid,
    seed: int,
) -> Exposure:
    """Evaluate rows, the composed one first, at each strength of a grid.

    circuits: rows on which the noise acts
    flat: logits of the others
    """
    series: dict[str, list[Logits]] = {}
    for label in trainings:
        if label in circuits:
            series[label] = compute_series(circuits[label], grid, seed)
        else:
            series[label] = [flat[label]] * len(grid.positions)
    comparisons = {}
    rows = trainings | {ITSELF: trainings[composed]}
    for number, position in enumerate(grid.positions):
        by_row = {label: each[number] for label, each in series.items()}
        by_row[ITSELF] = series[composed][0]
        comparisons[position] = compare_logits(rows, composed, by_row)
    return Exposure(grid, comparisons, tuple(circuits), numbers=_split_numbers(trainings))


def compute_series(row: CircuitRow, grid: Grid, seed: int) -> list[Logits]:
    """Logits of a row at each position of a grid, without noise first."""
    if grid.is_sampled:
        values = row.sampled([int(shots) for shots in grid.strengths], seed)
    else:
        values = row.under(grid.noises[1:])
    return [row.decode(each) for each in (row.ideal, *values)]


def compare_logits(
    trainings: dict[str, list[Subject]], composed: str, logits: dict[str, Logits]
) -> Comparison:
    """Comparison of rows that have these logits on the test items of their trainings."""
    numbers = _split_numbers(trainings)
    splits: list[dict[str, Row]] = [{} for _ in numbers]
    for label, subjects in trainings.items():
        for subject, each in zip(subjects, logits[label], strict=True):
            rows = splits[numbers.index(subject.number)]
            row = rows.setdefault(label, _row(label, subject))
            row.outcomes[subject.seed] = outcome_of(each, subject)
    return Comparison({}, composed, splits)


def _split_numbers(trainings: dict[str, list[Subject]]) -> tuple[int, ...]:
    """Numbers of the splits in which a training was finished."""
    return tuple(sorted({subject.number for each in trainings.values() for subject in each}))


def _row(label: str, subject: Subject) -> Row:
    """Row without outcomes, with what statistics need of its split."""
    dataset = subject.dataset
    return Row(
        label,
        "",
        {},
        dataset.classes,
        items=dataset.test.items,
        trained_on=len(dataset.train),
        validated_on=len(dataset.validation),
        independent=dataset.independent,
        pool=dataset.size,
        noun=dataset.noun,
    )


def outcome_of(logits: np.ndarray, subject: Subject) -> Outcome:
    """Outcome with test logits alone."""
    labels = subject.split("test").labels.numpy()
    return Outcome([], 0, "", "", 0.0, 0.0, arrays={"logits": logits, "labels": labels})
