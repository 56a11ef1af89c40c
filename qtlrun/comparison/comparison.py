"""Comparison of the rows of one plan, over all its splits."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from qtlrun import statistic
from qtlrun.comparison.pairing import Gaps, Pair, guess, judge, living
from qtlrun.comparison.row import Figure, Row
from qtlrun.ledger import Readings
from qtlrun.plan.choice import is_choice


class Stopped(BaseException):
    """A comparison that the user, or a full disk, stopped: what was finished, and why it ended."""

    def __init__(self, comparison: "Comparison", reason: BaseException):
        super().__init__(str(reason))
        self.comparison = comparison
        self.reason = reason


@dataclass
class Comparison:
    """Rows of one plan, which is a run or one point of a sweep.

    keys: values of the keys that the sweep varies
    composed: label of the composed row
    splits: rows by label, the composed one first, for each redraw of the data; one without redraws
    isolates: what a reference is there to show, by label
    errors: why a row failed whole, by label
    notes: sentences that stand under its table
    drawn: whether its split was drawn, so that another could be
    declared: labels whose contrast a sealed plan declares; None where no plan was sealed
    """

    keys: dict[str, object]
    composed: str
    splits: list[dict[str, Row]] = field(default_factory=list)
    isolates: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    drawn: bool = False
    declared: frozenset[str] | None = None

    @property
    def labels(self) -> list[str]:
        """Labels of the rows that were trained, in their order."""
        return list(dict.fromkeys(label for rows in self.splits for label in rows))

    @property
    def exploratory(self) -> list[str]:
        """Labels whose contrast a sealed plan does not declare; none where no plan was sealed."""
        if self.declared is None:
            return []
        return [label for label in self.labels if label not in {self.composed, *self.declared}]

    @property
    def one_split(self) -> bool:
        """Whether all was trained on one split of those that could be drawn."""
        return self.drawn and len(self.splits) == 1

    @property
    def split_by_seed(self) -> bool:
        """Whether every seed was trained on a split of its own."""
        return len(self.splits) > 1 and all(
            self.trainings(label) <= len(self.splits) for label in self.labels
        )

    @property
    def failed(self) -> bool:
        """Whether any training failed."""
        return bool(self.errors) or any(row.errors for rows in self.splits for row in rows.values())

    @property
    def tuned(self) -> bool:
        """Whether any row was chosen from draws."""
        return any(row.tuning for rows in self.splits for row in rows.values())

    @property
    def name(self) -> str:
        """Name of the point in its sweep, as `circuit.qubits=4, circuit.depth=2`."""
        return point_name(self.keys)

    @property
    def reads(self) -> Readings:
        """Counts of distinct plans that read the test items; of several splits the largest."""
        return Readings.largest(row.reads for rows in self.splits for row in rows.values())

    @property
    def choosable(self) -> bool:
        """Whether validation may choose this point of its sweep, by items that are not tested."""
        return all(map(is_choice, self.keys)) and all(row.blind for row in self.of(self.composed))

    @property
    def noun(self) -> str:
        """Noun for a test item."""
        return next((row.noun for rows in self.splits for row in rows.values()), "picture")

    @property
    def generated(self) -> list[str]:
        """Labels of the rows whose weights are generated."""
        return [label for label in self.labels if self._is_generated(label)]

    @property
    def about(self) -> dict[str, str]:
        """Description of each row, by label."""
        return {label: self._rows(label)[0].about for label in self.labels}

    def of(self, label: str) -> list[Row]:
        """A row in each split in which one of its seeds was finished."""
        return list(self._finished(label).values())

    def metrics(self, label: str) -> pd.DataFrame:
        """Metrics of a row, a line per split and seed."""
        metrics = {split: row.metrics for split, row in self._finished(label).items()}
        return pd.concat(metrics, names=["split"])

    def shots(self, label: str) -> pd.DataFrame:
        """Accuracies of a row's generator by shots, a line per split and seed."""
        shots = {split: row.shots for split, row in self._finished(label).items()}
        return pd.concat(shots, names=["split"])

    def estimate(self, label: str, values: Callable[[Row], np.ndarray]) -> statistic.Interval:
        """Mean of a figure (seeds, items) of a row, with its interval."""
        figures = [(row, values(row)) for row in self.of(label)]
        return judge(statistic.two_way, statistic.resampled, figures)

    def accuracy(self, label: str) -> statistic.Interval:
        """Test accuracy of a row, in [0, 1], with the interval of a proportion."""
        answers = [(row, row.correct) for row in self.of(label)]
        return judge(statistic.proportion, statistic.proportion_resampled, answers)

    def chance(self, label: str) -> float:
        """Accuracy in [0, 1] of always naming a row's largest test class, mean over splits."""
        return float(
            np.mean([np.bincount(row.labels).max() / len(row.labels) for row in self.of(label)])
        )

    def beats_chance(self, label: str) -> bool:
        """Whether the interval of a row's accuracy lies above chance.

        True of test items of one class, which tell nothing.
        """
        level = self.chance(label)
        return level == 1 or self.accuracy(label).low > level

    def failures(self, label: str) -> int:
        """Number of trainings of a row that failed, over all splits."""
        return sum(len(row.errors) for row in self._rows(label))

    def trainings(self, label: str) -> int:
        """Number of trainings of a row, over all splits."""
        finished = sum(len(row.outcomes) for row in self._rows(label))
        return finished + self.failures(label)

    def dead(self, label: str) -> int:
        """Number of finished trainings of a row that are dead, over all splits."""
        return sum(map(len, self.dead_seeds(label).values()))

    def dead_seeds(self, label: str) -> dict[int, set[int]]:
        """Seeds of the dead trainings of a row, by the split in which one of its was finished."""
        finished = self._finished(label)
        if not finished:
            return {}
        flags = iter(statistic.dead(self.losses(label), guess(list(finished.values()))))
        seeds = {}
        for split, row in finished.items():
            seeds[split] = {seed for seed in row.seeds if next(flags)}
        return seeds

    def losses(self, label: str) -> np.ndarray:
        """Mean test NLL in nats of each finished training of a row, over all splits."""
        return np.concatenate([row.nll.mean(1) for row in self.of(label)])

    def contrasts(self, margin: statistic.Margin | float) -> dict[str, statistic.Verdict]:
        """Verdict on the composed row against each reference, within a margin of NLL.

        On the seeds that both finished on the same items and of which neither died. Where a
        training of either failed or died the verdict is withheld: the others are no sample of all.
        """
        judges = statistic.verdict, statistic.verdict_resampled
        nats = self.margins(margin)
        verdicts = {}
        for label, (gaps, counts) in self._gaps("nll").items():
            verdict = judge(*judges, gaps, nats[label], counts)
            verdicts[label] = self._withhold_lost(label, verdict, counts)
        return verdicts

    def margins(self, margin: statistic.Margin | float) -> dict[str, float]:
        """Margin in nats beside each reference, by its mean test NLL where it is a share of it."""
        limit = statistic.Margin.of(margin)
        margins = {}
        for label in self.labels:
            pairs = self.pairs(label) if label != self.composed else []
            nll = [float(other.of_seeds(other.nll, both).mean()) for _, other, both in pairs]
            if nll:
                margins[label] = limit.beside(float(np.mean(nll)))
        return margins

    def accuracy_contrasts(self) -> dict[str, statistic.Verdict]:
        """Paired accuracy difference of the composed row to each reference.

        On the same seeds and items.
        """
        judges = statistic.proportion_difference, statistic.proportion_difference_resampled
        verdicts = {}
        for label, (gaps, counts) in self._gaps("correct").items():
            verdict = statistic.detect(judge(*judges, gaps))
            verdicts[label] = self._withhold_lost(label, verdict, counts)
        return verdicts

    def score_contrasts(self, figure: Figure) -> dict[str, statistic.Verdict]:
        """Paired difference of a score to each reference; less of it is better.

        On the same seeds and items.
        """
        judges = statistic.crossed, statistic.resampled
        verdicts = {}
        for label, (gaps, counts) in self._gaps(figure).items():
            verdict = statistic.detect(judge(*judges, gaps), less_is_better=True)
            verdicts[label] = self._withhold_lost(label, verdict, counts)
        return verdicts

    def p_values(self, verdicts: dict[str, statistic.Verdict]) -> dict[str, float]:
        """Two-sided p value of each contrast; nan where no word could be given."""
        return {
            label: statistic.p_value(verdict.interval) if verdict.judged else math.nan
            for label, verdict in verdicts.items()
        }

    def pairs(self, label: str) -> list[Pair]:
        """Composed row and a reference in each split, with the seeds that both finished.

        Only of splits in which both have the same test items.
        """
        return list(self.pairs_by_split(label).values())

    def pairs_by_split(self, label: str) -> dict[int, Pair]:
        """The same by the number of their split."""
        pairs = {}
        for split, rows in enumerate(self.splits):
            model = rows.get(self.composed)
            other = rows.get(label)
            both = sorted(model.outcomes.keys() & other.outcomes.keys()) if model and other else []
            if both and model.items == other.items and np.array_equal(model.labels, other.labels):
                pairs[split] = (model, other, both)
        return pairs

    def _rows(self, label: str) -> list[Row]:
        """A row in each split that has it."""
        return [rows[label] for rows in self.splits if label in rows]

    def _finished(self, label: str) -> dict[int, Row]:
        """A row by the split in which one of its seeds was finished."""
        return {
            split: rows[label]
            for split, rows in enumerate(self.splits)
            if label in rows and rows[label].outcomes
        }

    def _is_generated(self, label: str) -> bool:
        """Whether a row's weights are generated."""
        return any(row.generated for row in self.of(label))

    def _withhold_lost(
        self, label: str, verdict: statistic.Verdict, counts: statistic.Deaths
    ) -> statistic.Verdict:
        """The verdict, withheld where a training of either row failed or died."""
        lost = self.failures(self.composed) + self.failures(label) + counts.total
        return verdict.withheld() if lost else verdict

    def _gaps(self, figure: Figure) -> dict[str, tuple[Gaps, statistic.Deaths]]:
        """Paired differences of a figure (seeds, items) on every split, by reference.

        Of seeds that did not die, with the counts of those that did.
        """
        gaps = {}
        for label in self.labels:
            pairs = self.pairs(label) if label != self.composed else []
            pairs = [pair for pair in pairs if pair[0].has(figure) and pair[1].has(figure)]
            if pairs:
                alive, counts = living(pairs)
                gaps[label] = (
                    [(model, model.paired(other, figure, both)) for model, other, both in alive],
                    counts,
                )
        return gaps


def point_name(keys: dict[str, object]) -> str:
    """Name of a point of a sweep, by the values that vary."""
    return ", ".join(f"{key}={value}" for key, value in keys.items())
