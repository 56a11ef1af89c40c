"""Planes of layers: a row of panels for each row, a panel for each layer."""

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from qtlrun.report.figure import style
from qtlrun.report.figure.style import STYLE


@matplotlib.rc_context(STYLE)
def planes(frame: pd.DataFrame) -> Figure:
    """Items in the plane of each row and layer; classes by colour and marker.

    Under each panel stand its trustworthiness and the nearest-neighbour accuracy of the layer.
    """
    rows = list(dict.fromkeys(frame["row"]))
    layers = list(dict.fromkeys(frame["layer"]))
    classes = sorted(set(frame["class"]))
    size = 1.9 * len(layers) + 1.2, 2.1 * len(rows)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(rows), len(layers), squeeze=False)
    for line, row in zip(axes, rows, strict=True):
        for axis, layer in zip(line, layers, strict=True):
            panel = frame[(frame["row"] == row) & (frame["layer"] == layer)]
            axis.set(xticks=[], yticks=[])
            if not len(panel):
                axis.set_axis_off()
                continue
            for number, name in enumerate(classes):
                items = panel[panel["class"] == name]
                marker = style.marker(number)
                look = {"marker": marker, "color": style.colour(number), "s": 9, "lw": 0}
                axis.scatter(items["x"], items["y"], label=style.shorten(name), alpha=0.8, **look)
            axis.set_title(f"{row}: {layer}")
            first = panel.iloc[0]
            axis.set_xlabel(
                f"trust {first['trustworthiness']:.2f}, neighbours {first['accuracy']:.2f}",
                fontsize=7,
            )
    style.legend(axes[0, -1])
    return figure
