"""Your table of items: a line each, with its label, and features or a picture's path."""

import os
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import torch

from qtlrun import disk
from qtlrun.dataset import layout, vector
from qtlrun.dataset.dataset import Dataset
from qtlrun.dataset.file import Stored, decode_named, digest_files, index_files
from qtlrun.dataset.picture import Pictures, printable
from qtlrun.dataset.split import Split, fingerprint
from qtlrun.dataset.splitting import Splitting, check_share
from qtlrun.dataset.table import MISSING, Table, read_table
from qtlrun.error import BadValue, UsageError, about_values

MAX_NAMED = 3  # paths of pictures that are not there
MAX_TABLES = 4  # that are kept in memory


def csv(
    path: str,
    label: str | int,
    splitting: Splitting,
    test: float | str = 0.2,
    features: list[str | int] | None = None,
    picture: str | int | None = None,
    split: str | int | None = None,
    root: str | None = None,
) -> Dataset:
    """Items of a text file whose first line names its columns.

    Features are scaled by the statistics of train. What `split` does not name is drawn from train,
    as of class folders: of validation and test alone it is the test split. Raises ValueError where
    a line, a class or a picture is not what it should be.

    Arguments:
        path: text in UTF-8, separated by commas, semicolons or tabs.
        label: column of the classes, whose names are its texts.
        splitting: division of the items that no column divides.
        test: share of the test split where it is drawn.
        features: columns of numbers, by name or pattern (e*); None: all that are left.
        picture: column of the paths of pictures, in place of features.
        split: column that says train, validation or test.
        root: folder that paths of pictures start from; None: that of the file.
    """
    check_share("test", test)
    if picture is not None and features is not None:
        raise BadValue("picture", picture, "features are given too", "leave out one of the two")
    shown = printable(path)
    file = Path(os.path.expanduser(path))
    with about_values(path=shown):
        items = _read(
            file,
            disk.file_version(file),
            label,
            tuple(features) if features is not None else None,
            picture,
            split,
            Path(os.path.expanduser(root)) if root else file.parent,
        )
        parts = _divide(items, splitting, test)
    if picture is None:
        data = vector.scale(parts, items.classes, by=parts["train"], size=len(items.whole))
        return replace(data, caution=_caution(label, items.classes), column_names=items.columns)
    return Dataset(
        parts["train"],
        parts["validation"],
        parts["test"],
        classes=items.classes,
        size=len(items.whole),
        fingerprint=fingerprint(parts),
        caution=_caution(label, items.classes),
        verifier=partial(decode_named, {"path": shown}, items.files),
        files=digest_files(items.files),
    )


@dataclass(frozen=True)
class _Items:
    """Items of a table.

    Arguments:
        whole: all of them, in the order of their lines.
        classes: names of the classes.
        parts: split of each item, where a column says it.
        files: pictures.
        columns: names of the features.
    """

    whole: Split
    classes: tuple[str, ...]
    parts: list[str]
    files: list[Stored]
    columns: tuple[str, ...] = ()


@lru_cache(maxsize=MAX_TABLES)
def _read(
    file: Path,
    _changed: disk.Version,
    label: str | int,
    features: tuple[str | int, ...] | None,
    picture: str | int | None,
    split: str | int | None,
    root: Path,
) -> _Items:
    """Items of a version of a file, read once for all divisions."""
    table = read_table(file, fix="mend it, or let features name the columns of numbers")
    taken = {"label": label, "split": split, "picture": picture}
    places = {key: table.locate(key, name) for key, name in taken.items() if name is not None}
    texts = list(places.values())
    numbers = _feature_places(table, features, set(texts)) if picture is None else []
    cells = table.take(texts, numbers)
    classes, labels = _classes(label, cells.texts[places["label"]], cells.lines)
    parts = []
    if split is not None:
        parts = _parts(split, cells.texts[places["split"]], cells.lines)
    if picture is None:
        names = tuple(f"line {line}" for line in cells.lines)
        whole = replace(vector.as_split(cells.numbers, labels.numpy()), names=names)
        return _Items(whole, classes, parts, [], tuple(table.columns[n] for n in numbers))
    files = _files(cells.texts[places["picture"]], root)
    paths = [each.path for each in files]
    contents = tuple(each.item for each in files)
    whole = Split(Pictures(paths), labels, contents, tuple(each.name for each in files))
    return _Items(whole, classes, parts, files)


