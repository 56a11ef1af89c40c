"""View through one lens at the rows of a run."""

from dataclasses import dataclass, field
from typing import SupportsFloat

import pandas as pd
from matplotlib.figure import Figure

from qtlrun.experiment.subject import Subject
from qtlrun.report.sentence import Note


@dataclass(frozen=True)
class Measurement:
    """Number that a lens reads of one training.

    measure: name of the number, with its unit where it has one
    layer: where it is read; empty for the whole network
    value: the number; nan where it cannot be told
    is_tested: whether rows are told apart by it; no where the values of a row's trainings depend on
        one another, or rows have it of unlike layers
    """

    subject: Subject
    measure: str
    layer: str
    value: float
    is_tested: bool


@dataclass
class View:
    """Numbers, figures and sentences that a lens fills in.

    readings: numbers of trainings, which are compared between the rows
    frames: further numbers behind the figures, by name
    figures: by name; "" is the lens's own
    notes: sentences, also on rows that the lens does not apply to
    """

    readings: list[Measurement] = field(default_factory=list)
    frames: dict[str, pd.DataFrame] = field(default_factory=dict)
    figures: dict[str, Figure] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    def read(
        self,
        subject: Subject,
        measure: str,
        value: SupportsFloat,
        layer: str = "",
        *,
        is_tested: bool = True,
    ) -> None:
        """Add a number of a training."""
        self.readings.append(Measurement(subject, measure, layer, float(value), is_tested))
