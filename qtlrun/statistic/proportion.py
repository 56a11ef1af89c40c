"""Intervals of accuracies and of their paired differences that keep a width at 0 and 1."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from qtlrun.error import NO_VALUE, BadValue
from qtlrun.statistic.interval import Interval, crossed, pad, quantile
from qtlrun.statistic.share import beta_ends
from qtlrun.statistic.split import Names, resampled


def two_way(values: np.ndarray, level: float = 0.95) -> Interval:
    """Mean of `values` (seeds, pictures) with an interval for new seeds and new pictures.

    Right and wrong answers, values of 1 and 0 alone and not all 0, have the interval of a
    `proportion`; all other values that of `crossed`. Raises ValueError as `crossed` does.
    """
    values = np.asarray(values, dtype=np.float64)
    answers = values.any() and np.isin(values, (0.0, 1.0)).all()
    return proportion(values, level) if answers else crossed(values, level)


def proportion(values: np.ndarray, level: float = 0.95) -> Interval:
    """Mean of right and wrong answers, 1 and 0 (seeds, pictures), for new seeds and pictures.

    Clopper and Pearson's interval at an effective number of pictures: the one at which a binomial
    share would err as much as the two-way variance says, scaled by Student's quantile for the
    degrees of freedom (Korn and Graubard 1998, Survey Methodology 24:193). The variance is that of
    the answers and two more pictures, one that every seed gets right and one that every seed gets
    wrong. So answers that all agree have a variance, and few wrong ones count as shared by the
    seeds until they show otherwise. Where the seeds agree on every picture the interval is Clopper
    and Pearson's of the pictures. Raises ValueError for other values, and as `crossed` does.
    """
    answers = _check_answers(values)
    exact = crossed(answers, level, symmetric=True)
    padded = crossed(pad(answers, 0.0, 1.0), level, symmetric=True)
    return _with_exact_ends(exact, padded, answers.size, level)


def proportion_resampled(
    values: Sequence[np.ndarray],
    items: Sequence[Names] | None,
    *,
    share: float,
    level: float = 0.95,
) -> Interval:
    """Mean of right and wrong answers over redrawn splits.

    Arguments as those of `resampled`. As `proportion`, with the variance of `resampled`. Splits
    with pictures of their own differ at least as much as their pictures make them. Raises
    ValueError for values other than 0 and 1, and as `resampled` does.
    """
    answers = [_check_answers(split) for split in values]
    estimate = partial(resampled, share=share, level=level, symmetric=True)
    exact = estimate(answers, items)
    padded = estimate([pad(split, 0.0, 1.0) for split in answers], _pad_names(answers, items))
    return _with_exact_ends(exact, padded, sum(split.size for split in answers), level)


def proportion_difference(values: np.ndarray, level: float = 0.95) -> Interval:
    """Mean difference of two models' answers, -1, 0 or 1 (seeds, pictures), two-way interval.

    The interval is that of the differences and two more pictures, one that each model alone gets
    right (Bonett and Price 2012, doi:10.3102/1076998611411915, crossed with the seeds). Raises
    ValueError as `crossed` does.
    """
    values = np.asarray(values, dtype=np.float64)
    padded = crossed(pad(values, -1.0, 1.0), level, symmetric=True)
    return _with_padded_ends(crossed(values, level, symmetric=True), padded)


def proportion_difference_resampled(
    values: Sequence[np.ndarray],
    items: Sequence[Names] | None,
    *,
    share: float,
    level: float = 0.95,
) -> Interval:
    """Mean difference of two models' answers over redrawn splits.

    As `proportion_difference`, with the variance of `resampled`.
    """
    estimate = partial(resampled, share=share, level=level, symmetric=True)
    values = [np.asarray(split, dtype=np.float64) for split in values]
    padded = estimate([pad(split, -1.0, 1.0) for split in values], _pad_names(values, items))
    return _with_padded_ends(estimate(values, items), padded)


def _pad_names(values: Sequence[np.ndarray], items: Sequence[Names] | None) -> list[list[str]]:
    """Names of the pictures of each split and of the two that are appended, one pair for all.

    Pictures of data that each split draws for itself have names of their own.
    """
    if items is not None:
        return [[*names, "/-", "/+"] for names in items]
    names = []
    for number, split in enumerate(values):
        names.append([f"{number}/{item}" for item in range(split.shape[1] + 2)])
    return names


def _check_answers(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if not np.isin(values, (0.0, 1.0)).all():
        raise BadValue(
            "values", NO_VALUE, "a proportion is one of right and wrong answers, 1 and 0"
        )
    return values


def _with_exact_ends(exact: Interval, padded: Interval, cells: int, level: float) -> Interval:
    """Interval with Clopper and Pearson's ends, at the effective number of padded pictures."""
    items = exact.items
    mean = padded.mean
    half = (padded.high - padded.low) / 2 / quantile(padded.degrees, level)
    # Exactly the number of pictures, where seeds and splits agree.
    number = mean * (1 - mean) / half**2 * items / (items + 1)
    student = quantile(items - 1, level) / quantile(padded.degrees, level)
    number = min(number, cells) * min(1.0, float(student)) ** 2
    low, high = beta_ends(exact.mean * number, number, level)
    return replace(exact, low=low, high=high)


def _with_padded_ends(exact: Interval, padded: Interval) -> Interval:
    """Interval with the ends of the padded values, inside [-1, 1] and around its mean."""
    low = max(-1.0, min(padded.low, exact.mean))
    high = min(1.0, max(padded.high, exact.mean))
    like_low = max(-1.0, min(padded.like_low, exact.mean))
    like_high = min(1.0, max(padded.like_high, exact.mean))
    if math.isnan(exact.like_low):
        like_low = like_high = math.nan
    return replace(exact, low=low, high=high, like_low=like_low, like_high=like_high)
