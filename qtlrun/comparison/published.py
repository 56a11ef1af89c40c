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
    least, most: of one more training, Student's prediction interval over our seeds (95 %)
    seeds: trainings, over all splits
    verdict: reproduced, not reproduced or undecided
    """

    accuracy: statistic.Interval
    least: float
    most: float
    seeds: int
    verdict: str


def judge_published(comparison: Comparison, label: str, figure: float) -> Reproduction:
    """Hold a published accuracy against a finished row."""
    values = np.concatenate([row.correct.mean(1) for row in comparison.of(label)])
    least, most = np.clip(statistic.further(values), 0, 1)
    verdict = "not reproduced"
    if most - least > MAX_RANGE or comparison.failures(label):
        verdict = "undecided"
    elif least - ROUNDING <= figure <= most + ROUNDING:
        verdict = "reproduced"
    return Reproduction(comparison.accuracy(label), least, most, len(values), verdict)
