"""Dreams: pictures side by side, a line for each row of the run."""

from dataclasses import dataclass

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from qtlrun.report.figure import style
from qtlrun.report.figure.style import STYLE

PANEL_INCHES = 1.15
CAPTION_INCHES = 0.42
INCHES_PER_LETTER = 0.06  # of the explanation


@dataclass(frozen=True)
class Panel:
    """Picture in the line of a row, under the name of its column, above a caption.

    pixels: (height, width, 1 or 3) in [0, 1]
    """

    row: str
    column: str
    pixels: Float[np.ndarray, "height width channels"]
    caption: str = ""


@matplotlib.rc_context(STYLE)
def dreams(panels: list[Panel], explanation: str = "") -> Figure:
    """Panels by row and column, blank where there is none, above an explanation of the captions."""
    rows = list(dict.fromkeys(panel.row for panel in panels))
    columns = list(dict.fromkeys(panel.column for panel in panels))
    height = (PANEL_INCHES + CAPTION_INCHES) * len(rows) + 0.5
    width = max(
        PANEL_INCHES * len(columns) + 0.8,
        INCHES_PER_LETTER * max(map(len, explanation.split("\n"))),
    )
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(len(rows), len(columns), squeeze=False)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    for line, row in zip(axes, rows, strict=True):
        line[0].set_ylabel(style.shorten(row))
    for axis, column in zip(axes[0], columns, strict=True):
        axis.set_title(style.shorten(column), fontsize=8)
    for panel in panels:
        axis = axes[rows.index(panel.row), columns.index(panel.column)]
        draw_pixels(axis, panel.pixels)
        axis.set_xlabel(panel.caption, fontsize=7, labelpad=2)
    if explanation:
        figure.supxlabel(explanation, fontsize=7)
    return figure


def draw_pixels(axis, pixels: Float[np.ndarray, "height width channels"]) -> None:
    """Draw a grey or coloured picture as it is, black 0 and white 1."""
    look = {"cmap": "gray", "vmin": 0, "vmax": 1, "interpolation": "nearest"}
    axis.imshow(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels, **look)
