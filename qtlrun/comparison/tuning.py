"""Tuning of a row: validation of each draw of its values, and the draw chosen."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from qtlrun.comparison.outcome import Failure, Outcome
from qtlrun.store import Entry


@dataclass(frozen=True)
class Trial:
    """Validation of one draw.

    nll: validation NLL in nats of each seed, None where it failed
    seconds: trainings of all seeds
    """

    nll: list[float | None]
    seconds: float

    @classmethod
    def of(cls, outcomes: Iterable[Outcome | Failure]) -> "Trial":
        """Trial of the trainings of a draw, in the order of its seeds."""
        outcomes = list(outcomes)
        nll = [each.validation_nll if isinstance(each, Outcome) else None for each in outcomes]
        seconds = [outcome.seconds for outcome in outcomes if isinstance(outcome, Outcome)]
        return cls(nll, sum(seconds))

    def to_artifact(self) -> Entry:
        """Artifact that holds the trial in the store."""
        return Entry({"nll": self.nll, "seconds": self.seconds})

    @classmethod
    def from_artifact(cls, artifact: Entry) -> "Trial":
        """Trial that an artifact holds."""
        return cls(**artifact.values)


@dataclass(frozen=True)
class Tuning:
    """Validation of all draws of a row.

    nll: validation NLL in nats of each seed, None where it failed, by the number of the draw
    seconds: trainings of all draws and seeds
    """

    nll: dict[int, list[float | None]]
    seconds: float

    @classmethod
    def of(cls, trials: dict[int, Trial]) -> "Tuning":
        """Tuning over these trials, by the number of their draw."""
        nll = {number: trials[number].nll for number in sorted(trials)}
        return cls(nll, sum(trial.seconds for trial in trials.values()))

    @property
    def means(self) -> dict[int, float]:
        """Mean validation NLL in nats over seeds, by draw; infinite where a seed failed."""
        return {
            number: math.inf if None in losses else float(np.mean(losses))
            for number, losses in self.nll.items()
        }

    @property
    def winner(self) -> int | None:
        """Draw of least mean NLL, the first of several; None where all failed."""
        means = self.means
        number = min(means, key=means.get, default=None)
        return None if number is None or math.isinf(means[number]) else number

    @property
    def best(self) -> int:
        """Draw of least mean NLL; raises where all failed."""
        if self.winner is None:
            raise FloatingPointError(
                f"all {len(self.nll)} draws of its tuning diverged; lower recipe.space.lr"
            )
        return self.winner
