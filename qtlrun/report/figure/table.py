"""Rows to plots: learning curves, confusion, accuracy, shots, tuning."""

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from qtlrun.comparison.comparison import Point
from qtlrun.comparison.row import Row
from qtlrun.report.figure import style
from qtlrun.report.figure.style import STYLE

NAMED = 12  # classes that have room for their names and numbers
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@matplotlib.rc_context(STYLE)
def learning_curves(point: Point) -> Figure:
    """Training loss and validation NLL by epoch: the mean over runs as a line, from lowest to
    highest run as a band.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for number, label in enumerate(point.labels):
        for axis, name in zip(axes, ("loss", "nll") if point.of(label) else (), strict=False):
            curves = np.concatenate([_curves(row, name) for row in point.of(label)])
            epochs = np.arange(1, curves.shape[1] + 1)
            look = style.look(number)
            axis.plot(
                epochs,
                curves.mean(0),
                label=label,
                lw=1.5,
                marker="o" if len(epochs) == 1 else "",
                **look,
            )
            axis.fill_between(
                epochs, curves.min(0), curves.max(0), color=look["color"], alpha=0.15, lw=0
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
def confusion(point: Point) -> Figure:
    """A confusion matrix a row: test pictures by their class and the predicted one, mean over seeds
    and splits.
    """
    rows = {label: found for label in point.labels if (found := point.of(label))}
    classes = max((len(found[0].classes) for found in rows.values()), default=0)
    size = max(2.2, 0.34 * classes) if classes <= NAMED else 3
    figure, axes = style.panels(len(rows), size + 0.4, size + 0.6)
    for axis, (label, found) in zip(axes, rows.items(), strict=True):
        row = found[0]
        counts = np.mean([_counts(one) for one in found], axis=0)
        shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axis.set(title=label, xlabel="predicted", ylabel="class", xticks=[], yticks=[])
        if classes <= NAMED:
            style.write(
                axis,
                image,
                shares,
                np.vectorize(lambda count: f"{count:.1f}".removesuffix(".0"))(counts),
            )
            style.name(axis.set_xticks, row.classes)
            axis.set_yticks(range(classes), [style.short(name) for name in row.classes])
    if rows:
        figure.colorbar(image, ax=axes, label="share of the class", shrink=0.8)
    return figure


@matplotlib.rc_context(STYLE)
def accuracy(point: Point) -> Figure:
    """The test accuracy of each row: every training as a dot, the mean with its 95 % interval; the
    ceiling where it is known.
    """
    rows = {label: found for label in point.labels if (found := point.of(label))}
    figure = Figure(figsize=(6, 0.36 * len(rows) + 1.2), layout="constrained")
    axis = figure.subplots()
    ceilings = {row.ceiling for found in rows.values() for row in found if row.ceiling}
    for place, (label, found) in enumerate(rows.items()):
        mean = point.accuracy(label)
        dots = np.concatenate([row.metrics["test_accuracy"] for row in found])
        axis.plot(dots, np.full(len(dots), place), "|", color="grey", ms=9, lw=0)
        axis.errorbar(
            mean.mean,
            place,
            xerr=[[mean.mean - mean.low], [mean.high - mean.mean]],
            fmt="o",
            ms=4,
            capsize=3,
            color=style.look(place)["color"],
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
    axis.set_yticks(range(len(rows)), [style.short(label) for label in rows])
    axis.set(xlabel="test accuracy", ylim=(max(len(rows), 1) - 0.5, -0.5))
    return figure


@matplotlib.rc_context(STYLE)
def patterns(row: Row) -> Figure:
    """Output of a photonic backbone for each class's centre: post-selected probabilities."""
    figure, axes = style.panels(len(row.patterns), 1.6, 1.9)
    for axis, name, pattern in zip(axes, row.classes, row.patterns, strict=True):
        axis.imshow(pattern, cmap="Greys", vmin=0, vmax=max(0.3, float(row.patterns.max())))
        axis.set(
            title=style.short(name), xticks=range(pattern.shape[1]), yticks=range(pattern.shape[0])
        )
    axes[0].set(xlabel="photons, mode 1", ylabel="photons, mode 0")
    return figure


@matplotlib.rc_context(STYLE)
def shots(point: Point) -> Figure:
    """Test accuracy against the shots of a generator's circuit: the mean over runs as a line,
    lowest to highest as a band; exact as dashes.
    """
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axis = figure.subplots()
    for number, label in enumerate(point.labels):
        known = point.shots(label) if point.of(label) else ()
        colour = style.look(number)["color"]
        if len(known):
            axis.plot(
                known.columns,
                known.mean(),
                label=label,
                lw=1.5,
                marker="o",
                ms=3,
                **style.look(number),
            )
            axis.fill_between(
                known.columns, known.min(), known.max(), color=colour, alpha=0.15, lw=0
            )
            axis.axhline(
                point.metrics(label)["test_accuracy"].mean(), color=colour, lw=0.8, ls=(0, (6, 4))
            )
    axis.set(
        title="test accuracy with probabilities estimated from shots (dashed: exact)",
        xlabel="shots",
        xscale="log",
    )
    axis.xaxis.set_major_formatter(
        lambda place, _: "10" + f"{np.log10(place):.0f}".translate(RAISED)
    )  # its ticks are powers of 10
    axis.minorticks_off()
    style.legend(axis)
    return figure


@matplotlib.rc_context(STYLE)
def tuning(point: Point) -> Figure:
    """Best validation NLL so far against the number of draws, mean over seeds: a line a row, of
    several splits their mean.
    """
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axis = figure.subplots()
    for number, label in enumerate(point.labels):
        if tuned := [row.tuning for row in point.of(label) if row.tuning]:
            best = np.mean(
                [np.minimum.accumulate(list(one.means.values())) for one in tuned], axis=0
            )
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


def _curves(row: Row, name: str) -> np.ndarray:
    """Shape (seeds, epochs)."""
    return np.array([[one[name] for one in row.outcomes[seed].curves] for seed in row.seeds])


def _counts(row: Row) -> np.ndarray:
    """Mean number of pictures by (class, predicted class)."""
    counts = np.zeros((len(row.classes), len(row.classes)))
    for predicted in row.logits.argmax(-1):
        np.add.at(counts, (row.labels, predicted), 1)
    return counts / len(row.seeds)
