"""Difference of two rows in a number of each training, beside its spread between trainings."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from qtlrun.statistic.interval import quantile
from qtlrun.statistic.multiple import ALPHA
from qtlrun.statistic.power import FEWEST

MAX_NOISE = 1e-9  # of rounding, as a share of the numbers, or of 1 where they are smaller


@dataclass(frozen=True)
class Spread:
    """Paired difference of two rows over trainings of the same seeds and splits.

    difference: mean of the first minus the second
    low, high: ends of its 95 % interval, Student's over the pairs; nan of fewer than FEWEST, and
        where neither row's values vary or all are equal by pairs, which is no sample of trainings
    noise: larger of the two rows' standard deviations between trainings; nan of one training
    p: two-sided, of no difference; nan where there is no interval
    pairs: trainings that both rows have
    """

    difference: float
    low: float
    high: float
    noise: float
    p: float
    pairs: int

    def exceeds_noise(self, p: float) -> bool:
        """Whether the rows differ: by more than trainings of one row do, at this p below ALPHA."""
        return bool(p < ALPHA and abs(self.difference) > self.noise)


def spread(first: Float64[np.ndarray, " pairs"], second: Float64[np.ndarray, " pairs"]) -> Spread:
    """Spread of paired numbers; pairs with a number that is not finite are left out."""
    finite = np.isfinite(first) & np.isfinite(second)
    first = first[finite]
    second = second[finite]
    pairs = len(first)
    if not pairs:
        return Spread(math.nan, math.nan, math.nan, math.nan, math.nan, 0)
    gaps = first - second
    mean = float(gaps.mean())
    noise = max(deviation(first), deviation(second))
    # Numbers of a frozen backbone, which rows share, are equal by construction
    least = MAX_NOISE * max(1.0, np.abs(first).max(), np.abs(second).max())
    if pairs < FEWEST or noise <= least or np.abs(gaps).max() <= least:
        return Spread(mean, math.nan, math.nan, noise, math.nan, pairs)
    error = deviation(gaps) / math.sqrt(pairs)
    reach = error * quantile(pairs - 1, 0.95)
    return Spread(mean, mean - reach, mean + reach, noise, _p_value(mean, error, pairs), pairs)


def deviation(values: Float64[np.ndarray, " trainings"]) -> float:
    """Standard deviation between trainings; nan of one."""
    return float(values.std(ddof=1)) if len(values) > 1 else math.nan


def _p_value(mean: float, error: float, pairs: int) -> float:
    """Two-sided p value of Student's t; 0 where all pairs differ alike."""
    if error == 0:
        return 0.0
    from scipy.special import stdtr

    return float(2 * stdtr(pairs - 1, -abs(mean) / error))