def _feature_places(
    table: Table, features: tuple[str | int, ...] | None, taken: set[int]
) -> list[int]:
    """Places of the columns of features."""
    if features is not None:
        places = table.match("features", features)
        used = [table.columns[place] for place in places if place in taken]
        if used:
            raise BadValue("features", list(features), f"{used[0]} is the label or the split")
        return places
    places = [place for place in range(len(table.columns)) if place not in taken]
    nameless = [place + 1 for place in places if not table.columns[place]]
    if nameless:
        raise UsageError(
            f"column {nameless[0]} has no name, as an index that pandas writes",
            "write it without (index=False), or let features name the columns",
        )
    if not places:
        raise UsageError("no column is left for features")
    return places


def _classes(
    column: str | int, cells: list[str], lines: list[int]
) -> tuple[tuple[str, ...], torch.Tensor]:
    """Names of the classes, in the order of numbers where they are numbers, and the labels."""
    texts = [printable(unicodedata.normalize("NFC", cell)) for cell in cells]
    counts = Counter(texts)
    if len(counts) < 2:
        raise UsageError(f"column {column} has one class only, {texts[0]}", "two are needed")
    alone = [text for text, count in counts.items() if count == 1]
    if 2 * len(alone) > len(counts):
        raise UsageError(
            f"column {column} has {len(counts)} classes on {len(texts)} lines",
            "label has to name a column of classes, not one of numbers to predict",
        )
    if alone:
        raise UsageError(
            f"line {lines[texts.index(alone[0])]}, column {column}: {alone[0]} stands there alone,"
            " and each split needs an item of each class",
            "add items of that class, or leave it out",
        )
    names = sorted(counts, key=_order)
    index = {name: number for number, name in enumerate(names)}
    return tuple(names), torch.tensor([index[text] for text in texts])


def _caution(column: str | int, classes: tuple[str, ...]) -> str:
    """Sentence on classes that read as missing labels; a class may be named None, or -."""
    doubtful = [name for name in classes if name.lower() in MISSING]
    if not doubtful:
        return ""
    return f"Column {column} has {' and '.join(doubtful)} as a class: are these missing labels?"


def _order(name: str) -> tuple[float, str]:
    """Order of a class's name: numbers by their size, then words."""
    try:
        number = float(name)
    except ValueError:
        return float("inf"), name
    return (number, name) if number == number else (float("inf"), name)


def _parts(column: str | int, cells: list[str], lines: list[int]) -> list[str]:
    """Split of each item, as a column says it."""
    spelt = {name: part for part, names in layout.SPELLINGS.items() for name in names}
    parts = []
    for line, text in zip(lines, cells, strict=True):
        if text.lower() not in spelt:
            raise UsageError(
                f"line {line}, column {column}: {printable(text)} names no split",
                "write train, validation or test",
            )
        parts.append(spelt[text.lower()])
    if "train" not in parts or len(set(parts)) == 1:
        raise UsageError(
            f"column {column} says {' and '.join(sorted(set(parts)))} alone",
            "train and one of validation and test are needed",
        )
    return parts


def _files(paths: Sequence[str], root: Path) -> list[Stored]:
    """Pictures at paths; each header is checked, each file hashed."""
    absent = [path for path in paths if not os.path.exists(root / path)]
    if absent:
        named = ", ".join(map(printable, absent[:MAX_NAMED])) + ", ..." * (len(absent) > MAX_NAMED)
        raise UsageError(
            f"{len(absent)} of {len(paths)} pictures are not in {printable(root)}: {named}",
            "root names the folder that their paths start from",
        )
    names = [(root / path, printable(path)) for path in paths]
    items = index_files(names)
    return [
        Stored(path, item.content, item.name) for (path, _), item in zip(names, items, strict=True)
    ]


def _divide(items: _Items, splitting: Splitting, test: float | str) -> dict[str, Split]:
    """Splits that a column names, and those that are drawn from train."""
    if not items.parts:
        return splitting.divide(items.whole, items.classes, test)
    folders = {}
    for part in ("train", "validation", "test"):
        index = [number for number, each in enumerate(items.parts) if each == part]
        if index:
            folders[part] = items.whole.subset(index)
    train = folders["train"]
    absent = set(items.whole.labels.tolist()) - set(train.labels.tolist())
    if absent:
        raise UsageError(f"class {items.classes[min(absent)]} has no item in train")
    if "test" not in folders:
        folders["test"] = folders.pop("validation")
    validation = folders.get("validation")
    if splitting.fold and validation is not None:
        raise BadValue("fold", splitting.fold, "no split is left to draw", "use fold=null")
    return splitting.divide(train, items.classes, folders["test"], validation)
