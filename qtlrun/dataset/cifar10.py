"""CIFAR-10 (Krizhevsky 2009)."""

import tarfile
import warnings
from pathlib import Path

import torch
from torchvision import datasets
from torchvision.datasets.utils import check_integrity

from qtlrun.dataset.dataset import Dataset
from qtlrun.dataset.picture import printable
from qtlrun.dataset.public import Part, fetch, read_public
from qtlrun.dataset.splitting import Splitting
from qtlrun.error import BadValue

ARCHIVE_MB = 170
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def cifar10(data: Path, classes: list[str] | None, splitting: Splitting) -> Dataset:
    """32 x 32 colour pictures of ten classes, 5000 of each in train and 1000 in test.

    They are found in `data` or fetched there, and their checksums, torchvision's, are compared each
    time. `classes` are names, as `qtlrun.dataset.public.read_public` takes them: Mari et al.,
    arXiv:1912.08278, have cat 0 and dog 1, and airplane 0 and automobile 1.
    """
    return read_public(lambda: _read(data), CLASSES, classes, splitting)


def _read(data: Path) -> tuple[Part, Part]:
    """Read pictures and labels, of train and of test."""
    data = Path(data).expanduser()
    source = datasets.CIFAR10
    folder = data / source.base_folder
    if not folder.exists():
        fetch([source.url], source.tgz_md5, folder, data, _unpack, ARCHIVE_MB)
    for name, md5 in (
        *source.train_list,
        *source.test_list,
        (source.meta["filename"], source.meta["md5"]),
    ):
        if not check_integrity(folder / name, md5):
            what = "is not the published file" if (folder / name).exists() else "is missing"
            raise BadValue(
                "data",
                printable(data),
                f"{source.base_folder}/{name} {what}, whose md5 is {md5}",
                f"remove {source.base_folder}, and it is fetched again",
            )
    with warnings.catch_warnings():  # numpy 2.4.0 to 2.4.4 warns of files as old as these
        warnings.filterwarnings("ignore", r"dtype\(\): align should be")
        parts = [source(data, train=train) for train in (True, False)]
    train, test = (
        Part(torch.from_numpy(part.data).permute(0, 3, 1, 2), torch.tensor(part.targets))
        for part in parts
    )
    return train, test


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive's folder beside itself and rename it."""
    with tarfile.open(archive) as file:
        file.extractall(archive.parent, filter="data")
    try:
        (archive.parent / folder.name).rename(folder)
    except OSError:
        # Another process was quicker; what it has put there is checked like ours.
        if not folder.is_dir():
            raise
