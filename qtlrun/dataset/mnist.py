"""MNIST."""

from pathlib import Path

from torchvision import datasets

from qtlrun.dataset.idx import read
from qtlrun.dataset.public import Public
from qtlrun.dataset.split import adopt

DIGITS = tuple(range(10))


class MNIST:
    """28 x 28 grey scans of handwritten digits, 60,000 of train and 10,000 of test.

    They are found in `data` or fetched into it, as `qtlrun.dataset.idx.read` says. `classes` are
    digits; a label is the index of its digit there, and null takes all ten. The other values are
    those of `qtlrun.dataset.public.Public`. Source: LeCun, Cortes and Burges, from the scans of
    NIST's special databases 1 and 3.
    """

    def __init__(
        self,
        data: Path,
        classes: list[int] | None,
        validation: float | str,
        split_seed: int = 0,
        train_size: int | float | None = None,
        fold: list[int] | None = None,
    ) -> None:
        public = Public(
            lambda: read(data, datasets.MNIST),
            DIGITS,
            classes,
            validation,
            split_seed,
            train_size,
            fold,
        )
        adopt(self, public, "classes")
