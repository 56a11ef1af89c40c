"""Figures on layers and circuits: shapes, spectra, similarity, entanglement, Fourier series."""

import math

import matplotlib
import numpy as np
import pandas as pd
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from qtlrun.report.figure import style
from qtlrun.report.figure.style import STYLE

FEATURES = "features"  # layer between backbone and head
SHIFT = 0.06  # between rows, of the distance of two layers
MAX_TICKS = 8  # components that are named each
SMALLEST_SHARE = 1e-6  # of the variance that is drawn
SMALLEST_SIZE = 1e-9  # of a Fourier coefficient that is drawn


@matplotlib.rc_context(STYLE)
def shapes(frame: pd.DataFrame) -> Figure:
    """Each measure by layer, a line for each row; bars are deviations between trainings."""
    measures = list(dict.fromkeys(frame["measure"]))
    layers = order_layers(frame)
    rows = list(dict.fromkeys(frame["row"]))
    figure, axes = style.panels(len(measures), 0.5 * len(layers) + 1.2, 2.6)
    for axis, measure in zip(axes, measures, strict=True):
        panel = frame[frame["measure"] == measure]
        for number, row in enumerate(rows):
            groups = panel[panel["row"] == row].groupby("layer")["value"]
            means = groups.mean().reindex(layers)
            spread = groups.std().reindex(layers).fillna(0)
            present = means.notna().to_numpy()
            x = np.arange(len(layers))[present] + SHIFT * (number - (len(rows) - 1) / 2)
            look = {"color": style.colour(number), "marker": style.marker(number)}
            axis.errorbar(
                x, means[present], spread[present], label=style.shorten(row), ms=3.5, lw=1, **look
            )
        axis.set_title(measure)
        axis.set_ylim(bottom=0)
        style.name_ticks(axis.set_xticks, layers)
    style.legend(axes[-1])
    return figure


@matplotlib.rc_context(STYLE)
def spectra(frame: pd.DataFrame) -> Figure:
    """Share of the variance by principal component, a panel a layer; means over trainings."""
    layers = order_layers(frame)
    rows = list(dict.fromkeys(frame["row"]))
    figure, axes = style.panels(len(layers), 2.3, 2.2)
    for axis, layer in zip(axes, layers, strict=True):
        panel = frame[(frame["layer"] == layer) & (frame["share"] > SMALLEST_SHARE)]
        for number, row in enumerate(rows):
            shares = panel[panel["row"] == row].groupby("component")["share"].mean()
            marker = style.marker(number) if len(shares) <= 16 else ""
            look = {"color": style.colour(number), "marker": marker, "ms": 3.5, "lw": 1}
            axis.plot(shares.index, shares, label=style.shorten(row), **look)
        axis.set(yscale="log", title=layer)
        style.label_powers(axis.yaxis)
        if panel["component"].max() > MAX_TICKS:
            axis.set_xscale("log")
            style.label_powers(axis.xaxis)
        else:
            axis.set_xticks(sorted(set(panel["component"])))
    axes[0].set_ylabel("share of variance")
    figure.supxlabel("principal component", fontsize=9)
    style.legend(axes[-1])
    return figure


