"""Sweeps to plots: heat maps for two keys, else points."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from qtlrun.report.figure import style
from qtlrun.report.figure.style import STYLE

MAX_HORIZONTAL_LABELS = 6  # names of more characters that have room side by side


@matplotlib.rc_context(STYLE)
def sweep(frame: pd.DataFrame, keys: list[str]) -> Figure:
    """Validation NLL of the composed row and its distance to each reference over a sweep.

    Heat maps for two keys, else points. The point that validation chose is marked; one that failed
    is left out, or named in a heat map.
    """
    return _heat_maps(frame, *keys) if len(keys) == 2 else _points(frame, keys)


def _heat_maps(frame: pd.DataFrame, down: str, across: str) -> Figure:
    """Heat maps of NLL and of the differences, with the values of a key down and of one across."""
    names = [
        name for name in frame.columns if name == "validation NLL" or name.startswith("minus ")
    ]
    ys = list(dict.fromkeys(frame[down]))
    xs = list(dict.fromkeys(frame[across]))
    figure, axes = style.panels(len(names), max(3, 0.45 * len(xs) + 1), max(2.6, 0.3 * len(ys) + 1))
    limit = np.nanmax(np.abs(frame[names[1:]].to_numpy(float)), initial=0) or 1
    for axis, name in zip(axes, names, strict=True):
        grid = np.full((len(ys), len(xs)), np.nan)
        difference = name != "validation NLL"
        for y, x, value, chosen in zip(
            frame[down], frame[across], frame[name], frame["chosen"], strict=True
        ):
            grid[ys.index(y), xs.index(x)] = value
            if chosen:
                corner = xs.index(x) - 0.5, ys.index(y) - 0.5
                axis.add_patch(
                    matplotlib.patches.Rectangle(
                        corner, 1, 1, fill=False, lw=2, clip_on=False, zorder=3
                    )
                )
        span = {"vmin": -limit, "vmax": limit} if difference else {}
        image = axis.imshow(
            grid,
            origin="lower",
            aspect="auto",
            cmap="RdBu_r" if difference else "viridis_r",
            **span,
        )
        style.write(axis, image, grid, _texts(grid, difference))
        style.name_ticks(axis.set_xticks, xs)
        axis.set_yticks(range(len(ys)), [style.shorten(value) for value in ys])
        axis.set(title=f"composed {name}" if difference else name, xlabel=across, ylabel=down)
        if np.isfinite(grid).any():
            figure.colorbar(image, ax=axis, label="nats", shrink=0.8)
    return figure


def _texts(grid: np.ndarray, difference: bool) -> np.ndarray:
    """Texts of the cells of a heat map."""
    form, absent = ("+z.2f", "–") if difference else (".2f", "failed")
    texts = [absent if np.isnan(value) else format(value, form) for value in grid.flat]
    return np.reshape(texts, grid.shape)


def _points(frame: pd.DataFrame, keys: list[str]) -> Figure:
    """NLL above, all differences below; joined by a line where one key makes an order."""
    names = [name for name in frame.columns if name.startswith("minus ")]
    figure = Figure(
        figsize=(max(7, 0.22 * len(frame) + 3), 5 if names else 3), layout="constrained"
    )
    axes = figure.subplots(2 if names else 1, 1, sharex=True, squeeze=False)[:, 0]
    line = {"marker": "o", "ms": 4, "lw": 1.2 if len(keys) == 1 else 0}
    axes[0].plot(range(len(frame)), frame["validation NLL"], color="black", **line)
    axes[0].plot(
        np.flatnonzero(frame["chosen"]),
        frame["validation NLL"][frame["chosen"]],
        "ko",
        ms=10,
        mfc="none",
    )
    axes[0].set(title="validation NLL of the composed row (ring: chosen)", ylabel="nats")
    for number, name in enumerate(names):
        axes[1].plot(range(len(frame)), frame[name], label=name, **line, **style.look(number))
    if names:
        axes[1].axhline(0, color="grey", lw=0.8)
        axes[1].set(title="composed minus reference (below 0: composed is better)", ylabel="nats")
        style.legend(axes[1])
    labels = [
        ", ".join(map(style.shorten, values)) for values in frame[keys].itertuples(index=False)
    ]
    upright = (
        max(map(len, labels)) > style.MAX_HORIZONTAL_LENGTH and len(labels) > MAX_HORIZONTAL_LABELS
    )
    axes[-1].set_xticks(range(len(frame)), labels, rotation=90 if upright else 0)
    axes[-1].set_xlabel(", ".join(keys))
    figure.align_ylabels(axes)
    return figure
