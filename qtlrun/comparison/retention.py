"""Accuracy that rows keep on smaller training splits, absolute and relative."""

import dataclasses
import itertools
import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.pairing import judge
from qtlrun.comparison.row import Row


@dataclass(frozen=True)
class Retention:
    """Test accuracy on a smaller training split beside that on the largest.

    change: the smaller's less the largest's, in [-1, 1]
    share: the smaller's by the largest's, the relative performance retention of arXiv:2605.09118
    share_above: the same of what either has above always naming the largest class; nan where the
        largest split's accuracy is no higher
    """

    change: statistic.Interval
    share: statistic.Interval
    share_above: float


@dataclass(frozen=True, eq=False)
class Answers:
    """Right and wrong answers of a row, 1 and 0, of each redraw that has both training splits.

    rows: on the largest
    few: (seeds, pictures) after training on the smaller
    many: the same after training on the largest
    trained_on: items of the smaller and of the largest
    """

    rows: list[Row]
    few: list[np.ndarray]
    many: list[np.ndarray]
    trained_on: tuple[int, int]

    @property
    def ratio(self) -> float:
        """Mean of the few by the mean of the many; nan where that is 0."""
        large = _mean(self.many)
        return _mean(self.few) / large if large else math.nan

    @property
    def changes(self) -> list[np.ndarray]:
        """Differences of the answers, by redraw."""
        return [few - many for few, many in zip(self.few, self.many, strict=True)]

    @property
    def errors(self) -> list[np.ndarray]:
        """Part of each answer in the error of the ratio, to first order, by redraw."""
        ratio = self.ratio
        large = _mean(self.many)
        pairs = zip(self.few, self.many, strict=True)
        return [(few - ratio * many) / large for few, many in pairs]

    @property
    def effective(self) -> int:
        """Training items by which redraws overlap: of both splits, by the variances of theirs.

        Trainings of one pool are correlated by the share of it that they have in common; the
        difference of a training on few items and of one on many is by a share between theirs.
        """
        variances = [_variance(part) for part in (self.few, self.many)]
        if not sum(variances):
            return max(self.trained_on)
        return round(float(np.average(self.trained_on, weights=variances)))


def retain(few: Comparison, many: Comparison, label: str) -> Retention | None:
    """Retention of a row from the comparison on many items to that on few; None without pairs.

    Seeds and pictures are paired; the interval of a share is that of its first-order error.
    """
    answers = _gather_answers(few, many, label, _share_seeds(few, many, [label]))
    if answers is None or not _mean(answers.many):
        return None
    change = judge(
        statistic.proportion_difference,
        statistic.proportion_difference_resampled,
        _with_rows(answers, answers.changes, answers.effective),
    )
    chance = many.chance(label)
    large = _mean(answers.many)
    above = (_mean(answers.few) - chance) / (large - chance) if large > chance else math.nan
    values = _with_rows(answers, answers.errors, answers.effective)
    return Retention(change, _about(answers.ratio, values), above)


def compare_retention(few: Comparison, many: Comparison, label: str) -> statistic.Verdict | None:
    """Share that the composed row keeps less that of a reference; None without pairs.

    It is better above 0. Of the seeds that both rows have on both training splits, and of which no
    training died. Where one failed or died the verdict is withheld: the others are no sample of
    all.
    """
    labels = [few.composed, label]
    shared = _share_living(few, many, labels)
    composed = _gather_answers(few, many, few.composed, shared)
    rival = _gather_answers(few, many, label, shared)
    if composed is None or rival is None or not (_mean(composed.many) and _mean(rival.many)):
        return None
    gaps = [left - right for left, right in zip(composed.errors, rival.errors, strict=True)]
    values = _with_rows(composed, gaps, max(composed.effective, rival.effective))
    verdict = statistic.detect(_about(composed.ratio - rival.ratio, values))
    return verdict.withheld() if count_lost(few, many, labels) else verdict


def count_lost(few: Comparison, many: Comparison, labels: list[str]) -> int:
    """Number of trainings of rows that failed or died, on both training splits."""
    points = itertools.product((few, many), labels)
    return sum(point.failures(label) + point.dead(label) for point, label in points)


def _share_living(few: Comparison, many: Comparison, labels: list[str]) -> dict[int, list[int]]:
    """Seeds by redraw that all rows have on both splits and of which no training died.

    All that they have where none is left.
    """
    shared = _share_seeds(few, many, labels)
    living = {}
    for number, seeds in shared.items():
        points = itertools.product((few, many), labels)
        dead = [point.dead_seeds(label).get(number, set()) for point, label in points]
        left = sorted(set(seeds).difference(*dead))
        if left:
            living[number] = left
    return living or shared


def _share_seeds(few: Comparison, many: Comparison, labels: list[str]) -> dict[int, list[int]]:
    """Seeds by redraw that all rows have on both training splits, tested on the same items."""
    shared = {}
    for number, (small, large) in enumerate(zip(few.splits, many.splits, strict=True)):
        rows = [rows[label] for rows in (small, large) for label in labels if label in rows]
        seeds = set.intersection(*(set(row.outcomes) for row in rows)) if rows else set()
        if len(rows) == 2 * len(labels) and seeds and _has_same_items(rows):
            shared[number] = sorted(seeds)
    return shared


def _has_same_items(rows: list[Row]) -> bool:
    """Whether rows are tested on the same items."""
    first = rows[0]
    return all(
        row.items == first.items and np.array_equal(row.labels, first.labels) for row in rows
    )


def _gather_answers(
    few: Comparison, many: Comparison, label: str, shared: dict[int, list[int]]
) -> Answers | None:
    """Answers of a row on both splits, of seeds by redraw; None of none."""
    answers = Answers([], [], [], (0, 0))
    for number, seeds in shared.items():
        small = few.splits[number][label]
        large = many.splits[number][label]
        answers.rows.append(large)
        answers.few.append(small.of_seeds(small.correct, seeds).astype(float))
        answers.many.append(large.of_seeds(large.correct, seeds).astype(float))
        answers = dataclasses.replace(answers, trained_on=(small.trained_on, large.trained_on))
    return answers if answers.rows else None


def _with_rows(
    answers: Answers, values: list[np.ndarray], trained_on: int
) -> list[tuple[Row, np.ndarray]]:
    """Values by the rows of their redraws, which are taken as trained on so many items."""
    rows = [dataclasses.replace(row, trained_on=trained_on) for row in answers.rows]
    return list(zip(rows, values, strict=True))


def _about(value: float, errors: list[tuple[Row, np.ndarray]]) -> statistic.Interval:
    """Interval of a value whose parts of the error, of mean 0, are these."""
    once = partial(statistic.crossed, symmetric=True)
    resampled = partial(statistic.resampled, symmetric=True)
    interval = judge(once, resampled, errors)
    ends = {"low": value + interval.low, "high": value + interval.high}
    return dataclasses.replace(interval, mean=value, **ends)


def _variance(values: list[np.ndarray]) -> float:
    """Variance of the means of trainings, which redraws and seeds both are."""
    return float(np.var(np.concatenate([each.mean(1) for each in values])))


def _mean(values: list[np.ndarray]) -> float:
    """Mean over redraws, each of which weighs alike."""
    return float(np.mean([each.mean() for each in values]))
