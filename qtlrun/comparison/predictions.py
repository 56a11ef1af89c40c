"""Test predictions of a variant from each of its seeds."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from qtlrun import statistic
from qtlrun.comparison.outcome import Failure, Outcome
from qtlrun.ledger import Readings
from qtlrun.store import Entry


@dataclass(frozen=True)
class Predictions:
    """Test predictions of a variant from each seed; nan where one failed.

    logits: shape (seeds, items, classes)
    labels: shape (items,)
    validation: NLL in nats of each seed
    errors: why a seed failed, by its number
    reads: counts of distinct plans that have read these test items, and their pool
    """

    logits: np.ndarray
    labels: np.ndarray
    validation: np.ndarray
    errors: dict[str, str] = field(default_factory=dict)
    reads: Readings = field(default_factory=Readings)

    @classmethod
    def of(
        cls, outcomes: dict[int, Outcome | Failure], labels: np.ndarray, classes: int
    ) -> "Predictions":
        """Predictions of evaluated outcomes, in the order of their seeds."""
        blank = np.full((len(labels), classes), np.nan)
        errors = {
            str(seed): outcome.reason
            for seed, outcome in outcomes.items()
            if isinstance(outcome, Failure)
        }
        logits = [each.logits if isinstance(each, Outcome) else blank for each in outcomes.values()]
        validation = [
            each.validation_nll if isinstance(each, Outcome) else np.nan
            for each in outcomes.values()
        ]
        return cls(np.stack(logits), labels, np.array(validation), errors)

    def to_artifact(self) -> Entry:
        """Artifact that holds the predictions in the store."""
        arrays = {"logits": self.logits, "labels": self.labels, "validation": self.validation}
        return Entry({"errors": self.errors}, arrays)

    @classmethod
    def from_artifact(cls, artifact: Entry) -> "Predictions":
        """Predictions that an artifact holds."""
        arrays: dict[str, Any] = artifact.arrays
        return cls(**arrays, errors=artifact.values["errors"])

    @cached_property
    def nll(self) -> np.ndarray:
        """Test NLL in nats, shape (seeds, items)."""
        return statistic.nll(self.logits, self.labels)
