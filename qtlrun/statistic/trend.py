"""How a difference changes along a value: the slope of a least-squares line, with its two-way interval."""
import math

import numpy as np

from qtlrun.statistic.interval import Interval, ends, squared_error, two_way, variances


def slope(places: list[float], values: list[np.ndarray], level: float = 0.95) -> Interval:
    """Estimate the slope of the mean of `values` (seeds, pictures), one array a place, and its interval.

    Seed s of every place is one draw, and so is picture i where the places have as many pictures: what they have in
    common between places cancels as it should, and nothing is lost where they have nothing in common. Pictures of
    differing numbers are taken as each place's own, and `items` counts them all. The interval covers other seeds and
    other pictures, and no bend of the line. Raises ValueError for fewer than two different
    places, and for fewer than two seeds.
    """
    if any(one.shape[1] < 2 or not np.isfinite(one).all() for one in values):
        raise ValueError("values: each place needs two pictures or more, and finite values; leave failed seeds out.")
    places, seeds = np.asarray(places, dtype=np.float64), {len(one) for one in values}
    if len(set(places)) < 2:
        raise ValueError("places: a slope needs two different ones or more.")
    if len(seeds) != 1 or min(seeds) < 2:
        raise ValueError("values: a slope needs two seeds or more, the same number at every place.")
    count, items = seeds.pop(), sum(one.shape[1] for one in values)
    weights = (places - places.mean()) / np.square(places - places.mean()).sum()
    if len({one.shape[1] for one in values}) == 1:
        return two_way(sum(weight * one for weight, one in zip(weights, values, strict=True)), level)
    by_seed = sum(weight * one.mean(1) for weight, one in zip(weights, values, strict=True))
    parts = [variances(one - one.mean()) for one in values]
    sizes = [one.shape[1] for one in values]
    picture = sum(weight**2 * part[1] / size for weight, part, size in zip(weights, parts, sizes, strict=True))
    rest = sum(weight**2 * part[2] / (count * size) for weight, part, size in zip(weights, parts, sizes, strict=True))
    training = float(by_seed.var(ddof=1)) / count
    error2, degrees = squared_error(training, picture, rest, count - 1, items - len(values))
    mean = ends(float(by_seed.mean()), degrees, error2, level)
    return Interval(*mean, math.sqrt(training), math.sqrt(picture), float(degrees), math.nan, math.nan, math.nan, count, items)
