"""The table and what is said under it, for a terminal of 100 columns."""
import numpy as np
import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from qtlrun.result import Point


def show(console: Console, point: Point, frame: pd.DataFrame) -> None:
    """Row, what it is, accuracy and difference with their intervals, NLL, trained numbers, seconds."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("row", no_wrap=True)
    table.add_column("what it is", ratio=1)
    for name in ("accuracy, 95 %", "NLL", "trained", "s", f"{point.composed} - row, nats"):
        table.add_column(name, justify="right", no_wrap=True)
    for line in frame.to_dict("records"):
        if not line["seeds"]:
            table.add_row(line["row"], "[red]error[/]: see below", "", "", "", "", "")
            continue
        verdict = line.get("verdict")
        table.add_row(
            line["row"] + ("†" if line["from the store"] else ""), line["what it is"],
            _interval(line["accuracy"], line["accuracy low"], line["accuracy high"], ".3f", ".2f"), _plain(line["NLL"], ".3f"),
            trained(line), f"{line['seconds per seed']:.2g}", "" if not isinstance(verdict, str) else
            _interval(line["difference"], line["difference low"], line["difference high"], "+.2f", "+.2f"))
    console.print(table)


def trained(line: dict) -> str:
    """Trained numbers, circuit + head + backbone."""
    return "+".join(_short(line[f"parameters_{place}"]) for place in ("circuit", "head", "backbone"))


def show_frame(console: Console, frame: pd.DataFrame) -> None:
    """Any data frame, a line a line."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for name in frame.columns:
        table.add_column(str(name), justify="right")
    for values in frame.itertuples(index=False):
        table.add_row(*(_text(value) for value in values))
    console.print(table)


def _interval(mean: float, low: float, high: float, form: str, ends: str) -> str:
    return f"{_plain(mean, form)} \\[{_plain(low, ends)}, {_plain(high, ends)}]"


def _plain(value: float, form: str) -> str:
    """A number below 1 without its zero."""
    text = format(value, form)
    return text.replace("0.", ".", 1) if abs(value) < 1 and not text.endswith("1.00") else text


def _text(value: object) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "*" if value else ""
    if isinstance(value, (float, np.floating)):
        return "" if np.isnan(value) else f"{value:.3f}"
    return str(value)


def _short(number: float) -> str:
    number = int(number)
    return f"{number / 1e6:.1f}M" if number >= 1_000_000 else f"{number / 1e3:.0f}k" if number >= 10_000 else str(number)
