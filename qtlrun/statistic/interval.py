"""Mean of paired differences over seeds and pictures, with its two-way confidence interval."""

import math
from dataclasses import dataclass

import numpy as np

from qtlrun.error import NO_VALUE, BadValue

Number = float | np.ndarray  # or one at each of several sizes
FEWEST_SKEWED = 10  # trainings whose skewness is told from noise
SHRINKAGE = 30  # trainings whose skewness is shrunk by half
MIN_SKEWNESS = 1e-6  # of a mean; below it the transform is lost in rounding


@dataclass(frozen=True)
class Interval:
    """Mean over seeds, pictures and splits, with its confidence interval.

    All in the unit of the values. `training` and `pictures` are the standard errors of the mean
    that training (seeds, and splits where they are redrawn) and pictures alone account for; both
    hold a share of the residual noise. The components of variance are per cell; `seeds` and `items`
    count the seeds and the pictures of one split (the fewest pictures, where splits differ),
    `distinct` the different pictures of all splits.

    Of redrawn splits, `share` is that of the pool's items on which each is trained, `common` that
    of a split's pictures on which another is tested too. `low` and `high` are about training sets
    drawn from this pool, `like_low` and `like_high` about those of other pools like it: the same
    where splits differ in their pictures, nan where there is one split.

    `carriers` is the number of pictures that the squared error hangs on: its square over the sum of
    the fourth powers of the pictures' shares, N/3 for normal pictures that make up all of it, k
    where k pictures differ alike and all others do not; inf where no pictures differ.

    A component that the data cannot separate is nan, and its noise is in the one beside it. One
    seed: `training`, `sigma2_seed` and `sigma2_rest` are nan, and `sigma2_picture` includes the
    residual; with redrawn splits `sigma2_split` includes the seed's noise instead, and
    `sigma2_pair` (of a split with a picture) the residual. Splits with pictures of their own:
    `sigma2_picture`, `sigma2_pair` and `sigma2_rest` are nan, `sigma2_split` includes the pictures'
    noise and `sigma2_seed` the residual. One split: `sigma2_split` and `sigma2_pair` are nan.
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
    share: float = 0.0
    sigma2_split: float = math.nan
    sigma2_pair: float = math.nan
    like_low: float = math.nan
    like_high: float = math.nan
    common: float = 1.0
    distinct: int = 0
    carriers: float = math.inf


def crossed(values: np.ndarray, level: float = 0.95, *, symmetric: bool = False) -> Interval:
    """Mean of `values` (seeds, pictures) with a t interval for new seeds and new pictures.

    All seeds are judged on the same pictures, so the mean is uncertain in two directions, and an
    interval over seeds alone would hold for these pictures only. With one seed it holds for that
    seed only. The ends allow for skewness (`ends`), unless `symmetric`. Raises
    ValueError for another shape, fewer than two pictures, and values that are not finite.

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
    shares = shares_of(centred.mean(0))
    skewness = 0.0 if symmetric else skewness_of(shares, shares_of(centred.mean(1)), error2)
    mean = float(centred.mean()) + float(values[0, 0])
    return Interval(
        *ends(mean, degrees, error2, level, skewness),
        math.sqrt(seed / seeds),
        math.sqrt(picture / items),
        float(degrees),
        *sigma2,
        seeds,
        items,
        distinct=items,
        carriers=carriers_of(shares, error2),
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


def skewness_of(pictures: np.ndarray, trainings: np.ndarray, error2: Number) -> float:
    """Skewness of a mean, from the shares of pictures and trainings in it and its squared error.

    Shares are centred, and their squares sum to the part of the squared error. That of S trainings
    counts from ten on, of fewer it is noise, and is shrunk by S/(S + 30). Simulated at ten normal
    seeds, this costs no power to within half a point, where all of it would cost five.
    """
    if error2 <= 0:
        return 0.0
    third = _third_moment(pictures)
    if len(trainings) >= FEWEST_SKEWED:
        third += _third_moment(trainings) * len(trainings) / (len(trainings) + SHRINKAGE)
    return float(third / error2**1.5)


def _third_moment(shares: np.ndarray) -> float:
    """Unbiased third central moment of the sum that shares make up."""
    count = len(shares)
    if count <= 2:
        return 0.0
    return float(math.sqrt(count * (count - 1)) / (count - 2) * np.power(shares, 3).sum())


def shares_of(means: np.ndarray) -> np.ndarray:
    """Shares of means in their mean, centred; their squares sum to its squared error."""
    return (means - means.mean()) / math.sqrt(max(1, len(means) * (len(means) - 1)))


def carriers_of(shares: np.ndarray, error2: Number) -> float:
    """Number of pictures that a squared error hangs on; inf where none differs."""
    fourth = float(np.power(shares, 4).sum())
    return float(error2**2) / fourth if fourth > 0 else math.inf


def ends(
    mean: float, degrees: Number, error2: Number, level: float, skewness: float = 0.0
) -> tuple[float, float, float]:
    """Mean and the two ends of its interval, with Hall's transform for the skewness of the mean.

    Source: Hall 1992, Journal of the Royal Statistical Society B 54:221: a cubic of the t statistic
    whose distribution has lost its first-order skewness, inverted. Without skewness it is the t
    interval.
    """
    student = float(quantile(degrees, level))
    error = float(np.sqrt(error2))
    if abs(skewness) < MIN_SKEWNESS:
        return mean, mean - student * error, mean + student * error
    lower, upper = (_invert_hall(sign * student, skewness) for sign in (1, -1))
    return mean, mean - error * lower, mean - error * upper


def _invert_hall(value: float, skewness: float) -> float:
    """The t statistic at which Hall's cubic has this value."""
    inner = 1 + skewness * (value - skewness / 6)
    return 3 / skewness * (float(np.cbrt(inner)) - 1)
