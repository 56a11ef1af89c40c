"""Two half moons in the plane, each reaching into the other's bow."""

from sklearn.datasets import make_moons

from qtlrun.dataset import vector
from qtlrun.plan import finite

CLASSES = ("upper", "lower")
MIN_POINTS = 6  # one of each class in every split


class Moons:
    """Scikit-learn's half moons, on two half circles of radius 1.

    There are `points` of both classes together, drawn by `seed`. Every coordinate is off by a
    normal number of deviation `noise`. `qtlrun.dataset.vector.draw_splits` says which point goes
    into which split; the scaling is that of train. Source: the notebook beside Mari et al.,
    arXiv:1912.08278, which has noise 0.2 and seed 21.
    """

    def __init__(
        self,
        points: int,
        noise: float,
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
        vector.check(validation, test, train_size, fold, seed)
        whole = vector.as_split(*make_moons(points, noise=noise, random_state=seed))
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
