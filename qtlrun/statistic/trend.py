"""How a difference changes along a value: the slope of a least-squares line, with its two-way
interval.
"""

import math

import numpy as np

from qtlrun.statistic.interval import Interval, ends, pad, squared_error

Names = tuple[str, ...]  # of a place's pictures


def slope(
    places: list[float],
    values: list[np.ndarray],
    items: list[Names],
    level: float = 0.95,
    *,
    answers: bool = False,
) -> Interval:
    """Estimate the slope of the mean of `values` (seeds, pictures), one array a place, and its
    interval.

    Seed s of every place is one draw, and so are pictures of one name in `items`: what they have in
    common between places cancels or adds up as it should, also where a place has some of another's
    pictures alone. Where no two places share a name, picture i of one is paired with picture i of
    the others if they have as many: one draw of the same numbers often made both, and where it did
    not nothing is lost. `items` of the interval counts the pictures that are different ones. It
    covers other seeds and other pictures, and no bend of the line. Raises ValueError for fewer than
    two different places, and for fewer than two seeds.

    Each picture's share of the slope is one value, whose squares are summed: with all pictures at
    every place that is `two_way` of their slopes, with none shared the sum of the places' own
    errors, and between these the linearised variance of a mean over clusters (Liang and Zeger
    1986).

    `answers` says that the values are differences of right and wrong answers, -1, 0 or 1: each
    place then has two more pictures of its own in the variance, one that each model alone gets
    right, as `proportion_difference` has.
    """
    if any(one.shape[1] < 2 or not np.isfinite(one).all() for one in values):
        raise ValueError(
            "values: each place needs two pictures or more, and finite values; leave failed seeds"
            " out."
        )
    places = np.asarray(places, dtype=np.float64)
    seeds = {len(one) for one in values}
    if len(set(places)) < 2:
        raise ValueError("places: a slope needs two different ones or more.")
    if len(seeds) != 1 or min(seeds) < 2:
        raise ValueError("values: a slope needs two seeds or more, the same number at every place.")
    count, (names, groups) = seeds.pop(), _paired(items)
    weights = (places - places.mean()) / np.square(places - places.mean()).sum()
    by_seed = sum(weight * one.mean(1) for weight, one in zip(weights, values, strict=True))
    items_different = len(set().union(*names))
    if answers:
        values = [pad(place, 1.0, -1.0) for place in values]
        names = [[*some, f"/{place}+", f"/{place}-"] for place, some in enumerate(names)]
    different, which = np.unique(np.concatenate(names), return_inverse=True)
    shares = np.zeros((len(different), count))
    start = 0
    for weight, one in zip(weights, values, strict=True):
        size = one.shape[1]
        centred = one - one.mean(1, keepdims=True)
        np.add.at(
            shares, which[start : start + size], weight * centred.T / math.sqrt(size * (size - 1))
        )
        start += size
    picture = float(np.square(shares.mean(1)).sum())
    rest = float(np.square(shares - shares.mean(1, keepdims=True)).sum()) / (count * (count - 1))
    training = float(by_seed.var(ddof=1)) / count
    error2, degrees = squared_error(training, picture, rest, count - 1, len(different) - groups)
    mean = ends(float(by_seed.mean()), degrees, error2, level)
    return Interval(
        *mean,
        math.sqrt(training),
        math.sqrt(picture),
        float(degrees),
        math.nan,
        math.nan,
        math.nan,
        count,
        items_different,
    )


def _paired(items: list[Names]) -> tuple[list[list[str]], int]:
    """The pictures' names by which places are paired, and how many groups of places share none with
    one another.
    """
    groups = []
    for one in map(set, items):
        linked = [group for group in groups if group & one]
        groups = [group for group in groups if group not in linked] + [one.union(*linked)]
    if len(groups) < len(items):
        return [list(one) for one in items], len(groups)
    if len({len(one) for one in items}) == 1:
        return [[str(number) for number in range(len(one))] for one in items], 1
    return [list(one) for one in items], len(groups)
