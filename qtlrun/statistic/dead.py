"""Dead trainings: those that have learnt next to nothing, and how rare they may still be."""

from dataclasses import dataclass

import numpy as np

MAX_LOST_GAIN = 0.5  # of what the median training gains over guessing
MAX_DEVIATIONS = 5.0  # robust ones, from the median
MIN_DEVIATIONS = 2.0  # between the median and guessing, that guessing is told from the row
TO_DEVIATION = 1.4826  # a normal distribution's, from its median absolute deviation
RISK = 0.05  # of a rare death that no training shows


@dataclass(frozen=True)
class Deaths:
    """Dead trainings of a composed row and its reference.

    composed, reference: numbers of dead trainings
    trainings: number of pairs of trainings, the dead ones too
    composed_cost, reference_cost: NLL of guessing less that of the row's living trainings, nats
    """

    composed: int
    reference: int
    trainings: int
    composed_cost: float
    reference_cost: float

    @property
    def total(self) -> int:
        """Dead trainings of both rows."""
        return self.composed + self.reference

    @property
    def unseen(self) -> float:
        """Share of a row's trainings that may die where none of these did (95 %)."""
        return rarest(self.trainings)

    @property
    def span(self) -> tuple[float, float]:
        """Nats by which unseen deaths may move the difference, down and up."""
        return self.unseen * self.reference_cost, self.unseen * self.composed_cost


def guess(labels: np.ndarray) -> float:
    """NLL in nats of predicting the classes' shares for every item; ln K where they are equal."""
    shares = np.bincount(labels) / len(labels)
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())


def dead(losses: np.ndarray, level: float) -> np.ndarray:
    """Whether each training of a row is dead, from their mean test NLL and that of guessing.

    Dead is what lies above the median training by more than half of what that gains over guessing,
    and by more than five robust deviations (1.4826 times the median absolute deviation); or at the
    level of guessing, where two of these lie between that and the median. A row whose median does
    not beat guessing has no dead trainings: it is at chance as a whole.
    """
    losses = np.asarray(losses, dtype=np.float64)
    median = float(np.median(losses))
    excess = losses - median
    deviation = TO_DEVIATION * float(np.median(np.abs(excess)))
    learns = median < level
    gain = level - median
    guessing = (losses >= level) & (gain > MIN_DEVIATIONS * deviation)
    apart = (excess > MAX_DEVIATIONS * deviation) | guessing
    return (excess > MAX_LOST_GAIN * gain) & apart & learns


def deaths(composed: np.ndarray, reference: np.ndarray, level: float) -> tuple[np.ndarray, Deaths]:
    """Pairs in which neither training died, and the counts of the dead.

    `composed` and `reference` are mean test NLL (trainings,) of two rows, in pairs.
    """
    composed = np.asarray(composed, dtype=np.float64)
    reference = np.asarray(reference, dtype=np.float64)
    lost = dead(composed, level)
    other = dead(reference, level)
    return ~(lost | other), Deaths(
        int(lost.sum()),
        int(other.sum()),
        len(composed),
        max(0.0, level - float(composed[~lost].mean())),
        max(0.0, level - float(reference[~other].mean())),
    )


def rarest(trainings: int) -> float:
    """Largest rate of an event that none of `trainings` shows, at 95 % (Clopper and Pearson)."""
    return 1 - RISK ** (1 / trainings)
