"""Shares of a variance that choices explain, and of trials that hit."""

from collections.abc import Sequence

import numpy as np

from qtlrun.error import NO_VALUE, BadValue, UsageError


def explained(values: Sequence[float] | np.ndarray, choices) -> dict[str, float]:
    """Share of the variance of `values` that each choice explains alone, in [0, 1].

    `values` has one number per protocol. `choices` (a data frame, or a dict of sequences) names the
    level of each choice in each protocol, as text or numbers. The share is eta squared of the main
    effect, the sum of squares between levels over the total (Fisher 1925; Cohen 1973,
    doi:10.1177/001316447303300111). In a balanced grid the shares add up to at most one, and what
    remains are interactions; in another, choices that go together explain the same variance twice.
    All are zero where nothing varies. Raises ValueError for values or levels that are missing, and
    for columns of another length.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not values.size:
        raise ValueError(f"values of shape {values.shape}: one number a protocol is needed.")
    if not np.isfinite(values).all():
        raise BadValue("values", NO_VALUE, "some are nan or infinite", "leave failed protocols out")
    # The origin is subtracted so that identical values vary by exactly nothing.
    centred = values - values[0]
    centred -= centred.mean()
    total = float(np.square(centred).sum())
    shares = {}
    for name, levels in choices.items():
        levels = list(levels)
        if len(levels) != len(values):
            raise UsageError(f"{len(levels)} levels for {len(values)} values", key=name)
        if any(level != level for level in levels):
            raise UsageError("some levels are nan", key=name)
        indices = {level: index for index, level in enumerate(dict.fromkeys(levels))}
        groups = np.array([indices[level] for level in levels])
        between = float((np.bincount(groups, centred) ** 2 / np.bincount(groups)).sum())
        shares[name] = min(1.0, between / total) if total > 0 else 0.0
    return shares


def swayed(values: Sequence[float] | np.ndarray, choices) -> dict[str, float]:
    """Share of the variance that each choice has a part in, alone or with others, in [0, 1].

    The total effect (Homma and Saltelli 1996, doi:10.1016/0951-8320(96)00002-6): the variance that
    remains where all other choices are held, over the total; exact in a full grid. The shares add
    up to more than one where choices interact. Arguments and errors as `explained`.
    """
    levels = {name: list(column) for name, column in choices.items()}
    shares = {}
    for name, column in levels.items():
        others = [levels[other] for other in levels if other != name]
        combinations = list(zip(*others, strict=True)) or [()] * len(values)
        varies = len(set(column)) > 1
        rest = explained(values, {"others": combinations})["others"] if varies else 1.0
        shares[name] = 1 - rest if varies else 0.0
    return shares if np.ptp(values) > 0 else dict.fromkeys(shares, 0.0)


def binomial(hits: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Exact interval of the rate of `hits` in `trials`, in [0, 1].

    Source: Clopper and Pearson 1934, doi:10.1093/biomet/26.4.404, by the quantiles of the beta
    distribution. Its coverage is at least the nominal one. Raises ValueError for no trials and for
    hits that are not among them.
    """
    if trials < 1 or not 0 <= hits <= trials:
        raise ValueError(
            f"{hits} hits of {trials} trials: a rate needs a trial or more, and no more hits than"
            " trials."
        )
    return beta_ends(hits, trials, level)


def beta_ends(hits: float, trials: float, level: float) -> tuple[float, float]:
    """Ends of Clopper and Pearson's interval, for fractional hits and trials too."""
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low = float(betaincinv(hits, trials - hits + 1, tail)) if hits else 0.0
    high = float(betaincinv(hits + 1, trials - hits, 1 - tail)) if hits < trials else 1.0
    return low, high
