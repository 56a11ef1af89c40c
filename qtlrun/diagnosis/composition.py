"""Composed model's own parts, for the checks that look at more than a batch."""

from dataclasses import dataclass

from qtlrun.experiment.ensemble import Ensemble
from qtlrun.experiment.parts import Parts


@dataclass(frozen=True, eq=False)
class Composition:
    """Composed model's own parts.

    parts: dataset, recipe, freeze, device, circuit ... of the variant
    ensemble: what is trained, as a training has it, with the data of each split
    margin: in nats of NLL, within which two rows are equivalent
    """

    parts: Parts
    ensemble: Ensemble
    margin: float
