"""Calibration error of a row with an interval over its trainings, or over splits of several."""

import math

import numpy as np

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.statistic.interval import ends

CONFIDENCE = 0.95  # of the interval


def estimate_error(comparison: Comparison, label: str) -> tuple[float, float, float]:
    """Expected calibration error of a row, with the ends of a t interval.

    Units are trainings; where several share each of several splits, the means of the splits. It is
    no mean over items, and its interval is about the units alone: a bootstrap that draws items too
    adds the chance in each bin's gap a second time, and lies above the true value. The Brier score
    is a mean over items and has the two-way interval.
    """
    errors = [
        statistic.calibration_error(row.probabilities, row.labels) for row in comparison.of(label)
    ]
    values = np.concatenate(errors)
    if 1 < len(errors) < len(values):
        values = np.array([each.mean() for each in errors])
    mean = float(values.mean())
    if len(values) < 2:
        return mean, math.nan, math.nan
    _, low, high = ends(mean, len(values) - 1, values.var(ddof=1) / len(values), CONFIDENCE)
    return mean, max(0.0, low), high
