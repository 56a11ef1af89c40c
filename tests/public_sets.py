"""Small stand-ins for the public sets that are fetched, with the checksums of their files."""

import hashlib
import io
import pickle
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from archives import stand_in
from divided import divided
from serving import Response
from torchvision import datasets

from qtlrun.dataset.cifar10 import CLASSES, cifar10
from qtlrun.dataset.fashion_mnist import fashion_mnist
from qtlrun.dataset.mnist import mnist

BATCHES = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
CIFAR10_FOLDER = "cifar-10-batches-py"


@dataclass(frozen=True)
class PublicSet:
    """A set's stand-in.

    name: of the module that reads it
    classes: as a user names them
    counts: pictures a class, in the official train part and in the test part
    shape: of a picture
    folder: below the data folder
    files: in that folder, by name
    answers: of its server, by the last word of the address
    addresses: where each answer is fetched first
    checksums: of torchvision's class, by the name of its attribute
    """

    name: str
    function: Callable
    source: type
    classes: tuple
    counts: tuple[int, int]
    shape: tuple[int, ...]
    folder: str
    files: dict[str, bytes]
    answers: dict[str, bytes]
    addresses: list[str]
    checksums: dict[str, object]

    def make(self, data, classes=None, **values):
        return divided(self.function, data, classes, **values)

    def install(self, monkeypatch):
        """Let torchvision know the checksums of the stand-in."""
        for name, value in self.checksums.items():
            monkeypatch.setattr(self.source, name, value)

    def lay(self, data):
        """Put the files where the set is looked for."""
        folder = Path(data, self.folder)
        folder.mkdir(parents=True)
        for name, content in self.files.items():
            (folder / name).write_bytes(content)


class Server:
    """What is answered by file, an exception or bytes, and the calls: addresses and timeouts."""

    def __init__(self, answers):
        self.answers, self.calls = dict(answers), []

    def urlopen(self, address, timeout):
        self.calls.append((address, timeout))
        answer = self.answers[address.rpartition("/")[2]]
        if isinstance(answer, Exception):
            raise answer
        return Response(answer)


class Old(pickle.Pickler):
    """Pickles arrays as a numpy of 2009 did, with whole numbers for the truths of a dtype."""

    def reducer_override(self, one):
        if isinstance(one, np.dtype):
            return np.dtype, (one.str[1:], 0, 1), one.__reduce__()[2]
        if isinstance(one, np.ndarray):
            state = 1, one.shape, one.dtype, False, one.tobytes()
            return np._core.multiarray._reconstruct, (np.ndarray, (0,), b"b"), state
        return NotImplemented


def packed(value):
    content = io.BytesIO()
    Old(content, protocol=2).dump(value)
    return content.getvalue()


def md5(content):
    return hashlib.md5(content).hexdigest()


def idx_set(name, function, source, classes):
    files = stand_in()
    names = [name for name, _ in source.resources]
    return PublicSet(
        name,
        function,
        source,
        classes,
        counts=(8, 3),
        shape=(1, 28, 28),
        folder=f"{source.__name__}/raw",
        files=files,
        answers=files,
        addresses=[source.mirrors[0] + name for name in names],
        checksums={"resources": [(name, md5(files[name])) for name in names]},
    )


def cifar10_set():
    """Two pictures of noise a class and batch, and the names."""
    generator, files = np.random.default_rng(0), {}
    for name in BATCHES:
        pixels = generator.integers(0, 256, (20, 3072), np.uint8)
        files[name] = packed({"batch_label": name, "labels": list(range(10)) * 2, "data": pixels})
    files["batches.meta"] = packed({"label_names": list(CLASSES), "num_vis": 3072})
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as file:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{CIFAR10_FOLDER}/{name}")
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    lists = [[name, md5(files[name])] for name in BATCHES]
    return PublicSet(
        "cifar10",
        cifar10,
        datasets.CIFAR10,
        CLASSES,
        counts=(10, 2),
        shape=(3, 32, 32),
        folder=CIFAR10_FOLDER,
        files=files,
        answers={"cifar-10-python.tar.gz": archive.getvalue()},
        addresses=["https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"],
        checksums={
            "train_list": lists[:5],
            "test_list": lists[5:],
            "meta": datasets.CIFAR10.meta | {"md5": md5(files["batches.meta"])},
            "tgz_md5": md5(archive.getvalue()),
        },
    )


SETS = {
    each.name: each
    for each in (
        idx_set("mnist", mnist, datasets.MNIST, tuple(range(10))),
        idx_set(
            "fashion_mnist",
            fashion_mnist,
            datasets.FashionMNIST,
            tuple(datasets.FashionMNIST.classes),
        ),
        cifar10_set(),
    )
}
