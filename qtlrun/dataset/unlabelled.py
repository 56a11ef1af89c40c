"""Items without labels, to predict: pictures in files, or vectors of a table."""

import glob
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
from qtlrun.error import UsageError

TABLES = (".csv", ".npy")
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


def read_vectors(word: str, numbers: int) -> Float64[Tensor, "items numbers"]:
    """Vectors of so many numbers, a line each, of a CSV (with a header or without) or NPY file."""
    path = Path(word).expanduser()
    if path.suffix.lower() not in TABLES or not path.is_file():
        reason = "there is no such file" if not path.exists() else "it is neither"
        raise _refusal(word, f"items of {numbers} numbers are a CSV or NPY file; {reason}")
    try:
        values = _read_array(path) if path.suffix.lower() == ".npy" else _read_table(path, word)
    except (OSError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        raise _refusal(word, f"it cannot be read ({error})") from error
    if values.ndim != 2 or values.shape[1] != numbers or not len(values):
        shape = " x ".join(map(str, values.shape))
        raise _refusal(
            word, f"it has {shape} numbers, and the run was trained on items of {numbers} numbers"
        )
    if not np.isfinite(values).all():
        item = int(np.flatnonzero(~np.isfinite(values).all(1))[0])
        raise _refusal(word, f"item {item} (from 0) has a number that is not finite")
    return torch.from_numpy(values)


def _read_array(path: Path) -> np.ndarray:
    """Numbers of an NPY file; nothing in it is executed."""
    return np.load(path, allow_pickle=False).astype(np.float64)


def _read_table(path: Path, word: str) -> np.ndarray:
    """Numbers of a CSV file; a first line without a number is its header."""
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    rows: list[list[float]] = []
    for number, line in enumerate(lines, 1):
        cells = [cell.strip() for cell in line.split(",")]
        if not any(cells):
            continue
        try:
            rows.append(list(map(float, cells)))
        except ValueError as error:
            if number == 1 and not any(map(_is_number, cells)):
                continue
            text = next(cell for cell in cells if not _is_number(cell))
            raise _refusal(word, f"line {number}: {text!r} is no number") from error
        if len(rows[-1]) != len(rows[0]):
            raise _refusal(
                word, f"line {number} has {len(rows[-1])} numbers, and the first {len(rows[0])}"
            )
    return np.array(rows, dtype=np.float64)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _refusal(word: str, reason: str) -> UsageError:
    return UsageError(
        reason,
        "name a folder, a file or a pattern, as images=photos or images=photos/*.jpg"
        if not word.lower().endswith(TABLES)
        else "",
        key="images",
        value=word,
    )
