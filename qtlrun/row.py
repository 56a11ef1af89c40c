"""A row of the table, and the point of a sweep that it belongs to."""
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from qtlrun import statistic
from qtlrun.store import Entry

COUNTS = ("parameters_circuit", "parameters_head", "parameters_backbone", "angles_effective", "evaluations", "executions")


@dataclass
class Row:
    """A row of the table: what it is, and what each finished seed left in the store."""
    name: str
    about: str
    entries: dict[int, Entry]
    classes: tuple[str, ...]
    errors: dict[int, str] = field(default_factory=dict)  # of the seeds that failed
    stored: bool = False  # found in the store, not trained now
    pictures: tuple[str, ...] = ()  # names of the test pictures, where they have any
    items: tuple[str, ...] = ()  # hashes of the test pictures
    fingerprints: dict[str, str] = field(default_factory=dict)  # of data and weights
    caution: str = ""  # what the dataset does not allow to conclude

    @property
    def seeds(self) -> list[int]:
        return sorted(self.entries)

    @cached_property
    def labels(self) -> np.ndarray:
        return self._first.arrays["labels"]

    @cached_property
    def logits(self) -> np.ndarray:
        """Shape (seeds, pictures, classes)."""
        return np.stack([self.entries[seed].arrays["logits"] for seed in self.seeds])

    @cached_property
    def nll(self) -> np.ndarray:
        """Shape (seeds, pictures), nats."""
        return statistic.nll(self.logits, self.labels)

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """One line a seed, one column a metric; accuracies in [0, 1], NLL in nats, times in seconds."""
        shifted = self.logits - self.logits.max(-1, keepdims=True)
        probabilities = np.exp(shifted) / np.exp(shifted).sum(-1, keepdims=True)
        values = [self.entries[seed].values for seed in self.seeds]
        kept = [value["curves"][value["best_epoch"] - 1] for value in values]
        frame = {
            "test_accuracy": statistic.correct(self.logits, self.labels).mean(1), "test_nll": self.nll.mean(1),
            "test_f1": statistic.macro_f1(self.labels, self.logits.argmax(-1), len(self.classes)),
            "test_ece": statistic.calibration_error(probabilities, self.labels),
            "validation_nll": [one["nll"] for one in kept], "validation_accuracy": [one["accuracy"] for one in kept],
            "seconds": [value["seconds"] for value in values], "best_epoch": [value["best_epoch"] for value in values],
        } | {name: [value.get(name, 0) for value in values] for name in COUNTS}
        return pd.DataFrame(frame, index=pd.Index(self.seeds, name="seed"))

    @property
    def seconds_alone(self) -> float:
        """Seconds of the row by itself with nothing in the store: its features, then all its seeds."""
        return self._first.values["features_seconds"] + self.metrics["seconds"].sum()

    @property
    def _first(self) -> Entry:
        return self.entries[self.seeds[0]]


@dataclass
class Point:
    """One point of a sweep: its swept keys, its rows by label (the composed one first), and what is said beside them."""
    keys: dict[str, object]
    composed: str
    held: str  # what every row of it has in common
    rows: dict[str, Row] = field(default_factory=dict)
    isolates: dict[str, str] = field(default_factory=dict)  # what a reference is there to show
    errors: dict[str, str] = field(default_factory=dict)  # of rows that failed whole
    notes: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return bool(self.errors) or any(row.errors for row in self.rows.values())

    @property
    def place(self) -> str:
        """Where in the sweep it lies."""
        return ", ".join(f"{key}={value}" for key, value in self.keys.items())

    def both(self, label: str) -> list[int]:
        """The seeds that the composed row and a reference both finished, on the same test pictures."""
        mine, other = self.rows.get(self.composed), self.rows[label]
        shared = sorted(mine.entries.keys() & other.entries.keys()) if mine else []
        same = shared and mine.items == other.items and np.array_equal(mine.labels, other.labels)
        return shared if same else []

    def contrasts(self, margin: float) -> dict[str, statistic.Verdict]:
        """The verdict on the composed row against each reference, on the seeds that both finished."""
        verdicts = {}
        for label, row in self.rows.items():
            if label != self.composed and (both := self.both(label)):
                pair = [one.nll[np.isin(one.seeds, both)] for one in (self.rows[self.composed], row)]
                verdicts[label] = statistic.verdict(pair[0] - pair[1], margin)
        return verdicts
