"""Points inside and outside a square in the plane."""

import numpy as np
from jaxtyping import Float64, Int64

from qtlrun.dataset import vector
from qtlrun.plan import finite

CLASSES = ("inside", "outside")
MIN_POINTS = 6  # one of each class in every split
MAX_COORDINATE = 2.0  # of a point, before noise


class Square:
    """Points of the plane, uniform in [-2, 2] x [-2, 2], inside or outside a square.

    A point is outside where a coordinate is larger than `side` or smaller than its negative. Then
    every coordinate is moved by a uniform number in [-noise, noise], which takes some points across
    the border. The scaling is that of train. Source: the notebook beside Mari et al.,
    arXiv:1912.08278, which has side 1.2, noise 0.1 and seed 21.

    Arguments:
        points: of both classes together.
        noise: bound of what moves a coordinate.
        side: half the edge of the square.
        seed: of the draw of the points.
        validation: see `qtlrun.dataset.vector.draw_splits`, as for the values below.
        test: share of every class.
        split_seed: of the division.
        train_size: items of train that are used, or their share.
        fold: [k, K], part k of K as the test split.
    """

    def __init__(
        self,
        points: int,
        noise: float,
        side: float,
        seed: int,
        validation: float | str,
        test: float,
        split_seed: int = 0,
        train_size: int | float | None = None,
        fold: list[int] | None = None,
    ):
        if points < MIN_POINTS:
            raise ValueError(
                f"points={points}: either class needs a point in each split; give {MIN_POINTS} or"
                " more in all."
            )
        finite(noise=noise)
        if not 0 < side < MAX_COORDINATE:
            raise ValueError(
                f"side={side}: coordinates are {MAX_COORDINATE:g} at most; give more than 0 and"
                " less than that."
            )
        vector.check(validation, test, train_size, fold, seed)
        vectors, labels = _points(points, noise, side, seed)
        if len(set(labels.tolist())) < 2:
            raise ValueError(
                f"side={side}: all {points} points are {CLASSES[labels[0]]}; give more, or another"
                " side."
            )
        whole = vector.as_split(vectors, labels)
        parts = vector.draw_splits(whole, CLASSES, validation, test, split_seed, train_size, fold)
        scaled = vector.scale_splits(parts, by=parts["train"])
        self.train = scaled.train
        self.validation = scaled.validation
        self.test = scaled.test
        self.scaling = scaled.scaling
        self.classes = CLASSES
        self.size = len(whole)
        self.fingerprint = scaled.fingerprint

    def verify(self, step=lambda done, total: None) -> None:
        """Nothing to verify: the points are numbers already."""


def _points(
    points: int, noise: float, side: float, seed: int
) -> tuple[Float64[np.ndarray, "points 2"], Int64[np.ndarray, " points"]]:
    draw = np.random.RandomState(seed)
    vectors = draw.uniform(-MAX_COORDINATE, MAX_COORDINATE, size=(points, 2))
    labels = (np.abs(vectors).max(axis=1) > side).astype(np.int64)
    return vectors + draw.uniform(-noise, noise, size=(points, 2)), labels
