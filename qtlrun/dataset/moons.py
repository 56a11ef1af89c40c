"""Two half moons in the plane, each reaching into the other's bow."""

from sklearn.datasets import make_moons

from qtlrun.dataset import vector
from qtlrun.plan import finite

CLASSES = ("upper", "lower")
LEAST = 6  # points: one of each class in every split


class Moons:
    """Scikit-learn's half moons: `points` on two half circles of radius 1, both classes together,
    drawn by `seed`.

    Every coordinate is off by a normal number of deviation `noise`. `qtlrun.dataset.vector.drawn`
    says which point goes into which split; the scaling is that of train. Source: the notebook
    beside Mari et al., arXiv:1912.08278, which has noise 0.2 and seed 21.
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
        if points < LEAST:
            raise ValueError(
                f"points={points}: either class needs a point in each split; give {LEAST} or more"
                " in all."
            )
        finite(noise=noise)
        vector.check(validation, test, train_size, fold, seed)
        every = vector.whole(*make_moons(points, noise=noise, random_state=seed))
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
