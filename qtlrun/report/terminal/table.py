"""Table of a point on a terminal: a line per row, its verdict as a word."""

import re
from dataclasses import dataclass

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from qtlrun.comparison.comparison import Comparison
from qtlrun.report.sentence import verdict_word

GAP = 2  # characters between columns
LABEL_WIDTH = 16  # most characters of a label on one line
SHORT_LABEL = 4  # characters that fit a title on one line
ABOUT_WIDTH = 18  # least characters of a description, which wraps
ABOUT_WIDTH_INLINE = 30  # where an interval stands beside its number
# Steps that make a table narrow: each drops a column, one moves intervals under their numbers
STACKING = "stacking"
STEPS = ("accuracy difference", "train", STACKING, "seconds", "trained", "gap", "about", "nll")
LARGE = 1e5  # a number from here up is written with its power of ten
VERDICT_STYLES = {"better": "green", "worse": "red"}


@dataclass(frozen=True)
class _Column:
    """Column of the table: its title and cells, by line."""

    title: str
    cells: list[str]
    is_text: bool = False

    @property
    def width(self) -> int:
        """Characters of its longest line."""
        texts = [self.title, *self.cells]
        return max(Text(line).cell_len for text in texts for line in text.split("\n"))


def point_table(comparison: Comparison, frame: pd.DataFrame, width: int) -> Table:
    """Table of a point, with the columns that fit into `width` characters.

    Where it is narrow intervals stand under their numbers, then columns are dropped. A column with
    nothing to say is left out.
    """
    columns = _columns(comparison, frame, stacked=False)
    least = ABOUT_WIDTH_INLINE
    for step in STEPS:
        if _needed_width(columns, least) <= width:
            break
        if step == STACKING:
            stacked = _columns(comparison, frame, stacked=True)
            columns = {key: column for key, column in stacked.items() if key in columns}
            least = ABOUT_WIDTH
        else:
            columns.pop(step, None)
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for key, column in columns.items():
        table.add_column(
            Text(column.title),
            justify="left" if column.is_text else "right",
            no_wrap=key != "about",
            overflow="fold",
        )
    for line in zip(*(column.cells for column in columns.values()), strict=True):
        table.add_row(*(Text(cell, style=VERDICT_STYLES.get(cell, "")) for cell in line))
    return table


def interval(
    mean: float, low: float, high: float, form: str = ".3f", ends: str = ".2f", between: str = " "
) -> str:
    """Number with the ends of its interval."""
    return (
        f"{_format_number(mean, form)}{between}"
        f"[{_format_number(low, ends)}, {_format_number(high, ends)}]"
    )


def trained(line: dict) -> str:
    """Trained numbers, circuit + head + backbone.

    Where a row of the table has a mapping, circuit + mapping + head + backbone.
    """
    mapping = ("mapping",) if "parameters_mapping" in line else ()
    parts = ("circuit", *mapping, "head", "backbone")
    numbers = [line[f"parameters_{part}"] for part in parts]
    return "+".join("0" if pd.isna(number) else _format_count(number) for number in numbers)


def _needed_width(columns: dict[str, _Column], about: int) -> int:
    """Characters of a table whose descriptions take `about`, or fewer; no word is cut."""
    widths = {key: column.width for key, column in columns.items()}
    if "about" in widths:
        words = " ".join(columns["about"].cells).split()
        widths["about"] = min(widths["about"], max(about, *map(len, words)))
    return sum(widths.values()) + GAP * len(widths) - 1


