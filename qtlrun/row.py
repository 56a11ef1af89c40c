"""A row of the table, and the point of a sweep that it belongs to."""
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from qtlrun import statistic
from qtlrun.store import Entry

COUNTS = ("parameters_circuit", "parameters_head", "parameters_backbone", "angles_effective", "evaluations", "executions")
COSTS = COUNTS[-2:]  # those that each training has
SHARES = ("norm_kept", "post_selected")  # of photonic rows: probability inside the cutoff, and in what is selected


@dataclass(frozen=True)
class Tuning:
    """What validation said of the draws of a row: NLL in nats of each draw and seed, None where it failed; seconds of all."""
    nll: dict[int, list[float | None]]
    seconds: float

    @classmethod
    def of(cls, trials: dict[int, dict]) -> "Tuning":
        """From the draws that were tried, by number."""
        return cls({number: trials[number]["nll"] for number in sorted(trials)}, sum(one["seconds"] for one in trials.values()))

    @property
    def means(self) -> dict[int, float]:
        """Mean over seeds of each draw; infinite where a seed failed."""
        return {number: math.inf if None in one else float(np.mean(one)) for number, one in self.nll.items()}

    @property
    def winner(self) -> int | None:
        """The first draw of least mean; none where all failed."""
        means = self.means
        number = min(means, key=means.get, default=None)
        return None if number is None or math.isinf(means[number]) else number

    @property
    def best(self) -> int:
        """The draw chosen."""
        if self.winner is None:
            raise FloatingPointError(f"all {len(self.nll)} draws of its tuning diverged; lower recipe.space.lr")
        return self.winner


@dataclass(frozen=True)
class Figures:
    """What the seeds of one plan say of the test pictures; nan where one failed. NLL in nats."""
    logits: np.ndarray  # (seeds, pictures, classes)
    labels: np.ndarray
    validation: np.ndarray  # NLL of each seed
    errors: dict[str, str] = field(default_factory=dict)  # of the seeds that failed
    reads: int = 0  # distinct plans that have read this test split

    @cached_property
    def nll(self) -> np.ndarray:
        """Shape (seeds, pictures)."""
        return statistic.nll(self.logits, self.labels)


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
    blind: bool = True  # whether validation items are others than the test items
    trained_on: int = 0  # training items
    validated_on: int = 0
    tuning: Tuning | None = None
    draws: list[dict[str, object]] = field(default_factory=list)  # the values that it was tuned over
    reads: int = 0  # distinct plans that have read this test split
    independent: bool = False  # whether another split draws other items, not the same ones divided otherwise
    noun: str = "picture"  # what a test item is called
    ceiling: float | None = None  # the best accuracy that the test items allow, where it is known
    patterns: np.ndarray | None = None  # what a photonic backbone makes of each class's centre, (classes, side, side)

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
        frame |= {name: [value[name] for value in values] for name in SHARES if name in values[0]}
        return pd.DataFrame(frame, index=pd.Index(self.seeds, name="seed"))

    @property
    def seconds_alone(self) -> float:
        """Seconds of the row by itself with nothing in the store: its features, then all its seeds."""
        training = self.tuning.seconds if self.tuning else self.metrics["seconds"].sum()
        return self._first.values["features_seconds"] + training

    @property
    def drawn(self) -> dict[str, object]:
        """The values that tuning chose."""
        return self.draws[self.tuning.best] if self.tuning else {}

    def of_seeds(self, values: np.ndarray, seeds: list[int]) -> np.ndarray:
        """The lines of those seeds."""
        return values[np.isin(self.seeds, seeds)]

    @property
    def _first(self) -> Entry:
        return self.entries[self.seeds[0]]


