"""Result of a command line that was run from Python."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from qtlrun.report.frame import read_csv

METRIC = "test_nll"  # of the verdicts


@dataclass(frozen=True, repr=False)
class Result:
    """Result of a command line; a notebook shows its table and the sentences under it.

    frame: that of the study; of the default one a line per row, seed and metric
    folder: with all its files; None where the study wrote none
    succeeded: whether no training failed
    """

    frame: pd.DataFrame
    folder: Path | None
    succeeded: bool

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """Differences in NLL of the composed model to its references, a line each; maybe none.

        Columns are those of contrasts.csv: reference, difference, low, high, verdict ...
        """
        file = self._file("contrasts.csv")
        if file is None:
            return pd.DataFrame(columns=["reference", "difference", "low", "high", "verdict"])
        contrasts = read_csv(file)
        return (
            contrasts[contrasts["metric"] == METRIC].drop(columns="metric").reset_index(drop=True)
        )

    @cached_property
    def table(self) -> str:
        """The table and the sentences under it, as Markdown; empty where there are none."""
        file = self._file("table.md")
        return file.read_text() if file else ""

    def __repr__(self) -> str:
        return f"{self.table or self.frame.to_string()}\nWritten to {self.folder}\n"

    def _repr_markdown_(self) -> str:
        """Markdown that a notebook shows."""
        return repr(self)

    def _file(self, name: str) -> Path | None:
        """File of the folder, if it is there."""
        path = self.folder / name if self.folder else None
        return path if path and path.is_file() else None
