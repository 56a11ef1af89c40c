"""Figures of studies that make a grid of their own."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from qtlrun.report.figure import style
from qtlrun.report.figure.style import STYLE


@matplotlib.rc_context(STYLE)
def specification_curve(
    frame: pd.DataFrame, composed: str, reference: str, keys: list[str]
) -> Figure:
    """Differences of all protocols in order, with intervals, above the choices of each protocol.

    Below 0 the composed row is better.
    """
    frame = frame.dropna(subset="difference").sort_values("difference", ignore_index=True)
    levels = [(key, value) for key in keys for value in _levels(frame[key])]
    figure = Figure(figsize=(9, 3.2 + 0.16 * len(levels)), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, max(1, 0.18 * len(levels))])
    positions = np.arange(len(frame))
    colours = np.where(
        frame["high"] < 0, style.colour(0), np.where(frame["low"] > 0, style.colour(1), "grey")
    )
    above.vlines(positions, frame["low"], frame["high"], color=colours, lw=0.8, alpha=0.5)
    above.scatter(positions, frame["difference"], c=colours, s=5, zorder=3)
    above.axhline(0, color="black", lw=0.8)
    above.set(
        title=(
            f"{composed} - {reference} under {len(frame)} protocols (coloured: the 95 % interval"
            " excludes 0)"
        ),
        ylabel="nats",
    )
    for line, (key, value) in enumerate(reversed(levels)):
        chosen = positions[(frame[key] == value).to_numpy()]
        heights = np.full(len(chosen), line)
        below.scatter(chosen, heights, marker="|", s=18, lw=0.8, c=colours[chosen])
    below.set_yticks(
        range(len(levels)),
        [f"{key}={style.shorten(value)}" for key, value in reversed(levels)],
        fontsize=7,
    )
    below.set(xlabel="protocols, by their difference", xticks=[])
    return figure


@matplotlib.rc_context(STYLE)
def power(frame: pd.DataFrame) -> Figure:
    """Predicted half-width against trainings: a panel per reference, a line per pictures.

    Trainings are splits where these vary, else seeds. The pilot is ringed, the margin dashed.
    """
    names = list(dict.fromkeys(frame["reference"]))
    size = "splits" if frame["splits"].nunique() > 1 else "seeds"
    figure, axes = style.panels(len(names), 3.2, 3)
    for axis, name in zip(axes, names, strict=True):
        contrast = frame[frame["reference"] == name]
        for number, (pictures, line) in enumerate(contrast.groupby("pictures")):
            axis.plot(
                line[size],
                line["half_width"],
                label=f"{pictures} pictures",
                marker="o",
                ms=3,
                lw=1.2,
                **style.look(number),
            )
            axis.plot(
                line[size][line["pilot"]],
                line["half_width"][line["pilot"]],
                "ko",
                ms=9,
                mfc="none",
            )
        axis.axhline(contrast["margin"].iloc[0], color="grey", lw=0.8, ls="--")
        axis.set(
            title=f"composed - {name}",
            xlabel=size,
            ylabel="half-width, nats",
            xscale="log",
            ylim=(0, None),
        )
        _label_values(axis, frame[size])
    if axes:
        style.legend(axes[-1])
    return figure


@matplotlib.rc_context(STYLE)
def detection(frame: pd.DataFrame) -> Figure:
    """Rate at which a planted effect is detected against its size, with exact intervals.

    A panel per kind of effect, a line per reference.
    """
    kinds = [("planted circuit", "better"), ("planted linear", "worse")]
    figure, axes = style.panels(len(kinds), 3.6, 3)
    for axis, (check, word) in zip(axes, kinds, strict=True):
        planted = frame[frame["check"] == check]
        judged = planted[planted["verdict"] == word]
        for number, (contrast, line) in enumerate(judged.groupby("contrast")):
            errors = [line["rate"] - line["low"], line["high"] - line["rate"]]
            axis.errorbar(
                line["effect"] * (1 + 0.03 * number),
                line["rate"],
                errors,
                label=contrast,
                marker="o",
                ms=3,
                lw=1.2,
                capsize=2,
                **style.look(number),
            )
        axis.set(
            title=f"{check}: A {word}",
            xlabel="deviation of the hidden logits",
            ylabel="share of trials",
            xscale="log",
            ylim=(-0.03, 1.03),
        )
        effects = sorted(set(planted["effect"]))
        axis.set_xticks(effects, [f"{effect:g}" for effect in effects])
        axis.minorticks_off()
    style.legend(axes[-1])
    return figure


@matplotlib.rc_context(STYLE)
def trend(frame: pd.DataFrame) -> Figure:
    """Composed minus each reference against the value swept, with 95 % intervals as bands.

    A column per series, NLL above and accuracy below.
    """
    series = list(dict.fromkeys(frame["series"]))
    metrics = ["NLL", "accuracy"]
    figure = Figure(figsize=(3.4 * len(series) + 1.6, 5.6), layout="constrained")
    axes = figure.subplots(2, max(1, len(series)), squeeze=False, sharex="col")
    if not series:  # every training failed
        return figure
    units = ["nats (below 0: composed is better)", "(above 0: composed is better)"]
    for (row, column), axis in np.ndenumerate(axes):
        panel = frame[(frame["series"] == series[column]) & (frame["metric"] == metrics[row])]
        for number, (label, line) in enumerate(panel.groupby("reference", sort=False)):
            look = style.look(number)
            axis.plot(
                line["value"], line["difference"], label=label, marker="o", ms=3, lw=1.5, **look
            )
            axis.fill_between(
                line["value"], line["low"], line["high"], color=look["color"], alpha=0.12, lw=0
            )
        axis.axhline(0, color="black", lw=0.8)
        axis.set(
            title=f"{series[column]}: {metrics[row]}",
            ylabel="" if column else units[row],
            xlabel=panel["key"].iloc[0] if row and len(panel) else "",
        )
    style.legend(axes[0, -1])
    return figure


@matplotlib.rc_context(STYLE)
def sizes(frame: pd.DataFrame) -> Figure:
    """Test NLL and accuracy against the number of training pictures, 95 % intervals as bands.

    A line per row.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots(1, 2)
    for axis, name, unit in zip(axes, ("NLL", "accuracy"), ("nats", ""), strict=True):
        for number, (label, line) in enumerate(frame.groupby("row", sort=False)):
            look = style.look(number)
            x = line["train_size"]
            axis.plot(x, line[name], label=label, marker="o", ms=3, lw=1.5, **look)
            axis.fill_between(
                x,
                line[f"{name} low"],
                line[f"{name} high"],
                color=look["color"],
                alpha=0.15,
                lw=0,
            )
        axis.set(title=f"test {name}", xlabel="training pictures", ylabel=unit, xscale="log")
        _label_values(axis, frame["train_size"])
    style.legend(axes[1])
    return figure


