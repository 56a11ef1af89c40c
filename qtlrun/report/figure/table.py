"""Rows to plots: learning curves, confusion, accuracy, shots, tuning."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.row import Row
from qtlrun.report.figure import style
from qtlrun.report.figure.style import STYLE

MAX_NAMED_CLASSES = 12  # that have room for their names and numbers
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@matplotlib.rc_context(STYLE)
def learning_curves(comparison: Comparison) -> Figure:
    """Training loss and validation NLL by epoch.

    The mean over runs is a line, from the lowest to the highest run is a band.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for number, label in enumerate(comparison.labels):
        for axis, name in zip(axes, ("loss", "nll") if comparison.of(label) else (), strict=False):
            curves = _curves(comparison.of(label), name)
            epochs = np.arange(1, curves.shape[1] + 1)
            look = style.look(number)
            axis.plot(
                epochs,
                np.nanmean(curves, 0),
                label=label,
                lw=1.5,
                marker="o" if len(epochs) == 1 else "",
                **look,
            )
            axis.fill_between(
                epochs,
                np.nanmin(curves, 0),
                np.nanmax(curves, 0),
                color=look["color"],
                alpha=0.15,
                lw=0,
            )
    for axis, title in zip(axes, ("training loss", "validation NLL"), strict=True):
        axis.set(title=title, xlabel="epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if axis.get_xlim()[1] < 2:  # one epoch
            axis.set_xlim(0.5, 1.5)
    axes[0].set_ylabel("nats")
    style.legend(axes[1])
    return figure


@matplotlib.rc_context(STYLE)
def confusion(comparison: Comparison) -> Figure:
    """Confusion matrix per row: test pictures by class and predicted class.

    Means over seeds and splits.
    """
    finished = _finished_rows(comparison)
    classes = max((len(rows[0].classes) for rows in finished.values()), default=0)
    size = max(2.2, 0.34 * classes) if classes <= MAX_NAMED_CLASSES else 3
    figure, axes = style.panels(len(finished), size + 0.4, size + 0.6)
    for axis, (label, rows) in zip(axes, finished.items(), strict=True):
        counts = np.mean([_counts(row) for row in rows], axis=0)
        shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axis.set(title=label, xlabel="predicted", ylabel="class", xticks=[], yticks=[])
        if classes <= MAX_NAMED_CLASSES:
            texts = np.vectorize(lambda count: f"{count:.1f}".removesuffix(".0"))(counts)
            style.write(axis, image, shares, texts)
            style.name_ticks(axis.set_xticks, rows[0].classes)
            axis.set_yticks(range(classes), [style.shorten(name) for name in rows[0].classes])
    if finished:
        figure.colorbar(image, ax=axes, label="share of the class", shrink=0.8)
    return figure


@matplotlib.rc_context(STYLE)
def accuracy(comparison: Comparison) -> Figure:
    """Test accuracy of each row: trainings as dashes, the mean with its 95 % interval.

    The ceiling too, where there is one.
    """
    finished = _finished_rows(comparison)
    figure = Figure(figsize=(6, 0.36 * len(finished) + 1.2), layout="constrained")
    axis = figure.subplots()
    ceilings = {row.ceiling for rows in finished.values() for row in rows if row.ceiling}
    for height, (label, rows) in enumerate(finished.items()):
        mean = comparison.accuracy(label)
        trainings = np.concatenate([row.metrics["test_accuracy"] for row in rows])
        axis.plot(trainings, np.full(len(trainings), height), "|", color="grey", ms=9, lw=0)
        axis.errorbar(
            mean.mean,
            height,
            xerr=[[mean.mean - mean.low], [mean.high - mean.mean]],
            fmt="o",
            ms=4,
            capsize=3,
            color=style.look(height)["color"],
        )
    for ceiling in ceilings:
        axis.axvline(ceiling, color="black", lw=0.8, ls="--")
        axis.annotate(
            f"ceiling {ceiling:.3f}",
            (ceiling, 1.01),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="bottom",
            fontsize=7,
        )
    axis.set_yticks(range(len(finished)), [style.shorten(label) for label in finished])
    axis.set(xlabel="test accuracy", ylim=(max(len(finished), 1) - 0.5, -0.5))
    return figure


@matplotlib.rc_context(STYLE)
def patterns(row: Row) -> Figure:
    """Output of a photonic backbone for each class's centre: post-selected probabilities."""
    figure, axes = style.panels(len(row.patterns), 1.6, 1.9)
    for axis, name, pattern in zip(axes, row.classes, row.patterns, strict=True):
        axis.imshow(pattern, cmap="Greys", vmin=0, vmax=max(0.3, float(row.patterns.max())))
        axis.set(
            title=style.shorten(name),
            xticks=range(pattern.shape[1]),
            yticks=range(pattern.shape[0]),
        )
    axes[0].set(xlabel="photons, mode 1", ylabel="photons, mode 0")
    return figure


@matplotlib.rc_context(STYLE)
def shots(comparison: Comparison) -> Figure:
    """Test accuracy against the shots of a generator's circuit; the exact one as dashes.

    The mean over runs is a line, from the lowest to the highest is a band.
    """
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axis = figure.subplots()
    for number, label in enumerate(comparison.labels):
        accuracies = comparison.shots(label) if comparison.of(label) else pd.DataFrame()
        if not len(accuracies):
            continue
        look = style.look(number)
        x = accuracies.columns
        axis.plot(x, accuracies.mean(), label=label, lw=1.5, marker="o", ms=3, **look)
        axis.fill_between(
            x, accuracies.min(), accuracies.max(), color=look["color"], alpha=0.15, lw=0
        )
        exact = comparison.metrics(label)["test_accuracy"].mean()
        axis.axhline(exact, color=look["color"], lw=0.8, ls=(0, (6, 4)))
    axis.set(
        title="test accuracy with probabilities estimated from shots (dashed: exact)",
        xlabel="shots",
        xscale="log",
    )
    # Ticks are at powers of 10.
    axis.xaxis.set_major_formatter(
        lambda value, _: "10" + f"{np.log10(value):.0f}".translate(SUPERSCRIPTS)
    )
    axis.minorticks_off()
    style.legend(axis)
    return figure


@matplotlib.rc_context(STYLE)
def tuning(comparison: Comparison) -> Figure:
    """Best validation NLL so far against the number of draws, a line per row.

    Means over seeds, and over splits where there are several.
    """
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axis = figure.subplots()
    for number, label in enumerate(comparison.labels):
        means = [list(row.tuning.means.values()) for row in comparison.of(label) if row.tuning]
        if not means:
            continue
        best = np.mean([np.minimum.accumulate(each) for each in means], axis=0)
        axis.step(
            np.arange(1, len(best) + 1),
            best,
            where="post",
            label=label,
            lw=1.5,
            marker="o",
            ms=3,
            **style.look(number),
        )
    axis.set(title="best validation NLL so far", xlabel="draws", ylabel="nats")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    style.legend(axis)
    return figure


def _finished_rows(comparison: Comparison) -> dict[str, list[Row]]:
    """Rows with a finished seed, on each split, by label."""
    finished = {label: comparison.of(label) for label in comparison.labels}
    return {label: rows for label, rows in finished.items() if rows}


def _curves(rows: list[Row], name: str) -> np.ndarray:
    """Values of a learning curve, shape (trainings, epochs); nan where a training had ended."""
    curves = [outcome.curve(name) for row in rows for outcome in row.finished]
    values = np.full((len(curves), max(map(len, curves))), np.nan)
    for line, curve in zip(values, curves, strict=True):
        line[: len(curve)] = curve
    return values


def _counts(row: Row) -> np.ndarray:
    """Number of pictures by (class, predicted class), mean over seeds."""
    counts = np.zeros((len(row.classes), len(row.classes)))
    for predicted in row.logits.argmax(-1):
        np.add.at(counts, (row.labels, predicted), 1)
    return counts / len(row.seeds)
