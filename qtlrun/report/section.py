"""Section of a report: what one lens shows of a run."""

from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from qtlrun.report import frame
from qtlrun.report.sentence import Note, written


@dataclass(frozen=True)
class Section:
    """Table, sentences, numbers and figures under a title.

    table: as it is shown
    frames: as CSV files, by name
    figures: by name
    is_failed: whether something of it is lacking by an error
    """

    title: str
    table: pd.DataFrame
    notes: list[Note]
    frames: dict[str, pd.DataFrame]
    figures: dict[str, Figure]
    is_failed: bool = False

    @property
    def markdown(self) -> str:
        """Paragraphs for table.md."""
        pictures = [f"![{name}](figures/{name}.png)" for name in self.figures]
        table = [frame.markdown(self.table)] if len(self.table) else []
        return "\n\n".join([f"## {self.title}", *table, *written(self.notes), *pictures])
