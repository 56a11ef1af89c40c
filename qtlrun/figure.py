"""Rows to plots: matplotlib figures, drawn without a display."""
import io
import math
import warnings

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from qtlrun.row import Point, Row

STYLE = {"svg.hashsalt": "qtlrun", "text.parse_math": False, "font.size": 9, "axes.titlesize": 9, "axes.spines.top": False,
         "axes.spines.right": False, "figure.constrained_layout.w_pad": .1}  # inches, for ticks may grow after the layout
DASHES = ("-", "--", ":")  # each for ten colours
NAMED = 12  # classes that have room for their names and numbers
COLUMNS = 4


@matplotlib.rc_context(STYLE)
def learning_curves(point: Point) -> Figure:
    """Training loss and validation NLL by epoch: the mean over runs as a line, from lowest to highest run as a band."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for number, label in enumerate(point.labels):
        for axis, name in zip(axes, ("loss", "nll") if point.of(label) else (), strict=False):
            curves = np.concatenate([_curves(row, name) for row in point.of(label)])
            epochs, look = np.arange(1, curves.shape[1] + 1), _look(number)
            axis.plot(epochs, curves.mean(0), label=label, lw=1.5, marker="o" if len(epochs) == 1 else "", **look)
            axis.fill_between(epochs, curves.min(0), curves.max(0), color=look["color"], alpha=.15, lw=0)
    for axis, title in zip(axes, ("training loss", "validation NLL"), strict=True):
        axis.set(title=title, xlabel="epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if axis.get_xlim()[1] < 2:  # one epoch
            axis.set_xlim(.5, 1.5)
    axes[0].set_ylabel("nats")
    _legend(axes[1])
    return figure


@matplotlib.rc_context(STYLE)
def confusion(point: Point) -> Figure:
    """A confusion matrix a row: test pictures by their class and the predicted one, mean over seeds and splits."""
    rows = {label: found for label in point.labels if (found := point.of(label))}
    classes = max((len(found[0].classes) for found in rows.values()), default=0)
    size = max(2.2, .34 * classes) if classes <= NAMED else 3
    figure, axes = _panels(len(rows), size + .4, size + .6)
    for axis, (label, found) in zip(axes, rows.items(), strict=True):
        row, counts = found[0], np.mean([_counts(one) for one in found], axis=0)
        shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axis.set(title=label, xlabel="predicted", ylabel="class", xticks=[], yticks=[])
        if classes <= NAMED:
            _write(axis, image, shares, np.vectorize(lambda count: f"{count:.1f}".removesuffix(".0"))(counts))
            _name(axis.set_xticks, row.classes)
            axis.set_yticks(range(classes), [_short(name) for name in row.classes])
    if rows:
        figure.colorbar(image, ax=axes, label="share of the class", shrink=.8)
    return figure


@matplotlib.rc_context(STYLE)
def tuning(point: Point) -> Figure:
    """Best validation NLL so far against the number of draws, mean over seeds: a line a row, of several splits their mean."""
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axis = figure.subplots()
    for number, label in enumerate(point.labels):
        if tuned := [row.tuning for row in point.of(label) if row.tuning]:
            best = np.mean([np.minimum.accumulate(list(one.means.values())) for one in tuned], axis=0)
            axis.step(np.arange(1, len(best) + 1), best, where="post", label=label, lw=1.5, marker="o", ms=3, **_look(number))
    axis.set(title="best validation NLL so far", xlabel="draws", ylabel="nats")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _legend(axis)
    return figure


@matplotlib.rc_context(STYLE)
def specification_curve(frame: pd.DataFrame, composed: str, reference: str, keys: list[str]) -> Figure:
    """The differences of all protocols in order, each with its interval, above the choices that made it; below 0 composed is better."""
    frame = frame.dropna(subset="difference").sort_values("difference", ignore_index=True)
    levels = [(key, value) for key in keys for value in dict.fromkeys(sorted(frame[key], key=lambda one: (str(type(one)), one)))]
    figure = Figure(figsize=(9, 3.2 + .16 * len(levels)), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, max(1, .18 * len(levels))])
    places = np.arange(len(frame))
    sure = np.where(frame["high"] < 0, "C0", np.where(frame["low"] > 0, "C3", "grey"))
    above.vlines(places, frame["low"], frame["high"], color=sure, lw=.8, alpha=.5)
    above.scatter(places, frame["difference"], c=sure, s=5, zorder=3)
    above.axhline(0, color="black", lw=.8)
    above.set(title=f"{composed} - {reference} under {len(frame)} protocols (coloured: the 95 % interval excludes 0)", ylabel="nats")
    for line, (key, value) in enumerate(reversed(levels)):
        here = places[(frame[key] == value).to_numpy()]
        below.scatter(here, np.full(len(here), line), marker="|", s=18, lw=.8, c=sure[here])
    below.set_yticks(range(len(levels)), [f"{key}={_short(value)}" for key, value in reversed(levels)], fontsize=7)
    below.set(xlabel="protocols, by their difference", xticks=[])
    return figure


@matplotlib.rc_context(STYLE)
def power(frame: pd.DataFrame, margin: float) -> Figure:
    """The half-width foretold against seeds, a panel a reference and a line a number of pictures; the pilot is ringed."""
    names = list(dict.fromkeys(frame["reference"]))
    figure, axes = _panels(len(names), 3.2, 3)
    for axis, name in zip(axes, names, strict=True):
        for number, (pictures, line) in enumerate(frame[frame["reference"] == name].groupby("pictures")):
            axis.plot(line["seeds"], line["half_width"], label=f"{pictures} pictures", marker="o", ms=3, lw=1.2, **_look(number))
            axis.plot(line["seeds"][line["pilot"]], line["half_width"][line["pilot"]], "ko", ms=9, mfc="none")
        axis.axhline(margin, color="grey", lw=.8, ls="--")
        axis.set(title=f"composed - {name}", xlabel="seeds", ylabel="half-width, nats", xscale="log", ylim=(0, None))
        axis.set_xticks(sorted(set(frame["seeds"])), sorted(set(frame["seeds"])))
        axis.minorticks_off()
    if axes:
        _legend(axes[-1])
    return figure


@matplotlib.rc_context(STYLE)
def detection(frame: pd.DataFrame) -> Figure:
    """How often a planted effect is found against its size, with exact intervals: a panel a kind, a line a reference."""
    kinds = [("planted circuit", "better"), ("planted linear", "worse")]
    figure, axes = _panels(len(kinds), 3.6, 3)
    for axis, (check, word) in zip(axes, kinds, strict=True):
        for number, (contrast, line) in enumerate(frame[(frame["check"] == check) & (frame["verdict"] == word)].groupby("contrast")):
            errors = [line["rate"] - line["low"], line["high"] - line["rate"]]
            axis.errorbar(line["effect"] * (1 + .03 * number), line["rate"], errors, label=contrast, marker="o", ms=3, lw=1.2, capsize=2, **_look(number))
        axis.set(title=f"{check}: A {word}", xlabel="deviation of the hidden logits", ylabel="share of trials", xscale="log", ylim=(-.03, 1.03))
        axis.set_xticks(sorted(set(frame["effect"][frame["check"] == check])), [f"{one:g}" for one in sorted(set(frame["effect"][frame["check"] == check]))])
        axis.minorticks_off()
    _legend(axes[-1])
    return figure


@matplotlib.rc_context(STYLE)
def sizes(frame: pd.DataFrame) -> Figure:
    """Test NLL and accuracy against the number of training pictures, a line a row with its 95 % interval as a band."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots(1, 2)
    for axis, name, unit in zip(axes, ("NLL", "accuracy"), ("nats", ""), strict=True):
        for number, (label, line) in enumerate(frame.groupby("row", sort=False)):
            axis.plot(line["train_size"], line[name], label=label, marker="o", ms=3, lw=1.5, **_look(number))
            axis.fill_between(line["train_size"], line[f"{name} low"], line[f"{name} high"], color=_look(number)["color"], alpha=.15, lw=0)
        axis.set(title=f"test {name}", xlabel="training pictures", ylabel=unit, xscale="log")
        axis.set_xticks(sorted(set(frame["train_size"])), sorted(set(frame["train_size"])))
        axis.minorticks_off()
    _legend(axes[1])
    return figure


