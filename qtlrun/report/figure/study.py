"""The figures of studies that make a grid of their own."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from qtlrun.report.figure import style
from qtlrun.report.figure.style import STYLE


@matplotlib.rc_context(STYLE)
def specification_curve(
    frame: pd.DataFrame, composed: str, reference: str, keys: list[str]
) -> Figure:
    """The differences of all protocols in order, each with its interval, above the choices that
    made it; below 0 composed is better.
    """
    frame = frame.dropna(subset="difference").sort_values("difference", ignore_index=True)
    levels = [
        (key, value)
        for key in keys
        for value in dict.fromkeys(sorted(frame[key], key=lambda one: (str(type(one)), one)))
    ]
    figure = Figure(figsize=(9, 3.2 + 0.16 * len(levels)), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, max(1, 0.18 * len(levels))])
    places = np.arange(len(frame))
    sure = np.where(frame["high"] < 0, "C0", np.where(frame["low"] > 0, "C3", "grey"))
    above.vlines(places, frame["low"], frame["high"], color=sure, lw=0.8, alpha=0.5)
    above.scatter(places, frame["difference"], c=sure, s=5, zorder=3)
    above.axhline(0, color="black", lw=0.8)
    above.set(
        title=(
            f"{composed} - {reference} under {len(frame)} protocols (coloured: the 95 % interval"
            " excludes 0)"
        ),
        ylabel="nats",
    )
    for line, (key, value) in enumerate(reversed(levels)):
        here = places[(frame[key] == value).to_numpy()]
        below.scatter(here, np.full(len(here), line), marker="|", s=18, lw=0.8, c=sure[here])
    below.set_yticks(
        range(len(levels)),
        [f"{key}={style.short(value)}" for key, value in reversed(levels)],
        fontsize=7,
    )
    below.set(xlabel="protocols, by their difference", xticks=[])
    return figure


@matplotlib.rc_context(STYLE)
def power(frame: pd.DataFrame, margin: float) -> Figure:
    """The half-width foretold against seeds, a panel a reference and a line a number of pictures;
    the pilot is ringed.
    """
    names = list(dict.fromkeys(frame["reference"]))
    figure, axes = style.panels(len(names), 3.2, 3)
    for axis, name in zip(axes, names, strict=True):
        for number, (pictures, line) in enumerate(
            frame[frame["reference"] == name].groupby("pictures")
        ):
            axis.plot(
                line["seeds"],
                line["half_width"],
                label=f"{pictures} pictures",
                marker="o",
                ms=3,
                lw=1.2,
                **style.look(number),
            )
            axis.plot(
                line["seeds"][line["pilot"]],
                line["half_width"][line["pilot"]],
                "ko",
                ms=9,
                mfc="none",
            )
        axis.axhline(margin, color="grey", lw=0.8, ls="--")
        axis.set(
            title=f"composed - {name}",
            xlabel="seeds",
            ylabel="half-width, nats",
            xscale="log",
            ylim=(0, None),
        )
        axis.set_xticks(sorted(set(frame["seeds"])), sorted(set(frame["seeds"])))
        axis.minorticks_off()
    if axes:
        style.legend(axes[-1])
    return figure


@matplotlib.rc_context(STYLE)
def detection(frame: pd.DataFrame) -> Figure:
    """How often a planted effect is found against its size, with exact intervals: a panel a kind, a
    line a reference.
    """
    kinds = [("planted circuit", "better"), ("planted linear", "worse")]
    figure, axes = style.panels(len(kinds), 3.6, 3)
    for axis, (check, word) in zip(axes, kinds, strict=True):
        for number, (contrast, line) in enumerate(
            frame[(frame["check"] == check) & (frame["verdict"] == word)].groupby("contrast")
        ):
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
        axis.set_xticks(
            sorted(set(frame["effect"][frame["check"] == check])),
            [f"{one:g}" for one in sorted(set(frame["effect"][frame["check"] == check]))],
        )
        axis.minorticks_off()
    style.legend(axes[-1])
    return figure


@matplotlib.rc_context(STYLE)
def trend(frame: pd.DataFrame) -> Figure:
    """Composed minus each reference against the value swept: a column a series, NLL above and
    accuracy below, 95 % intervals as bands.
    """
    series = list(dict.fromkeys(frame["series"]))
    metrics = ["NLL", "accuracy"]
    figure = Figure(figsize=(3.4 * len(series) + 1.6, 5.6), layout="constrained")
    axes = figure.subplots(2, max(1, len(series)), squeeze=False, sharex="col")
    if not series:  # everything failed
        return figure
    for (row, column), axis in np.ndenumerate(axes):
        mine = frame[(frame["series"] == series[column]) & (frame["metric"] == metrics[row])]
        for number, (label, line) in enumerate(mine.groupby("reference", sort=False)):
            axis.plot(
                line["value"],
                line["difference"],
                label=label,
                marker="o",
                ms=3,
                lw=1.5,
                **style.look(number),
            )
            axis.fill_between(
                line["value"],
                line["low"],
                line["high"],
                color=style.look(number)["color"],
                alpha=0.12,
                lw=0,
            )
        axis.axhline(0, color="black", lw=0.8)
        axis.set(
            title=f"{series[column]}: {metrics[row]}",
            ylabel=(
                ("nats (below 0: composed is better)", "(above 0: composed is better)")[row]
                if not column
                else ""
            ),
            xlabel=mine["key"].iloc[0] if row and len(mine) else "",
        )
    style.legend(axes[0, -1])
    return figure


@matplotlib.rc_context(STYLE)
def sizes(frame: pd.DataFrame) -> Figure:
    """Test NLL and accuracy against the number of training pictures, a line a row with its 95 %
    interval as a band.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots(1, 2)
    for axis, name, unit in zip(axes, ("NLL", "accuracy"), ("nats", ""), strict=True):
        for number, (label, line) in enumerate(frame.groupby("row", sort=False)):
            axis.plot(
                line["train_size"],
                line[name],
                label=label,
                marker="o",
                ms=3,
                lw=1.5,
                **style.look(number),
            )
            axis.fill_between(
                line["train_size"],
                line[f"{name} low"],
                line[f"{name} high"],
                color=style.look(number)["color"],
                alpha=0.15,
                lw=0,
            )
        axis.set(title=f"test {name}", xlabel="training pictures", ylabel=unit, xscale="log")
        axis.set_xticks(sorted(set(frame["train_size"])), sorted(set(frame["train_size"])))
        axis.minorticks_off()
    style.legend(axes[1])
    return figure
