"""Tables and sentences on a terminal; below 100 characters it gets fewer columns, none cut."""

import contextlib
import re
from collections.abc import Iterator

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from qtlrun.comparison.comparison import Comparison
from qtlrun.report.frame import cells

FULL_WIDTH = 100  # characters that the table needs with its usual columns
ROOMY_WIDTH = 120  # with all columns
NARROW_COLUMNS = ("row", "accuracy", "nll", "failed", "difference")


def show(console: Console, comparison: Comparison, frame: pd.DataFrame) -> None:
    """Print the table of a point: row, accuracy and difference with their intervals, NLL.

    On a wide terminal also what it is, trained numbers, seconds. Where weights are generated the
    gap to the accuracy on the training split stands in place of seconds; with room for them also
    both.
    """
    columns = _columns(console, comparison, bool(frame["failed"].any()))
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for name, key in columns.items():
        is_text = key in ("row", "about")
        table.add_column(
            name,
            justify="left" if is_text else "right",
            no_wrap=not is_text,
            overflow="fold",
        )
    for line in frame.to_dict("records"):
        texts = _line(line) if line["seeds"] else _failed_line(line)
        table.add_row(*(Text(texts.get(key, "")) for key in columns.values()))
    console.print(table)


def show_sweep(console: Console, frame: pd.DataFrame, exact: tuple[str, ...] = ()) -> None:
    """Print the table of a sweep, a line per point.

    Without the differences to the references where they do not fit; `exact` as in `cells`.
    """
    table = _sweep_table(frame, exact)
    unlimited = console.options.update_width(10 * FULL_WIDTH)
    if console.measure(table, options=unlimited).maximum > console.width:
        table = _sweep_table(
            frame[[name for name in frame if not name.startswith("minus ")]], exact
        )
        table.caption = Text(
            "The differences to the references do not fit here; table.csv has them."
        )
    console.print(table)


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
    console.print(table)


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


def interval(mean: float, low: float, high: float, form: str = ".3f", ends: str = ".2f") -> str:
    """Number with the ends of its interval."""
    return (
        f"{_format_number(mean, form)} [{_format_number(low, ends)}, {_format_number(high, ends)}]"
    )


def trained(line: dict) -> str:
    """Trained numbers, circuit + head + backbone.

    Where a row of the table has a mapping, circuit + mapping + head + backbone.
    """
    mapping = ("mapping",) if "parameters_mapping" in line else ()
    parts = ("circuit", *mapping, "head", "backbone")
    numbers = [line[f"parameters_{part}"] for part in parts]
    return "+".join("0" if pd.isna(number) else _format_count(number) for number in numbers)


def _columns(console: Console, comparison: Comparison, any_failed: bool) -> dict[str, str]:
    """Cells that the terminal has room for, by the title of their column."""
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
        f"{comparison.composed} - row, nats": "difference",
        f"{comparison.composed} - row, accuracy": "accuracy difference",
    }
    roomy = console.width >= ROOMY_WIDTH
    omitted = set()
    if not comparison.generated:
        omitted.update({"train", "gap"})
    elif not roomy:
        omitted.update({"train", "seconds"})
    if not any_failed:
        omitted.add("failed")
    if comparison.generated or not roomy:
        omitted.add("accuracy difference")
    if console.width < FULL_WIDTH:
        omitted.update(set(columns.values()).difference(NARROW_COLUMNS))
    return {name: key for name, key in columns.items() if key not in omitted}


def _line(line: dict) -> dict[str, str]:
    """Cells of a row with finished seeds, by column."""
    seconds = line["seconds per seed"]
    texts = {
        "row": line["row"] + ("†" if line["from the store"] else ""),
        "about": line["what it is"],
        "trained": trained(line),
        "accuracy": _interval(line, "accuracy", ".3f", ".2f"),
        "nll": _format_number(line["NLL"], ".3f"),
        "train": _format_number(line["train accuracy"], ".3f"),
        "gap": _format_number(line["gap"], "+z.3f"),
        "seconds": format(seconds, ".2g" if seconds < 10 else ".0f"),
        "failed": _failures(line),
    }
    if isinstance(line.get("verdict"), str):
        for name in ("difference", "accuracy difference"):
            texts[name] = _interval(line, name, "+z.2f", "+z.2f")
    return texts


def _failed_line(line: dict) -> dict[str, str]:
    """Cells of a row without a finished seed, by column."""
    return {
        "row": line["row"],
        "about": "error: see below",
        "accuracy": "error",
        "failed": _failures(line),
    }


def _failures(line: dict) -> str:
    """Number of failed trainings, and of all."""
    if pd.isna(line["failed"]):
        return "all"
    return f"{line['failed']} of {line['failed'] + line['seeds']}" if line["failed"] else ""


def _sweep_table(frame: pd.DataFrame, exact: tuple[str, ...]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for name in frame.columns:
        table.add_column(Text(re.sub(r"(?<=[._])| ", "\n", name)), justify="right", overflow="fold")
    for line in cells(frame, exact):
        table.add_row(*map(Text, line))
    return table


def _interval(line: dict, name: str, form: str, ends: str) -> str:
    return interval(line[name], line[name + " low"], line[name + " high"], form, ends)


def _format_number(value: float, form: str) -> str:
    """Number, below 1 without its zero."""
    text = format(value, form)
    return text.replace("0.", ".", 1) if abs(value) < 1 else text


def _format_count(number: float) -> str:
    """Count of at most four digits, in thousands or millions."""
    number = int(number)
    if number >= 999_500:
        return f"{number / 1e6:.1f}M"
    if number >= 10_000:
        return f"{number / 1e3:.0f}k"
    return str(number)
