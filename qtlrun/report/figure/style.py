"""Style of all figures: panels, legends, and the bytes of a file."""

import io
import math
import warnings
from typing import TYPE_CHECKING, TypedDict

import matplotlib
import numpy as np
from matplotlib.figure import Figure

if TYPE_CHECKING:  # the name came with matplotlib 3.11
    from matplotlib.typing import RcKeyType

STYLE: "dict[RcKeyType, object]" = {
    "svg.hashsalt": "qtlrun",
    "text.parse_math": False,
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    # Inches, for ticks may grow after the layout.
    "figure.constrained_layout.w_pad": 0.1,
}
KINDS = ("png", "svg")  # of files that a figure is written to
DPI = 150  # of those that have pixels
DASHES = ("-", "--", ":")  # each for all colours
# Told apart by the colour-blind: Okabe and Ito 2008, without yellow, which vanishes on white
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = "os^Dv<>P*X"
MAX_PANELS_ABREAST = 4
MAX_NAME_LENGTH = 20  # characters
SUBDIVISION = (1, 2, 5)  # of a power of 10
MAX_HORIZONTAL_LENGTH = 3  # characters of names that need not be aslant


class Look(TypedDict):
    """Colour and dashes of a line, as keywords of a plot."""

    color: str
    ls: str


@matplotlib.rc_context(STYLE)
def encode(figure: Figure) -> dict[str, bytes]:
    """Files of a figure, PNG and SVG, by kind; the same bytes for the same figure."""
    with warnings.catch_warnings():
        # A name may be in a script that the font lacks.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        _lay_out(figure)
        return {kind: _encode(figure, kind) for kind in KINDS}


def _lay_out(figure: Figure) -> None:
    """Lay a figure out once; else each file would, and would draw it twice."""
    engine = figure.get_layout_engine()
    if engine is not None and figure.axes:
        figure.set_dpi(DPI)
        engine.execute(figure)
        figure.set_layout_engine(None)


def _encode(figure: Figure, kind: str) -> bytes:
    """Bytes of a file of this kind."""
    buffer = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else None
    figure.savefig(buffer, format=kind, dpi=DPI, metadata=metadata)
    return buffer.getvalue()


def panels(count: int, width: float, height: float) -> tuple[Figure, list]:
    """Figure of so many panels of this size in inches, in lines of equal length but the last."""
    lines = max(1, math.ceil(count / MAX_PANELS_ABREAST))
    columns = max(1, math.ceil(count / lines))
    figure = Figure(figsize=(width * columns + 0.6, height * lines), layout="constrained")
    return figure, [figure.add_subplot(lines, columns, number + 1) for number in range(count)]


def write(axis, image, values: np.ndarray, texts: np.ndarray) -> None:
    """Write texts on the cells of an image, in black or white, whichever can be read there."""
    for (y, x), value in np.ndenumerate(values):
        brightness = np.dot(image.cmap(image.norm(value))[:3], (0.3, 0.6, 0.1))
        colour = "white" if brightness < 0.5 and not np.isnan(value) else "black"
        # Within its cell, which the layout need not measure
        look = {"ha": "center", "va": "center", "fontsize": 7, "color": colour}
        axis.text(x, y, texts[y, x], in_layout=False, **look)


def name_ticks(set_ticks, names) -> None:
    """Put names under an axis, aslant where they are long."""
    labels = [shorten(name) for name in names]
    aslant = max(map(len, labels), default=0) > MAX_HORIZONTAL_LENGTH
    look = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if aslant else {}
    set_ticks(range(len(labels)), labels, **look)


def label_powers(*axes) -> None:
    """Label powers of 10 on axes x or y, which have their limits, as plain numbers.

    Where fewer than two are in sight, more numbers are labelled, so that a scale can be read.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    for axis in axes:
        low, high = np.log10(axis.get_view_interval())
        if math.floor(high) - math.ceil(low) < 1:
            axis.set_major_locator(LogLocator(subs=SUBDIVISION))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())


def legend(axis) -> None:
    """Put a legend to the right of an axis, where it hides nothing."""
    if axis.get_legend_handles_labels()[0]:
        axis.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)


def look(number: int) -> Look:
    """Look of a line by its number."""
    return {"color": colour(number), "ls": DASHES[number // len(PALETTE) % len(DASHES)]}


def colour(number: int) -> str:
    """Colour of a class or a row by its number."""
    return PALETTE[number % len(PALETTE)]


def marker(number: int) -> str:
    """Marker of a class or a row by its number, so that colour alone tells none."""
    return MARKERS[number % len(MARKERS)]


def shorten(name: object) -> str:
    """Name on one line, cut where it is long."""
    text = f"{name:.4g}" if isinstance(name, float) else " ".join(str(name).split())
    return text if len(text) <= MAX_NAME_LENGTH else text[: MAX_NAME_LENGTH - 1] + "…"
