"""Datasets that are published as MNIST is, in four archives of bytes."""

import gzip
import hashlib
from pathlib import Path

import numpy as np
import torch
from torchvision import datasets

from qtlrun.dataset.picture import printable
from qtlrun.dataset.public import Part, fetch
from qtlrun.error import BadValue


def read(data: Path, source: type[datasets.MNIST]) -> tuple[Part, Part]:
    """Read pictures and labels, of train and of test, of a torchvision set in MNIST's format.

    The archives of `data`/NAME/raw are read as they are: nothing is unpacked there, so the folder
    may be read-only, and their checksums, torchvision's, are compared each time. Raises ValueError
    for one that is another file, or is absent and cannot be fetched.
    """
    data = Path(data).expanduser()
    folder = data / source.__name__ / "raw"
    for name, md5 in source.resources:
        if not (folder / name).is_file():
            fetch([mirror + name for mirror in source.mirrors], md5, folder / name, data)
    pictures, labels, others, their_labels = (
        _read_archive(data, folder / name, md5) for name, md5 in source.resources
    )
    return Part(pictures.unsqueeze(1), labels.long()), Part(
        others.unsqueeze(1), their_labels.long()
    )


def _read_archive(data: Path, path: Path, md5: str) -> torch.Tensor:
    """Read the bytes of an archive, in the shape that its head gives.

    The head is three bytes, the number of axes and the length of each axis.
    """
    content = path.read_bytes()
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if digest != md5:
        name = printable(path.relative_to(data))
        raise BadValue(
            "data",
            printable(data),
            f"{name} has the md5 {digest}, and the published file has {md5}",
            "remove it, and it is fetched again",
        )
    content = gzip.decompress(content)
    axes = content[3]
    shape = np.frombuffer(content, ">i4", axes, 4)
    return torch.from_numpy(
        np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape).copy()
    )
