"""Scikit-learn's iris flowers: bundled with it, no download."""

import numpy as np
from sklearn.datasets import load_iris

from qtlrun.dataset import vector
from qtlrun.dataset.dataset import Dataset
from qtlrun.dataset.splitting import Splitting


def iris(splitting: Splitting, test: float) -> Dataset:
    """Flowers of three species of iris, by length and width of sepal and petal.

    These are in centimetres before the scaling, which is that of train. Two of the 150 have the
    same four numbers and species; they count once, so that no flower of the test split has been
    trained on. Source: Fisher, The use of multiple measurements in taxonomic problems, 1936.
    """
    bunch = load_iris()
    _, first = np.unique(bunch.data, axis=0, return_index=True)
    first.sort()
    flowers = vector.as_split(bunch.data[first], bunch.target[first])
    return vector.divide(flowers, tuple(map(str, bunch.target_names)), splitting, test)
