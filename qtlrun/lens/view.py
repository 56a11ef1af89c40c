"""View through one lens at the rows of a run."""

from dataclasses import dataclass, field
from typing import SupportsFloat

import pandas as pd
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional

from qtlrun.experiment.subject import Subject
from qtlrun.report.sentence import Note

MAX_SIDE = 16  # places on a side of a map or a picture in a CSV file


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


def coarsen(
    maps: Float[Tensor, "*batch height width"], side: int = MAX_SIDE
) -> Float[Tensor, "*batch rows columns"]:
    """Maps or pictures averaged over patches, where they have more places on a side than this."""
    rows, columns = (min(length, side) for length in maps.shape[-2:])
    return functional.adaptive_avg_pool2d(maps, (rows, columns))
