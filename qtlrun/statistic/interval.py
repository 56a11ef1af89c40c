"""Mean of paired differences over seeds and pictures, with its two-way confidence interval."""

import math
from dataclasses import dataclass

import numpy as np

from qtlrun.error import NO_VALUE, BadValue

Number = float | np.ndarray  # or one at each of several sizes


@dataclass(frozen=True)
class Interval:
    """Mean over seeds, pictures and splits, with its confidence interval.

    All in the unit of the values. `training` and `pictures` are the standard errors of the mean
    that training (seeds, and splits where they are redrawn) and pictures alone account for; both
    hold a share of the residual noise. The components of variance are per cell; `seeds` and `items`
    count the seeds and the pictures of one split (the fewest pictures, where splits differ), `held`
    is the ratio of items held out to items trained on.

    A component that the data cannot separate is nan, and its noise is in the one beside it. One
    seed: `training`, `sigma2_seed` and `sigma2_rest` are nan, and `sigma2_picture` includes the
    residual; with redrawn splits `sigma2_split` includes the seed's noise instead, and
    `sigma2_pair` (of a split with a picture) the residual. Splits with pictures of their own:
    `pictures`, `sigma2_picture`, `sigma2_pair` and `sigma2_rest` are nan, `sigma2_split` includes
    the pictures' noise and `sigma2_seed` the residual. One split: `sigma2_split` and `sigma2_pair`
    are nan.
    """

    mean: float
    low: float
    high: float
    training: float
    pictures: float
    degrees: float
    sigma2_seed: float
    sigma2_picture: float
    sigma2_rest: float
    seeds: int
    items: int
    splits: int = 1
    held: float = 0.0
    sigma2_split: float = math.nan
    sigma2_pair: float = math.nan


def crossed(values: np.ndarray, level: float = 0.95) -> Interval:
    """Mean of `values` (seeds, pictures) with a t interval for new seeds and new pictures.

    All seeds are judged on the same pictures, so the mean is uncertain in two directions, and an
    interval over seeds alone would hold for these pictures only. With one seed it holds for that
    seed only. Raises ValueError for another shape, fewer than two pictures, and values that are not
    finite.

    Source: crossed random effects (McCullagh 2000; Owen 2007, doi:10.1214/07-AOAS122), degrees of
    freedom by Satterthwaite 1946. We differ where v_seed/S + v_picture/N - v_rest/(S N) falls below
    one of the first two terms: that term alone is then the squared error, with its own degrees of
    freedom (S - 1 or N - 1), without which pure residual noise would be covered more than 98 % of
    the time.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or values.shape[0] < 1 or values.shape[1] < 2:
        raise ValueError(
            f"values of shape {values.shape}: an interval needs (seeds, pictures), two pictures or"
            " more."
        )
    if not np.isfinite(values).all():
        raise BadValue("values", NO_VALUE, "some are nan or infinite", "leave failed seeds out")
    seeds, items = values.shape
    # The origin is subtracted so that identical values give exactly zero width.
    centred = values - values[0, 0]
    seed, picture, rest = variances(centred)
    if seeds == 1:
        sigma2 = (math.nan, picture, math.nan)
        error2 = picture / items
        degrees = items - 1
    else:
        parts = seed / seeds, picture / items, rest / (seeds * items)
        error2, degrees = squared_error(*parts, seeds - 1, items - 1)
        sigma2 = max(0.0, seed - rest / items), max(0.0, picture - rest / seeds), rest
    mean = ends(float(centred.mean()) + float(values[0, 0]), degrees, error2, level)
    return Interval(
        *mean,
        math.sqrt(seed / seeds),
        math.sqrt(picture / items),
        float(degrees),
        *sigma2,
        seeds,
        items,
    )


def further(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Student's prediction interval: the ends between which one more value (seeds,) would fall.

    A single value is both of its ends.
    """
    values = np.asarray(values, dtype=np.float64)
    if len(values) == 1:
        return float(values[0]), float(values[0])
    return ends(
        float(values.mean()), len(values) - 1, values.var(ddof=1) * (1 + 1 / len(values)), level
    )[1:]


def variances(values: np.ndarray) -> tuple[float, float, float]:
    """Variances of row means, column means and the residual.

    The first and the last are nan for a single row.
    """
    rows, columns = values.shape
    by_row = values.mean(1)
    by_column = values.mean(0)
    column = float(by_column.var(ddof=1))
    if rows == 1:
        return math.nan, column, math.nan
    residual = values - by_row[:, None] - by_column + values.mean()
    return (
        float(by_row.var(ddof=1)),
        column,
        float(np.square(residual).sum() / ((rows - 1) * (columns - 1))),
    )


def squared_error(
    training: Number,
    picture: Number,
    overlap: Number,
    training_degrees: Number,
    picture_degrees: Number,
) -> tuple[Number, Number]:
    """Squared error of a mean, from the parts of training and pictures; its degrees of freedom.

    `overlap` is the part of the residual, which each of the two holds.
    """
    total = training + picture - overlap
    largest = np.maximum(training, picture)
    doubt = training**2 / training_degrees + picture**2 / picture_degrees
    doubt = doubt + overlap**2 / (training_degrees * picture_degrees)
    alone = np.where(training > picture, training_degrees, picture_degrees)
    both = np.square(total) / np.where(doubt > 0, doubt, 1)
    return np.maximum(total, largest), np.where(total > largest, both, alone)


def pad(values: np.ndarray, *extra: float) -> np.ndarray:
    """Append a picture for each of the extra values, the same for every seed."""
    if values.ndim != 2:
        return values
    columns = [np.full((len(values), 1), value) for value in extra]
    return np.concatenate([values, *columns], axis=1)


def quantile(degrees: Number, level: float):
    """Two-sided t quantile.

    By scipy.special, without the second that scipy.stats takes to import.
    """
    from scipy.special import stdtrit

    return stdtrit(degrees, (1 + level) / 2)


def ends(mean: float, degrees: Number, error2: Number, level: float) -> tuple[float, float, float]:
    """Mean and the two ends of its interval."""
    half = float(quantile(degrees, level) * np.sqrt(error2))
    return mean, mean - half, mean + half
