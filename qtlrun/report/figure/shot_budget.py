"""Figure of study=shots: NLL and accuracy against the budget of preparations."""

from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from qtlrun.report.figure import style
from qtlrun.report.figure.style import STYLE

SCHEME_MARKERS = {"trained": "o", "tested": "^", "refitted": "s"}
DASHES = {"trained": "-", "tested": "--", "refitted": "-."}
LINE_DASHES = (":", (0, (6, 2)), (0, (1, 1)), (0, (3, 1, 1, 1)))


@matplotlib.rc_context(STYLE)
def budget_curves(frame: pd.DataFrame, seconds: float | None, processor: str | None) -> Figure:
    """Test NLL and accuracy of each row under each scheme, 95 % intervals as bands.

    Rows that cost no preparations are horizontal lines. `seconds` are those of one preparation on
    a processor, whose time stands above.
    """
    figure = Figure(figsize=(10, 4.0), layout="constrained")
    axes = figure.subplots(1, 2)
    is_curve = frame["budget"].notna()
    rows = list(dict.fromkeys(frame["row"]))
    for axis, name, unit in zip(axes, ("NLL", "accuracy"), ("nats", "share"), strict=True):
        _draw_lines(axis, frame[~is_curve], name, rows)
        for (row, scheme), line in frame[is_curve].groupby(["row", "scheme"], sort=False):
            look: dict[str, Any] = {
                "color": style.colour(rows.index(row) + 2 * list(SCHEME_MARKERS).index(scheme)),
                "marker": SCHEME_MARKERS[scheme],
                "ls": DASHES[scheme],
            }
            budget = line["budget"].astype(float)
            axis.plot(budget, line[name], label=f"{row}, {scheme}", ms=4, lw=1.5, **look)
            ends = [line[f"{name} {end}"] for end in ("low", "high")]
            axis.fill_between(budget, *ends, color=look["color"], alpha=0.12, lw=0)
        axis.set(
            xscale="log", xlabel="preparations (executions times shots)", ylabel=f"{name}, {unit}"
        )
        axis.xaxis.set_major_locator(LogLocator(numticks=12))
        axis.xaxis.set_major_formatter(_power)
        axis.xaxis.set_minor_formatter(NullFormatter())
        if seconds is not None:
            _add_seconds(axis, seconds, processor)
    axes[0].set(ylim=(0, None))
    style.legend(axes[1])
    return figure


def _draw_lines(axis: Axes, frame: pd.DataFrame, name: str, rows: list[str]) -> None:
    """Rows without preparations, or without shots, as horizontal lines."""
    for number, line in enumerate(frame.to_dict("records")):
        label = line["row"] if line["scheme"] == "none" else f"{line['row']}, without shots"
        dashes = LINE_DASHES[number % len(LINE_DASHES)]
        shade = "black" if line["scheme"] == "none" else style.colour(rows.index(line["row"]))
        axis.axhline(line[name], color=shade, ls=dashes, lw=1.2, label=label)


def _add_seconds(axis: Axes, seconds: float, processor: str | None) -> None:
    """Axis above with the time that the budget takes on a processor."""
    scales = (
        lambda budget: np.asarray(budget) * seconds,
        lambda time: np.asarray(time) / seconds,
    )
    above = axis.secondary_xaxis("top", functions=scales)
    above.set_xlabel(f"time on {processor}")
    units = {"1 s": 1, "1 min": 60, "1 h": 3600, "1 d": 86400, "1 y": 365.25 * 86400}
    low, high = (limit * seconds for limit in axis.get_xlim())
    shown = {name: value for name, value in units.items() if low <= value <= high}
    above.set_xticks(list(shown.values()), list(shown))
    above.minorticks_off()


def _power(value: float, _: object) -> str:
    """Power of ten without markup, which the figures do not set."""
    return f"{value:.0e}".replace("e+0", "e").replace("e-0", "e-")
