"""Verdict on a published accuracy: whether one more training here would give it."""

from dataclasses import dataclass

import numpy as np

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison

# Accuracy by which another library's rounding and order may move a figure
ROUNDING = 0.01
# Range of possible accuracies; in a wider one no figure is told from others
MAX_RANGE = 0.2


@dataclass(frozen=True)
class Reproduction:
    """Accuracy of a row beside a published one.

    accuracy: mean with its interval over seeds and items
    least, most: of one more training, Student's prediction interval over our trainings (95 %); the
        publication's own noise is not in it
    against: what varies between these trainings, and what they share
    seeds: trainings, over all splits
    verdict: reproduced, not reproduced or undecided
    """

    accuracy: statistic.Interval
    least: float
    most: float
    seeds: int
    verdict: str
    against: str


def judge_published(comparison: Comparison, label: str, figure: float) -> Reproduction:
    """Hold a published accuracy against a finished row.

    Fewer than three trainings may give a figure, and refute none: others might.
    """
    values = np.concatenate([row.correct.mean(1) for row in comparison.of(label)])
    least, most = np.clip(statistic.further(values), 0, 1)
    verdict = "undecided"
    if most - least <= MAX_RANGE and not comparison.failures(label):
        if least - ROUNDING <= figure <= most + ROUNDING:
            verdict = "reproduced"
        elif len(values) >= statistic.FEWEST:
            verdict = "not reproduced"
    accuracy = comparison.accuracy(label)
    return Reproduction(accuracy, least, most, len(values), verdict, _against(accuracy, comparison))


def _against(accuracy: statistic.Interval, comparison: Comparison) -> str:
    """Trainings that a figure is held against: new and shared parts, in words."""
    items = f"{comparison.noun}s"
    if accuracy.splits == 1:
        return f"new seed; same split, same test {items}"
    tested = "same" if accuracy.common == 1 else "redrawn"
    return f"new seed, new split; {tested} test {items}"
