"""Strength of a noise at which a row falls behind another, with its interval by resampling."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.pairing import stack_units
from qtlrun.robustness.contrast import NoisyContrast, contrast
from qtlrun.robustness.exposure import Exposure
from qtlrun.statistic.crossing import CONFIDENCE, resample_units
from qtlrun.statistic.interval import ends

QUANTILES = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
FEWEST_UNITS = 5  # of an interval; its coverage is tested from so many on

Unit = Float[np.ndarray, "positions items"]


@dataclass(frozen=True)
class CrossingPoint:
    """Where the mean difference in NLL to a reference first turns from better to worse.

    Units are trainings on one split, else splits, whose trainings are averaged.

    position: on the grid's axis, by interpolation between its strengths; 0 where the row is behind
        without noise, inf where it never falls behind on the grid
    low, high: ends of the 95 % interval, of units and test items drawn anew; nan of too few units
    never: share of the draws in which it never falls behind; nan of too few units
    first_worse: first strength with the verdict worse; None: there is none
    """

    position: float
    low: float
    high: float
    never: float
    first_worse: float | None = None

    @property
    def is_estimated(self) -> bool:
        """Whether there are units enough for an interval."""
        return not math.isnan(self.low)


def find_crossing_point(exposure: Exposure, reference: str, margin: float) -> CrossingPoint | None:
    """Crossing of the composed row and a reference; None where they share no training."""
    comparisons = exposure.comparisons.values()
    units, names = stack_units(
        [each.pairs_by_split(reference) for each in comparisons],
        by_split=len(exposure.comparisons[0.0].splits) > 1,
    )
    if not units:
        return None
    crossing = cross_upwards(list(exposure.comparisons), units, names)
    first = find_first_worse(exposure, reference, margin)
    return dataclasses.replace(crossing, first_worse=first)


def find_first_worse(exposure: Exposure, reference: str, margin: float) -> float | None:
    """First position of the grid with the verdict worse; None: there is none."""
    for position, comparison in exposure.comparisons.items():
        each = contrast_at(exposure, comparison, reference, margin)
        if each is not None and each.verdict.word == "worse":
            return position
    return None


def contrast_at(
    exposure: Exposure, comparison: Comparison, reference: str, margin: float
) -> NoisyContrast | None:
    """Contrast of a comparison of an exposure, which lacks what failed or is dead without noise."""
    silent = exposure.comparisons[0.0]
    return contrast(comparison, reference, margin, silent, exposure.failures)


def cross_upwards(
    positions: Sequence[float], units: list[Unit], names: Sequence[Sequence[str]]
) -> CrossingPoint:
    """First place at which the mean over units passes 0 upwards.

    The bootstrap draws units and, crossed with them, test items (Owen 2007).
    """
    places = np.asarray(positions, dtype=float)
    mean = np.mean([unit.mean(1) for unit in units], axis=0)
    position = float(interpolate(places, mean[None])[0])
    if len(units) < FEWEST_UNITS:
        return CrossingPoint(position, math.nan, math.nan, math.nan)
    draws = interpolate(places, resample_units(units, names))
    low, high = np.quantile(draws, QUANTILES, method="inverted_cdf")
    return CrossingPoint(position, float(low), float(high), float(np.isinf(draws).mean()))


def interpolate(
    places: Float[np.ndarray, " positions"], curves: Float[np.ndarray, "curves positions"]
) -> Float[np.ndarray, " curves"]:
    """Place at which each curve first passes 0 upwards; the first where it begins above 0."""
    above = curves > 0
    after = above.argmax(1)
    before = np.maximum(after - 1, 0)
    rows = np.arange(len(curves))
    rise = curves[rows, after] - curves[rows, before]
    share = -curves[rows, before] / np.where(rise > 0, rise, 1)
    between = places[before] + share * (places[after] - places[before])
    return np.where(above.any(1), between, np.inf)


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
    _, low, high = ends(mean, len(values) - 1, values.var(ddof=1) / len(values), CONFIDENCE)
    return mean, max(0.0, low), high
