"""Tables in text files: delimiter, named columns, and rows with their lines."""

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
from jaxtyping import Float64

from qtlrun.dataset.picture import printable
from qtlrun.error import BadValue, UsageError, nearest

DELIMITERS = (",", ";", "\t")
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-"})
MAX_SHOWN = 30  # characters of a cell in a message
MAX_NUMBER = float(np.finfo(np.float32).max)  # the square of a larger one may leave float64


class Line(NamedTuple):
    """Cells of a row, and the number of the line of the file that it ends on."""

    line: int
    cells: list[str]


@dataclass(frozen=True)
class Cells:
    """Cells of some columns.

    Arguments:
        lines: of the file, of each row.
        texts: cells by the position of their column.
        numbers: cells of columns of numbers.
    """

    lines: list[int]
    texts: dict[int, list[str]]
    numbers: Float64[np.ndarray, "rows columns"]


@dataclass(frozen=True)
class Table:
    """Table whose first line names its columns; its rows can be taken once.

    Arguments:
        columns: names, stripped.
        rows: lines beneath the first.
        fix: what would be right where a cell is no number.
    """

    columns: tuple[str, ...]
    rows: Iterator[Line]
    fix: str = "mend it"

    def locate(self, key: str, column: str | int) -> int:
        """Position of a column that a key names."""
        name = str(column)
        if name not in self.columns:
            named = [each for each in self.columns if each]
            raise BadValue(key, name, "there is no such column", nearest(name, named))
        return self.columns.index(name)

    def match(self, key: str, patterns: Sequence[str | int]) -> list[int]:
        """Positions of columns by their names, or by patterns such as e*, each once."""
        positions: dict[int, None] = {}
        for pattern in map(str, patterns):
            if pattern in self.columns:
                positions[self.columns.index(pattern)] = None
                continue
            matches = [
                n for n, name in enumerate(self.columns) if name and fnmatchcase(name, pattern)
            ]
            if not matches:
                self.locate(key, pattern)
            positions |= dict.fromkeys(matches)
        return list(positions)

    def take(self, texts: Sequence[int], numbers: Sequence[int]) -> Cells:
        """Take columns of text and of numbers; UsageError where a cell is missing or no number."""
        lines: list[int] = []
        columns: dict[int, list[str]] = {position: [] for position in texts}
        values = []
        for line, cells in self.rows:
            self._check_length(line, cells)
            lines.append(line)
            for position, column in columns.items():
                column.append(self._text(line, position, cells[position].strip()))
            values.append(self._numbers(line, numbers, [cells[position] for position in numbers]))
        if not lines:
            raise UsageError("it has no line beneath its first, which names the columns")
        return Cells(lines, columns, np.stack(values))

    def _check_length(self, line: int, cells: list[str]) -> None:
        if len(cells) != len(self.columns):
            raise UsageError(
                f"line {line} has {len(cells)} cells, and the first line {len(self.columns)}",
                "put text that holds the delimiter in double quotes",
            )

    def _text(self, line: int, position: int, cell: str) -> str:
        if not cell:
            raise UsageError(f"line {line}, column {self._name(position)}: nothing stands there")
        return cell

    def _numbers(
        self, line: int, positions: Sequence[int], cells: list[str]
    ) -> Float64[np.ndarray, " columns"]:
        # float() takes 1_000 and nan too
        if "_" in "".join(cells):
            self._refuse(line, positions, cells)
        try:
            values = np.array(list(map(float, cells)))
        except ValueError:
            self._refuse(line, positions, cells)
        if not (np.abs(values) <= MAX_NUMBER).all():  # nor nan
            self._refuse(line, positions, cells)
        return values

    def _refuse(self, line: int, positions: Sequence[int], cells: Sequence[str]) -> NoReturn:
        """Raise UsageError for the first cell that is no number."""
        for position, cell in zip(positions, cells, strict=True):
            reason = _fault(cell.strip())
            if reason:
                raise UsageError(
                    f"line {line}, column {self._name(position)}: {reason}",
                    self.fix,
                )
        raise AssertionError("every cell is a number")

    def _name(self, position: int) -> str:
        return printable(self.columns[position]) or str(position + 1)


def read_table(path: Path, *, fix: str = Table.fix) -> Table:
    """Table of a text file in UTF-8, separated by commas, semicolons or tabs."""
    rows = read_rows(path)
    columns = tuple(cell.strip() for cell in next(rows, Line(0, [])).cells)
    if len(columns) < 2:
        raise UsageError(
            "its first line names fewer than two columns",
            "separate them by commas, semicolons or tabs",
        )
    check_names(columns)
    return Table(columns, rows, fix)


def read_rows(path: Path) -> Iterator[Line]:
    """Rows of a text file, the first with the names of its columns, if it has them."""
    content = _content(path)
    header = content.partition(b"\n")[0].decode()
    delimiter = max(DELIMITERS, key=lambda each: len(_cells_of(header, each)))
    return _rows(content, delimiter)


def check_names(columns: Sequence[str]) -> None:
    """Refuse columns of one name."""
    name, count = Counter(filter(None, columns)).most_common(1)[0] if any(columns) else ("", 0)
    if count > 1:
        raise UsageError(f"{count} columns are named {printable(name)}", "give each its own name")


def is_numeric(cell: str) -> bool:
    """Whether a cell reads as a number, be it none that is taken (nan, 1_000)."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _content(path: Path) -> bytes:
    """Content of a text file in UTF-8, without the mark of its encoding."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"it cannot be read ({error.strerror})", missing=not path.exists()
        ) from None
    try:
        if b"\0" in content or content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise UsageError("it is no text in UTF-8", "save it as CSV in UTF-8")
        content = content.removeprefix(codecs.BOM_UTF8)
        content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(f"line {line} is no UTF-8", "save it as CSV in UTF-8") from None
    return content


def _cells_of(line: str, delimiter: str) -> list[str]:
    """Cells of a line."""
    return next(csv.reader([line], delimiter=delimiter), [])


def _rows(content: bytes, delimiter: str) -> Iterator[Line]:
    """Rows that are not empty."""
    # A StringIO would take four bytes a letter
    text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline="")
    lines = csv.reader(text, delimiter=delimiter, strict=True)
    try:
        for cells in lines:
            if any(cells):
                yield Line(lines.line_num, cells)
    except csv.Error as error:
        raise UsageError(f"line {lines.line_num} is not read ({error})", "mend its quotes") from (
            None
        )


def _fault(cell: str) -> str:
    """Reason why a cell is no number; empty where it is one."""
    if cell.lower() in MISSING:
        return f"a number is missing ({printable(cell)})" if cell else "a number is missing"
    shown = printable(cell[:MAX_SHOWN]) + "..." * (len(cell) > MAX_SHOWN)
    try:
        number = float(cell)
    except ValueError:
        comma = cell.count(",") == 1 and cell.replace(",", "").lstrip("-+").isdigit()
        return f"{shown} is no number" + "; its decimal point has to be a point" * comma
    if not np.isfinite(number) or "_" in cell:
        return f"{shown} is no finite number"
    return "" if abs(number) <= MAX_NUMBER else f"{shown} is beyond {MAX_NUMBER:.1e}, float32's end"
