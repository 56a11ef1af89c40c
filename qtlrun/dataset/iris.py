"""Scikit-learn's iris flowers: bundled with it, no download."""

import numpy as np

from qtlrun.dataset import vector
from qtlrun.dataset.bundled import read_table

CLASSES = ("setosa", "versicolor", "virginica")


class Iris:
    """Flowers of three species of iris, by length and width of sepal and petal.

    These are in centimetres before the scaling. Two of the 150 have the same four numbers and
    species; they count once, so that no flower of the test split has been trained on.
    `qtlrun.dataset.vector.draw_splits` says which flower goes into which split; the scaling is that
    of train. Source: Fisher, The use of multiple measurements in taxonomic problems, 1936.
    """

    def __init__(
        self,
        validation: float | str,
        test: float,
        split_seed: int = 0,
        train_size: int | float | None = None,
        fold: list[int] | None = None,
    ):
        vector.check(validation, test, train_size, fold)
        self.classes = CLASSES
        # The first line has counts and the names of the classes
        table = read_table("iris.csv", header=1)
        _, first = np.unique(table[:, :-1], axis=0, return_index=True)
        first.sort()
        flowers = vector.as_split(table[first, :-1], table[first, -1].astype(int))
        parts = vector.draw_splits(
            flowers, self.classes, validation, test, split_seed, train_size, fold
        )
        scaled = vector.scale_splits(parts, by=parts["train"])
        self.train = scaled.train
        self.validation = scaled.validation
        self.test = scaled.test
        self.scaling = scaled.scaling
        self.size = len(flowers)
        self.fingerprint = scaled.fingerprint

    def verify(self, step=lambda done, total: None) -> None:
        """Nothing to verify: the flowers are numbers already."""
