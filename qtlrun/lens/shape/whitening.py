"""Whitening of points, and how far from white they are."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

Points = Float64[np.ndarray, "items numbers"]


@dataclass(frozen=True)
class Whitening:
    """Map by the inverse root of a covariance: x to covariance^(-1/2) (x - center).

    The covariance is shrunk towards a multiple of the identity, by as much as Ledoit and Wolf
    (2004) find best, so that its inverse exists where there are fewer items than numbers. The
    activation atlas of the published visuals takes the inverse of the uncentred second moments, no
    root of it, which does not whiten.

    center: mean of the items
    directions: orthonormal, those along which items differ
    variances: shrunk, along the directions
    rest: shrunk variance along every other direction
    shrinkage: share of the identity's multiple, 0 to 1
    """

    center: Float64[np.ndarray, " numbers"]
    directions: Float64[np.ndarray, "rank numbers"]
    variances: Float64[np.ndarray, " rank"]
    rest: float
    shrinkage: float

    def __call__(self, points: Points) -> Points:
        """Whiten points."""
        centered = points - self.center
        inside = centered @ self.directions.T
        outside = centered - inside @ self.directions
        return (inside / np.sqrt(self.variances)) @ self.directions + outside / math.sqrt(self.rest)

    @property
    def condition(self) -> float:
        """Condition number of the shrunk covariance."""
        smallest = self.variances.min()
        if len(self.directions) < len(self.center):
            smallest = min(smallest, self.rest)
        return float(self.variances.max() / smallest)


def fit_whitening(points: Points) -> Whitening | None:
    """Fit to items; None where they do not differ."""
    from sklearn.covariance import ledoit_wolf_shrinkage

    center = points.mean(0)
    centered = points - center
    _, sizes, directions = np.linalg.svd(centered, full_matrices=False)
    if not sizes[0] > np.finfo(float).eps * len(points) * np.abs(points).max():
        return None
    shrinkage = float(ledoit_wolf_shrinkage(centered, assume_centered=True))
    variances = sizes**2 / len(points)
    mean = variances.sum() / points.shape[1]
    floor = np.finfo(float).eps * variances[0]  # where nothing is shrunk, and nothing varies
    shrunk = np.maximum((1 - shrinkage) * variances + shrinkage * mean, floor)
    return Whitening(center, directions, shrunk, max(shrinkage * mean, floor), shrinkage)


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
