"""The mean of paired differences over redrawn splits, with its corrected interval."""

import math
from collections.abc import Sequence

import numpy as np

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
    """Estimate the mean of `values`, one (seeds, pictures) a redrawn split of a pool, and its
    interval for new splits.

    In each redraw `train` items were trained on and `held` held out: the test items where the test
    split is redrawn, the validation items where it is official (`same_pictures`). Splits weigh
    alike. Seeds are taken as drawn anew in each split: an effect of a seed's number that all splits
    share would show in no difference between them. Raises ValueError for fewer than two splits,
    another shape, numbers of seeds that differ, numbers of pictures that differ though they are the
    same pictures, values that are not finite, and counts that are not above 0.

    The squared error is (1/R + held/train) v_split with R - 1 degrees of freedom, v_split the
    variance of the R split means (Nadeau and Bengio 2003, doi:10.1023/A:1024068626366, the
    corrected resampled t test). K folds are the case held/train = 1/(K - 1); no estimate of their
    variance is unbiased (Bengio and Grandvalet 2004, JMLR 5:1089).

    The ratio is derived for held-out items that redraws share; it knows nothing of pictures that
    all splits share. So with `same_pictures` these are crossed with the splits as they are with the
    seeds in `two_way`, by the same rule. Such an interval holds for new pictures and new splits of
    this pool. What the pool itself does to training shows in no difference between its splits and
    is held fixed, as the weights are: an interval for other pools would take the ratio train/held
    for the noise of the training items (the delete-d jackknife, Shao and Wu 1989, Annals of
    Statistics 17:1176).

    `pictures_floor` takes the variance between splits with pictures of their own as no less than
    what these pictures alone make, which the pictures within a split tell with many more degrees of
    freedom.
    """
    values = _checked(values, train, held, same_pictures)
    origin = float(values[0][0, 0])
    values = [split - origin for split in values]  # identical values then give exactly zero width
    factor = 1 / len(values) + held / train
    if same_pictures:
        training, pictures, error2, degrees, components = _same_pictures(values, factor)
    else:
        training, pictures, error2, degrees, components = _own_pictures(
            values, factor, pictures_floor
        )
    mean = ends(float(np.mean([split.mean() for split in values])) + origin, degrees, error2, level)
    (seed, picture, rest), between = components
    sizes = len(values[0]), min(split.shape[1] for split in values), len(values), held / train
    return Interval(
        *mean, training, pictures, float(degrees), seed, picture, rest, *sizes, *between
    )


def _checked(values, train, held, same_pictures) -> list[np.ndarray]:
    values = [np.asarray(split, dtype=np.float64) for split in values]
    if len(values) < 2:
        raise ValueError(
            f"splits: {len(values)} given, and only two or more show how the mean varies between"
            " them."
        )
    for number, split in enumerate(values):
        if split.ndim != 2 or split.shape[0] < 1 or split.shape[1] < 2:
            raise ValueError(
                f"values[{number}] of shape {split.shape}: each split needs (seeds, pictures), two"
                " pictures or more."
            )
        if not np.isfinite(split).all():
            raise ValueError(f"values[{number}]: some are nan or infinite; leave failed seeds out.")
    seeds, items = (sorted({split.shape[axis] for split in values}) for axis in (0, 1))
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
            raise ValueError(
                f"{name}={size}: the number of items in each redraw; it must be finite and above 0."
            )
    return values


def _within(values: list[np.ndarray]) -> tuple[float, float]:
    """Variances of seed means and of the residual within a split, averaged over splits."""
    if len(values[0]) == 1:
        return math.nan, math.nan
    seed, _, rest = np.mean([variances(split) for split in values], 0).tolist()
    return seed, rest


def _own_pictures(values, factor, pictures_floor):
    split = float(np.var([one.mean() for one in values], ddof=1))
    degrees = len(values) - 1
    if pictures_floor:
        least = float(np.mean([variances(one)[1] / one.shape[1] for one in values]))
        if least > split:
            split = least
            degrees = sum(one.shape[1] - 1 for one in values)
    seed, _ = _within(values)
    alone = split if math.isnan(seed) else max(0.0, split - seed / len(values[0]))
    components = (seed, math.nan, math.nan), (alone, math.nan)
    return math.sqrt(factor * split), math.nan, factor * split, degrees, components


def _same_pictures(values, factor):
    count, (seeds, items) = len(values), values[0].shape
    split, picture, pair = variances(np.stack([one.mean(0) for one in values]))
    parts = factor * split, picture / items, pair / (count * items)
    error2, degrees = squared_error(*parts, count - 1, items - 1)
    seed, rest = _within(values)
    alone = max(0.0, picture - pair / count)
    if seeds == 1:
        components = (math.nan, alone, math.nan), (max(0.0, split - pair / items), pair)
    else:
        pair = max(0.0, pair - rest / seeds)
        components = (
            (max(0.0, seed - rest / items), alone, rest),
            (
                max(0.0, split - pair / items - seed / seeds),
                pair,
            ),
        )
    return math.sqrt(parts[0]), math.sqrt(parts[1]), error2, degrees, components
