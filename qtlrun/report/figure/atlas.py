"""Activation atlases: mosaics of pictures, framed by the commonest class of their items."""

from dataclasses import dataclass

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from qtlrun.report.figure import style
from qtlrun.report.figure.style import STYLE

PANEL_INCHES = 2.2
MARGIN = 0.06  # between pictures, of a cell's side
FRAME_POINTS = 1.2


@dataclass(frozen=True)
class Tile:
    """Picture in a cell of the mosaic of a row, a layer and a kind.

    line, column: of the cell, from the top left
    name: class that most of its items have
    pixels: (height, width, 1 or 3) in [0, 1]
    """

    row: str
    layer: str
    kind: str
    line: int
    column: int
    name: str
    pixels: Float[np.ndarray, "height width channels"]


@matplotlib.rc_context(STYLE)
def atlas(tiles: list[Tile], cells: int, classes: tuple[str, ...]) -> Figure:
    """Mosaics of each row in a line: each layer, and each kind of it."""
    mosaics: dict[str, dict[tuple[str, str], list[Tile]]] = {}
    for tile in tiles:
        line = mosaics.setdefault(tile.row, {})
        line.setdefault((tile.layer, tile.kind), []).append(tile)
    columns = max(map(len, mosaics.values()))
    size = PANEL_INCHES * columns + 1.2, (PANEL_INCHES + 0.25) * len(mosaics)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(mosaics), columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for line, (row, panels) in zip(axes, mosaics.items(), strict=True):
        for axis, ((layer, kind), panel) in zip(line, panels.items(), strict=False):
            axis.set_title(f"{style.shorten(row)}: {layer}, {kind}")
            _draw_mosaic(axis, panel, cells, classes)
    names = {tile.name for tile in tiles}
    frames = [
        Patch(fill=False, edgecolor=style.colour(number), label=style.shorten(name))
        for number, name in enumerate(classes)
        if name in names
    ]
    axes[0, -1].legend(
        handles=frames,
        loc="upper left",
        bbox_to_anchor=(1, 1),
        frameon=False,
        title="class of most",
    )
    return figure


def _draw_mosaic(axis, tiles: list[Tile], cells: int, classes: tuple[str, ...]) -> None:
    """Draw pictures in their cells as a single image, and their frames."""
    height, width, channels = tiles[0].pixels.shape
    canvas = np.ones((cells * height, cells * width, channels))
    for tile in tiles:
        down = slice(tile.line * height, (tile.line + 1) * height)
        right = slice(tile.column * width, (tile.column + 1) * width)
        canvas[down, right] = tile.pixels
    look = {"cmap": "gray", "vmin": 0, "vmax": 1, "interpolation": "nearest"}
    axis.imshow(np.squeeze(canvas), extent=(0, cells, cells, 0), **look)
    frames = [Rectangle((tile.column, tile.line), 1, 1) for tile in tiles]
    colours = [style.colour(classes.index(tile.name)) for tile in tiles]
    axis.add_collection(
        PatchCollection(frames, facecolor="none", edgecolor=colours, lw=FRAME_POINTS)
    )
    axis.set(xlim=(-MARGIN, cells + MARGIN), ylim=(cells + MARGIN, -MARGIN))
