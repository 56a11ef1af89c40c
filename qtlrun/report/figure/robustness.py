"""Figures of study=robustness: rows under each kind of noise, and what mitigation recovers."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from qtlrun.report.figure import style
from qtlrun.report.figure.style import STYLE

METRICS = {
    "accuracy": "accuracy",
    "nll": "NLL, nats",
    "brier": "Brier score",
    "ece": "calibration error",
}
TICKS = (0.001, 0.01, 0.1, 1, 10)


@matplotlib.rc_context(STYLE)
def robustness(frame: pd.DataFrame) -> Figure:
    """Accuracy, NLL, Brier score and calibration error by strength, a line of panels a kind.

    Bands are 95 % intervals, that of the calibration error without items. Rows without a
    circuit are dashed and do not change.
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
            axis.set_xlabel("strength" if kind == kinds[-1] else "")
        line[0].set_ylabel(kind.replace("_", " "))
        if len(panel):  # a band that is far wider than the curves is cut
            tops = panel["nll_high"].max(), 1.5 * panel["nll"].max()
            line[1].set_ylim(0, 1.05 * np.nanmin(tops))
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
        marker=style.marker(number) if noisy else None,
        ms=3,
    )
    ends = line[f"{metric}_low"], line[f"{metric}_high"]
    axis.fill_between(places, *ends, color=colour, alpha=0.13 if noisy else 0.07, lw=0)


def _name_strengths(axis: Axes, panel: pd.DataFrame) -> None:
    """Strengths under an axis; exact values have none of their own."""
    strengths = list(dict.fromkeys(panel["strength"]))
    labels = ["exact" if np.isinf(each) else _write(each) for each in strengths]
    axis.set_xticks(range(len(labels)), labels, fontsize=7)


def _write(strength: float) -> str:
    """Strength without the zero before its decimal point, for which there is no room."""
    return f"{strength:g}".removeprefix("0") or "0"


@matplotlib.rc_context(STYLE)
def mitigation(frame: pd.DataFrame) -> Figure:
    """Error of the circuit's values, and NLL, a line a method; shots are open circles."""
    methods = list(dict.fromkeys(frame["method"]))[::-1]
    figure = Figure(figsize=(7.4, 0.3 * len(methods) + 1.1), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    titles = {"error": "error of the circuit's values", "nll": "NLL, nats"}
    for axis, (column, title) in zip(axes, titles.items(), strict=True):
        for is_exact, face in ((True, style.colour(0)), (False, "white")):
            points = frame[np.isinf(frame["shots"]) == is_exact]
            heights = [methods.index(method) for method in points["method"]]
            words = "exact values" if is_exact else "from shots"
            look = {"marker": "o", "ls": "", "color": style.colour(0), "mfc": face, "label": words}
            axis.plot(points[column], heights, **look)
        axis.set(title=title)
        axis.grid(axis="y", lw=0.4, color="0.85")
    axes[0].set(xscale="log", xticks=TICKS, xticklabels=[f"{tick:g}" for tick in TICKS])
    axes[0].set_xlim(min(0.05, 0.7 * frame["error"].min()), max(2.0, 1.4 * frame["error"].max()))
    axes[0].minorticks_off()
    axes[0].set_yticks(range(len(methods)), methods)
    style.legend(axes[1])
    return figure
