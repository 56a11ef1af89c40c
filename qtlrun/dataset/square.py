"""Points inside and outside a square in the plane."""

import numpy as np
from jaxtyping import Float64, Int64

from qtlrun.dataset import vector
from qtlrun.plan import finite

CLASSES = ("inside", "outside")
LEAST = 6  # points: one of each class in every split
EDGE = 2.0  # the largest coordinate of a point, before noise


class Square:
    """`points` of the plane, uniform in [-2, 2] x [-2, 2] and drawn by `seed`; the class is outside
    where a coordinate is larger than `side` or smaller than its negative.

    So `side` is half of what an edge of the square measures. Then every coordinate is moved by a
    uniform number in [-noise, noise], which takes some points across the border.
    `qtlrun.dataset.vector.drawn` says which point goes into which split; the scaling is that of
    train. Source: the notebook beside Mari et al., arXiv:1912.08278, which has side 1.2, noise 0.1
    and seed 21.
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
        if points < LEAST:
            raise ValueError(
                f"points={points}: either class needs a point in each split; give {LEAST} or more"
                " in all."
            )
        finite(noise=noise)
        if not 0 < side < EDGE:
            raise ValueError(
                f"side={side}: coordinates are {EDGE:g} at most; give more than 0 and less than"
                " that."
            )
        vector.check(validation, test, train_size, fold, seed)
        vectors, labels = _points(points, noise, side, seed)
        if len(set(labels.tolist())) < 2:
            raise ValueError(
                f"side={side}: all {points} points are {CLASSES[labels[0]]}; give more, or another"
                " side."
            )
        every = vector.whole(vectors, labels)
        parts = vector.drawn(every, CLASSES, validation, test, split_seed, train_size, fold)
        scaled = vector.scaled(parts, by=parts["train"])
        self.train = scaled.train
        self.validation = scaled.validation
        self.test = scaled.test
        self.scaling = scaled.scaling
        self.classes = CLASSES
        self.size = len(every)
        self.fingerprint = scaled.fingerprint

    def verify(self, step=lambda done, total: None) -> None:
        """Nothing to verify: the points are numbers already."""


def _points(
    points: int, noise: float, side: float, seed: int
) -> tuple[Float64[np.ndarray, "points 2"], Int64[np.ndarray, " points"]]:
    draw = np.random.RandomState(seed)
    vectors = draw.uniform(-EDGE, EDGE, size=(points, 2))
    labels = (np.abs(vectors).max(axis=1) > side).astype(np.int64)
    return vectors + draw.uniform(-noise, noise, size=(points, 2)), labels
