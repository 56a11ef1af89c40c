"""Two half moons in the plane, each reaching into the other's bow."""

from sklearn.datasets import make_moons

from qtlrun.dataset import vector
from qtlrun.dataset.dataset import Dataset
from qtlrun.dataset.splitting import Splitting
from qtlrun.error import check_finite

CLASSES = ("upper", "lower")


def moons(points: int, noise: float, seed: int, splitting: Splitting, test: float) -> Dataset:
    """Scikit-learn's half moons, on two half circles of radius 1.

    There are `points` of both classes together, drawn by `seed`. Every coordinate is off by a
    normal number of deviation `noise`. The scaling is that of train. Source: the notebook beside
    Mari et al., arXiv:1912.08278, which has noise 0.2 and seed 21.
    """
    vector.check_points(points)
    check_finite(noise=noise)
    vector.check_seed(seed)
    whole = vector.as_split(*make_moons(points, noise=noise, random_state=seed))
    return vector.divide(whole, CLASSES, splitting, test)
