"""The table and what is said under it, for a terminal of 100 columns; a narrower one gets fewer
columns, none of them cut.
"""

import contextlib
import re
from collections.abc import Iterator

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from qtlrun.comparison.comparison import Point
from qtlrun.report.frame import cells

WIDE = 100
ROOMY = 120


def show(console: Console, point: Point, frame: pd.DataFrame) -> None:
    """Row, accuracy and difference with their intervals, NLL; on a wide terminal also what it is,
    trained numbers, seconds.

    Where weights are generated the gap to the accuracy on the training split stands in place of
    seconds; with room for them also both.
    """
    columns = {
        "row": "row",
        "what it is": "about",
        "accuracy, 95 %": "accuracy",
        "train": "train",
        "gap": "gap",
        "NLL": "nll",
        "trained": "trained",
        "s": "seconds",
        "failed": "failed",
        f"{point.composed} - row, nats": "difference",
        f"{point.composed} - row, accuracy": "accuracy difference",
    }
    roomy = console.width >= ROOMY
    left = ("train", "s") * (not roomy) if point.generated else ("train", "gap")
    left += ("failed",) * (not frame["failed"].any())
    left += (f"{point.composed} - row, accuracy",) * (not roomy or bool(point.generated))
    columns = {name: key for name, key in columns.items() if name not in left}
    if console.width < WIDE:
        columns = {
            name: key
            for name, key in columns.items()
            if key in ("row", "accuracy", "nll", "failed", "difference")
        }
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for name, key in columns.items():
        words = key in ("row", "about")
        table.add_column(
            name, justify="left" if words else "right", no_wrap=not words, overflow="fold"
        )
    for line in frame.to_dict("records"):
        lost = {
            "row": line["row"],
            "about": "error: see below",
            "accuracy": "error",
            "failed": _failed(line),
        }
        said = _line(line) if line["seeds"] else lost
        table.add_row(*(Text(said.get(key, "")) for key in columns.values()))
    console.print(table)


def show_sweep(console: Console, frame: pd.DataFrame, exact: tuple[str, ...] = ()) -> None:
    """The table of a sweep, a line a point; without the differences to the references where they do
    not fit.
    """
    table = _sweep(frame, exact)
    if (
        console.measure(table, options=console.options.update_width(10 * WIDE)).maximum
        > console.width
    ):
        table = _sweep(frame[[name for name in frame if not name.startswith("minus ")]], exact)
        table.caption = Text(
            "The differences to the references do not fit here; table.csv has them."
        )
    console.print(table)


def show_words(console: Console, frame: pd.DataFrame) -> None:
    """A table of words and numbers, the words to the left; the first column gives way where there
    is no room.
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
    console.print(table)


@contextlib.contextmanager
def later(console: Console) -> Iterator[None]:
    """Print at the end what is printed within, also where that ends by an error."""
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


def interval(mean: float, low: float, high: float, form: str = ".3f", ends: str = ".2f") -> str:
    """A figure and the ends of its interval."""
    return f"{_plain(mean, form)} [{_plain(low, ends)}, {_plain(high, ends)}]"


def trained(line: dict) -> str:
    """Trained numbers, circuit + head + backbone; where a row of the table has a mapping, circuit +
    mapping + head + backbone.
    """
    places = (
        ("circuit", "mapping", "head", "backbone")
        if "parameters_mapping" in line
        else ("circuit", "head", "backbone")
    )
    numbers = (line[f"parameters_{place}"] for place in places)
    return "+".join("0" if pd.isna(number) else _short(number) for number in numbers)


def _line(line: dict) -> dict[str, str]:
    """The cells of a finished row, by column."""
    said = {
        "row": line["row"] + ("†" if line["from the store"] else ""),
        "about": line["what it is"],
        "trained": trained(line),
        "accuracy": _interval(line, "accuracy", ".3f", ".2f"),
        "nll": _plain(line["NLL"], ".3f"),
        "train": _plain(line["train accuracy"], ".3f"),
        "gap": _plain(line["gap"], "+z.3f"),
        "seconds": format(
            line["seconds per seed"], ".2g" if line["seconds per seed"] < 10 else ".0f"
        ),
    }
    judged = isinstance(line.get("verdict"), str)
    said["failed"] = _failed(line)
    if judged:
        said |= {
            name: _interval(line, name, "+z.2f", "+z.2f")
            for name in ("difference", "accuracy difference")
        }
    return said


def _failed(line: dict) -> str:
    """Trainings that failed, of how many."""
    if pd.isna(line["failed"]):
        return "all"
    return f"{line['failed']} of {line['failed'] + line['seeds']}" if line["failed"] else ""


def _sweep(frame: pd.DataFrame, exact: tuple[str, ...]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for name in frame.columns:
        table.add_column(Text(re.sub(r"(?<=[._])| ", "\n", name)), justify="right", overflow="fold")
    for line in cells(frame, exact):
        table.add_row(*map(Text, line))
    return table


def _interval(line: dict, name: str, form: str, ends: str) -> str:
    return interval(line[name], line[name + " low"], line[name + " high"], form, ends)


def _plain(value: float, form: str) -> str:
    """A number below 1 without its zero."""
    text = format(value, form)
    return text.replace("0.", ".", 1) if abs(value) < 1 else text


def _short(number: float) -> str:
    number = int(number)
    return (
        f"{number / 1e6:.1f}M"
        if number >= 999_500
        else f"{number / 1e3:.0f}k"
        if number >= 10_000
        else str(number)
    )