@dataclass
class Point:
    """One point of a sweep: its swept keys, its rows by label (the composed one first), and what is said beside them.

    `splits` has the rows of each redraw of the data, one where there is none.
    """
    keys: dict[str, object]
    composed: str
    held: str  # what every row of it has in common
    splits: list[dict[str, Row]] = field(default_factory=list)
    isolates: dict[str, str] = field(default_factory=dict)  # what a reference is there to show
    errors: dict[tuple[str, int], str] = field(default_factory=dict)  # of rows that failed whole, by label and split
    notes: list[str] = field(default_factory=list)

    @property
    def labels(self) -> list[str]:
        """The rows that were made on every split, in their order."""
        lost = {label for label, _ in self.errors}
        return [label for label in dict.fromkeys(label for rows in self.splits for label in rows) if label not in lost]

    @property
    def failed(self) -> bool:
        return bool(self.errors) or any(row.errors for rows in self.splits for row in rows.values())

    @property
    def tuned(self) -> bool:
        """Whether any row was chosen from draws."""
        return any(row.tuning for rows in self.splits for row in rows.values())

    @property
    def place(self) -> str:
        """Where in the sweep it lies."""
        return ", ".join(f"{key}={value}" for key, value in self.keys.items())

    @property
    def reads(self) -> int:
        """How many distinct plans have read the test split; of several the one that was read most."""
        return max((row.reads for rows in self.splits for row in rows.values()), default=0)

    @property
    def choosable(self) -> bool:
        """Whether validation may choose this point of its sweep: on items of its own, among models of one task."""
        tasks = any(key.partition(".")[0] in ("dataset", "experiment") or key.endswith(".cutoff") for key in self.keys)
        return not tasks and all(row.blind for row in self.of(self.composed))

    @property
    def noun(self) -> str:
        """What a test item is called."""
        return next((row.noun for rows in self.splits for row in rows.values()), "picture")

    @property
    def about(self) -> dict[str, str]:
        """What each row is, by label."""
        return {label: next(rows[label].about for rows in self.splits if label in rows) for label in self.labels}

    def of(self, label: str) -> list[Row]:
        """A row's splits in which a seed was finished."""
        return [rows[label] for rows in self.splits if label in rows and rows[label].entries]

    def metrics(self, label: str) -> pd.DataFrame:
        """The metrics of a row, a line a split and seed."""
        return pd.concat({split: rows[label].metrics for split, rows in enumerate(self.splits)
                          if label in rows and rows[label].entries}, names=["split"])

    def estimate(self, label: str, values: Callable[[Row], np.ndarray]) -> statistic.Interval:
        """The mean of a figure (seeds, pictures) of a row, with its interval."""
        return _judge(statistic.two_way, statistic.resampled, [(row, values(row)) for row in self.of(label)])

    def contrasts(self, margin: float) -> dict[str, statistic.Verdict]:
        """The verdict on the composed row against each reference, on the seeds that both finished on the same pictures."""
        verdicts = {}
        for label in self.labels:
            if label != self.composed and (pairs := self.pairs(label)):
                gaps = [(mine, mine.of_seeds(mine.nll, both) - other.of_seeds(other.nll, both)) for mine, other, both in pairs]
                if len(gaps) == len(self.splits):
                    verdicts[label] = _judge(statistic.verdict, statistic.verdict_resampled, gaps, margin)
        return verdicts

    def pairs(self, label: str) -> list[tuple[Row, Row, list[int]]]:
        """The composed row and a reference in each split, with the seeds that both finished on the same test pictures."""
        found = []
        for rows in self.splits:
            mine, other = rows.get(self.composed), rows.get(label)
            both = sorted(mine.entries.keys() & other.entries.keys()) if mine and other else []
            if both and mine.items == other.items and np.array_equal(mine.labels, other.labels):
                found.append((mine, other, both))
        return found


def _judge(once: Callable, redrawn: Callable, values: list[tuple[Row, np.ndarray]], *more):
    """A statistic of (seeds, pictures) of one split or of several, of these with as many seeds as the least has."""
    if len(values) == 1:
        return once(values[0][1], *more)
    least, rows = min(len(one) for _, one in values), [row for row, _ in values]
    return redrawn([one[:least] for _, one in values], *more, **_redrawn(rows))


def _redrawn(rows: list[Row]) -> dict[str, object]:
    """What was redrawn between the splits of a row: items trained on, items held out, and whether the test pictures stayed."""
    same = all(row.items == rows[0].items for row in rows)
    if rows[0].independent:
        return {"train": 1, "held": 1e-9, "same_pictures": False}
    return {"train": rows[0].trained_on, "held": rows[0].validated_on if same else len(rows[0].labels), "same_pictures": same}