@matplotlib.rc_context(STYLE)
def retention(frame: pd.DataFrame) -> Figure:
    """Change of accuracy and share of it that is kept, against training pictures; bars of 95 %.

    A line per row.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots(1, 2)
    titles = {"change": "change of accuracy", "kept": "share of the accuracy that is kept"}
    for axis, (name, title), level in zip(axes, titles.items(), (0, 1), strict=True):
        for number, (label, line) in enumerate(frame.groupby("row", sort=False)):
            ends = [line[name] - line[f"{name} low"], line[f"{name} high"] - line[name]]
            axis.errorbar(
                line["train_size"] * (1 + 0.03 * number),
                line[name],
                ends,
                label=label,
                marker=style.marker(number),
                ms=4,
                lw=1.2,
                capsize=2,
                color=style.colour(number),
            )
        axis.axhline(level, color="grey", lw=0.8)
        axis.set(title=title, xlabel="training pictures", xscale="log")
        if len(frame):
            _label_values(axis, frame["train_size"])
    style.legend(axes[1])
    return figure


def _levels(values: pd.Series) -> list[object]:
    """Distinct values in order, those of one type together."""
    return list(dict.fromkeys(sorted(values, key=lambda value: (str(type(value)), value))))


def _label_values(axis: Axes, values: pd.Series) -> None:
    """Ticks at each value that occurs, and at no other."""
    ticks = sorted(set(values))
    axis.set_xticks(ticks, ticks)
    axis.minorticks_off()
