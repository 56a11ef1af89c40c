"""Your pictures in class folders."""

from qtlrun.dataset.split import adopt
from qtlrun.dataset.tree import Tree


class Folder:
    """Pictures of `root/CLASS/*.jpg`, or of `root/train/CLASS/*.jpg` and parts beside train.

    These are `root/val`, `root/test` or both. `qtlrun.dataset.tree.Tree` says which picture goes
    into which split. Raises ValueError where the layout, a class or a picture is not what it should
    be.
    """

    def __init__(
        self,
        root: str,
        validation: float | str = 0.2,
        test: float | str = 0.2,
        split_seed: int = 0,
        train_size: int | float | None = None,
        fold: list[int] | None = None,
        classes: list[str | int | float | bool] | None = None,
    ):
        tree = Tree(root, validation, test, split_seed, train_size, fold, classes)
        adopt(self, tree, "classes", "caution")
