"""Your pictures in class folders."""

from qtlrun.dataset.dataset import Dataset
from qtlrun.dataset.splitting import Splitting
from qtlrun.dataset.tree import read_tree


def folder(
    root: str,
    splitting: Splitting,
    test: float | str = 0.2,
    classes: list[str | int | float | bool] | None = None,
) -> Dataset:
    """Pictures of `root/CLASS/*.jpg`, or of `root/train/CLASS/*.jpg` and parts beside train.

    `qtlrun.dataset.tree.read_tree` says which picture goes into which split.
    """
    return read_tree(root, splitting, test, classes)
