"""Spectra of the Fisher information of a head's weights."""

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from qtlrun.report.figure import style
from qtlrun.report.figure.style import DASHES, STYLE

LEAST_EIGENVALUE = 1e-6  # of the mean one, that is drawn; below it float32 rounds
MARKS = 12  # on a line


@matplotlib.rc_context(STYLE)
def fisher_spectrum(frame: pd.DataFrame, near_zero: float) -> Figure:
    """Eigenvalues from the largest on, a panel a group of weights, a line a head.

    A line ends where the eigenvalues are 0. Below the dotted line they are `near_zero`.
    """
    panels = list(frame.groupby("of", sort=False))
    heads = list(dict.fromkeys(frame["head"]))
    figure, axes = style.panels(len(panels), 3.4, 3.0)
    limits = LEAST_EIGENVALUE / 2, max(1.0, frame["eigenvalue"].max()) * 2
    for axis, (group, panel) in zip(axes, panels, strict=True):
        for number, head in enumerate(heads):
            line = panel[(panel["head"] == head) & (panel["eigenvalue"] > LEAST_EIGENVALUE)]
            axis.plot(
                line["share"],
                line["eigenvalue"],
                label=head,
                color=style.colour(number),
                ls=DASHES[number % len(DASHES)],
                marker=style.marker(number),
                markevery=max(1, len(line) // MARKS),
                ms=3.5,
                lw=1.2,
            )
        axis.axhline(near_zero, color="grey", lw=0.8, ls=":")
        axis.set(yscale="log", ylim=limits, xlim=(0, 1.02), title=group)
        axis.set_xlabel("rank / weights")
        style.label_powers(axis.yaxis)
    axes[0].set_ylabel("eigenvalue / mean")
    style.legend(axes[-1])
    return figure
