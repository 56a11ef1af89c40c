"""MNIST."""

from pathlib import Path

from torchvision import datasets

from qtlrun.dataset.dataset import Dataset
from qtlrun.dataset.idx import read
from qtlrun.dataset.public import read_public
from qtlrun.dataset.splitting import Splitting

DIGITS = tuple(range(10))


def mnist(data: Path, classes: list[int] | None, splitting: Splitting) -> Dataset:
    """28 x 28 grey scans of handwritten digits, 60,000 of train and 10,000 of test.

    They are found in `data` or fetched into it, as `qtlrun.dataset.idx.read` says. `classes` are
    digits, as `qtlrun.dataset.public.read_public` takes them. Source: LeCun, Cortes and Burges,
    from the scans of NIST's special databases 1 and 3.
    """
    return read_public(lambda: read(data, datasets.MNIST), DIGITS, classes, splitting)
