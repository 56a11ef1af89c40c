"""Comparison of the rows of one plan, over all its splits."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from qtlrun import statistic
from qtlrun.comparison.row import Row

# Keys, with all below them, of which validation chooses no value
UNCHOSEN_KEYS = (
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
)
# Names of such values of any part: how finely or by which chance it is computed
UNCHOSEN_NAMES = (
    "cutoff",
    "diff_method",
    "method",
    "precision",
    "seed",
    "shots",
    "split_seed",
)


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
    errors: why a row failed whole, by label and split
    notes: sentences that stand under its table
    """

    keys: dict[str, object]
    composed: str
    splits: list[dict[str, Row]] = field(default_factory=list)
    isolates: dict[str, str] = field(default_factory=dict)
    errors: dict[tuple[str, int], str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def drop_split(self, split: int) -> None:
        """Leave out the last split, with the rows that failed in it."""
        del self.splits[split:]
        self.errors = {key: reason for key, reason in self.errors.items() if key[1] < split}

    @property
    def labels(self) -> list[str]:
        """Labels of the rows that were trained on every split, in their order."""
        lost = {label for label, _ in self.errors}
        labels = dict.fromkeys(label for rows in self.splits for label in rows)
        return [label for label in labels if label not in lost]

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
    def reads(self) -> int:
        """Count of distinct plans that read the test split; of several splits the largest."""
        return max((row.reads for rows in self.splits for row in rows.values()), default=0)

    @property
    def choosable(self) -> bool:
        """Whether validation may choose this point of its sweep.

        It needs items that are not the test items, and models of one task. Seeds are luck,
        references leave the model as it is, and a finer simulation or more measurements are no
        better model: of none of them a value is chosen.
        """
        fixed = any(
            key.partition(".")[0] in UNCHOSEN_KEYS or key.rpartition(".")[2] in UNCHOSEN_NAMES
            for key in self.keys
        )
        return not fixed and all(row.blind for row in self.of(self.composed))

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
        return _judge(statistic.two_way, statistic.resampled, figures)

    def accuracy(self, label: str) -> statistic.Interval:
        """Test accuracy of a row, in [0, 1], with the interval of a proportion."""
        answers = [(row, row.correct) for row in self.of(label)]
        return _judge(statistic.proportion, statistic.proportion_resampled, answers)

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

    def contrasts(self, margin: float) -> dict[str, statistic.Verdict]:
        """Verdict on the composed row against each reference, within a margin in nats of NLL.

        On the seeds that both finished on the same items. Where a training of either failed the
        verdict is withheld: the seeds that ended are no sample of all.
        """
        judges = statistic.verdict, statistic.verdict_resampled
        return {
            label: self._withhold_failed(label, _judge(*judges, gaps, margin))
            for label, gaps in self._gaps("nll").items()
        }

    def accuracy_contrasts(self) -> dict[str, statistic.Verdict]:
        """Paired accuracy difference of the composed row to each reference.

        On the same seeds and items.
        """
        judges = statistic.proportion_difference, statistic.proportion_difference_resampled
        gaps = self._gaps("correct")
        return {
            label: self._withhold_failed(label, statistic.detect(_judge(*judges, gaps[label])))
            for label in gaps
        }

    def pairs(self, label: str) -> list[tuple[Row, Row, list[int]]]:
        """Composed row and a reference in each split, with the seeds that both finished.

        Only of splits in which both have the same test items.
        """
        pairs = []
        for rows in self.splits:
            model = rows.get(self.composed)
            other = rows.get(label)
            both = sorted(model.outcomes.keys() & other.outcomes.keys()) if model and other else []
            if both and model.items == other.items and np.array_equal(model.labels, other.labels):
                pairs.append((model, other, both))
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

    def _withhold_failed(self, label: str, verdict: statistic.Verdict) -> statistic.Verdict:
        """The verdict, withheld where a training of either row failed."""
        failed = self.failures(self.composed) + self.failures(label)
        return verdict.withheld() if failed else verdict

    def _gaps(self, figure: Literal["nll", "correct"]) -> dict[str, list[tuple[Row, np.ndarray]]]:
        """Paired differences of a figure (seeds, items) on every split, by reference."""
        gaps = {}
        for label in self.labels:
            pairs = self.pairs(label) if label != self.composed else []
            if pairs and len(pairs) == len(self.splits):
                gaps[label] = [
                    (model, model.paired(other, figure, both)) for model, other, both in pairs
                ]
        return gaps


def point_name(keys: dict[str, object]) -> str:
    """Name of a point of a sweep, by the values that vary."""
    return ", ".join(f"{key}={value}" for key, value in keys.items())


def _judge(once: Callable, resampled: Callable, values: list[tuple[Row, np.ndarray]], *margin):
    """Statistic of a row's values (seeds, items) on one split, or on several redrawn ones.

    Of several splits each has as many seeds as the one with the fewest.
    """
    if len(values) == 1:
        return once(values[0][1], *margin)
    count = min(len(figures) for _, figures in values)
    sizes = _redraw_sizes([row for row, _ in values])
    return resampled([figures[:count] for _, figures in values], *margin, **sizes)


def _redraw_sizes(rows: list[Row]) -> dict[str, object]:
    """Sizes in which redrawn splits differ.

    Items trained on and held out, and whether all have the same test items.
    """
    same = all(row.items == rows[0].items for row in rows)
    if rows[0].independent:
        return {"train": 1, "held": 1e-9, "same_pictures": False}
    return {
        "train": rows[0].trained_on,
        "held": rows[0].validated_on if same else len(rows[0].labels),
        "same_pictures": same,
    }
