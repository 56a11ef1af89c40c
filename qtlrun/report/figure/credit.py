"""Figure of study=credit: shares of the parts and their interactions, with intervals."""

from typing import Any

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from qtlrun.report.figure import style
from qtlrun.report.figure.style import STYLE

KINDS = ("share", "interaction")
TITLES = {"test_nll": "nats of test NLL gained", "test_accuracy": "accuracy points gained"}
SCALES = {"test_nll": 1, "test_accuracy": 100}
HATCHES = {"share": "", "interaction": "///"}


@matplotlib.rc_context(STYLE)
def credit_bars(frame: pd.DataFrame) -> Figure:
    """Bars of shares and, hatched, of interactions, with 95 % intervals.

    A line of panels per row, a column per metric.
    """
    bars = frame[frame["kind"].isin(KINDS)]
    rows = list(dict.fromkeys(bars["row"]))
    most = max((bars["row"] == row).sum() // len(TITLES) for row in rows)
    size = 7.4, (0.26 * most + 0.75) * len(rows) + 0.3
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(rows), len(TITLES), sharex="col", squeeze=False)
    for line, row in zip(axes, rows, strict=True):
        for axis, (metric, title) in zip(line, TITLES.items(), strict=True):
            panel = bars[(bars["row"] == row) & (bars["metric"] == metric)]
            _draw_bars(axis, panel, SCALES[metric])
            if row == rows[-1]:
                axis.set_xlabel(title)
        line[0].set_title(row, loc="left")
        line[1].tick_params(labelleft=False)
    return figure


def _draw_bars(axis: Axes, panel: pd.DataFrame, scale: float) -> None:
    """Draw a bar for each figure of a panel, the first on top."""
    for height, bar in enumerate(panel.itertuples()):
        axis.barh(
            height,
            scale * bar.value,
            height=0.7,
            color=style.colour(KINDS.index(bar.kind)),
            alpha=0.75,
            hatch=HATCHES[bar.kind],
            edgecolor="white",
            linewidth=0,
        )
    ends = [scale * (panel["value"] - panel["low"]), scale * (panel["high"] - panel["value"])]
    places = range(len(panel))
    look: dict[str, Any] = {"fmt": "none", "ecolor": "black", "elinewidth": 1, "capsize": 2}
    axis.errorbar(scale * panel["value"], places, xerr=ends, **look)
    axis.axvline(0, color="black", lw=0.8)
    axis.set_yticks(places, [style.shorten(parts) for parts in panel["parts"]])
    axis.invert_yaxis()
