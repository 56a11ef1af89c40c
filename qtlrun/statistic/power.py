"""Power of an experiment of another size, from the noise of a finished one."""

import math
from dataclasses import dataclass

import numpy as np

from qtlrun.statistic.interval import Interval, quantile, squared_error

CHANCE = 0.8  # of detecting a difference of the margin at the size recommended
FEWEST = (
    3  # seeds, or splits, for a verdict: with two, a nominal 95 % interval covers as little as 87 %
)
MOST = 10_000  # seeds or splits
MOST_PICTURES = 10_000_000
WIDEST = 0.5  # nats; the margin of a verdict is no wider
SURE = 20.0  # errors: a difference of so many is always detected


@dataclass(frozen=True)
class Need:
    """The smallest sizes at which a difference of the margin would be detected in four experiments
    of five.

    `seeds`, `pictures` and `splits` are totals, each with the other two as they are (`seeds` and
    `pictures` those of one split), and may be below the present ones; `both` is the factor that
    seeds and pictures take together, rounded up. From three on (one for seeds of redrawn splits),
    to 1.5 %. None where no number is enough or nothing is known.
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
    """Foretell the half-width of the interval at another size, from the components of variance
    seen.

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
        if name not in _known(interval):
            raise ValueError(
                f"{name}={size}: the interval has {present[name]} and cannot tell what others would"
                " give."
            )
        if size < least[name]:
            raise ValueError(f"{name}={size}: an interval needs {least[name]} or more.")
    error2, degrees = _predicted(
        interval, **{name: size for name, size in asked.items() if size is not None}
    )
    return float(quantile(degrees, level) * np.sqrt(error2))


def needed(interval: Interval, margin: float) -> Need:
    """Find the sizes at which the 95 % interval would exclude zero in four of five, were the
    difference `margin`.

    The difference is the one that matters, never the one seen: power at the difference seen only
    restates its p value (Hoenig and Heisey 2001, doi:10.1198/000313001300339897). The chance is
    that of the noncentral t with the degrees of freedom of the interval (Westfall, Kenny and Judd
    2014, doi:10.1037/xge0000014, for crossed designs), the components of variance taken as known.
    Fewer than three seeds, or splits where they are redrawn, foretell nothing. Raises ValueError
    for a margin that is not positive and finite.
    """
    check_margin(margin)
    if not enough(interval):
        return Need()
    seeds = interval.seeds
    items = interval.items
    known = _known(interval)
    floor = FEWEST if interval.splits == 1 else 1
    sizes = {
        "seeds": (("seeds",), _whole(floor, MOST), lambda n: {"seeds": n}),
        "pictures": (("items",), _whole(FEWEST, MOST_PICTURES), lambda n: {"items": n}),
        "splits": (("splits",), _whole(FEWEST, MOST), lambda n: {"splits": n}),
        "both": (
            ("seeds", "items"),
            np.geomspace(
                max(floor / seeds, FEWEST / items), min(MOST / seeds, MOST_PICTURES / items), 1024
            ),
            lambda n: {"seeds": np.ceil(n * seeds), "items": np.ceil(n * items)},
        ),
    }
    found = {}
    for name, (varied, counts, size) in sizes.items():
        if set(varied) <= set(known):
            detected = _chance(*_predicted(interval, **size(counts)), margin) >= CHANCE
            found[name] = counts[detected.argmax()].item() if detected.any() else None
    return Need(**found)


def doubt(interval: Interval, level: float = 0.95) -> tuple[float, float]:
    """Tell between which multiples of what a pilot foretells the truth lies, were its noise normal.

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
    """Tell whether there are seeds, or splits where they are redrawn, for a verdict."""
    return (interval.seeds if interval.splits == 1 else interval.splits) >= FEWEST


def check_margin(margin: float) -> None:
    """Refuse a margin that no difference can be compared with."""
    if not 0 < margin < math.inf:
        raise ValueError(
            f"margin={margin}: the difference below which two models count as equal, in the unit of"
            " the metric (nats for NLL); it must be finite and above 0."
        )


def check_nats(margin: float) -> None:
    """Refuse a margin that no two models of use would stay within."""
    if not (math.isfinite(margin) and 0 < margin <= WIDEST):
        raise ValueError(
            f"margin={margin}: nats of negative log-likelihood, above 0 and at most {WIDEST:g}."
        )


def check_shots(shots: int) -> None:
    """Refuse executions that measure nothing."""
    if shots < 1:
        raise ValueError(f"shots={shots}: measurements of an execution, from 1 up.")


def _known(interval: Interval) -> tuple[str, ...]:
    """Name the sizes whose noise the interval tells apart."""
    own_pictures = math.isnan(interval.pictures)
    known = interval.seeds > 1, not own_pictures, interval.splits > 1
    return tuple(name for name, one in zip(("seeds", "items", "splits"), known, strict=True) if one)


def _whole(least: int, most: int) -> np.ndarray:
    return np.unique(np.rint(np.geomspace(least, most, 1024)).astype(int))


def _predicted(interval: Interval, seeds=None, items=None, splits=None):
    """Return the squared error and its degrees of freedom at other sizes, which may be arrays."""
    present = interval.seeds, interval.items, interval.splits
    asked = seeds, items, splits
    seeds, items, splits = (
        here if other is None else other for here, other in zip(present, asked, strict=True)
    )
    per_seed = interval.sigma2_seed / seeds
    rest = interval.sigma2_rest / seeds
    if interval.seeds == 1:  # both are in the components of picture, or of split and pair
        per_seed = rest = 0.0
    if interval.splits == 1:
        picture = (interval.sigma2_picture + rest) / items
        if interval.seeds == 1:
            return picture, items - 1
        return squared_error(per_seed + rest / items, picture, rest / items, seeds - 1, items - 1)
    factor = 1 / splits + interval.held
    if math.isnan(interval.pictures):
        return factor * (interval.sigma2_split + per_seed), splits - 1
    pair = interval.sigma2_pair + rest
    training = factor * (interval.sigma2_split + per_seed + pair / items)
    picture = (interval.sigma2_picture + pair / splits) / items
    return squared_error(training, picture, pair / (splits * items), splits - 1, items - 1)


def _chance(error2, degrees, margin: float):
    """Return how often the 95 % interval lies beyond zero on the side of a true difference of
    `margin`.
    """
    from scipy.special import nctdtr

    error = np.sqrt(error2)
    shift = np.minimum(
        np.divide(margin, error, out=np.full_like(error, SURE), where=error > 0), SURE
    )
    return 1 - nctdtr(degrees, shift, quantile(degrees, 0.95))
