"""Data frames as CSV, as Markdown and as the cells that a terminal shows."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from qtlrun.plan import override

FORMULA_STARTS = ("=", "+", "-", "@", "\t")  # a spreadsheet computes what begins with these
TRUTH_VALUES = ("true", "false")  # in any letters, to pandas.read_csv
# Texts that pandas.read_csv takes for a missing value.
MISSING_VALUES = {
    " ",
    "#N/A",
    "#N/A N/A",
    "#NA",
    "-1.#IND",
    "-1.#QNAN",
    "-NaN",
    "-nan",
    "1.#IND",
    "1.#QNAN",
    "<NA>",
    "N/A",
    "NA",
    "NULL",
    "NaN",
    "None",
    "n/a",
    "nan",
    "null",
}


def csv(frame: pd.DataFrame) -> str:
    """Data frame as CSV.

    An apostrophe stands before a text that a spreadsheet or pandas would take for something else.
    """
    texts = frame.select_dtypes(exclude="number")
    return frame.assign(**{name: texts[name].map(_escape) for name in texts}).to_csv(index=False)


def read_csv(file: Path) -> pd.DataFrame:
    """Data frame of a file that `csv` has written; its texts without the apostrophes."""
    frame = pd.read_csv(file)
    texts = frame.select_dtypes(exclude=["number", "bool"])
    return frame.assign(**{name: texts[name].map(_unescape) for name in texts})


def markdown(frame: pd.DataFrame, exact: tuple[str, ...] = ()) -> str:
    """Data frame as a Markdown table; `exact` as in `cells`."""
    lines = [list(map(_single_line, line)) for line in (frame.columns, *cells(frame, exact))]
    lines.insert(1, ["---"] * len(frame.columns))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cells(frame: pd.DataFrame, exact: tuple[str, ...] = ()) -> list[list[str]]:
    """Cells of a shown frame: figures to three places, columns of `exact` as they are."""
    forms = [str if name in exact else _cell for name in frame.columns]
    return [_format_line(values, forms) for values in frame.itertuples(index=False)]


def _format_line(values: tuple, forms: Sequence[Callable[[object], str]]) -> list[str]:
    return [form(value) for form, value in zip(forms, values, strict=True)]


def _cell(value: object) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else ""
    if pd.isna(value):
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _single_line(cell: str) -> str:
    return " ".join(cell.split()).replace("|", "\\|")


def _escape(value: object) -> object:
    """Text with an apostrophe where it would be misread; a carriage return would end the line."""
    if not isinstance(value, str):
        return value
    return "'" * _is_misread(value) + value.replace("\r", "\\r")


def _unescape(value: object) -> object:
    """Text without the apostrophe that stands before what would be misread."""
    if isinstance(value, str) and value.startswith("'") and _is_misread(value[1:]):
        return value[1:]
    return value


def _is_misread(text: str) -> bool:
    """Whether a spreadsheet computes a text, or pandas.read_csv reads another value for it.

    A missing value, a truth value or another number.
    """
    if text in MISSING_VALUES or text.lower() in TRUTH_VALUES:
        return True
    value = override.number(text)
    if isinstance(value, str):
        return text.startswith(FORMULA_STARTS)
    return str(value) != text or (isinstance(value, int) and not -(2**63) <= value < 2**63)
