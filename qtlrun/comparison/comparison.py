"""A point of a sweep: the rows of one plan on each of its splits, and what they say together."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from qtlrun import statistic
from qtlrun.comparison.row import Row

UNCHOSEN = (
    "accelerator",
    "compare",
    "dataset",
    "device",
    "dtype",
    "experiment",
    "folds",
    "margin",
    "published",
    "seeds",
    "splits",
    "study",
)  # keys of which validation chooses no value, with all below them
ACCURACIES = (
    "cutoff",
    "diff_method",
    "method",
    "precision",
    "seed",
    "shots",
    "split_seed",
)  # the same, of any part


@dataclass
class Comparison:
    """One point of a sweep: its swept keys, its rows by label (the composed one first), and what is
    said beside them.

    `splits` has the rows of each redraw of the data, one where there is none.
    """

    keys: dict[str, object]
    composed: str
    splits: list[dict[str, Row]] = field(default_factory=list)
    isolates: dict[str, str] = field(default_factory=dict)  # what a reference is there to show
    errors: dict[tuple[str, int], str] = field(
        default_factory=dict
    )  # of rows that failed whole, by label and split
    notes: list[str] = field(default_factory=list)
    stopped: BaseException | None = None  # why it lacks rows that were not begun

    def finished(self) -> "Comparison":
        """Itself; raises why it was stopped, where it was."""
        if self.stopped:
            raise self.stopped
        return self

    @property
    def labels(self) -> list[str]:
        """The rows that were made on every split, in their order."""
        lost = {label for label, _ in self.errors}
        return [
            label
            for label in dict.fromkeys(label for rows in self.splits for label in rows)
            if label not in lost
        ]

    @property
    def failed(self) -> bool:
        return bool(self.errors) or any(row.errors for rows in self.splits for row in rows.values())

    @property
    def tuned(self) -> bool:
        """Whether any row was chosen from draws."""
        return any(row.tuning for rows in self.splits for row in rows.values())

    @property
    def name(self) -> str:
        """Where in its sweep it lies, as `circuit.qubits=4, circuit.depth=2`."""
        return point_name(self.keys)

    @property
    def reads(self) -> int:
        """Count of distinct plans that read the test split; of several splits the largest."""
        return max((row.reads for rows in self.splits for row in rows.values()), default=0)

    @property
    def choosable(self) -> bool:
        """Whether validation may choose this point of its sweep: on items of its own, among models
        of one task.

        Seeds are luck, references leave the model as it is, and a finer simulation or more
        measurements are no better model: of none of them a value is chosen.
        """
        fixed = any(
            key.partition(".")[0] in UNCHOSEN or key.rpartition(".")[2] in ACCURACIES
            for key in self.keys
        )
        return not fixed and all(row.blind for row in self.of(self.composed))

    @property
    def noun(self) -> str:
        """Noun for a test item."""
        return next((row.noun for rows in self.splits for row in rows.values()), "picture")

    @property
    def generated(self) -> list[str]:
        """The rows whose weights are generated."""
        return [label for label in self.labels if any(row.generated for row in self.of(label))]

    @property
    def about(self) -> dict[str, str]:
        """Description of each row, by label."""
        return {
            label: next(rows[label].about for rows in self.splits if label in rows)
            for label in self.labels
        }

    def of(self, label: str) -> list[Row]:
        """A row's splits in which a seed was finished."""
        return [rows[label] for rows in self.splits if label in rows and rows[label].outcomes]

    def metrics(self, label: str) -> pd.DataFrame:
        """The metrics of a row, a line a split and seed."""
        return pd.concat(
            {
                split: rows[label].metrics
                for split, rows in enumerate(self.splits)
                if label in rows and rows[label].outcomes
            },
            names=["split"],
        )

    def shots(self, label: str) -> pd.DataFrame:
        """The accuracies of a row's generator by shots, a line a split and seed."""
        return pd.concat(
            {
                split: rows[label].shots
                for split, rows in enumerate(self.splits)
                if label in rows and rows[label].outcomes
            },
            names=["split"],
        )

    def estimate(self, label: str, values: Callable[[Row], np.ndarray]) -> statistic.Interval:
        """The mean of a figure (seeds, pictures) of a row, with its interval."""
        return _judge(
            statistic.two_way, statistic.resampled, [(row, values(row)) for row in self.of(label)]
        )

    def accuracy(self, label: str) -> statistic.Interval:
        """Test accuracy of a row, in [0, 1], with the interval of a proportion."""
        answers = [(row, row.correct) for row in self.of(label)]
        return _judge(statistic.proportion, statistic.proportion_resampled, answers)

    def chance(self, label: str) -> float:
        """Accuracy of always naming the largest class of a row's test items, mean over splits."""
        return float(
            np.mean([np.bincount(row.labels).max() / len(row.labels) for row in self.of(label)])
        )

    def beats_chance(self, label: str) -> bool:
        """Whether the interval of a row's accuracy lies above chance; true of test items of one
        class, which tell nothing.
        """
        level = self.chance(label)
        return level == 1 or self.accuracy(label).low > level

    def failures(self, label: str) -> int:
        """Number of trainings of a row that failed, over all splits."""
        return sum(len(rows[label].errors) for rows in self.splits if label in rows)

    def trainings(self, label: str) -> int:
        """Number of trainings of a row, over all splits."""
        finished = sum(len(rows[label].outcomes) for rows in self.splits if label in rows)
        return finished + self.failures(label)

    def contrasts(self, margin: float) -> dict[str, statistic.Verdict]:
        """The verdict on the composed row against each reference, on the seeds that both finished
        on the same pictures.

        Where a training of either failed there is none: the seeds that ended are no sample of all.
        """
        judges = statistic.verdict, statistic.verdict_resampled
        return {
            label: self._admitted(label, _judge(*judges, gaps, margin))
            for label, gaps in self._gaps("nll").items()
        }

    def accuracy_contrasts(self) -> dict[str, statistic.Verdict]:
        """The paired accuracy difference of the composed row to each reference, on the same seeds
        and pictures.
        """
        judges = statistic.proportion_difference, statistic.proportion_difference_resampled
        gaps = self._gaps("correct")
        return {
            label: self._admitted(label, statistic.detect(_judge(*judges, gaps[label])))
            for label in gaps
        }

    def _admitted(self, label: str, verdict: statistic.Verdict) -> statistic.Verdict:
        failed = self.failures(self.composed) + self.failures(label)
        return verdict.withheld() if failed else verdict

    def _gaps(self, figure: str) -> dict[str, list[tuple[Row, np.ndarray]]]:
        """Paired differences of a figure (seeds, pictures) on every split, by reference."""
        gaps = {}
        for label in self.labels:
            pairs = self.pairs(label) if label != self.composed else []
            if pairs and len(pairs) == len(self.splits):
                gaps[label] = [
                    (mine, mine.paired(other, figure, both)) for mine, other, both in pairs
                ]
        return gaps

    def pairs(self, label: str) -> list[tuple[Row, Row, list[int]]]:
        """The composed row and a reference in each split, with the seeds that both finished on the
        same test pictures.
        """
        found = []
        for rows in self.splits:
            mine = rows.get(self.composed)
            other = rows.get(label)
            both = sorted(mine.outcomes.keys() & other.outcomes.keys()) if mine and other else []
            if both and mine.items == other.items and np.array_equal(mine.labels, other.labels):
                found.append((mine, other, both))
        return found


def point_name(keys: dict[str, object]) -> str:
    """Name of a point of a sweep, by the values that vary."""
    return ", ".join(f"{key}={value}" for key, value in keys.items())


def _judge(once: Callable, redrawn: Callable, values: list[tuple[Row, np.ndarray]], *more):
    """A statistic of (seeds, pictures) of one split or of several, of these with as many seeds as
    the least has.
    """
    if len(values) == 1:
        return once(values[0][1], *more)
    least = min(len(one) for _, one in values)
    rows = [row for row, _ in values]
    return redrawn([one[:least] for _, one in values], *more, **_redrawn(rows))


def _redrawn(rows: list[Row]) -> dict[str, object]:
    """Sizes that redrawn splits differ in: items trained on and held out; same test pictures?"""
    same = all(row.items == rows[0].items for row in rows)
    if rows[0].independent:
        return {"train": 1, "held": 1e-9, "same_pictures": False}
    return {
        "train": rows[0].trained_on,
        "held": rows[0].validated_on if same else len(rows[0].labels),
        "same_pictures": same,
    }
