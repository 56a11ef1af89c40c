"""Your own pictures in class folders."""

from qtlrun.dataset.tree import Tree


class Folder:
    """The pictures of `root/CLASS/*.jpg`, or of `root/train/CLASS/*.jpg` with `root/val`,
    `root/test` or both.

    `qtlrun.dataset.tree.Tree` says which picture goes into which split. Raises ValueError where the
    layout, a class or a picture is not what it should be.
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
        self.train, self.validation, self.test = tree.train, tree.validation, tree.test
        self.classes, self.size, self.fingerprint = tree.classes, tree.size, tree.fingerprint
        self.verify, self.caution = tree.verify, tree.caution
