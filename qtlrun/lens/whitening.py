"""Whitening of points, and how far from white they are."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float64

from qtlrun.lens.layer import Points

# Deviation along a direction, beside the largest value, up to which it is rounding: layers are
# computed in single precision
RESOLUTION = 1e-6


@dataclass(frozen=True, eq=False)
class Whitening:
    """Map by the inverse root of a covariance: x to covariance^(-1/2) (x - centre).

    The covariance is shrunk towards a multiple of the identity, by as much as Ledoit and Wolf
    (2004) find best, so that its inverse exists where there are fewer items than numbers. The
    activation atlas of the published visuals takes the inverse of the uncentred second moments, no
    root of it, which does not whiten. A direction along which enough items do not differ has no
    scale, and is mapped to 0.

    centre: mean of the items
    varying: numbers that are not the same for all items
    directions: orthonormal, those along which items differ
    variances: shrunk, along the directions
    rest: shrunk variance of the varying numbers along other directions, which there are too few
        items to fill; infinite where there are enough
    shrinkage: share of the identity's multiple, 0 to 1
    """

    centre: Float64[np.ndarray, " numbers"]
    varying: Bool[np.ndarray, " numbers"]
    directions: Float64[np.ndarray, "rank numbers"]
    variances: Float64[np.ndarray, " rank"]
    rest: float
    shrinkage: float

    def __call__(self, points: Points) -> Points:
        """Whiten points."""
        return (points - self.centre) @ self.matrix

    @cached_property
    def matrix(self) -> Float64[np.ndarray, "numbers numbers"]:
        """Inverse root of the covariance."""
        others = np.diag(self.varying.astype(float)) - self.directions.T @ self.directions
        scaled = self.directions / np.sqrt(self.variances)[:, None]
        return self.directions.T @ scaled + others / math.sqrt(self.rest)


def fit_whitening(points: Points) -> Whitening | None:
    """Fit to items; None where they do not differ."""
    from sklearn.covariance import ledoit_wolf_shrinkage

    centre = points.mean(0)
    least = RESOLUTION * np.abs(points).max()
    varying = find_varying(points)
    centred = (points - centre) * varying
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    is_filled = sizes > least * math.sqrt(len(points))
    rank = int(is_filled.sum())
    if not rank:
        return None
    directions = directions[is_filled]
    numbers = int(varying.sum())
    if rank < min(len(points) - 1, numbers):  # items could differ in more directions, and do not
        numbers = rank
    scores = np.pad(centred @ directions.T, ((0, 0), (0, numbers - rank)))
    shrinkage = float(ledoit_wolf_shrinkage(scores, assume_centered=True))
    variances = sizes[is_filled] ** 2 / len(points)
    mean = variances.sum() / numbers
    floor = np.finfo(float).eps * variances[0]  # where nothing is shrunk, and nothing varies
    shrunk = np.maximum((1 - shrinkage) * variances + shrinkage * mean, floor)
    rest = max(shrinkage * mean, floor) if numbers > rank else math.inf
    return Whitening(centre, varying, directions, shrunk, rest, shrinkage)


def find_varying(points: Points) -> Bool[np.ndarray, " numbers"]:
    """Numbers that are not the same for all items, but for the rounding of single precision."""
    return np.ptp(points, axis=0) > RESOLUTION * np.abs(points).max()


def distance_from_identity(points: Points) -> float:
    """Frobenius norm of covariance minus identity, over the root of the numbers.

    Of n items of a standard Gaussian it is about `chance_distance`.
    """
    count = len(points)
    numbers = points.shape[1]
    if count < 2:
        return math.nan
    centered = points - points.mean(0)
    gram = centered @ centered.T / (count - 1)
    square = float((gram**2).sum()) - 2 * float(gram.trace()) + numbers
    return math.sqrt(max(0.0, square) / numbers)


def chance_distance(items: int, numbers: int) -> float:
    """Distance from the identity of so many items of a standard Gaussian."""
    return math.sqrt((numbers + 1) / (items - 1)) if items > 1 else math.nan
