"""Figures of study=gradients: costs of a step, and the gradient's flow through the layers."""

from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from qtlrun.report.figure import style
from qtlrun.report.figure.style import STYLE

MAX_NAMED_LAYERS = 30  # under an axis


@matplotlib.rc_context(STYLE)
def cost_curves(frame: pd.DataFrame) -> Figure:
    """Milliseconds of a step against each size, a line a method; both axes are logarithmic."""
    sizes = list(dict.fromkeys(frame["size"]))
    names = list(dict.fromkeys(zip(frame["device"], frame["method"], strict=True)))
    figure, axes = style.panels(len(sizes), 3.8, 3.2)
    for axis, size in zip(axes, sizes, strict=True):
        panel = frame[frame["size"] == size]
        for number, (device, method) in enumerate(names):
            line = panel[(panel["device"] == device) & (panel["method"] == method)]
            axis.plot(
                line["value"],
                line["ms"],
                label=f"{device} {method}",
                marker=style.marker(number),
                ms=4,
                lw=1.2,
                color=style.colour(number),
            )
        ticks = sorted(set(panel["value"]))
        axis.set(xscale="log", yscale="log", xlabel=size, ylabel="ms of a step", title=size)
        axis.set_xticks(ticks, [str(tick) for tick in ticks])
        axis.minorticks_off()
        _write_plainly(axis)
    style.legend(axes[-1])
    return figure


@matplotlib.rc_context(STYLE)
def gradient_flow(frame: pd.DataFrame, activity: pd.DataFrame) -> Figure:
    """Root mean square of a weight's gradient, and its signal-to-noise ratio, by layer.

    From the loss to the first layer; a line a row, dashed once it is trained. Below them, where
    there are any, the shares of dead and of saturated units.
    """
    layers = _order_layers(frame)
    count = 2 + bool(len(activity) and activity["share"].any())
    size = 3.2 + min(1.0 + 0.3 * len(layers), 10), 2.4 * count + 0.8
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(count, 1)
    rows = list(dict.fromkeys(frame["row"]))
    titles = ("gradient of a weight, root mean square", "signal to noise over batches")
    for axis, column, title in zip(axes, ("rms", "signal"), titles, strict=False):
        for (row, state), line in frame.groupby(["row", "state"], sort=False):
            look = _look(rows, row, state)
            places = [layers.index(layer) for layer in line["layer"]]
            axis.plot(places, line[column].where(line[column] > 0), label=f"{row}, {state}", **look)
        axis.set(title=title)
        _name_layers(axis, layers)
    axes[0].set(yscale="log")
    axes[0].tick_params(labelbottom=False)
    _write_plainly(axes[0])
    axes[1].set(ylim=(0, None))
    axes[1].axhline(1 / np.sqrt(frame["batches"].max()), color="grey", lw=0.8, ls=":")
    style.legend(axes[0])
    if count > 2:
        _draw_activity(axes[2], activity, rows)
    return figure


def _draw_activity(axis: Axes, activity: pd.DataFrame, rows: list[str]) -> None:
    """Shares of dead and saturated units by the module that calls."""
    layers = list(dict.fromkeys(activity["layer"]))
    for (row, state), line in activity.groupby(["row", "state"], sort=False):
        places = [layers.index(layer) for layer in line["layer"]]
        axis.plot(places, line["share"], **_look(rows, row, state) | {"ls": ""})
    axis.set(title="share of dead or saturated units, from the input", ylim=(-0.03, 1.03))
    _name_layers(axis, layers)


def _look(rows: list[str], row: str, state: str) -> dict[str, Any]:
    """Look of a row's line; dashed once it is trained."""
    number = rows.index(row)
    return {
        "marker": style.marker(number),
        "ms": 4,
        "lw": 1.2,
        "ls": "-" if state == "start" else "--",
        "mfc": style.colour(number) if state == "start" else "white",
        "color": style.colour(number),
    }


def _order_layers(frame: pd.DataFrame) -> list[str]:
    """Layers of all rows from the loss on; one that a row lacks stands where another has it."""
    layers: list[str] = []
    for _, line in frame.groupby(["row", "state"], sort=False):
        position = 0
        for layer in line["layer"]:
            if layer not in layers:
                layers.insert(position, layer)
            position = layers.index(layer) + 1
    return layers


def _name_layers(axis: Axes, layers: list[str]) -> None:
    """Names of layers under an axis, aslant; every other where they are many."""
    step = -(-len(layers) // MAX_NAMED_LAYERS)
    labels = [style.shorten(name) for name in layers[::step]]
    look: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor", "fontsize": 7}
    axis.set_xticks(range(0, len(layers), max(1, step)), labels, **look)


def _write_plainly(axis: Axes) -> None:
    """Numbers of a logarithmic axis without powers, which would be set as formulae."""
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter(NullFormatter())
