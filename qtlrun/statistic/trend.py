"""Slope of a difference along a value, by least squares, with its two-way interval."""

import math

import numpy as np

from qtlrun.error import NO_VALUE, BadValue
from qtlrun.statistic.interval import (
    Interval,
    ends,
    pad,
    shares_of,
    skewness_of,
    squared_error,
)

Names = tuple[str, ...]  # of the pictures at a place


def slope(
    places: list[float],
    values: list[np.ndarray],
    items: list[Names],
    level: float = 0.95,
    *,
    answers: bool = False,
) -> Interval:
    """Slope of the mean of `values` (seeds, pictures), one array per place, with its interval.

    Seed s of every place is one draw, and so are pictures of one name in `items`: their noise that
    places share cancels or adds up as it should, also where a place has only part of another's
    pictures. Where no two places share a name, picture i of one is paired with picture i of the
    others if they have as many: both often come from one draw of the same numbers, and where they
    do not nothing is lost. `items` of the interval counts the distinct pictures. It covers other
    seeds and other pictures, and no bend of the line. Raises ValueError for fewer than two
    different places, and for fewer than two seeds.

    Each picture's share of the slope is one value, whose squares are summed: with all pictures at
    every place that is `two_way` of their slopes, with none shared the sum of the errors at each
    place, and between these the linearised variance of a mean over clusters (Liang and Zeger 1986).

    `answers` says that the values are differences of right and wrong answers, -1, 0 or 1: each
    place then has two more pictures of its own in the variance, one that each model alone gets
    right, as `proportion_difference` has.
    """
    positions = np.asarray(places, dtype=np.float64)
    _check_places(positions, values)
    seeds = len(values[0])
    names, groups = _pair_names(items)
    centred = positions - positions.mean()
    weights = centred / np.square(centred).sum()
    by_seed = sum(weight * place.mean(1) for weight, place in zip(weights, values, strict=True))
    pictures = len(set().union(*names))
    if answers:
        values = [pad(place, 1.0, -1.0) for place in values]
        names = [[*group, f"/{number}+", f"/{number}-"] for number, group in enumerate(names)]
    shares = _shares_of_slope(weights, values, names)
    picture = float(np.square(shares.mean(1)).sum())
    rest = float(np.square(shares - shares.mean(1, keepdims=True)).sum()) / (seeds * (seeds - 1))
    training = float(by_seed.var(ddof=1)) / seeds
    error2, degrees = squared_error(training, picture, rest, seeds - 1, len(shares) - groups)
    skewness = 0.0
    if not answers:
        skewness = skewness_of(shares.mean(1), shares_of(by_seed), error2)
    return Interval(
        *ends(float(by_seed.mean()), degrees, error2, level, skewness),
        math.sqrt(training),
        math.sqrt(picture),
        float(degrees),
        math.nan,
        math.nan,
        math.nan,
        seeds,
        pictures,
    )


def _check_places(places: np.ndarray, values: list[np.ndarray]) -> None:
    """Refuse values that have no slope."""
    if any(place.shape[1] < 2 or not np.isfinite(place).all() for place in values):
        raise BadValue(
            "values",
            NO_VALUE,
            "each place needs two pictures or more, and finite values",
            "leave failed seeds out",
        )
    if len(set(places)) < 2:
        raise BadValue("places", NO_VALUE, "a slope needs two different ones or more")
    seeds = {len(place) for place in values}
    if len(seeds) != 1 or min(seeds) < 2:
        raise BadValue(
            "values", NO_VALUE, "a slope needs two seeds or more, the same number at every place"
        )


def _shares_of_slope(
    weights: np.ndarray, values: list[np.ndarray], names: list[list[str]]
) -> np.ndarray:
    """Each distinct picture's share of the slope, shape (pictures, seeds)."""
    distinct, indices = np.unique(np.concatenate(names), return_inverse=True)
    shares = np.zeros((len(distinct), len(values[0])))
    start = 0
    for weight, cells in zip(weights, values, strict=True):
        size = cells.shape[1]
        centred = cells - cells.mean(1, keepdims=True)
        terms = weight * centred.T / math.sqrt(size * (size - 1))
        np.add.at(shares, indices[start : start + size], terms)
        start += size
    return shares


def _pair_names(items: list[Names]) -> tuple[list[list[str]], int]:
    """Names by which the pictures of places are paired, and the number of groups of places.

    Places of different groups share no picture.
    """
    groups: list[set[str]] = []
    for names in map(set, items):
        linked = [group for group in groups if group & names]
        separate = [group for group in groups if group not in linked]
        groups = [*separate, names.union(*linked)]
    sizes = {len(names) for names in items}
    if len(groups) == len(items) and len(sizes) == 1:
        numbers = [str(number) for number in range(sizes.pop())]
        return [numbers] * len(items), 1
    return [list(names) for names in items], len(groups)
