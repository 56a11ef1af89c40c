"""Fashion-MNIST."""

from pathlib import Path

from torchvision import datasets

from qtlrun.dataset.idx import read
from qtlrun.dataset.public import Public
from qtlrun.dataset.split import adopt

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


class FashionMNIST:
    """28 x 28 grey pictures of ten kinds of clothes, 6000 of each in train and 1000 in test.

    They are found in `data` or fetched there, as `qtlrun.dataset.idx.read` says. `classes` are
    names; a label is the index of its name there, and null takes all ten. The other values are
    those of `qtlrun.dataset.public.Public`. Source: Xiao et al., arXiv:1708.07747.
    """

    def __init__(
        self,
        data: Path,
        classes: list[str] | None,
        validation: float | str,
        split_seed: int = 0,
        train_size: int | float | None = None,
        fold: list[int] | None = None,
    ) -> None:
        public = Public(
            lambda: read(data, datasets.FashionMNIST),
            CLASSES,
            classes,
            validation,
            split_seed,
            train_size,
            fold,
        )
        adopt(self, public, "classes")
