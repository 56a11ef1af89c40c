"""Joint test of one difference under many protocols, by permutation over seeds."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

MAX_EXACT_FLIPS = 4096  # of 12 seeds
RANDOM_FLIPS = 9999
CHUNK = 512  # flips at once
ROUNDING = 1e-12  # of the largest value: means that differ by less are equal


@dataclass(frozen=True)
class JointTest:
    """Two-sided p values of no difference under any protocol, by sign flips over seeds.

    median: over protocols, of the mean differences
    share: of the protocols whose difference has the sign that most have
    p_median: of a median as far from zero
    p_share: of as large a share of one sign
    flips: how many were compared
    exact: whether these are all that there are
    least: smallest p value that so many seeds can give
    """

    median: float
    share: float
    p_median: float
    p_share: float
    flips: int
    exact: bool
    least: float


def flip_signs(values: np.ndarray) -> JointTest:
    """Joint test of differences (seeds, protocols) between two models trained from each seed.

    If the models are trained and tested alike, their names may be exchanged within a seed, which
    changes the sign of that seed's differences under all protocols at once; so the dependence
    between protocols stays. All 2^S flips are compared where they are at most 4096. Beyond, 9999
    random ones, with p = (b + 1) / (m + 1) (Phipson and Smyth 2010, doi:10.2202/1544-6115.1585).
    The test is about new seeds, on these test items. The specification curve of Simonsohn et al.
    2020 (doi:10.1038/s41562-020-0912-z) has both statistics. Raises ValueError for other shapes and
    values that are not finite.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or 0 in values.shape or not np.isfinite(values).all():
        raise ValueError(
            f"values of shape {values.shape}: finite differences (seeds, protocols) are needed."
        )
    seeds = len(values)
    tolerance = ROUNDING * float(np.abs(values).max())
    (median,), (share,) = _statistics(values.mean(0, keepdims=True), tolerance)
    exact = 2**seeds <= MAX_EXACT_FLIPS
    as_far = 0
    as_many = 0
    flips = 0
    for signs in _all_signs(seeds) if exact else _random_signs(seeds):
        medians, shares = _statistics(signs @ values / seeds, tolerance)
        as_far += int((np.abs(medians) >= abs(median) - tolerance).sum())
        as_many += int((shares >= share - ROUNDING).sum())
        flips += len(signs)
    observed = 0 if exact else 1  # among all flips it is counted already
    return JointTest(
        float(median),
        float(share),
        (as_far + observed) / (flips + observed),
        (as_many + observed) / (flips + observed),
        flips,
        exact,
        2 / flips if exact else 1 / (flips + 1),
    )


def _statistics(means: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Median over protocols, and the larger share of one sign, of means (flips, protocols)."""
    below = (means < -tolerance).mean(1)
    above = (means > tolerance).mean(1)
    return np.median(means, axis=1), np.maximum(below, above)


def _all_signs(seeds: int) -> Iterator[np.ndarray]:
    """All signs of the seeds, shape (flips, seeds)."""
    signs = np.array(list(itertools.product((1.0, -1.0), repeat=seeds)))
    yield from np.array_split(signs, -(-len(signs) // CHUNK))


def _random_signs(seeds: int) -> Iterator[np.ndarray]:
    """Random signs of the seeds, shape (flips, seeds)."""
    generator = np.random.default_rng(0)
    for first in range(0, RANDOM_FLIPS, CHUNK):
        count = min(CHUNK, RANDOM_FLIPS - first)
        yield generator.choice((1.0, -1.0), (count, seeds))