@matplotlib.rc_context(STYLE)
def similarities(frame: pd.DataFrame) -> Figure:
    """Mean CKA: of the layers of each row, above; of each layer between the rows, below.

    On the diagonals below stands the CKA between seeds of one row; beside them that between other
    seeds of two rows, or between the same seed where there are no others.
    """
    layers = order_layers(frame)
    rows = list(dict.fromkeys([*frame["row"], *frame["other_row"]]))
    inner = {row: frame[(frame["pair"] == "layers") & (frame["row"] == row)] for row in rows}
    outer = {layer: _between(frame, layer) for layer in layers}
    outer = {layer: pairs for layer, pairs in outer.items() if len(pairs)}
    columns = max(len(inner), len(outer))
    lines = 2 if outer else 1
    figure = Figure(figsize=(2.3 * columns + 0.8, 2.4 * lines), layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    image = None
    for axis, (row, pairs) in zip(axes[0], inner.items(), strict=False):
        names = [name for name in layers if name in {*pairs["layer"], *pairs["other_layer"]}]
        image = _matrix(axis, _means(pairs, names, "layer", "other_layer"), names, f"{row}: layers")
    for axis, (layer, pairs) in zip(axes[-1], outer.items(), strict=False):
        names = [name for name in rows if name in {*pairs["row"], *pairs["other_row"]}]
        image = _matrix(axis, _means(pairs, names, "row", "other_row"), names, f"{layer}: rows")
    if image is not None:
        figure.colorbar(image, ax=axes, label="CKA", shrink=0.6, aspect=30)
    if outer:
        figure.supxlabel("On the diagonals of rows: between seeds of one row.", fontsize=7)
    return figure


@matplotlib.rc_context(STYLE)
def circuits(states: pd.DataFrame, series: pd.DataFrame, rows: list[str]) -> Figure:
    """Entanglement and purity of the items' states, and the outputs' Fourier coefficients.

    rows: of the run, each with a colour of its own, which it has in the other figures too
    Bars are means over items and trainings; their whiskers are deviations between trainings.
    """
    quantities = [] if states.empty else list(dict.fromkeys(states["quantity"]))
    wide = [name for name in quantities if not name.startswith("purity of wire")]
    wires = [name for name in quantities if name not in wide]
    figure, axes = style.panels(len(wide) + bool(wires) + bool(len(series)), 3.0, 2.6)
    panels = iter(axes)
    for quantity in wide:
        axis = next(panels)
        _bars(
            axis,
            states[states["quantity"] == quantity].rename(columns={"state": "bar"}),
            "mean",
            rows,
        )
        axis.set(title=quantity, ylim=(0, 1.05))
    if wires:
        axis = next(panels)
        last = states[(states["state"] == states["state"].iloc[-1])]
        last = last[last["quantity"].isin(wires)]
        bars = last.assign(bar=last["quantity"].str.removeprefix("purity of "))
        _bars(axis, bars, "mean", rows)
        axis.set(title="purity of each wire", ylim=(0, 1.05))
    if len(series):
        axis = next(panels)
        bars = series.assign(bar=series["frequency"], size=series["size"].clip(SMALLEST_SIZE))
        _bars(axis, bars, "size", rows)
        axis.set(title="Fourier coefficients of outputs", xlabel="frequency in an input, per turn")
        axis.set(yscale="log", ylabel="mean size", ylim=(SMALLEST_SIZE, 2))
        style.label_powers(axis.yaxis)
    style.legend(axes[-1])
    return figure


def order_layers(frame: pd.DataFrame) -> list[str]:
    """Layers of all rows from the input on: those up to the features, then those of the head."""
    before: dict[str, None] = {}
    after: dict[str, None] = {}
    columns = ["layer", "other_layer"] if "other_layer" in frame else ["layer"]
    for _, group in frame.groupby("row", sort=False):
        names = list(dict.fromkeys(group[columns].to_numpy().ravel("F")))
        end = names.index(FEATURES) + 1 if FEATURES in names else len(names)
        before |= dict.fromkeys(names[:end])
        after |= dict.fromkeys(names[end:])
    inner = [name for name in before if name != FEATURES]
    head = sorted(after, key="logits".__eq__)
    return [*inner, FEATURES, *head] if FEATURES in before else [*inner, *head]


def _between(frame: pd.DataFrame, layer: str) -> pd.DataFrame:
    """Pairs of trainings in one layer, of two rows those from other seeds where there are any."""
    pairs = frame[(frame["pair"] != "layers") & (frame["layer"] == layer)]
    is_crossed = (pairs["pair"] == "rows and seeds").any()
    return pairs[pairs["pair"] != "rows"] if is_crossed else pairs


def _means(
    pairs: pd.DataFrame, names: list[str], first: str, second: str
) -> Float64[np.ndarray, "names names"]:
    """Symmetric matrix of mean CKA between names, which two columns have; nan of no pair."""
    matrix = np.full((len(names), len(names)), math.nan)
    if first == "layer":
        np.fill_diagonal(matrix, 1)
    for pair, group in pairs.groupby([first, second], sort=False):
        row, column = (names.index(name) for name in pair)
        matrix[row, column] = group["cka"].mean()
        matrix[column, row] = matrix[row, column]
    return matrix


def _matrix(axis: Axes, matrix: np.ndarray, names: list[str], title: str):
    """Draw a matrix of CKA with its numbers."""
    axis.set_axis_on()
    image = axis.imshow(matrix, cmap="viridis", vmin=0, vmax=1)
    texts = np.vectorize(_number, otypes=[object])(matrix)
    style.write(axis, image, matrix, texts)
    axis.set_title(title)
    style.name_ticks(axis.set_xticks, names)
    axis.set_yticks(range(len(names)), [style.shorten(name) for name in names])
    return image


def _number(value: float) -> str:
    """CKA in a cell, without the zero in front."""
    return "" if math.isnan(value) else f"{value:.2f}".replace("0.", ".").replace("1.00", "1")


def _bars(axis: Axes, frame: pd.DataFrame, column: str, rows: list[str]) -> None:
    """Groups of bars by the column `bar`, a bar a row, with the deviation between trainings."""
    present = list(dict.fromkeys(frame["row"]))
    names = list(dict.fromkeys(frame["bar"]))
    width = 0.8 / len(present)
    for number, row in enumerate(present):
        groups = frame[frame["row"] == row].groupby("bar")[column]
        means = groups.mean().reindex(names)
        x = np.arange(len(names)) + width * (number - (len(present) - 1) / 2)
        axis.bar(
            x,
            means,
            width,
            yerr=groups.std().reindex(names).fillna(0),
            label=style.shorten(row),
            color=style.colour(rows.index(row)),
            error_kw={"lw": 1},
        )
    style.name_ticks(axis.set_xticks, names)