@matplotlib.rc_context(STYLE)
def sweep(frame: pd.DataFrame, keys: list[str]) -> Figure:
    """Validation NLL of the composed row and its distance to each reference over a sweep: heat maps for two keys, else points.

    The point that validation chose is marked; one that failed is left out, or named in a heat map.
    """
    return _heat_maps(frame, *keys) if len(keys) == 2 else _points(frame, keys)


@matplotlib.rc_context(STYLE)
def encode(figure: Figure, kind: str) -> bytes:
    """The figure as PNG or SVG; the same bytes for the same figure."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # a name in a script that the font lacks
        figure.savefig(buffer, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None)
    return buffer.getvalue()


def _heat_maps(frame: pd.DataFrame, down: str, across: str) -> Figure:
    names = [name for name in frame.columns if name == "validation NLL" or name.startswith("minus ")]
    ys, xs = list(dict.fromkeys(frame[down])), list(dict.fromkeys(frame[across]))
    figure, axes = _panels(len(names), max(3, .45 * len(xs) + 1), max(2.6, .3 * len(ys) + 1))
    limit = np.nanmax(np.abs(frame[names[1:]].to_numpy(float)), initial=0) or 1
    for axis, name in zip(axes, names, strict=True):
        grid, difference = np.full((len(ys), len(xs)), np.nan), name != "validation NLL"
        for y, x, value, chosen in zip(frame[down], frame[across], frame[name], frame["chosen"], strict=True):
            grid[ys.index(y), xs.index(x)] = value
            if chosen:
                corner = xs.index(x) - .5, ys.index(y) - .5
                axis.add_patch(matplotlib.patches.Rectangle(corner, 1, 1, fill=False, lw=2, clip_on=False, zorder=3))
        span = {"vmin": -limit, "vmax": limit} if difference else {}
        image = axis.imshow(grid, origin="lower", aspect="auto", cmap="RdBu_r" if difference else "viridis_r", **span)
        form, absent = ("+z.2f", "–") if difference else (".2f", "failed")
        _write(axis, image, grid, np.array([[absent if np.isnan(value) else format(value, form) for value in line] for line in grid]))
        _name(axis.set_xticks, xs)
        axis.set_yticks(range(len(ys)), [_short(value) for value in ys])
        axis.set(title=f"composed {name}" if difference else name, xlabel=across, ylabel=down)
        if np.isfinite(grid).any():
            figure.colorbar(image, ax=axis, label="nats", shrink=.8)
    return figure


def _points(frame: pd.DataFrame, keys: list[str]) -> Figure:
    """NLL above, all differences below; joined by a line where one key makes an order."""
    names = [name for name in frame.columns if name.startswith("minus ")]
    figure = Figure(figsize=(max(7, .22 * len(frame) + 3), 5 if names else 3), layout="constrained")
    axes = figure.subplots(2 if names else 1, 1, sharex=True, squeeze=False)[:, 0]
    line = {"marker": "o", "ms": 4, "lw": 1.2 if len(keys) == 1 else 0}
    axes[0].plot(range(len(frame)), frame["validation NLL"], color="black", **line)
    axes[0].plot(np.flatnonzero(frame["chosen"]), frame["validation NLL"][frame["chosen"]], "ko", ms=10, mfc="none")
    axes[0].set(title="validation NLL of the composed row (ring: chosen)", ylabel="nats")
    for number, name in enumerate(names):
        axes[1].plot(range(len(frame)), frame[name], label=name, **line | _look(number))
    if names:
        axes[1].axhline(0, color="grey", lw=.8)
        axes[1].set(title="composed minus reference (below 0: composed is better)", ylabel="nats")
        _legend(axes[1])
    places = [", ".join(map(_short, values)) for values in frame[keys].itertuples(index=False)]
    axes[-1].set_xticks(range(len(frame)), places, rotation=90 if max(map(len, places)) > 3 and len(places) > 6 else 0)
    axes[-1].set_xlabel(", ".join(keys))
    figure.align_ylabels(axes)
    return figure


def _panels(count: int, width: float, height: float) -> tuple[Figure, list]:
    """A figure of so many panels of this size in inches, in lines of equal length but the last."""
    lines = max(1, math.ceil(count / COLUMNS))
    columns = max(1, math.ceil(count / lines))
    figure = Figure(figsize=(width * columns + .6, height * lines), layout="constrained")
    return figure, [figure.add_subplot(lines, columns, place + 1) for place in range(count)]


def _write(axis, image, values: np.ndarray, words: np.ndarray) -> None:
    """Words on the cells of an image, in black or white, whichever can be read there."""
    for (y, x), value in np.ndenumerate(values):
        dark = np.dot(image.cmap(image.norm(value))[:3], (.3, .6, .1)) < .5 and not np.isnan(value)
        axis.text(x, y, words[y, x], ha="center", va="center", fontsize=7, color="white" if dark else "black")


def _name(set_ticks, names) -> None:
    """Names under an axis, aslant where they are long."""
    words = [_short(name) for name in names]
    aslant = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if max(map(len, words), default=0) > 3 else {}
    set_ticks(range(len(words)), words, **aslant)


def _legend(axis) -> None:
    """A legend to the right of an axis, where it hides nothing."""
    if axis.get_legend_handles_labels()[0]:
        axis.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)


def _look(number: int) -> dict[str, str]:
    return {"color": f"C{number % 10}", "ls": DASHES[number // 10 % len(DASHES)]}


def _short(name: object) -> str:
    text = f"{name:.4g}" if isinstance(name, float) else " ".join(str(name).split())
    return text if len(text) <= 20 else text[:19] + "…"


def _curves(row: Row, name: str) -> np.ndarray:
    """Shape (seeds, epochs)."""
    return np.array([[one[name] for one in row.entries[seed].values["curves"]] for seed in row.seeds])


def _counts(row: Row) -> np.ndarray:
    """Mean number of pictures by (class, predicted class)."""
    counts = np.zeros((len(row.classes), len(row.classes)))
    for predicted in row.logits.argmax(-1):
        np.add.at(counts, (row.labels, predicted), 1)
    return counts / len(row.seeds)