def _columns(comparison: Comparison, frame: pd.DataFrame, stacked: bool) -> dict[str, _Column]:
    """All columns, by their key; `stacked` puts intervals under their numbers."""
    composed = comparison.composed
    between = "\n" if stacked else " "
    words = _verdict_words(comparison, frame)
    lines = [_cells(line, words, between) for line in frame.to_dict("records")]
    generated = bool(comparison.generated)
    difference = f"{composed}{' ' if len(composed) <= SHORT_LABEL else between}- row"
    parts = ("circuit", *["mapping"] * generated, "head", "backbone")
    titles = {
        "row": "row",
        "about": "what it is",
        "accuracy": f"accuracy{between}[95 %]",
        "train": "train\naccuracy",
        "gap": "gap",
        "nll": "NLL",
        "trained": "trained\nparameters\n" + " +\n".join(parts),
        "seconds": "s per\nseed",
        "failed": "failed",
        "dead": "dead",
        "difference": f"NLL of\n{difference}\n[95 %]",
        "accuracy difference": f"accuracy of\n{difference}\n[95 %]",
        "verdict": f"{composed}\ncompared\nwith row",
    }
    columns = {}
    for key, title in titles.items():
        texts = [line.get(key, "") for line in lines]
        columns[key] = _Column(title, texts, is_text=key in ("row", "about"))
    empty = {key for key, column in columns.items() if not any(column.cells)}
    if not frame["failed"].any():
        empty.add("failed")
    omitted = empty if generated else empty | {"train", "gap"}
    return {key: column for key, column in columns.items() if key not in omitted}


def _verdict_words(comparison: Comparison, frame: pd.DataFrame) -> dict[str, str]:
    """Verdict of each row that has one, as a word."""
    if "verdict" not in frame:
        return {}
    accuracies = comparison.accuracy_contrasts()
    judged = frame[frame["verdict"].map(lambda word: isinstance(word, str))]
    return {
        label: verdict_word(comparison, label, word, accuracies[label])
        for label, word in zip(judged["row"], judged["verdict"], strict=True)
    }


def _cells(line: dict, words: dict[str, str], between: str) -> dict[str, str]:
    """Cells of a row, by column; `words` are the verdicts, by row."""
    if not line["seeds"]:
        return {
            "row": _break_label(line["row"]),
            "about": "error: see below",
            "accuracy": "error",
            "failed": _failures(line),
        }
    seconds = line["seconds per seed"]
    texts = {
        "row": _break_label(line["row"] + "†" * bool(line["from the store"])),
        "about": line["what it is"].replace(" + ", f"{between}+ ").replace(" (", f"{between}("),
        "trained": trained(line),
        "accuracy": _interval(line, "accuracy", ".3f", ".2f", between),
        "nll": _format_number(line["NLL"], ".3f"),
        "train": _format_number(line["train accuracy"], ".3f"),
        "gap": _format_number(line["gap"], "+z.3f"),
        "seconds": format(seconds, ".2g" if seconds < 10 else ".0f"),
        "failed": _failures(line),
        "dead": f"{line['dead']} of {line['seeds']}" if line.get("dead") else "",
    }
    if line["row"] in words:
        for name in ("difference", "accuracy difference"):
            texts[name] = _interval(line, name, "+z.2f", "+z.2f", between)
        texts["verdict"] = words[line["row"]].replace(" by", "\nby").replace(" if", "\nif")
        if line.get("status") == "exploratory":
            texts["verdict"] += "\nexploratory"
    return texts


def _break_label(label: str) -> str:
    """Label on lines that end behind an underscore, where it is long."""
    lines = [""]
    for piece in re.findall("[^_]*_|[^_]+", label):
        if lines[-1] and len(lines[-1] + piece) > LABEL_WIDTH:
            lines.append("")
        lines[-1] += piece
    return "\n".join(lines)


def _failures(line: dict) -> str:
    """Number of failed trainings, and of all."""
    if pd.isna(line["failed"]):
        return "all"
    return f"{line['failed']} of {line['failed'] + line['seeds']}" if line["failed"] else ""


def _interval(line: dict, name: str, form: str, ends: str, between: str) -> str:
    return interval(line[name], line[name + " low"], line[name + " high"], form, ends, between)


def _format_number(value: float, form: str) -> str:
    """Number, below 1 without its zero."""
    text = format(value, form if abs(value) < LARGE else ".1e")
    return text.replace("0.", ".", 1) if abs(value) < 1 else text


def _format_count(number: float) -> str:
    """Count of at most four digits, in thousands or millions."""
    number = int(number)
    if number >= 999_500:
        return f"{number / 1e6:.1f}M"
    if number >= 10_000:
        return f"{number / 1e3:.0f}k"
    return str(number)
