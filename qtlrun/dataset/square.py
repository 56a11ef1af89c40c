"""Points inside and outside a square in the plane."""

import numpy as np
from jaxtyping import Float64, Int64

from qtlrun.dataset import vector
from qtlrun.dataset.dataset import Dataset
from qtlrun.dataset.splitting import Splitting
from qtlrun.error import BadValue, check_finite

CLASSES = ("inside", "outside")
MAX_COORDINATE = 2.0  # of a point, before noise


def square(
    points: int, noise: float, side: float, seed: int, splitting: Splitting, test: float
) -> Dataset:
    """Points of the plane, uniform in [-2, 2] x [-2, 2], inside or outside a square.

    A point is outside where a coordinate is larger than `side`, half the square's edge, or smaller
    than its negative. Then every coordinate is moved by a uniform number in [-noise, noise], which
    takes some points across the border. There are `points` of both classes together, drawn by
    `seed`. The scaling is that of train. Source: the notebook beside Mari et al., arXiv:1912.08278,
    which has side 1.2, noise 0.1 and seed 21.
    """
    vector.check_points(points)
    check_finite(noise=noise)
    if not 0 < side < MAX_COORDINATE:
        raise BadValue(
            "side",
            side,
            f"coordinates are {MAX_COORDINATE:g} at most",
            "give more than 0 and less than that",
        )
    vector.check_seed(seed)
    vectors, labels = _points(points, noise, side, seed)
    if len(set(labels.tolist())) < 2:
        raise BadValue(
            "side",
            side,
            f"all {points} points are {CLASSES[labels[0]]}",
            "give more, or another side",
        )
    return vector.divide(vector.as_split(vectors, labels), CLASSES, splitting, test)


def _points(
    points: int, noise: float, side: float, seed: int
) -> tuple[Float64[np.ndarray, "points 2"], Int64[np.ndarray, " points"]]:
    draw = np.random.RandomState(seed)
    vectors = draw.uniform(-MAX_COORDINATE, MAX_COORDINATE, size=(points, 2))
    labels = (np.abs(vectors).max(axis=1) > side).astype(np.int64)
    return vectors + draw.uniform(-noise, noise, size=(points, 2)), labels
