"""Mean of paired differences over redrawn splits, with its corrected confidence interval."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from qtlrun.error import NO_VALUE, BadValue, UsageError
from qtlrun.statistic.interval import Interval, ends, squared_error, variances


def resampled(
    values: Sequence[np.ndarray],
    *,
    train: float,
    held: float,
    same_pictures: bool,
    level: float = 0.95,
    pictures_floor: bool = False,
) -> Interval:
    """Mean of `values` over redrawn splits of a pool, with an interval for new splits.

    `values` has an array (seeds, pictures) per split. In each redraw `train` items were trained on
    and `held` held out: the test items where the test split is redrawn, the validation items where
    it is official (`same_pictures`). Splits weigh alike. Seeds are taken as drawn anew in each
    split: an effect of a seed's number that all splits share would show in no difference between
    them. Raises ValueError for fewer than two splits, another shape, numbers of seeds that differ,
    numbers of pictures that differ though they are the same pictures, values that are not finite,
    and counts that are not above 0.

    The squared error is (1/R + held/train) v_split with R - 1 degrees of freedom, v_split the
    variance of the R split means (Nadeau and Bengio 2003, doi:10.1023/A:1024068626366, the
    corrected resampled t test). K folds are the case held/train = 1/(K - 1); no estimate of their
    variance is unbiased (Bengio and Grandvalet 2004, JMLR 5:1089).

    The ratio is derived for held-out items that redraws share; it knows nothing of pictures that
    all splits share. So with `same_pictures` these are crossed with the splits as they are with the
    seeds in `two_way`, by the same rule. Such an interval holds for new pictures and new splits of
    this pool. The effect of the pool itself on training shows in no difference between its splits
    and is held fixed, as the weights are: an interval for other pools would take the ratio
    train/held for the noise of the training items (the delete-d jackknife, Shao and Wu 1989, Annals
    of Statistics 17:1176).

    `pictures_floor` bounds the variance between splits with pictures of their own from below by the
    variance that these pictures alone make, which the pictures within a split estimate with many
    more degrees of freedom.
    """
    values = _check_splits(values, train, held, same_pictures)
    # The origin is subtracted so that identical values give exactly zero width.
    origin = float(values[0][0, 0])
    values = [split - origin for split in values]
    factor = 1 / len(values) + held / train
    if same_pictures:
        estimate = _estimate_shared_pictures(values, factor)
    else:
        estimate = _estimate_separate_pictures(values, factor, pictures_floor)
    centre = float(np.mean([split.mean() for split in values])) + origin
    items = min(split.shape[1] for split in values)
    return Interval(
        *ends(centre, estimate.degrees, estimate.error2, level),
        estimate.training,
        estimate.pictures,
        estimate.degrees,
        *estimate.within,
        len(values[0]),
        items,
        len(values),
        held / train,
        *estimate.between,
    )


class _Estimate(NamedTuple):
    """Standard errors of training and pictures, squared error of the mean, degrees of freedom.

    `within` has the components of seed, picture and residual; `between` those of split and pair.
    """

    training: float
    pictures: float
    error2: float
    degrees: float
    within: tuple[float, float, float]
    between: tuple[float, float]


def _check_splits(values, train, held, same_pictures) -> list[np.ndarray]:
    """Arrays of float64 that an interval can be computed from; refuse all others."""
    values = [np.asarray(split, dtype=np.float64) for split in values]
    if len(values) < 2:
        raise BadValue(
            "splits",
            NO_VALUE,
            f"{len(values)} given, and only two or more show how the mean varies between them",
        )
    for number, split in enumerate(values):
        if split.ndim != 2 or split.shape[0] < 1 or split.shape[1] < 2:
            raise ValueError(
                f"values[{number}] of shape {split.shape}: each split needs (seeds, pictures), two"
                " pictures or more."
            )
        if not np.isfinite(split).all():
            raise UsageError(
                "some are nan or infinite", "leave failed seeds out", key=f"values[{number}]"
            )
    seeds = sorted({len(split) for split in values})
    items = sorted({split.shape[1] for split in values})
    if len(seeds) > 1:
        raise ValueError(
            f"splits of {seeds[0]} to {seeds[-1]} seeds: each needs as many, for splits weigh"
            " alike."
        )
    if same_pictures and len(items) > 1:
        raise ValueError(
            f"splits of {items[0]} to {items[-1]} pictures: the same pictures are of one number."
        )
    for name, size in (("train", train), ("held", held)):
        if not 0 < size < math.inf:
            raise BadValue(
                name, size, "the number of items in each redraw", "it must be finite and above 0"
            )
    return values


def _variances_within(values: list[np.ndarray]) -> tuple[float, float]:
    """Variances of seed means and of the residual within a split, averaged over splits."""
    if len(values[0]) == 1:
        return math.nan, math.nan
    seed, _, rest = np.mean([variances(split) for split in values], 0).tolist()
    return seed, rest


def _estimate_separate_pictures(
    values: list[np.ndarray], factor: float, pictures_floor: bool
) -> _Estimate:
    """Errors and components of splits that each have pictures of their own."""
    split = float(np.var([each.mean() for each in values], ddof=1))
    degrees = len(values) - 1
    if pictures_floor:
        floor = float(np.mean([variances(each)[1] / each.shape[1] for each in values]))
        if floor > split:
            split = floor
            degrees = sum(each.shape[1] - 1 for each in values)
    seed, _ = _variances_within(values)
    alone = split if math.isnan(seed) else max(0.0, split - seed / len(values[0]))
    return _Estimate(
        training=math.sqrt(factor * split),
        pictures=math.nan,
        error2=factor * split,
        degrees=float(degrees),
        within=(seed, math.nan, math.nan),
        between=(alone, math.nan),
    )


def _estimate_shared_pictures(values: list[np.ndarray], factor: float) -> _Estimate:
    """Errors and components of splits on the same pictures, as of splits with their own."""
    count = len(values)
    seeds, items = values[0].shape
    split, picture, pair = variances(np.stack([each.mean(0) for each in values]))
    parts = factor * split, picture / items, pair / (count * items)
    error2, degrees = squared_error(*parts, count - 1, items - 1)
    seed, rest = _variances_within(values)
    alone = max(0.0, picture - pair / count)
    if seeds == 1:
        within = (math.nan, alone, math.nan)
        between = (max(0.0, split - pair / items), pair)
    else:
        pair = max(0.0, pair - rest / seeds)
        within = (max(0.0, seed - rest / items), alone, rest)
        between = (max(0.0, split - pair / items - seed / seeds), pair)
    return _Estimate(
        training=math.sqrt(parts[0]),
        pictures=math.sqrt(parts[1]),
        error2=float(error2),
        degrees=float(degrees),
        within=within,
        between=between,
    )
