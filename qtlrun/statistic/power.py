"""Power of an experiment of another size, from the noise of a finished one."""

import math
from dataclasses import dataclass

import numpy as np

from qtlrun.error import BadValue
from qtlrun.statistic.interval import Interval, Number, quantile, squared_error

POWER = 0.8  # probability of detecting a difference of the margin at the size recommended
# Seeds, or splits, for a verdict: with two, a nominal 95 % interval covers as little as 87 %.
FEWEST = 3
MAX_REPLICATES = 10_000  # seeds or splits
MAX_PICTURES = 10_000_000
MAX_SHIFT = 20.0  # standard errors; a larger difference is always detected
GRID_POINTS = 1024


@dataclass(frozen=True)
class Need:
    """Smallest sizes that detect a difference of the margin in four experiments of five.

    `seeds`, `pictures` and `splits` are totals, each with the other two as they are (`seeds` and
    `pictures` those of one split), and may be below the present ones; `both` is the factor that
    seeds and pictures take together, rounded up. Numbers are three or more (seeds of redrawn splits
    one or more), to 1.5 %; None where no number is enough or the noise is unknown.
    """

    seeds: int | None = None
    pictures: int | None = None
    splits: int | None = None
    both: float | None = None


def half_width(
    interval: Interval,
    *,
    seeds: int | None = None,
    items: int | None = None,
    splits: int | None = None,
    level: float = 0.95,
) -> float:
    """Half-width of the interval at another size, predicted from the components of variance.

    Components are known no better than their degrees of freedom allow: a variance from ten seeds,
    to half its value. Raises ValueError where the interval cannot tell: other seeds from one seed,
    splits from one split, other pictures where each split has its own (more of them would leave
    fewer to train on), and sizes that have no interval.
    """
    present = {"seeds": interval.seeds, "items": interval.items, "splits": interval.splits}
    asked = {"seeds": seeds, "items": items, "splits": splits}
    least = {"seeds": 2 if interval.splits == 1 else 1, "items": 2, "splits": 2}
    for name, size in asked.items():
        if size is None or size == present[name]:
            continue
        if name not in _separable_sizes(interval):
            raise BadValue(
                name,
                size,
                f"the interval has {present[name]} and cannot tell what others would give",
            )
        if size < least[name]:
            raise BadValue(name, size, f"an interval needs {least[name]} or more")
    changed = {name: size for name, size in asked.items() if size is not None}
    error2, degrees = _predict_error(interval, **changed)
    return float(quantile(degrees, level) * np.sqrt(error2))


def needed(interval: Interval, margin: float) -> Need:
    """Sizes at which the 95 % interval excludes zero in four of five, for a difference `margin`.

    The difference is the one that matters, never the one seen: power at the difference seen only
    restates its p value (Hoenig and Heisey 2001, doi:10.1198/000313001300339897). The probability
    is that of the noncentral t with the degrees of freedom of the interval (Westfall, Kenny and
    Judd 2014, doi:10.1037/xge0000014, for crossed designs), the components of variance taken as
    known, for ends without skewness. Fewer than three seeds, or splits where they are redrawn,
    predict no size. Raises ValueError for a margin that is not positive and finite.
    """
    check_margin(margin)
    if not enough(interval):
        return Need()
    seeds = interval.seeds
    items = interval.items
    separable = set(_separable_sizes(interval))
    floor = FEWEST if interval.splits == 1 else 1
    least_factor = max(floor / seeds, FEWEST / items)
    most_factor = min(MAX_REPLICATES / seeds, MAX_PICTURES / items)
    sizes = {
        "seeds": (("seeds",), _integer_grid(floor, MAX_REPLICATES), lambda n: {"seeds": n}),
        "pictures": (("items",), _integer_grid(FEWEST, MAX_PICTURES), lambda n: {"items": n}),
        "splits": (("splits",), _integer_grid(FEWEST, MAX_REPLICATES), lambda n: {"splits": n}),
        "both": (
            ("seeds", "items"),
            np.geomspace(least_factor, most_factor, GRID_POINTS),
            lambda n: {"seeds": np.ceil(n * seeds), "items": np.ceil(n * items)},
        ),
    }
    smallest = {}
    for name, (varied, counts, size) in sizes.items():
        if set(varied) <= separable:
            power = _detection_power(*_predict_error(interval, **size(counts)), margin)
            detected = power >= POWER
            smallest[name] = counts[detected.argmax()].item() if detected.any() else None
    return Need(**smallest)


