"""Fashion-MNIST."""

from pathlib import Path

from torchvision import datasets

from qtlrun.dataset.dataset import Dataset
from qtlrun.dataset.idx import read
from qtlrun.dataset.public import read_public
from qtlrun.dataset.splitting import Splitting

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


def fashion_mnist(data: Path, classes: list[str] | None, splitting: Splitting) -> Dataset:
    """28 x 28 grey pictures of ten kinds of clothes, 6000 of each in train and 1000 in test.

    They are found in `data` or fetched there, as `qtlrun.dataset.idx.read` says. `classes` are
    names, as `qtlrun.dataset.public.read_public` takes them. Source: Xiao et al., arXiv:1708.07747.
    """
    return read_public(lambda: read(data, datasets.FashionMNIST), CLASSES, classes, splitting)
