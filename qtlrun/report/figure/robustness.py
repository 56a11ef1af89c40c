"""Figures of study=robustness: rows under each kind of noise, and what mitigation recovers."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from qtlrun.report.figure import style
from qtlrun.report.figure.style import STYLE

METRICS = {"accuracy": "accuracy", "nll": "NLL, nats", "ece": "calibration error"}
MARKERS = "os^Dv<>P"
TRAINED_ROWS = "trained under the noise"


@matplotlib.rc_context(STYLE)
def robustness(frame: pd.DataFrame) -> Figure:
    """Accuracy, NLL and calibration error of each row, a line of panels a kind of noise.

    Bands are 95 % intervals. Rows without a circuit are dashed and do not change.
    """
    kinds = list(dict.fromkeys(frame["kind"]))
    rows = list(dict.fromkeys(frame["row"]))
    size = 2.6 * len(METRICS) + 0.6, 1.9 * len(kinds) + 0.5
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(kinds), len(METRICS), squeeze=False)
    for line, kind in zip(axes, kinds, strict=True):
        panel = frame[frame["kind"] == kind]
        for axis, (metric, title) in zip(line, METRICS.items(), strict=True):
            for number, row in enumerate(rows):
                _draw_row(axis, panel[panel["row"] == row], metric, row, number)
            axis.set(title=title if kind == kinds[0] else "")
            _name_strengths(axis, panel)
        line[0].set_ylabel(kind.replace("_", " "))
        top = np.nanmax(panel["nll"]) if len(panel) else 1.0
        line[1].set_ylim(0, 1.15 * top)
    handles = axes[0][0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=min(5, len(rows)), frameon=False)
    return figure


def _draw_row(axis: Axes, line: pd.DataFrame, metric: str, row: str, number: int) -> None:
    """Curve of a row with its band; the strengths stand at equal distances."""
    places = np.arange(len(line))
    colour = style.colour(number)
    noisy = bool(line["noisy"].any())
    axis.plot(
        places,
        line[metric],
        label=row,
        color=colour,
        lw=1.2,
        ls="-" if noisy else "--",
        marker=MARKERS[number % len(MARKERS)] if noisy else None,
        ms=3,
    )
    ends = line[f"{metric}_low"], line[f"{metric}_high"]
    axis.fill_between(places, *ends, color=colour, alpha=0.13 if noisy else 0.07, lw=0)


def _name_strengths(axis: Axes, panel: pd.DataFrame) -> None:
    """Strengths under an axis; exact values have none of their own."""
    strengths = list(dict.fromkeys(panel["strength"].fillna(np.inf)))
    labels = ["exact" if np.isinf(each) else f"{each:g}" for each in strengths]
    axis.set_xticks(range(len(labels)), labels, fontsize=7)


@matplotlib.rc_context(STYLE)
def mitigation(frame: pd.DataFrame) -> Figure:
    """NLL against measurements of an item, and the error of the circuit's values, by method."""
    figure = Figure(figsize=(7.4, 2.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    methods = list(dict.fromkeys(frame["method"]))
    sampled = frame[frame["shots"].notna()]
    exact = frame[frame["shots"].isna()]
    for number, method in enumerate(methods):
        look = {"color": style.colour(number), "marker": MARKERS[number % len(MARKERS)], "ls": ""}
        points = sampled[sampled["method"] == method]
        left.plot(points["shots_per_item"], points["nll"], label=method, **look)
        levels = [exact[exact["method"] == method], points]
        errors = [each["error"].iloc[0] if len(each) else np.nan for each in levels]
        right.plot([0, 1], errors, **look | {"ls": ":", "lw": 0.8})
    left.set(xscale="log", xlabel="measurements of an item", ylabel="NLL, nats")
    style.label_powers(left.xaxis)
    right.set(ylabel="error of the circuit's values", xlim=(-0.3, 1.3), ylim=(0, None))
    right.set_xticks([0, 1], ["exact", "from shots"])
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
