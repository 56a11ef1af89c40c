"""Barren plateaus: variance of derivatives against qubits."""

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from qtlrun.report.figure import style
from qtlrun.report.figure.style import STYLE

LEAST_VARIANCE = 1e-9  # that is drawn
MAX_QUBIT_TICKS = 8


@matplotlib.rc_context(STYLE)
def plateau(frame: pd.DataFrame) -> Figure:
    """Variance against qubits, a panel a depth, a line an observable and start.

    Bars are 95 % intervals; the dotted line is halved with each qubit.
    """
    groups = list(frame.groupby("depth", dropna=False))
    figure, axes = style.panels(len(groups), 2.6, 2.8)
    sizes = sorted(set(frame["qubits"]))
    limits = (max(LEAST_VARIANCE, frame["low"].min()) / 2, frame["high"].max() * 2)
    for axis, (depth, panel) in zip(axes, groups, strict=True):
        lines = panel.groupby(["observable", "start"], sort=False)
        for number, ((observable, start), line) in enumerate(lines):
            drawn = line[line["variance"] > LEAST_VARIANCE]
            bars = [drawn["variance"] - drawn["low"], drawn["high"] - drawn["variance"]]
            axis.errorbar(
                drawn["qubits"],
                drawn["variance"],
                [bar.clip(lower=0) for bar in bars],
                label=f"{observable}, {start}",
                color=style.colour(number),
                marker=style.marker(number),
                ms=3.5,
                lw=1,
            )
        guide = [limits[1] / 2 ** (size - sizes[0] + 1) for size in sizes]
        axis.plot(sizes, guide, ":", color="grey", lw=1, label="halved per qubit")
        axis.set(yscale="log", ylim=limits, xlabel="qubits")
        style.label_powers(axis.yaxis)
        axis.set_title("" if pd.isna(depth) else f"depth {depth:.0f}")
        if len(sizes) <= MAX_QUBIT_TICKS:
            axis.set_xticks(sizes)
    axes[0].set_ylabel("variance of a derivative")
    figure.legend(*axes[-1].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
