"""Pictures in files: headers checked, bytes hashed, and each decoded once."""

import functools
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from qtlrun import disk
from qtlrun.dataset import layout, picture
from qtlrun.dataset.dataset import Step
from qtlrun.dataset.look import MAX_PICTURES, Looks, draw_thumbnails, find_alike, hash_steps
from qtlrun.dataset.split import pool
from qtlrun.error import UsageError, about_values

HASHED_FILES = 64  # by one thread at once; one by one, handing over would cost more than hashing


class Stored(NamedTuple):
    """Picture in a file; its item is the hash of the file."""

    path: Path
    item: str
    name: str


class Item(NamedTuple):
    """Picture with a checked header; its content is the hash of its file."""

    name: str
    content: str
    inode: tuple[int, int]  # with its device; links share it


class _Refusal(NamedTuple):
    """Picture that cannot be taken, and why."""

    name: str
    error: ValueError


class _Look(NamedTuple):
    """Look of one picture."""

    content: str
    steps: np.ndarray
    thumbnails: np.ndarray
    transparent: bool


def index_files(files: list[tuple[Path, str]]) -> list[Item]:
    """Items of files with their names; a UsageError where one is refused.

    It names the first and says how many there are.
    """

    def hash_files(batch: list[tuple[Path, str]]) -> list[Item | _Refusal]:
        return [_item(path, name) for path, name in batch]

    starts = range(0, len(files), HASHED_FILES)
    batches = pool().map(hash_files, [files[start : start + HASHED_FILES] for start in starts])
    items = [item for batch in batches for item in batch]
    _refuse([item for item in items if isinstance(item, _Refusal)])
    return [item for item in items if isinstance(item, Item)]


def digest_files(files: list[Stored]) -> str:
    """Hash of the content of files, in whatever order."""
    return disk.digest("".join(sorted(file.item for file in files)).encode())


def decode_named(about: dict[str, object], files: list[Stored], step: Step) -> Looks:
    """Decode pictures; errors are about values, of which the first is named."""
    with about_values(**about):
        return decode_files(files, step)


def decode_files(files: list[Stored], step: Step) -> Looks:
    """Decode pictures; their looks.

    Raises UsageError for what cannot be decoded; it names the first and says how many there are.
    """

    def look(file: Stored) -> _Look | ValueError:
        try:
            decoded = picture.decode(file.path, name=file.name)
        except ValueError as error:
            return error
        content = picture.content(decoded.pixels)
        image = decoded.image
        return _Look(content, hash_steps(image), draw_thumbnails(image), decoded.transparent)

    looks: dict[str, _Look] = {}
    refusals: list[_Refusal] = []
    results = pool().map(look, files)
    for done, (file, result) in enumerate(zip(files, results, strict=True), start=1):
        if isinstance(result, ValueError):
            refusals.append(_Refusal(file.name, result))
        else:
            looks[file.item] = result
        step(done, len(files))
    _refuse(refusals)
    count = Counter(each.content for each in looks.values())
    contents = {item: each.content for item, each in looks.items()}
    transparent = [item for item, each in looks.items() if each.transparent]
    return Looks(
        {item: content for item, content in contents.items() if count[content] > 1},
        _pair(looks),
        frozenset(transparent),
        compared=len(looks) <= MAX_PICTURES,
    )


def _pair(looks: dict[str, _Look]) -> frozenset[tuple[str, str]]:
    """Pairs of items that look alike and are not equal."""
    items = list(looks)
    if not items:
        return frozenset()
    steps = np.stack([each.steps for each in looks.values()])
    thumbnails = np.stack([each.thumbnails for each in looks.values()])
    pairs = []
    for first, second in find_alike(steps, thumbnails).tolist():
        if looks[items[first]].content != looks[items[second]].content:
            pairs.append((items[first], items[second]))
    return frozenset(pairs)


def _item(path: Path, name: str) -> Item | _Refusal:
    try:
        return _checked(path, name, disk.file_version(path))
    except ValueError as error:
        return _Refusal(name, error)


@functools.cache
def _checked(path: Path, name: str, version: disk.Version) -> Item:
    """Item of a version of a file, once for all divisions; ValueError where it is refused."""
    picture.check_header(path, name=name)
    return Item(name, disk.file_digest(path), version[:2])


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