def doubt(interval: Interval, level: float = 0.95) -> tuple[float, float]:
    """Range of true half-width over the half-width that a pilot predicts, for normal noise.

    By the chi-squared quantiles of its degrees of freedom (a variance from them, Satterthwaite
    1946). Seeds that fail now and then make tails heavier than normal, and the range then is too
    narrow.
    """
    from scipy.special import chdtri

    tail = (1 - level) / 2
    degrees = interval.degrees
    low, high = (float(np.sqrt(degrees / chdtri(degrees, share))) for share in (tail, 1 - tail))
    return low, high


def enough(interval: Interval) -> bool:
    """Whether there are enough seeds, or splits where they are redrawn, for a verdict."""
    return (interval.seeds if interval.splits == 1 else interval.splits) >= FEWEST


def check_margin(margin: float) -> None:
    """Refuse a margin that no difference can be compared with."""
    if not 0 < margin < math.inf:
        raise BadValue(
            "margin",
            margin,
            (
                "the difference below which two models count as equal, in the unit of"
                " the metric (nats for NLL)"
            ),
            "it must be finite and above 0",
        )


def check_shots(shots: int) -> None:
    """Refuse executions that measure nothing."""
    if shots < 1:
        raise BadValue("shots", shots, "measurements of an execution, from 1 up")


def _separable_sizes(interval: Interval) -> tuple[str, ...]:
    """Names of the sizes whose noise the interval tells apart."""
    separable = {
        "seeds": interval.seeds > 1,
        "items": not math.isnan(interval.pictures),
        "splits": interval.splits > 1,
    }
    return tuple(name for name, tells in separable.items() if tells)


def _integer_grid(least: int, most: int) -> np.ndarray:
    """Distinct whole numbers at equal ratios, from the least to the most."""
    return np.unique(np.rint(np.geomspace(least, most, GRID_POINTS)).astype(int))


def _predict_error(
    interval: Interval,
    seeds: Number | None = None,
    items: Number | None = None,
    splits: Number | None = None,
) -> tuple[Number, Number]:
    """Squared error and its degrees of freedom at other sizes, which may be arrays."""
    present = interval.seeds, interval.items, interval.splits
    asked = seeds, items, splits
    seeds, items, splits = (
        here if other is None else other for here, other in zip(present, asked, strict=True)
    )
    per_seed = interval.sigma2_seed / seeds
    rest = interval.sigma2_rest / seeds
    if interval.seeds == 1:
        # Both are in the components of picture, or of split and pair.
        per_seed = rest = 0.0
    if interval.splits == 1:
        picture = (interval.sigma2_picture + rest) / items
        if interval.seeds == 1:
            return picture, items - 1
        return squared_error(per_seed + rest / items, picture, rest / items, seeds - 1, items - 1)
    between = interval.sigma2_split + per_seed
    if math.isnan(interval.pictures):
        return between / splits, splits - 1
    pair = interval.sigma2_pair + rest
    joint = interval.common * interval.sigma2_picture / items
    overlap = (interval.sigma2_picture / items - joint + pair / items) / splits
    distinct = interval.distinct * items / interval.items
    training = between / splits + overlap
    if interval.common < 1:
        training = training + interval.share / (1 - interval.share) * interval.sigma2_split
    return squared_error(training, joint + overlap, overlap, splits - 1, distinct - 1)


def _detection_power(error2: Number, degrees: Number, margin: float) -> np.ndarray:
    """Probability that the 95 % interval lies beyond zero, on the side of a true difference."""
    from scipy.special import nctdtr

    error = np.sqrt(error2)
    largest = np.full_like(error, MAX_SHIFT)
    shift = np.minimum(np.divide(margin, error, out=largest, where=error > 0), MAX_SHIFT)
    return 1 - nctdtr(degrees, shift, quantile(degrees, 0.95))
