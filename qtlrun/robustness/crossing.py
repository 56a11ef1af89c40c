"""Strength of a noise at which a row falls behind another, with its interval by resampling."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.row import Row
from qtlrun.robustness.contrast import contrast
from qtlrun.robustness.exposure import Exposure
from qtlrun.statistic.interval import ends

DRAWS = 2000
LEVEL = 0.95
QUANTILES = (0.025, 0.975)


@dataclass(frozen=True)
class TurningPoint:
    """Where the mean difference in NLL to a reference turns from better to worse.

    position: on the grid's axis, by interpolation between its strengths; 0 where the row is behind
        without noise, inf where it never falls behind on the grid
    low, high: ends of the 95 % interval, of seeds and pictures drawn anew
    never: share of the draws in which it never falls behind
    first_worse: first strength with the verdict worse; None: there is none
    """

    position: float
    low: float
    high: float
    never: float
    first_worse: float | None


def find_turning_point(
    exposure: Exposure, reference: str, margin: float, seed: int
) -> TurningPoint | None:
    """Turning point of the composed row and a reference; None where they share no training."""
    comparisons = list(exposure.comparisons.values())
    if not comparisons[0].pairs(reference):
        return None
    gaps = [stack_gaps(each, reference) for each in comparisons]
    positions = np.array(list(exposure.comparisons))
    values = np.stack([gap for gap, _ in gaps])
    present = gaps[0][1]
    crossings = [interpolate(positions, each) for each in resample(values, present, seed)]
    low, high = np.quantile(crossings, QUANTILES, method="inverted_cdf")
    return TurningPoint(
        interpolate(positions, values.sum((1, 2)) / present.sum()),
        float(low),
        float(high),
        float(np.isinf(crossings).mean()),
        find_first_worse(exposure, reference, margin),
    )


def find_first_worse(exposure: Exposure, reference: str, margin: float) -> float | None:
    """First position of the grid with the verdict worse; None: there is none."""
    for strength, comparison in exposure.comparisons.items():
        each = contrast(comparison, reference, margin, exposure.dead)
        if each is not None and each.verdict.word == "worse":
            return strength
    return None


def stack_gaps(
    comparison: Comparison, reference: str
) -> tuple[Float64[np.ndarray, "trainings items"], Bool[np.ndarray, "trainings items"]]:
    """Differences in NLL by training and item of any split, and which of them there are."""
    rows = comparison.pairs(reference)
    names = list(dict.fromkeys(item for model, _, _ in rows for item in _names(model)))
    order = {name: number for number, name in enumerate(names)}
    lines = []
    for model, other, seeds in rows:
        columns = [order[name] for name in _names(model)]
        for gaps in model.paired(other, "nll", seeds):
            line = np.full(len(names), np.nan)
            line[columns] = gaps
            lines.append(line)
    values = np.stack(lines)
    present = ~np.isnan(values)
    return np.where(present, values, 0.0), present


def _names(row: Row) -> tuple[str, ...]:
    """Hashes of the test items, or their numbers."""
    return row.items or tuple(map(str, range(len(row.labels))))


def resample(
    values: Float64[np.ndarray, "positions trainings items"],
    present: Bool[np.ndarray, "trainings items"],
    seed: int,
) -> Float64[np.ndarray, "draws positions"]:
    """Mean differences of trainings and items drawn anew, each apart (Owen 2007)."""
    draw = np.random.default_rng(seed)
    trainings, items = present.shape
    by_training = draw.multinomial(trainings, np.full(trainings, 1 / trainings), DRAWS)
    by_item = draw.multinomial(items, np.full(items, 1 / items), DRAWS)
    totals = np.einsum("dt,ti,di->d", by_training, present.astype(float), by_item, optimize=True)
    sums = np.einsum("dt,pti,di->dp", by_training, values, by_item, optimize=True)
    return sums / np.maximum(totals, 1)[:, None]


def interpolate(positions: np.ndarray, gaps: np.ndarray) -> float:
    """Place at which gaps first pass 0 upwards; 0 where they are above from the start."""
    if gaps[0] > 0:
        return 0.0
    behind = np.flatnonzero(gaps > 0)
    if not len(behind):
        return math.inf
    after = behind[0]
    rise = gaps[after] - gaps[after - 1]
    share = -gaps[after - 1] / rise
    return float(positions[after - 1] + share * (positions[after] - positions[after - 1]))


def estimate_error(comparison: Comparison, label: str) -> tuple[float, float, float]:
    """Expected calibration error of a row, mean over trainings, with the ends of a t interval.

    It is no mean over items, so its interval is about trainings alone.
    """
    errors = [
        statistic.calibration_error(row.probabilities, row.labels) for row in comparison.of(label)
    ]
    values = np.concatenate(errors)
    mean = float(values.mean())
    if len(values) < 2:
        return mean, math.nan, math.nan
    _, low, high = ends(mean, len(values) - 1, values.var(ddof=1) / len(values), LEVEL)
    return mean, max(0.0, low), high
