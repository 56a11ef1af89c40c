"""Ants and bees, the 397 pictures of PyTorch's transfer-learning tutorial.

Mari et al., arXiv:1912.08278, use them too.
"""

import io
import os
import tempfile
import zipfile
import zlib
from dataclasses import replace
from hashlib import sha256
from pathlib import Path, PurePosixPath

from qtlrun import disk, download
from qtlrun.dataset import picture
from qtlrun.dataset.dataset import Dataset
from qtlrun.dataset.split import pool
from qtlrun.dataset.splitting import Splitting
from qtlrun.dataset.tree import read_tree
from qtlrun.error import BadValue

NAME = "hymenoptera_data"
ADDRESS = "https://download.pytorch.org/tutorial/hymenoptera_data.zip"
PICTURES = 397
# SHA-256 over the sorted lines `path NUL sha256 NEWLINE` of the pictures (train/ants/0013035.jpg
# first). The archive itself, with its stray GIF and folder litter, is not pinned, so a folder
# unpacked by hand is checked the same way.
CONTENT = "073f92c5bf0fadca72c78f72ec5114ad75f607011421077632ec625eba2237ca"

CAUTION = (
    "Ants and bees are classes of ImageNet, on which public weights were trained: this"
    " reproduces a publication, and is no evidence about pictures of new classes."
)

ARCHIVE_MB = 47
MAX_ARCHIVE_BYTES = 100e6
MAX_UNPACKED_BYTES = 200e6


def hymenoptera(data: Path, splitting: Splitting) -> Dataset:
    """Ants and bees: 244 pictures of train, 153 of test (the tutorial's `val`).

    They are found in `data` or fetched into it, and their content is checked each time.
    """
    data = Path(data).expanduser()
    if not (data / NAME).exists():
        _unpack(data, _fetch(data))
    _check(data, data / NAME, "remove it, and it is fetched again")
    return replace(read_tree(str(data / NAME), splitting), caution=CAUTION)


def _check(data: Path, folder: Path, mend: str) -> None:
    paths = sorted(path.relative_to(folder).as_posix() for path in _walk(folder) if path.is_file())
    hashes = pool().map(disk.file_digest, [folder / path for path in paths])
    lines = (os.fsencode(f"{path}\0{item}\n") for path, item in zip(paths, hashes, strict=True))
    content = sha256(b"".join(lines)).hexdigest()
    if content != CONTENT:
        raise BadValue(
            "data",
            picture.printable(data),
            (
                f"{NAME} holds {len(paths)} pictures with content {content[:12]}, and"
                f" the tutorial's are {PICTURES} with content {CONTENT[:12]}"
            ),
            mend,
        )


def _walk(folder: Path) -> list[Path]:
    folders, pictures, _ = picture.scan(folder)
    return pictures + [path for inner in folders for path in _walk(inner)]


def _fetch(data: Path) -> bytes:
    """Fetch the archive's bytes; nothing is written before they are all here."""
    try:
        content = download.read(ADDRESS, most=int(MAX_ARCHIVE_BYTES), megabytes=ARCHIVE_MB)
    except OSError as error:
        raise _refusal(data, f"could not be fetched ({download.reason(error)})") from None
    if len(content) > MAX_ARCHIVE_BYTES:
        raise _refusal(data, f"came with more than {MAX_ARCHIVE_BYTES / 1e6:.0f} MB")
    return content


def _unpack(data: Path, content: bytes) -> None:
    """Put the pictures in place whole: unpacked and checked beside it, then renamed."""
    data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{NAME}-", dir=data) as scratch:
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                _check_members(data, archive.infolist())
                archive.extractall(scratch)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise _refusal(data, f"came damaged ({error})") from None
        unpacked = Path(scratch, NAME)
        if not unpacked.is_dir():
            raise _refusal(data, f"came without its folder {NAME}")
        _check(data, unpacked, f"{ADDRESS} has changed; unpack an older copy there")
        try:
            unpacked.rename(data / NAME)
        except OSError:
            # Another process was quicker; what it has put there is checked like ours.
            if not (data / NAME).is_dir():
                raise


def _check_members(data: Path, members: list[zipfile.ZipInfo]) -> None:
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts:
            raise _refusal(
                data, f"came with a member outside its folder, {picture.printable(member.filename)}"
            )
    if sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
        raise _refusal(data, f"came with more than {MAX_UNPACKED_BYTES / 1e6:.0f} MB to unpack")


def _refusal(data: Path, what: str) -> BadValue:
    there = picture.printable(data / NAME)
    return BadValue(
        "data",
        picture.printable(data),
        f"{NAME}.zip {what}",
        f"fetch {ADDRESS} and unpack it, so that {there} is there (content {CONTENT[:12]}), or let"
        f" QTLRUN_DATA name the folder that holds {NAME}",
        missing=True,
    )
