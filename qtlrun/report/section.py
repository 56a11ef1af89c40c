"""Section of a report: a table, sentences, numbers and figures."""

from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from qtlrun.report import frame
from qtlrun.report.sentence import Note, written

MAX_SHOWN = 15  # lines on the terminal


@dataclass(frozen=True)
class Section:
    """Table, sentences, numbers and figures under a title.

    table: as it is shown
    frames: as CSV files, by name
    figures: by name
    is_failed: whether something of it is lacking by an error
    shown: table for the terminal; None: the first lines of the table
    """

    title: str
    table: pd.DataFrame
    notes: list[Note]
    frames: dict[str, pd.DataFrame]
    figures: dict[str, Figure]
    is_failed: bool = False
    shown: pd.DataFrame | None = None

    @property
    def brief(self) -> pd.DataFrame:
        """Table for the terminal."""
        return self.table.head(MAX_SHOWN) if self.shown is None else self.shown

    @property
    def markdown(self) -> str:
        """Paragraphs for table.md."""
        pictures = [f"![{name}](figures/{name}.png)" for name in self.figures]
        table = [frame.markdown(self.table)] if len(self.table) else []
        return "\n\n".join([f"## {self.title}", *table, *written(self.notes), *pictures])
