"""Intrinsic dimension of points, by the distances to their nearest neighbours."""

import math

import numpy as np
from jaxtyping import Float64

Points = Float64[np.ndarray, "items numbers"]
DISCARDED = 0.1  # share of the largest ratios, which the fit leaves out as published
FEWEST_ITEMS = 5  # of which a dimension is told


def two_neighbours(points: Points) -> float:
    """Dimension by the ratio of the distances to the second and the first neighbour (TwoNN).

    Slope of -log(1 - F) by log(ratio) through the origin, F the share of items with a ratio as
    small. Source: Facco et al., arXiv:1803.06992. Items that coincide with another count once.
    """
    distances = _distances(points, 2)
    if len(distances) < FEWEST_ITEMS:
        return math.nan
    ratios = np.sort(distances[:, 1] / distances[:, 0])
    shares = np.arange(1, len(ratios) + 1) / len(ratios)
    count = int(len(ratios) * (1 - DISCARDED))
    x = np.log(ratios[:count])
    y = -np.log(1 - shares[:count])
    return float(x @ y / (x @ x)) if x.any() else math.nan


def maximum_likelihood(points: Points, neighbours: int) -> float:
    """Dimension by maximum likelihood of the distances to so many neighbours.

    Source: Levina and Bickel, NIPS 2004, averaged over the items as MacKay and Ghahramani (2005)
    correct it: the inverses have a mean, of which the dimension is the inverse. Items that coincide
    with another count once.
    """
    distances = _distances(points, neighbours)
    if len(distances) < FEWEST_ITEMS or distances.shape[1] < 2:
        return math.nan
    inverse = float(np.log(distances[:, -1:] / distances[:, :-1]).mean())
    return 1 / inverse if inverse > 0 else math.nan


def _distances(points: Points, count: int) -> Float64[np.ndarray, "others neighbours"]:
    """Distances of each distinct point to its nearest others, the nearest first."""
    from sklearn.neighbors import NearestNeighbors

    distinct = np.unique(points, axis=0)
    if len(distinct) < FEWEST_ITEMS:
        return np.empty((0, 0))
    count = min(count, len(distinct) - 1)
    distances, _ = NearestNeighbors(n_neighbors=count).fit(distinct).kneighbors()
    return distances[distances[:, 0] > 0]
