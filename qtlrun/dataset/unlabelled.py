"""Items without labels, to predict: pictures in files, or vectors of a table."""

import glob
import itertools
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64, UInt8
from torch import Tensor

from qtlrun.dataset import picture
from qtlrun.dataset.split import pool
from qtlrun.dataset.table import Line, Table, check_names, is_numeric, read_rows
from qtlrun.error import UsageError

TABLES = (".csv", ".npy")
MAX_NAMED = 6  # columns, in a message
GLOB = re.compile(r"[*?\[]")
# Weights of red, green and blue in a grey of ITU-R BT.601, times 2**16
LUMA = (19595, 38470, 7471)


@dataclass(frozen=True)
class Files:
    """Files of pictures with their names in a table, and how many files beside them are none."""

    paths: tuple[Path, ...]
    names: tuple[str, ...]
    others: int = 0

    def read(self, indices: range, channels: int) -> list[Tensor | UsageError]:
        """Pixels of pictures, grey ones where `channels` is 1; the refusal of one that is none."""

        def read_file(index: int) -> Tensor | UsageError:
            try:
                pixels = picture.read(self.paths[index], name=self.names[index])
            except UsageError as error:
                return error
            return to_grey(pixels) if channels == 1 else pixels

        return list(pool().map(read_file, indices))


def find_pictures(items: str | Sequence[str]) -> Files:
    """Pictures of a folder and those below it, of a file, a glob, or of a list of these.

    Raises UsageError for a word that names no picture.
    """
    listed = [items] if isinstance(items, str) else list(items)
    names: dict[Path, str] = {}
    others = 0
    for word in listed:
        path = Path(word).expanduser()
        files, more = _find(word, path)
        others += more
        for file in files:
            relative = file.relative_to(path) if path.is_dir() and len(listed) == 1 else file
            names.setdefault(file, picture.printable(relative))
    return Files(tuple(names), tuple(names.values()), others)


def _find(word: str, path: Path) -> tuple[list[Path], int]:
    """Pictures of one word, sorted, and how many other files it has."""
    if path.is_dir():
        files, others = _walk(path)
        if not files:
            raise _refusal(word, "no file in this folder has a picture's ending")
        return files, others
    if path.is_file() or not GLOB.search(word):
        if not os.path.lexists(path):
            raise _refusal(word, "there is no such file or folder")
        return [path], 0
    matches = sorted(glob.glob(str(path), recursive=True))
    files = [Path(match) for match in matches if not os.path.isdir(match)]
    if not files:
        raise _refusal(word, "no file's name is of this pattern")
    return files, 0


def _walk(folder: Path) -> tuple[list[Path], int]:
    """Pictures in a folder and those below it, and how many other files there are."""
    folders, files, others = picture.scan(folder)
    count = len(others)
    for inner in folders:
        more, beside = _walk(inner)
        files += more
        count += beside
    return files, count


def to_grey(pixels: UInt8[Tensor, "3 height width"]) -> UInt8[Tensor, "1 height width"]:
    """Grey picture of a coloured one, as Pillow has it; one that is grey keeps its values."""
    weights = torch.tensor(LUMA).view(3, 1, 1)
    return ((pixels * weights).sum(0, keepdim=True) + 2**15 >> 16).to(torch.uint8)


def read_vectors(
    word: str, numbers: int, columns: Sequence[str] = ()
) -> Float64[Tensor, "items numbers"]:
    """Vectors of so many numbers, a line each, of a CSV or NPY file.

    A CSV file is read by the names of the columns that the training had; without names by
    position, beneath a header or without one. An NPY file is read by position.
    """
    path = Path(word).expanduser()
    if path.suffix.lower() not in TABLES or not path.is_file():
        reason = "there is no such file" if not path.exists() else "it is neither"
        raise _refusal(word, f"items of {numbers} numbers are a CSV or NPY file; {reason}")
    try:
        if path.suffix.lower() == ".npy":
            values = _read_array(path, numbers)
        elif columns:
            values = _read_by_name(path, columns)
        else:
            values = _read_by_place(path, numbers)
    except UsageError as error:
        raise error.about("images", word) from error
    except (OSError, ValueError) as error:
        raise _refusal(word, f"it cannot be read ({error})") from error
    return torch.from_numpy(values)


def _read_array(path: Path, numbers: int) -> np.ndarray:
    """Numbers of an NPY file; nothing in it is executed."""
    values = np.load(path, allow_pickle=False).astype(np.float64)
    if values.ndim != 2 or values.shape[1] != numbers or not len(values):
        shape = " x ".join(map(str, values.shape))
        raise _other_count(f"{shape} numbers", numbers)
    if not np.isfinite(values).all():
        item = int(np.flatnonzero(~np.isfinite(values).all(1))[0])
        raise UsageError(f"item {item} (from 0) has a number that is not finite")
    return values


def _read_by_name(path: Path, columns: Sequence[str]) -> np.ndarray:
    """Numbers of a CSV file's columns of these names, in their order; others are left out."""
    rows = read_rows(path)
    names = _cells(next(rows, Line(0, [])))
    absent = [name for name in columns if name not in names]
    if absent:
        words = "the run's columns" if len(absent) == len(columns) else "of the run's columns"
        raise UsageError(
            f"its first line ({_list(names)}) lacks {words} {_list(absent)}",
            "name them there; their order is free, and others are left out",
        )
    check_names(names)
    return Table(names, rows).take((), [names.index(name) for name in columns]).numbers


def _read_by_place(path: Path, numbers: int) -> np.ndarray:
    """Numbers of a CSV file; a first line without a number is its header."""
    rows = read_rows(path)
    first = next(rows, Line(0, []))
    cells = _cells(first)
    if len(cells) != numbers:
        raise _other_count(f"{len(cells)} columns", numbers)
    if numbers > 1 and cells in (_count_from(0, numbers), _count_from(1, numbers)):
        raise UsageError(
            f"its first line ({_list(cells)}) may be a header or an item",
            "put names above it where it is an item, or in its place",
        )
    if any(map(is_numeric, cells)):
        rows = itertools.chain([first], rows)
    return Table(("",) * numbers, rows).take((), range(numbers)).numbers


def _cells(line: Line) -> tuple[str, ...]:
    """Cells of a line, stripped."""
    return tuple(map(str.strip, line.cells))


def _count_from(start: int, numbers: int) -> tuple[str, ...]:
    """Whole numbers from `start` on, as programs name columns that have no name."""
    return tuple(map(str, range(start, start + numbers)))


def _list(names: Sequence[str]) -> str:
    """Names as text, the first few."""
    shown = ", ".join(map(picture.printable, names[:MAX_NAMED]))
    return f"{shown} and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else shown


def _other_count(size: str, numbers: int) -> UsageError:
    return UsageError(f"it has {size}, and the run was trained on items of {numbers} numbers")


def _refusal(word: str, reason: str) -> UsageError:
    return UsageError(
        reason,
        "name a folder, a file or a pattern, as images=photos or images=photos/*.jpg"
        if not word.lower().endswith(TABLES)
        else "",
        key="images",
        value=word,
    )
