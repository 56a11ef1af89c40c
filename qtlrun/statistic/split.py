"""Mean of paired differences over redrawn splits, with its confidence interval.

`low` and `high` are about training sets drawn from this pool, which given the pool are independent.
`like_low` and `like_high` are about those of other pools of that size. Training sets of one pool
have `share` of their items in common, so their effects are correlated by that much, which adds
share/(1 - share) times their variance (the delete-d jackknife, Shao and Wu 1989, Annals of
Statistics 17:1176). The pictures' noise is taken off that first, and the seeds' where a split has
several; with one seed it is too much. Where splits differ in their pictures `low` and `high` have
it too: errors on the pool's own items do not follow the luck of that pool (Bates, Hastie and
Tibshirani 2021, arXiv:2104.00673).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from qtlrun.error import NO_VALUE, BadValue, UsageError
from qtlrun.statistic.interval import (
    Interval,
    carriers_of,
    ends,
    shares_of,
    skewness_of,
    squared_error,
    variances,
)

Names = Sequence[str]  # of the pictures of a split
MIN_COMMON = 1e-9  # of a split's pictures; below it only rounding is left


def resampled(
    values: Sequence[np.ndarray],
    items: Sequence[Names] | None,
    *,
    share: float,
    level: float = 0.95,
    symmetric: bool = False,
) -> Interval:
    """Mean of `values` over redrawn splits, with intervals for new splits and pictures.

    `values` has an array (seeds, pictures) per split, `items` the names of its pictures; a picture
    that several splits test has one name. None: each split draws data of its own, and the interval
    is Student's over split means. `share` is that of the pool's items on which each split is
    trained. Splits weigh alike, and seeds are taken as drawn anew in each. Raises ValueError for
    fewer than two splits, another shape, numbers of seeds that differ, names that are not one a
    picture, values that are not finite, and a share outside [0, 1).

    A value is mean + split + picture + their pair. The squared error of the mean is that of splits,
    v_split/R, and that of pictures, less what both hold (Cameron, Gelbach and Miller 2011,
    doi:10.1198/jbes.2010.07136; Owen 2007, doi:10.1214/07-AOAS122), and at least either of the
    first two. Pictures weigh by the splits that test them. On the same pictures in every split this
    is the rule of `crossed`, the splits in the place of the seeds.
    """
    values = _check_splits(values, items, share)
    # The origin is subtracted so that identical values give exactly zero width.
    origin = float(values[0][0, 0])
    values = [split - origin for split in values]
    count = len(values)
    seeds = len(values[0])
    mean = float(np.mean([split.mean() for split in values])) + origin
    parts = _Parts.of(values, items)
    seed, rest = _variances_within(values)
    within, across = _components(parts, seed, rest, seeds)
    common = share / (1 - share) * parts.training_variance(seed, rest, seeds)
    error2, degrees = parts.squared_error(0.0 if parts.same else common)
    wider2, wider_degrees = parts.squared_error(common)
    shares = parts.shares
    trainings = shares_of(np.array([split.mean() for split in values]))
    if symmetric or items is None:
        shares = trainings = np.zeros(0)
    return Interval(
        *ends(mean, degrees, error2, level, skewness_of(shares, trainings, error2)),
        math.sqrt(parts.split / count),
        math.sqrt(parts.picture) if parts.separable else math.nan,
        float(degrees),
        *within,
        seeds,
        min(split.shape[1] for split in values),
        count,
        share,
        *across,
        *ends(mean, wider_degrees, wider2, level, skewness_of(shares, trainings, wider2))[1:],
        parts.common,
        len(parts.shares),
        carriers_of(parts.shares, error2),
    )


class _Parts(NamedTuple):
    """Parts of the squared error of a mean over splits.

    split: variance of the split means
    picture: squared error from the pictures, with their pairs with splits
    overlap: what v_split/R and `picture` both hold
    shares: of the pictures in the mean, centred within splits; their squares sum to `picture`
    common: share of a split's pictures on which another split is tested, mean over pairs
    splits: number of them
    items: pictures of a split, harmonic mean
    independent: whether each split draws data of its own
    """

    split: float
    picture: float
    overlap: float
    shares: np.ndarray
    common: float
    splits: int
    items: float
    independent: bool

    @classmethod
    def of(cls, values: list[np.ndarray], items: Sequence[Names] | None) -> "_Parts":
        """Parts of values (seeds, pictures) per split, whose origin is near their mean."""
        count = len(values)
        by_picture = [split.mean(0) for split in values]
        terms = [_terms(split, count) for split in by_picture]
        sizes = np.array([len(split) for split in by_picture])
        index = np.arange(sizes.sum()) if items is None else _number_pictures(items)
        shares = np.bincount(index, np.concatenate(terms))
        squares = sum(float(np.square(term).sum()) for term in terms)
        picture = float(np.square(shares).sum())
        weights = np.bincount(index, np.repeat(1 / sizes, sizes))
        inverse = float(np.sum(1 / sizes))
        pairs = (float(np.square(weights).sum()) - inverse) / (count * (count - 1))
        return cls(
            split=float(np.var([split.mean() for split in by_picture], ddof=1)),
            picture=picture,
            overlap=max(0.0, (count * squares - picture) / (count - 1)),
            shares=shares,
            common=_round_share(pairs * count / inverse),
            splits=count,
            items=count / inverse,
            independent=items is None,
        )

    @property
    def same(self) -> bool:
        """Whether all splits are tested on the same pictures."""
        return self.common == 1

    @property
    def separable(self) -> bool:
        """Whether splits share enough pictures to tell their noise from that of splits."""
        return self.common > 0

    def squared_error(self, common: float = 0.0) -> tuple[float, float]:
        """Squared error and degrees of freedom, with what training sets have in common."""
        training = self.split / self.splits + common
        if self.independent:
            return training, self.splits - 1
        error2, degrees = squared_error(
            training, self.picture, self.overlap, self.splits - 1, len(self.shares) - 1
        )
        return float(error2), float(degrees)

    def training_variance(self, seed: float, rest: float, seeds: int) -> float:
        """Variance of training sets of one pool: of splits without pictures' and seeds' noise."""
        if self.independent:
            return 0.0
        return max(0.0, self.split - self.splits * self.overlap - _luck(seed, rest, self, seeds))


def _round_share(share: float) -> float:
    """Share without the rounding that it has near none and all."""
    if share < MIN_COMMON:
        return 0.0
    return 1.0 if share > 1 - MIN_COMMON else share


def _number_pictures(items: Sequence[Names]) -> np.ndarray:
    """Number of each split's pictures in turn; pictures of one name have one number."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for names in items for name in names])


