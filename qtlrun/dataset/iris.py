"""Scikit-learn's iris flowers: bundled with it, no download."""

import numpy as np

from qtlrun.dataset import vector
from qtlrun.dataset.bundled import read_table
from qtlrun.dataset.dataset import Dataset
from qtlrun.dataset.splitting import Splitting

CLASSES = ("setosa", "versicolor", "virginica")


def iris(splitting: Splitting, test: float) -> Dataset:
    """Flowers of three species of iris, by length and width of sepal and petal.

    These are in centimetres before the scaling, which is that of train. Two of the 150 have the
    same four numbers and species; they count once, so that no flower of the test split has been
    trained on. Source: Fisher, The use of multiple measurements in taxonomic problems, 1936.
    """
    # The first line has counts and the names of the classes
    table = read_table("iris.csv", header=1)
    _, first = np.unique(table[:, :-1], axis=0, return_index=True)
    first.sort()
    flowers = vector.as_split(table[first, :-1], table[first, -1].astype(int))
    return vector.divide(flowers, CLASSES, splitting, test)
