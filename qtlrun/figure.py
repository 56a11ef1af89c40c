"""Rows to plots: matplotlib figures, drawn without a display."""
import io
import math

import matplotlib
import numpy as np
import pandas as pd

from qtlrun.result import Point, Row

matplotlib.use("Agg")
matplotlib.rcParams |= {"svg.hashsalt": "qtlrun", "axes.spines.top": False, "axes.spines.right": False, "font.size": 9}
from matplotlib.figure import Figure  # noqa: E402


def learning_curves(point: Point) -> Figure:
    """Training loss and validation NLL by epoch: the mean over seeds as a line, from lowest to highest seed as a band."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for number, (label, row) in enumerate(point.rows.items()):
        for axis, name in zip(axes, ("loss", "nll"), strict=True):
            curves = _curves(row, name)
            if curves.size:
                epochs, color = range(1, curves.shape[1] + 1), f"C{number}"
                axis.plot(epochs, curves.mean(0), color=color, label=label, lw=1.5)
                axis.fill_between(epochs, curves.min(0), curves.max(0), color=color, alpha=.15, lw=0)
    for axis, title in zip(axes, ("training loss", "validation NLL"), strict=True):
        axis.set(title=title, xlabel="epoch")
    axes[0].set_ylabel("nats")
    axes[1].legend(frameon=False)
    return figure


def confusion(point: Point) -> Figure:
    """A confusion matrix a row: test pictures by their class and the predicted one, mean over seeds."""
    rows = {label: row for label, row in point.rows.items() if row.entries}
    columns = min(4, max(1, len(rows)))
    lines = max(1, math.ceil(len(rows) / columns))
    figure = Figure(figsize=(2.6 * columns, 2.8 * lines), layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False).flat
    for axis in axes:
        axis.set_visible(False)
    for axis, (label, row) in zip(axes, rows.items(), strict=False):
        axis.set_visible(True)
        counts = _counts(row)
        axis.imshow(counts / counts.sum(1, keepdims=True), cmap="Blues", vmin=0, vmax=1)
        if len(row.classes) <= 12:
            for (y, x), count in np.ndenumerate(counts):
                share = count / counts[y].sum()
                axis.text(x, y, f"{count:.0f}" if count == round(count) else f"{count:.1f}", ha="center", va="center",
                          fontsize=7, color="white" if share > .5 else "black")
        ticks = range(len(row.classes)) if len(row.classes) <= 12 else []
        axis.set_xticks(ticks, [row.classes[tick] for tick in ticks], rotation=45)
        axis.set_yticks(ticks, [row.classes[tick] for tick in ticks])
        axis.set(title=label, xlabel="predicted", ylabel="class")
    return figure


def sweep(frame: pd.DataFrame, keys: list[str]) -> Figure:
    """Validation NLL of the composed row and its distance to each reference over a sweep: a heat map for two keys, lines else."""
    names = [name for name in frame.columns if name == "validation NLL" or name.startswith("minus ")]
    figure = Figure(figsize=(3 * len(names), 3), layout="constrained")
    for axis, name in zip(figure.subplots(1, len(names), squeeze=False).flat, names, strict=True):
        if len(keys) == 2:
            _heat_map(figure, axis, frame.pivot_table(index=keys[0], columns=keys[1], values=name, dropna=False), name)
        else:
            points = [", ".join(str(value) for value in values) for values in frame[keys].itertuples(index=False)]
            axis.plot(points, frame[name], marker="o")
            axis.set(title=name, xlabel=", ".join(keys), ylabel="nats")
    return figure


def encode(figure: Figure, kind: str) -> bytes:
    """The figure as PNG or SVG; the same bytes for the same figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None)
    return buffer.getvalue()


def _heat_map(figure: Figure, axis, grid: pd.DataFrame, name: str) -> None:
    difference = name.startswith("minus ")
    limit = np.nanmax(np.abs(grid.values)) if difference and np.isfinite(grid.values).any() else None
    image = axis.imshow(grid.values, origin="lower", cmap="RdBu_r" if difference else "viridis_r",
                        vmin=-limit if limit else None, vmax=limit)
    axis.set_xticks(range(len(grid.columns)), [str(value) for value in grid.columns])
    axis.set_yticks(range(len(grid.index)), [str(value) for value in grid.index])
    axis.set(title=f"composed {name}" if difference else name, xlabel=grid.columns.name, ylabel=grid.index.name)
    for (y, x), value in np.ndenumerate(grid.values):
        axis.text(x, y, f"{value:+.2f}" if difference else f"{value:.2f}", ha="center", va="center", fontsize=7,
                  bbox={"facecolor": "white", "alpha": .6, "lw": 0, "pad": 1})
    figure.colorbar(image, ax=axis, label="nats", shrink=.8)


def _curves(row: Row, name: str) -> np.ndarray:
    """Shape (seeds, epochs)."""
    return np.array([[one[name] for one in row.entries[seed].values["curves"]] for seed in row.seeds])


def _counts(row: Row) -> np.ndarray:
    """Mean number of pictures by (class, predicted class)."""
    counts = np.zeros((len(row.classes), len(row.classes)))
    for predicted in row.logits.argmax(-1):
        np.add.at(counts, (row.labels, predicted), 1)
    return counts / len(row.seeds)
