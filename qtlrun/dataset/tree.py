"""Splits of pictures in class folders; headers are checked, files hashed, none is decoded."""

import functools
from collections import Counter
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from qtlrun import disk
from qtlrun.dataset import layout, picture
from qtlrun.dataset.dataset import Dataset, Step
from qtlrun.dataset.layout import Layout
from qtlrun.dataset.picture import Pictures, printable
from qtlrun.dataset.split import Split, fingerprint, pool
from qtlrun.dataset.splitting import Splitting, check_share
from qtlrun.error import BadValue, UsageError, about_values

HASHED_FILES = 64  # by one thread at once; one by one, handing over would cost more than hashing


def read_tree(
    root: str,
    splitting: Splitting,
    test: float | str = 0.2,
    classes: list[str | int | float | bool] | None = None,
) -> Dataset:
    """Dataset of the pictures of `root/CLASS/*.jpg`, or of `root/train/CLASS/*.jpg` and others.

    Parts beside train are `root/val`, `root/test` or both. A lone `val` or `test` is the published
    second part and becomes the test split; of both, each is what it says. The folders may also be
    called training, valid, validation and testing, in small letters or large ones. Splits that no
    folder gives are drawn from train: `test` is the share of the test split. With
    `validation="test"`, pictures of a folder for validation are not used. A fold takes part of
    train: the test split where no folder gives one, and else the validation split.

    `classes` takes some of the class folders; a number or a truth value is the folder whose name
    reads as it. Links to folders are followed, but not in a circle. Hidden files and systems'
    litter are left out, and so are files whose ending is no picture's: the caution says how many. A
    file that one class reaches twice counts once. The names in a split are paths relative to
    `root`. Raises ValueError where the layout, a class or a picture is not what it should be.
    """
    check_share("test", test)
    shown = printable(root)
    with about_values(root=shown):
        folder = layout.locate(root)
        content = layout.read(folder, classes)
        rows = _rows(folder, content)
        folders = {part: _split(each) for part, each in rows.items()}
    if splitting.fold and "validation" in folders:
        raise BadValue(
            "fold",
            splitting.fold,
            "root holds train, val and test, so no split is left to draw",
            "use fold=null",
        )
    parts = splitting.divide(
        folders["train"],
        content.classes,
        folders.get("test", test),
        folders.get("validation"),
        {"root": shown} | ({"fold": splitting.fold} if splitting.fold else {}),
    )
    files = [(row.path, row.content, row.name) for part in rows.values() for row in part]
    return Dataset(
        parts["train"],
        parts["validation"],
        parts["test"],
        classes=content.classes,
        size=len(files),
        fingerprint=fingerprint(parts),
        caution=layout.caution(content.others),
        verifier=partial(_decode_tree, shown, files),
    )


def _decode_tree(root: str, files: list[tuple[Path, str, str]], step: Step) -> dict[str, str]:
    """Decode the pictures of a root, which an error names."""
    with about_values(root=root):
        return decode(files, step)


def decode(files: list[tuple[Path, str, str]], step: Step) -> dict[str, str]:
    """Decode pictures; hash of the pixels, by item, of those that look like another.

    Each is its path, its item and a name for it. Raises ValueError for what cannot be decoded; it
    names the first and says how many there are.
    """

    def hash_pixels(file: tuple[Path, str, str]) -> str | ValueError:
        path, _, name = file
        try:
            return picture.content(picture.read(path, name=name))
        except ValueError as error:
            return error

    contents: dict[str, str] = {}
    refusals: list[_Refusal] = []
    hashes = pool().map(hash_pixels, files)
    for done, ((_, item, name), content) in enumerate(zip(files, hashes, strict=True), start=1):
        if isinstance(content, ValueError):
            refusals.append(_Refusal(name, content))
        else:
            contents[item] = content
        step(done, len(files))
    _refuse(refusals)
    count = Counter(contents.values())
    return {item: content for item, content in contents.items() if count[content] > 1}


class _Row(NamedTuple):
    """Picture of a split; its content is the hash of its file."""

    path: Path
    label: int
    content: str
    name: str


class _Item(NamedTuple):
    """Picture with a checked header; its content is the hash of its file."""

    name: str
    content: str
    inode: tuple[int, int]  # with its device; links share it


class _Refusal(NamedTuple):
    """Picture that cannot be taken, and why."""

    name: str
    error: ValueError


def _rows(root: Path, content: Layout) -> dict[str, list[_Row]]:
    """Pictures of each part that lies there; every header is checked, every file hashed."""
    rows: dict[str, list[_Row]] = {part: [] for part in content.parts}
    first: dict[tuple[int, int], Path] = {}
    items = _items(root, [file.path for file in content.files])
    for file, item in zip(content.files, items, strict=True):
        twin = first.setdefault(item.inode, file.path)
        if twin is file.path:
            rows[file.part].append(_Row(file.path, file.label, item.content, item.name))
        elif twin.parent != file.path.parent:
            raise UsageError(
                (
                    f"{layout.relative(twin, root)} and {item.name} are one file,"
                    " linked to two places"
                ),
                "remove one",
            )
    return rows


def _split(rows: list[_Row]) -> Split:
    paths, labels, items, names = zip(*rows, strict=False)
    return Split(Pictures(paths), torch.tensor(labels), items, names)


def _items(root: Path, paths: list[Path]) -> list[_Item]:
    """Item of each file; ValueError where one is refused."""

    def hash_files(batch: list[Path]) -> list[_Item | _Refusal]:
        return [_item(path, layout.relative(path, root)) for path in batch]

    starts = range(0, len(paths), HASHED_FILES)
    batches = pool().map(hash_files, [paths[start : start + HASHED_FILES] for start in starts])
    items = [item for batch in batches for item in batch]
    _refuse([item for item in items if isinstance(item, _Refusal)])
    return [item for item in items if isinstance(item, _Item)]


def _item(path: Path, name: str) -> _Item | _Refusal:
    try:
        return _checked(path, name, _version(path))
    except ValueError as error:
        return _Refusal(name, error)


@functools.cache
def _checked(path: Path, name: str, version: tuple[int, int, int]) -> _Item:
    """Item of a version of a file, once for all divisions; ValueError where it is refused."""
    picture.check_header(path, name=name)
    return _Item(name, disk.file_digest(path), version[:2])


def _version(path: Path) -> tuple[int, int, int]:
    """Device, inode and time of the last change of a file; zeros where none can be had."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0, 0
    return status.st_dev, status.st_ino, status.st_mtime_ns


def _refuse(refusals: list[_Refusal]) -> None:
    """Raise the first of some files' errors, with the number and the names of the others."""
    if not refusals:
        return
    first, *rest = refusals
    more = ""
    if rest:
        others = layout.enumeration([refusal.name for refusal in rest])
        more = f" {len(refusals)} files cannot be taken; the others are {others}."
    raise UsageError(f"{first.error}{more}")
