"""Style of all figures: panels, legends, and the bytes of a file."""

import io
import math
import warnings

import matplotlib
import numpy as np
from matplotlib.figure import Figure

STYLE = {
    "svg.hashsalt": "qtlrun",
    "text.parse_math": False,
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.w_pad": 0.1,
}  # inches, for ticks may grow after the layout
DASHES = ("-", "--", ":")  # each for ten colours
COLUMNS = 4


@matplotlib.rc_context(STYLE)
def encode(figure: Figure, kind: str) -> bytes:
    """The figure as PNG or SVG; the same bytes for the same figure."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "Glyph .* missing from font"
        )  # a name in a script that the font lacks
        figure.savefig(
            buffer, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None
        )
    return buffer.getvalue()


def panels(count: int, width: float, height: float) -> tuple[Figure, list]:
    """A figure of so many panels of this size in inches, in lines of equal length but the last."""
    lines = max(1, math.ceil(count / COLUMNS))
    columns = max(1, math.ceil(count / lines))
    figure = Figure(figsize=(width * columns + 0.6, height * lines), layout="constrained")
    return figure, [figure.add_subplot(lines, columns, place + 1) for place in range(count)]


def write(axis, image, values: np.ndarray, words: np.ndarray) -> None:
    """Words on the cells of an image, in black or white, whichever can be read there."""
    for (y, x), value in np.ndenumerate(values):
        dark = np.dot(image.cmap(image.norm(value))[:3], (0.3, 0.6, 0.1)) < 0.5 and not np.isnan(
            value
        )
        axis.text(
            x,
            y,
            words[y, x],
            ha="center",
            va="center",
            fontsize=7,
            color="white" if dark else "black",
        )


def name(set_ticks, names) -> None:
    """Names under an axis, aslant where they are long."""
    words = [short(name) for name in names]
    aslant = (
        {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        if max(map(len, words), default=0) > 3
        else {}
    )
    set_ticks(range(len(words)), words, **aslant)


def legend(axis) -> None:
    """A legend to the right of an axis, where it hides nothing."""
    if axis.get_legend_handles_labels()[0]:
        axis.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)


def look(number: int) -> dict[str, str]:
    return {"color": f"C{number % 10}", "ls": DASHES[number // 10 % len(DASHES)]}


def short(name: object) -> str:
    text = f"{name:.4g}" if isinstance(name, float) else " ".join(str(name).split())
    return text if len(text) <= 20 else text[:19] + "…"
