"""Splits of pictures in class folders; headers are checked, files hashed, none is decoded."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch

from qtlrun.dataset import layout, picture
from qtlrun.dataset.layout import Layout
from qtlrun.dataset.picture import Pictures, printable
from qtlrun.dataset.split import (
    Split,
    check_draw,
    check_shares,
    draw_stratified,
    fingerprint,
    pool,
    prefix_errors,
    subsample,
    take_fold,
)

HASHED_FILES = 64  # by one thread at once; one by one, handing over would cost more than hashing


class Tree:
    """Pictures of `root/CLASS/*.jpg`, or of `root/train/CLASS/*.jpg` and parts beside train.

    These are `root/val`, `root/test` or both. A lone `val` or `test` is the published second part
    and becomes the test split; of both, each is what it says. The folders may also be called
    training, valid, validation and testing, in small letters or large ones. Splits that no folder
    gives are drawn from train as shares of every class, `test` first, so that it stays the same
    whatever `validation` is. `validation="test"` is the defect of protocols that choose their epoch
    on the pictures they report: validation is the test split itself, and train keeps all of its
    own.

    A `fold` [k, K] is part k (from 0) of the K into which `split_seed` divides every class of
    train: the test split where no folder gives one, and else the validation split. Of what is then
    left for train, `train_size` pictures are used, all classes together, or that share of them; a
    larger size has every picture of a smaller one.

    `classes` takes some of the class folders; a number or a truth value is the folder whose name
    reads as it. Links to folders are followed, but not in a circle. Hidden files and systems'
    litter are left out, and so are files whose ending is no picture's: `caution` says how many. A
    file that one class reaches twice counts once. The names in a split are paths relative to
    `root`.
    """

    def __init__(
        self,
        root: str,
        validation: float | str = 0.2,
        test: float | str = 0.2,
        split_seed: int = 0,
        train_size: int | float | None = None,
        fold: list[int] | None = None,
        classes: list[str | int | float | bool] | None = None,
    ) -> None:
        check_shares(validation, test)
        check_draw(train_size, fold)
        self._prefix = f"root={printable(root)}"
        with prefix_errors(self._prefix):
            self._root = layout.locate(root)
            content = layout.read(self._root, classes)
            rows = _rows(self._root, content)
            parts = {part: _split(each) for part, each in rows.items()}
        self.classes = content.classes
        self._files = [(row.path, row.content) for part in rows.values() for row in part]
        self.size = len(self._files)
        self.caution = layout.caution(content.others)
        if fold:
            name = _fold_name(parts, validation, fold)
            parts[name], parts["train"] = take_fold(parts["train"], fold, split_seed, self.classes)
        with prefix_errors(self._prefix + f": fold={fold}" * bool(fold)):
            parts = _divide(parts, self.classes, validation, test, split_seed)
        parts["train"] = subsample(parts["train"], train_size, split_seed, self.classes)
        self.train = parts["train"]
        self.validation = parts["validation"]
        self.test = parts["test"]
        self.fingerprint = fingerprint(parts)

    def verify(self, step: Callable[[int, int], None] = lambda done, total: None) -> dict[str, str]:
        """Decode every picture once; return the hash of the pixels of items that look like another.

        Raises ValueError for what cannot be decoded; it names the first in path order and says how
        many there are.
        """
        files = [(path, item, layout.relative(path, self._root)) for path, item in self._files]
        with prefix_errors(self._prefix):
            return decode(files, step)


def decode(files: list[tuple[Path, str, str]], step: Callable[[int, int], None]) -> dict[str, str]:
    """Decode pictures, each its path, its item and a name for it, as `Tree.verify` does."""

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
            raise ValueError(
                f"{layout.relative(twin, root)} and {item.name} are one file, linked to two places;"
                " remove one."
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
        picture.check_header(path, name=name)
    except ValueError as error:
        return _Refusal(name, error)
    status = path.stat()
    return _Item(name, picture.hash(path), (status.st_dev, status.st_ino))


def _refuse(refusals: list[_Refusal]) -> None:
    """Raise the first of some files' errors, with the number and the names of the others."""
    if not refusals:
        return
    first, *rest = refusals
    more = ""
    if rest:
        others = layout.enumeration([refusal.name for refusal in rest])
        more = f" {len(refusals)} files cannot be taken; the others are {others}."
    raise ValueError(f"{first.error}{more}")


def _fold_name(parts: dict[str, Split], validation: float | str, fold: list[int]) -> str:
    """Name of the split that a fold is."""
    if "validation" in parts:
        raise ValueError(
            f"fold={fold}: root holds train, val and test, so no split is left to draw; use"
            " fold=null."
        )
    if "test" in parts and validation == "test":
        raise ValueError(
            f"fold={fold}: it would be validation, and validation=test is that already; leave out"
            " one."
        )
    return "validation" if "test" in parts else "test"


def _divide(
    parts: dict[str, Split],
    classes: tuple[str, ...],
    validation: float | str,
    test: float | str,
    seed: int,
) -> dict[str, Split]:
    """Splits that folders gave, and those drawn from their train."""
    shares = {} if "test" in parts else {"test": float(test)}
    if validation != "test" and "validation" not in parts:
        shares["validation"] = float(validation)
    whole = parts["train"]
    indices = draw_stratified(whole.labels, list(shares.values()), seed, names=classes)
    parts = parts | {
        part: whole.subset(index) for part, index in zip([*shares, "train"], indices, strict=False)
    }
    return parts | {"validation": parts["test"]} if validation == "test" else parts
