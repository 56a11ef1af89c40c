"""Least budget from which on a paired difference stays below a level."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

RESAMPLES = 2000  # of units and pictures
CONFIDENCE = 0.95  # of the interval


@dataclass(frozen=True)
class Crossing:
    """Least budget from which on a mean difference lies at or below a level.

    Between two budgets of the grid the difference is taken as linear in the budget's logarithm.

    budget: inf where the difference is above the level at the largest budget
    low: the same of the interval's ends, by a bootstrap of trainings crossed with pictures; nan
        where there are fewer than three trainings or divisions
    share: of the resamples in which the level is crossed on the grid
    at_start: whether the difference is below the level at every budget of the grid
    """

    budget: float
    low: float
    high: float
    share: float
    at_start: bool

    @property
    def ever(self) -> bool:
        """Whether the level is crossed on the grid."""
        return math.isfinite(self.budget)


def find_crossing(
    budgets: Sequence[int],
    units: list[Float[np.ndarray, "budgets pictures"]],
    names: Sequence[Sequence[str]],
    level: float,
    *,
    fewest: int = 3,
) -> Crossing:
    """Crossing of the mean over units, which are trainings or divisions, and their pictures.

    units: differences of each unit at each budget
    names: of its pictures; a picture that several units test has one name
    level: in the unit of the differences
    fewest: units that allow an interval

    The bootstrap draws units and, crossed with them, pictures with replacement (Owen 2007,
    doi:10.1214/07-AOAS122), from a fixed seed. Of few units it is too narrow, so the part of the
    units is widened to that of Student's interval.
    """
    places = np.log(np.asarray(budgets, dtype=float))
    mean = np.mean([unit.mean(1) for unit in units], axis=0)
    budget = float(np.exp(_cross(places, mean[None], level))[0])
    at_start = bool((mean <= level).all())
    if len(units) < fewest:
        return Crossing(budget, math.nan, math.nan, math.nan, at_start)
    drawn = np.exp(_cross(places, resample_units(units, names), level))
    ends = (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
    low, high = np.quantile(drawn, ends, method="inverted_cdf")
    return Crossing(budget, float(low), float(high), float(np.isfinite(drawn).mean()), at_start)


def resample_units(
    units: list[np.ndarray], names: Sequence[Sequence[str]]
) -> Float[np.ndarray, "resamples budgets"]:
    """Means of the difference over units and pictures that are drawn with replacement."""
    generator = np.random.default_rng(0)
    distinct = list(dict.fromkeys(name for each in names for name in each))
    number = {name: index for index, name in enumerate(distinct)}
    shares = np.full(len(distinct), 1 / len(distinct))
    pictures = generator.multinomial(len(distinct), shares, RESAMPLES)
    drawn = generator.multinomial(len(units), np.full(len(units), 1 / len(units)), RESAMPLES)
    weights = 1 + _widening(len(units)) * (drawn - 1)
    total = np.zeros((RESAMPLES, len(units[0])))
    for position, (unit, each) in enumerate(zip(units, names, strict=True)):
        counts = pictures[:, [number[name] for name in each]]
        means = counts @ unit.T / np.maximum(counts.sum(1, keepdims=True), 1)
        total += weights[:, [position]] * means
    return total / len(units)


def _widening(units: int) -> float:
    """Width of Student's interval of a mean by that of a bootstrap of so many units, 1 of many.

    A bootstrap has the normal quantile, and the variance with n in place of n - 1.
    """
    from scipy.special import ndtri, stdtrit

    tail = (1 + CONFIDENCE) / 2
    return float(stdtrit(units - 1, tail) / ndtri(tail) * math.sqrt(units / (units - 1)))


def _cross(
    places: Float[np.ndarray, " budgets"], curves: Float[np.ndarray, "curves budgets"], level: float
) -> Float[np.ndarray, " curves"]:
    """Place from which each curve stays at or below a level; inf where it ends above."""
    above = curves > level
    count = len(places)
    # The last budget at which it is above; -1 where there is none
    last = np.where(above.any(1), count - 1 - above[:, ::-1].argmax(1), -1)
    before = np.clip(last, 0, count - 2) if count > 1 else np.zeros(len(curves), int)
    behind = np.minimum(before + 1, count - 1)
    rows = np.arange(len(curves))
    high = curves[rows, before]
    drop = high - curves[rows, behind]
    part = (high - level) / np.where(drop > 0, drop, 1)
    between = places[before] + part * (places[behind] - places[before])
    crossed = np.where(last == -1, places[0], between)
    return np.where(last == count - 1, np.inf, crossed)
