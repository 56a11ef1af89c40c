"""Saliency maps of rows side by side, fields over the plane, sanity checks and curves."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from qtlrun.report.figure import style
from qtlrun.report.figure.style import STYLE

CENTRED = {"ha": "center", "va": "center", "fontsize": 8}
MAPS = "viridis"
TOP = 99  # percentile of the maps at which their colours end
PANEL = 1.15  # inches, of a map
MARGIN = 0.35  # inches, for names
BAR = 0.8  # inches, for the bar of colours
MAX_BARS = 24  # numbers of a vector that have a name each
RANDOM = "random order"
ARROWS = 15  # on a side of the plane


@matplotlib.rc_context(STYLE)
def maps(
    pictures: list[np.ndarray], names: list[str], rows: dict[str, np.ndarray], method: str
) -> Figure:
    """Draw maps by one method: a line a picture, which comes first, and a column a row.

    Colours are the same in all panels.
    """
    columns = len(rows) + 1
    width = PANEL * columns + MARGIN + BAR
    height = PANEL * len(pictures) + MARGIN
    # Laid out by hand: so many panels would take the layout engine seconds
    figure = Figure(figsize=(width, height))
    ends = {"left": MARGIN / width, "right": 1 - BAR / width, "bottom": 0.1 / height}
    grid = {"top": 1 - (MARGIN - 0.1) / height, "wspace": 0.06, "hspace": 0.06} | ends
    panels = figure.subplots(len(pictures), columns, squeeze=False, gridspec_kw=grid)
    top = np.percentile(np.concatenate([np.ravel(each) for each in rows.values()]), TOP)
    for line, picture, name, number in zip(panels, pictures, names, range(len(names)), strict=True):
        for axis in line:
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        grey = {"cmap": "gray", "vmin": 0, "vmax": 1}
        shown = picture if picture.shape[2] == 3 else picture[..., 0]
        line[0].imshow(shown, **(grey if shown.ndim == 2 else {}), interpolation="nearest")
        line[0].set_ylabel(style.shorten(name))
        for axis, each in zip(line[1:], rows.values(), strict=True):
            image = axis.imshow(each[number], cmap=MAPS, vmin=0, vmax=max(top, 1e-9))
            if not each[number].any():
                axis.text(0.5, 0.5, "no map", color="white", transform=axis.transAxes, **CENTRED)
    for axis, title in zip(panels[0], ("item", *rows), strict=True):
        axis.set_title(style.shorten(title))
    box = ends["right"] + 0.12 / width, ends["bottom"], 0.12 / width, grid["top"] - ends["bottom"]
    bar = figure.colorbar(image, cax=figure.add_axes(box), extend="max")
    bar.set_label(f"{method}, in units of the map's mean")
    return figure


@matplotlib.rc_context(STYLE)
def field(frame: pd.DataFrame, points: pd.DataFrame, axes: list[str]) -> Figure:
    """Gradient of the margin between the two largest logits over the plane, a panel a row.

    Arrows have one scale, and stand at every third point. The shade is the class that is
    predicted; points are test items.
    """
    rows = list(dict.fromkeys(frame["row"]))
    classes = sorted(set(frame["class"]) | set(points["class"]))
    figure, panels = style.panels(len(rows), 2.6, 2.7)
    side = np.sort(frame["x"].unique())
    step = len(side) // ARROWS
    sparse = side[step // 2 :: step]
    tails = frame[frame["x"].isin(sparse) & frame["y"].isin(sparse)]
    length = np.hypot(tails["slope_x"], tails["slope_y"])
    scale = np.percentile(length, TOP) / (sparse[1] - sparse[0])
    for axis, row in zip(panels, rows, strict=True):
        panel = frame[frame["row"] == row]
        numbers = panel["class"].map(classes.index).to_numpy(float)
        grid = numbers.reshape(len(side), len(side)).T
        colours = [style.colour(number) for number in range(len(classes))]
        cmap = matplotlib.colors.ListedColormap(colours)
        look = {"cmap": cmap, "vmin": -0.5, "vmax": len(classes) - 0.5, "alpha": 0.2}
        axis.pcolormesh(side, side, grid, shading="nearest", lw=0, **look)
        for number, name in enumerate(classes):
            items = points[points["class"] == name]
            look = {"color": style.colour(number), "s": 7, "lw": 0, "alpha": 0.7}
            marker = style.marker(number)
            axis.scatter(items["x"], items["y"], marker=marker, label=style.shorten(name), **look)
        arrows = tails.loc[tails["row"] == row, ["x", "y", "slope_x", "slope_y"]]
        axis.quiver(*arrows.to_numpy().T, angles="xy", scale_units="xy", scale=scale, width=0.006)
        axis.set(title=row, xlabel=axes[0], ylabel=axes[1], aspect="equal")
    style.legend(panels[-1])
    return figure


@matplotlib.rc_context(STYLE)
def shares(frame: pd.DataFrame) -> Figure:
    """Share of each number of a vector in its map, a panel a method, a line a row."""
    rows = list(dict.fromkeys(frame["row"]))
    methods = list(dict.fromkeys(frame["method"]))
    numbers = list(dict.fromkeys(frame["number"]))
    figure, panels = style.panels(len(methods), 3.0, 2.4)
    for axis, method in zip(panels, methods, strict=True):
        for number, row in enumerate(rows):
            panel = frame[(frame["method"] == method) & (frame["row"] == row)]
            if not len(panel):
                continue
            shift = 0.8 * ((number + 0.5) / len(rows) - 0.5)
            places = np.arange(len(panel)) + shift
            look = {"width": 0.8 / len(rows), "color": style.colour(number)}
            axis.bar(places, panel["share"], label=style.shorten(row), **look)
        axis.set(title=method, ylabel="share of the map")
        if len(numbers) <= MAX_BARS:
            style.name_ticks(axis.set_xticks, numbers)
        else:
            axis.set_xlabel("number of the item")
    style.legend(panels[-1])
    return figure


@matplotlib.rc_context(STYLE)
def checks(frame: pd.DataFrame) -> Figure:
    """Rank correlation with maps of random layers and shuffled labels, a panel a method.

    Points are means over trainings, bars their standard deviations.
    """
    rows = list(dict.fromkeys(frame["row"]))
    steps = list(dict.fromkeys(frame["random"]))
    methods = list(dict.fromkeys(frame["method"]))
    figure, panels = style.panels(len(methods), 2.6, 2.5)
    for axis, method in zip(panels, methods, strict=True):
        axis.axhline(0, color="0.7", lw=0.8)
        for number, row in enumerate(rows):
            panel = frame[(frame["method"] == method) & (frame["row"] == row)]
            values = panel.groupby("random", sort=False)["correlation"].agg(["mean", "std"])
            shift = 0.3 * ((number + 0.5) / len(rows) - 0.5)
            places = [steps.index(step) + shift for step in values.index]
            marker = style.marker(number)
            look = {"fmt": marker, "color": style.colour(number), "ms": 4, "lw": 1}
            error = values["std"].fillna(0)
            axis.errorbar(places, values["mean"], error, label=style.shorten(row), **look)
        axis.set(title=method, ylabel="rank correlation", ylim=(-0.6, 1.05))
        style.name_ticks(axis.set_xticks, steps)
    style.legend(panels[-1])
    return figure


@matplotlib.rc_context(STYLE)
def curves(frame: pd.DataFrame) -> Figure:
    """Probability of the class as parts are removed or put in, a line a method, a column a row.

    Dotted are random orders of the same items: black, and in a method's colour where it has fewer.
    """
    rows = list(dict.fromkeys(frame["row"]))
    methods = list(dict.fromkeys(frame["method"]))
    figure = Figure(figsize=(1.8 * len(rows) + 1.6, 4.2), layout="constrained")
    panels = figure.subplots(2, len(rows), squeeze=False, sharex=True, sharey=True)
    for line, curve in zip(panels, ("deletion", "insertion"), strict=True):
        for axis, row in zip(line, rows, strict=True):
            panel = frame[(frame["row"] == row) & (frame["curve"] == curve)]
            for number, method in enumerate(methods):
                values = panel[panel["method"] == method]
                look = {"color": style.colour(number), "ls": style.DASHES[number % 2], "lw": 1.2}
                axis.plot(values["share"], values["probability"], label=method, **look)
                # Methods without empty maps have the same items, and one curve of random orders
                is_whole = values["maps"].eq(panel["maps"].max()).all()
                look = {"color": "k" if is_whole else style.colour(number), "ls": ":"}
                axis.plot(values["share"], values["random"], label=None, **look)
            axis.set(title=row if curve == "deletion" else None, ylim=(-0.03, 1.03))
            if curve == "insertion":
                axis.set_xlabel("share put in")
            else:
                axis.set_xlabel("share removed")
        line[0].set_ylabel(f"{curve}:\nprobability of the class")
    panels[0, -1].plot([], [], "k:", label=RANDOM)
    style.legend(panels[0, -1])
    return figure
