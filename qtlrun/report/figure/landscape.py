"""Landscapes of a loss: planes, surfaces, lines, and paths of training."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from qtlrun.report.figure import style
from qtlrun.report.figure.style import STYLE

LEVELS = 25
LEAST_LOSS = 1e-4  # nats, at the bottom of a logarithmic scale
MOST_LOSS = 50.0  # nats, at the top of it at most
SCALE_STEP = 6  # levels from one number of the scale to the next
MAP = "viridis"
SIDE = 2.2  # inches of a panel
MARK = style.PALETTE[1]


@matplotlib.rc_context(STYLE)
def planes(frame: pd.DataFrame) -> Figure:
    """Loss over the planes of each row, at the same levels; the trained weights are marked."""
    figure, panels = _panels(frame)
    levels = _levels(frame["loss"])
    for axis, panel in panels:
        _fill(axis, panel, levels)
        _mark(axis, 0, 0)
        unit = panel["unit"].iloc[0]
        axis.set(xlabel=unit, ylabel=unit, aspect="equal")
    _add_scale(figure, [axis for axis, _ in panels], levels)
    return figure


@matplotlib.rc_context(STYLE)
def surfaces(frame: pd.DataFrame) -> Figure:
    """The same loss as a surface over the plane, on a logarithmic scale."""
    figure, panels = _panels(frame, "3d")
    levels = _levels(frame["loss"])
    low, high = np.log10(levels[[0, -1]])
    for axis, panel in panels:
        x, y, loss = _unstack(panel, levels)
        height = np.log10(loss)
        # All points, or the centre might not be drawn
        look = {"rcount": len(x), "ccount": len(x), "cmap": MAP, "vmin": low, "vmax": high}
        axis.plot_surface(x, y, height, rasterized=True, **look)
        centre = float(height[len(height) // 2, len(height) // 2])
        axis.plot([0, 0], [0, 0], [centre, high], color=MARK, lw=1.5, zorder=5)
        axis.set(zlim=(low, high), xticks=[], yticks=[])
        reach = f"±{panel['x'].max():.2g} {panel['unit'].iloc[0]}"
        axis.set_xlabel(reach, labelpad=-12, fontsize=7)
        axis.set_zticks(np.log10(levels[::SCALE_STEP]), [])
        axis.set_box_aspect((1, 1, 0.9), zoom=0.95)
    _add_scale(figure, [axis for axis, _ in panels], levels)
    return figure


@matplotlib.rc_context(STYLE)
def lines(frame: pd.DataFrame) -> Figure:
    """Loss along random lines through the trained weights of each training, a curve for each."""
    figure, panels = _panels(frame)
    for axis, panel in panels:
        for _, line in panel.groupby(["split", "seed", "direction"], sort=False):
            loss = line["loss"].clip(LEAST_LOSS, MOST_LOSS)
            axis.plot(line["x"], loss, lw=0.6, alpha=0.4, color=style.colour(0))
        axis.axvline(0, color=MARK, lw=0.8, ls=":")
        limits = frame["loss"].clip(LEAST_LOSS, MOST_LOSS)
        axis.set(yscale="log", ylim=(limits.min() * 0.8, limits.max() * 1.2))
        style.label_powers(axis.yaxis)
        axis.set(xlabel=panel["unit"].iloc[0], ylabel="training loss, nats")
    return figure


@matplotlib.rc_context(STYLE)
def paths(frame: pd.DataFrame, surroundings: pd.DataFrame) -> Figure:
    """Paths of training in the planes of their two principal axes, over the loss."""
    figure, panels = _panels(surroundings)
    levels = _levels(surroundings["loss"])
    for axis, panel in panels:
        _fill(axis, panel, levels)
        path = frame[frame["row"] == panel["row"].iloc[0]]
        axis.plot(path["x"], path["y"], color="white", lw=2.2)
        axis.plot(path["x"], path["y"], color="black", lw=0.9, marker="o", ms=2)
        first = path.iloc[0]
        axis.plot(first["x"], first["y"], "s", ms=5, mfc="white", mec="black")
        _mark(axis, 0, 0)
        axis.set_xlabel(f"axis 1, {first['share_x']:.0%}")
        axis.set_ylabel(f"axis 2, {first['share_y']:.0%}")
    _add_scale(figure, [axis for axis, _ in panels], levels)
    return figure


def _panels(frame: pd.DataFrame, projection: str | None = None) -> tuple[Figure, list]:
    """Figure with a column for each row, its layers below one another; axes with their lines."""
    rows = [lines for _, lines in frame.groupby("row", sort=False)]
    height = max(lines["layer"].nunique() for lines in rows)
    size = SIDE * len(rows) + 1, SIDE * height + 0.3
    figure = Figure(figsize=size, layout="constrained")
    panels = []
    for column, lines in enumerate(rows):
        for line, (layer, panel) in enumerate(lines.groupby("layer", sort=False)):
            number = line * len(rows) + column + 1
            axis = figure.add_subplot(height, len(rows), number, projection=projection)
            axis.set_title(f"{style.shorten(panel['row'].iloc[0])}: {layer}")
            panels.append((axis, panel))
    return figure, panels


def _levels(losses: pd.Series) -> np.ndarray:
    """Levels of a logarithmic scale over losses in nats."""
    least = float(losses.clip(LEAST_LOSS, MOST_LOSS / 2).min())
    most = float(losses.clip(2 * least, MOST_LOSS).max())
    return np.geomspace(least, most, LEVELS)


def _unstack(panel: pd.DataFrame, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points and losses of a plane as grids, the losses within the levels; nan is the highest."""
    table = panel.pivot(index="y", columns="x", values="loss").fillna(levels[-1])
    x, y = np.meshgrid(table.columns, table.index)
    return x, y, table.clip(levels[0], levels[-1]).to_numpy()


def _fill(axis, panel: pd.DataFrame, levels: np.ndarray) -> None:
    """Fill a panel with the loss of a plane."""
    x, y, loss = _unstack(panel, levels)
    axis.contourf(x, y, loss, levels, cmap=MAP, norm=LogNorm(levels[0], levels[-1]))
    axis.contour(x, y, loss, levels, colors="white", linewidths=0.3)


def _mark(axis, x: float, y: float) -> None:
    """Mark the trained weights."""
    axis.plot(x, y, "+", color="white", ms=9, mew=3)
    axis.plot(x, y, "+", color=MARK, ms=8, mew=1.5)


def _add_scale(figure: Figure, axes: list, levels: np.ndarray) -> None:
    """Add a scale of the loss beside all panels."""
    from matplotlib.cm import ScalarMappable

    mappable = ScalarMappable(LogNorm(levels[0], levels[-1]), MAP)
    bar = figure.colorbar(mappable, ax=axes, shrink=0.8, label="training loss, nats")
    shown = levels[::SCALE_STEP].tolist()
    labels = [f"{level:.2g}" for level in shown]
    if shown[-1] >= MOST_LOSS:
        labels[-1] = f"≥ {labels[-1]}"
    bar.set_ticks(shown, labels=labels)
    bar.minorticks_off()
