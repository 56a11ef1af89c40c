"""Tables and sentences on a terminal; a narrow one gets fewer columns, none cut."""

import contextlib
import re
from collections.abc import Iterator
from typing import Literal

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from qtlrun.comparison.comparison import Comparison
from qtlrun.report.frame import cells
from qtlrun.report.terminal.table import point_table

WIDE = 1000  # characters that any table fits
SEVERITY_STYLES = {"fault": "red", "warning": "yellow", "note": ""}


def show(console: Console, comparison: Comparison, frame: pd.DataFrame) -> None:
    """Print the table of a point."""
    _print(console, point_table(comparison, frame, console.width))


def show_sweep(
    console: Console, frame: pd.DataFrame, exact: tuple[str, ...] = (), composed: str = "composed"
) -> None:
    """Print the table of a sweep, a line per point.

    Without the differences of the composed row to the references where they do not fit; `exact` as
    in `cells`.
    """
    if "error" in frame and not frame["error"].any():
        frame = frame.drop(columns="error")
    table = _sweep_table(frame, exact, composed)
    unlimited = console.options.update_width(WIDE)
    if console.measure(table, options=unlimited).maximum > console.width:
        absolute = frame[[name for name in frame if not name.startswith("minus ")]]
        table = _sweep_table(absolute, exact, composed)
        table.caption = Text(
            "The differences to the references do not fit here; table.csv has them."
        )
    _print(console, table)


def show_words(console: Console, frame: pd.DataFrame) -> None:
    """Print a table of texts, to the left, and numbers, to the right.

    The first column gives way where there is no room.
    """
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for number, (name, kind) in enumerate(frame.dtypes.items()):
        table.add_column(
            Text(name),
            justify="right" if pd.api.types.is_numeric_dtype(kind) else "left",
            no_wrap=number > 0,
            overflow="fold",
        )
    for line in cells(frame):
        table.add_row(*map(Text, line))
    _print(console, table)


def show_blocks(console: Console, frame: pd.DataFrame) -> None:
    """Print a table of texts whose last columns follow below, where there is no room for all.

    The first column is repeated; none of its words is broken.
    """
    first, *names = frame
    while names:
        count = len(names)
        while count > 1 and _least_width(frame[[first, *names[:count]]]) > console.width:
            count -= 1
        show_words(console, frame[[first, *names[:count]]])
        names = names[count:]


def _least_width(frame: pd.DataFrame) -> int:
    """Characters that a table of texts needs; its first column those of its longest word."""
    first, *columns = zip(map(str, frame), *cells(frame), strict=True)
    widths = [max(map(cell_len, column)) for column in columns]
    longest = max(cell_len(word) for cell in first for word in cell.split())
    return longest + 1 + sum(width + 2 for width in widths)  # a space behind each, one between


def show_findings(console: Console, frame: pd.DataFrame) -> None:
    """Print a diagnosis: a line for each finding, and the remedy under it."""
    if frame.empty:
        return
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for name in ("code", "severity", "value", "limit", "finding"):
        is_number = name in ("value", "limit")
        justify: Literal["left", "right"] = "right" if is_number else "left"
        is_long = name == "finding"
        table.add_column(name, justify=justify, no_wrap=not is_long, overflow="fold")
    for line in frame.itertuples():
        remedy = f"{line.fix}: {line.override}" if line.override else line.fix
        finding = Text.assemble(
            (line.name, "bold"), f"\n{_sentence(line.finding)}\nRemedy: {_sentence(remedy)}"
        )
        style = SEVERITY_STYLES[line.severity]
        numbers = f"{line.value:.3g}", f"{line.limit:.3g}"
        table.add_row(line.code, Text(line.severity, style=style), *numbers, finding)
    _print(console, table)


def _sentence(words: str) -> str:
    """Words with one stop at the end, a question's as it is."""
    return words if words.endswith("?") else words.rstrip(".") + "."


def show_options(console: Console, title: str, frame: pd.DataFrame) -> None:
    """Print options with what each is; defaults are bold."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, title_justify="left")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for line in frame.itertuples():
        table.add_row(Text(line.option, style="bold" if line.default else ""), Text(line.about))
    say(console, [title])
    _print(console, table)


@contextlib.contextmanager
def later(console: Console) -> Iterator[None]:
    """Delay what is printed within to the end, also where that ends by an error."""
    captured = console.capture()
    try:
        with captured:
            yield
    finally:
        console.file.write(captured.get())


def say(console: Console, lines: list[str]) -> None:
    """Print sentences as they are."""
    for line in lines:
        console.print(line, markup=False, highlight=False, emoji=False)


def _print(console: Console, table: Table) -> None:
    """Print a table and an empty line, which parts it from the sentences."""
    console.print(table)
    console.print()


def _sweep_table(frame: pd.DataFrame, exact: tuple[str, ...], composed: str) -> Table:
    """Table of a sweep; "minus C" of the frame is "A - C" here."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    titles = {"error": "failed trainings"}
    for name in frame.columns:
        title = titles.get(name, re.sub("^minus ", f"{composed} - ", name))
        breaks = re.sub(r"(?<=[._])|(?<!-) (?!-)", "\n", title)
        table.add_column(Text(breaks), justify="right", overflow="fold")
    for line in cells(frame, exact):
        table.add_row(*map(Text, line))
    return table
