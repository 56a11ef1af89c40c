"""Intrinsic dimension of points, by the distances to their nearest neighbours."""

import math

import numpy as np
from jaxtyping import Float64

from qtlrun.lens.layer import Points

DISCARDED = 0.1  # share of the largest ratios, which the fit leaves out as published
FEWEST_DISTINCT = 5  # points of which a dimension is told
RESOLUTION = 1e-5  # of the largest point; closer ones are told apart by float32 alone


def two_neighbours(points: Points) -> float:
    """Dimension by the ratio of the distances to the second and the first neighbour (TwoNN).

    Slope of -log(1 - F) by log(ratio) through the origin, F the share of items with a ratio as
    small. Source: Facco et al., arXiv:1803.06992. Items that coincide count once.
    """
    distances = _distances(points, 2)
    if len(distances) < FEWEST_DISTINCT:
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
    count once.
    """
    distances = _distances(points, neighbours)
    if len(distances) < FEWEST_DISTINCT or distances.shape[1] < 2:
        return math.nan
    inverse = float(np.log(distances[:, -1:] / distances[:, :-1]).mean())
    return 1 / inverse if inverse > 0 else math.nan


def _distances(points: Points, count: int) -> Float64[np.ndarray, "others neighbours"]:
    """Distances of each distinct point to its nearest others, the nearest first."""
    from sklearn.neighbors import NearestNeighbors

    distinct = merge(points)
    if len(distinct) < FEWEST_DISTINCT:
        return np.empty((0, 0))
    count = min(count, len(distinct) - 1)
    distances, _ = NearestNeighbors(n_neighbors=count).fit(distinct).kneighbors()
    return distances


def merge(points: Points) -> Float64[np.ndarray, "others numbers"]:
    """One of each group of points that coincide, as where a layer saturates."""
    from sklearn.neighbors import NearestNeighbors

    distinct = np.unique(points, axis=0)
    reach = RESOLUTION * float(np.linalg.norm(distinct, axis=1).max())
    near = NearestNeighbors(radius=reach).fit(distinct).radius_neighbors(return_distance=False)
    is_first = np.ones(len(distinct), bool)
    for number, others in enumerate(near):
        if is_first[number]:
            is_first[others[others > number]] = False
    return distinct[is_first]