def _terms(by_picture: np.ndarray, splits: int) -> np.ndarray:
    """Shares of one split's pictures in the mean over splits, centred."""
    size = len(by_picture)
    return (by_picture - by_picture.mean()) / (splits * math.sqrt(size * (size - 1)))


def _variances_within(values: list[np.ndarray]) -> tuple[float, float]:
    """Variances of seed means and of the residual within a split, averaged over splits."""
    if len(values[0]) == 1:
        return math.nan, math.nan
    seed, _, rest = np.mean([variances(split) for split in values], 0).tolist()
    return seed, rest


def _components(
    parts: _Parts, seed: float, rest: float, seeds: int
) -> tuple[tuple[float, float, float], tuple[float, float]]:
    """Components per cell of seed, picture and residual, and of split and pair."""
    if not parts.separable:
        luck = seed / seeds if seeds > 1 else 0.0
        return (seed, math.nan, math.nan), (max(0.0, parts.split - luck), math.nan)
    # E picture - overlap = sigma2_picture common/n; R overlap = (sigma2_picture (1 - common) +
    # pair)/n
    picture = max(0.0, parts.picture - parts.overlap) * parts.items / parts.common
    pair = parts.splits * parts.overlap * parts.items - picture * (1 - parts.common)
    alone = seeds * _luck(seed, rest, parts, seeds) if seeds > 1 else math.nan
    noise = rest / seeds if seeds > 1 else 0.0
    split = parts.training_variance(seed, rest, seeds)
    return (alone, picture, rest), (split, max(0.0, pair - noise))


def _luck(seed: float, rest: float, parts: _Parts, seeds: int) -> float:
    """Variance of a split mean from its seeds, without the residual; 0 where it is not known."""
    return max(0.0, seed - rest / parts.items) / seeds if seeds > 1 else 0.0


def _check_splits(
    values: Sequence[np.ndarray], items: Sequence[Names] | None, share: float
) -> list[np.ndarray]:
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
        if items is not None and len(items[number]) != split.shape[1]:
            raise ValueError(
                f"items[{number}]: {len(items[number])} names for {split.shape[1]} pictures: each"
                " needs one."
            )
    seeds = sorted({len(split) for split in values})
    if len(seeds) > 1:
        raise ValueError(
            f"splits of {seeds[0]} to {seeds[-1]} seeds: each needs as many, for splits weigh"
            " alike."
        )
    if not 0 <= share < 1:
        raise BadValue(
            "share", share, "of the pool's items that each split trains on, from 0 to below 1"
        )
    return values
