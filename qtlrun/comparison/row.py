"""A row of the table: what it is, and what each of its seeds left."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from qtlrun import statistic
from qtlrun.comparison.outcome import Failure, Outcome
from qtlrun.store import Entry

COUNTS = (
    "parameters_circuit",
    "parameters_head",
    "parameters_backbone",
    "angles_effective",
    "evaluations",
    "executions",
)
COSTS = COUNTS[-2:]  # those that each training has
SHARES = (
    "norm_kept",
    "post_selected",
)  # of photonic rows: probability inside the cutoff, and in what is selected
SATURATED = (  # of rows whose head squashes: share of the squashed values at their ends
    "inputs_saturated"
)
GENERATED = (
    "weights_generated",
    "parameters_mapping",
    "generator_qubits",
    "generator_gates",
    "angles_live",
    "generator_rank",
    "executions_step",
)  # whole numbers of rows whose weights are generated; those of a circuit where one generates


@dataclass(frozen=True)
class Trial:
    """Validation of one draw: NLL in nats of each seed, None where it failed; seconds of all."""

    nll: list[float | None]
    seconds: float

    @classmethod
    def of(cls, outcomes: Iterable[Outcome | Failure]) -> "Trial":
        """Trial of the trainings of a draw, in the order of its seeds."""
        outcomes = list(outcomes)
        finished = [outcome for outcome in outcomes if isinstance(outcome, Outcome)]
        return cls(
            [outcome.validation_nll for outcome in outcomes],
            sum(outcome.seconds for outcome in finished),
        )

    def to_artifact(self) -> Entry:
        """Artifact that holds the trial in the store."""
        return Entry({"nll": self.nll, "seconds": self.seconds})

    @classmethod
    def from_artifact(cls, artifact: Entry) -> "Trial":
        """Trial that an artifact holds."""
        return cls(**artifact.values)


@dataclass(frozen=True)
class Tuning:
    """Validation NLL in nats of each draw and seed of a row, None where it failed; all seconds."""

    nll: dict[int, list[float | None]]
    seconds: float

    @classmethod
    def of(cls, trials: dict[int, Trial]) -> "Tuning":
        """Tuning over these trials, by the number of their draw."""
        return cls(
            {number: trials[number].nll for number in sorted(trials)},
            sum(trial.seconds for trial in trials.values()),
        )

    @property
    def means(self) -> dict[int, float]:
        """Mean over seeds of each draw; infinite where a seed failed."""
        return {
            number: math.inf if None in one else float(np.mean(one))
            for number, one in self.nll.items()
        }

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
            raise FloatingPointError(
                f"all {len(self.nll)} draws of its tuning diverged; lower recipe.space.lr"
            )
        return self.winner


@dataclass(frozen=True)
class Duplicates:
    """How many items of a dataset are equal: of different ones, and of those in each split; by
    pixels, for pictures.

    `repeated` ones stand more than once, `contradictory` ones with more than one label. A
    validation split that is the test split counts as none.
    """

    distinct: int
    repeated: int
    contradictory: int
    test: int
    test_in_train: int
    test_in_validation: int
    validation: int
    validation_in_train: int


@dataclass(frozen=True)
class Predictions:
    """Test predictions of a variant from each seed; nan where one failed.

    logits: shape (seeds, items, classes)
    labels: shape (items,)
    validation: NLL in nats of each seed
    errors: why a seed failed, by its number
    reads: distinct plans that have read this test split
    """

    logits: np.ndarray
    labels: np.ndarray
    validation: np.ndarray
    errors: dict[str, str] = field(default_factory=dict)
    reads: int = 0

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
        return cls(
            np.stack(
                [each.logits if isinstance(each, Outcome) else blank for each in outcomes.values()]
            ),
            labels,
            np.array(
                [each.validation_nll for each in outcomes.values()], dtype=float
            ),  # None becomes nan
            errors,
        )

    def to_artifact(self) -> Entry:
        """Artifact that holds the predictions in the store."""
        arrays = {"logits": self.logits, "labels": self.labels, "validation": self.validation}
        return Entry({"errors": self.errors}, arrays)

    @classmethod
    def from_artifact(cls, artifact: Entry) -> "Predictions":
        """Predictions that an artifact holds."""
        return cls(**artifact.arrays, errors=artifact.values["errors"])

    @cached_property
    def nll(self) -> np.ndarray:
        """Test NLL in nats, shape (seeds, items)."""
        return statistic.nll(self.logits, self.labels)


@dataclass
class Row:
    """A row of the table: what it is, and what each finished seed left in the store."""

    name: str
    about: str
    outcomes: dict[int, Outcome]
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
    draws: list[dict[str, object]] = field(
        default_factory=list
    )  # the values that it was tuned over
    reads: int = 0  # distinct plans that have read this test split
    independent: bool = (
        False  # whether another split draws other items, not the same ones divided otherwise
    )
    noun: str = "picture"  # what a test item is called
    ceiling: float | None = None  # the best accuracy that the test items allow, where it is known
    duplicates: Duplicates | None = None
    counts: dict[str, dict[str, int]] = field(default_factory=dict)  # items of each split and class
    files: dict[str, str] = field(
        default_factory=dict
    )  # SHA-256 of the files of weights, by the key that names them
    made_of: dict[str, object] = field(
        default_factory=dict
    )  # its parts' values, preprocessing and dtype
    scaling: dict[str, list[float]] | None = (
        None  # mean and deviation by which the dataset has scaled its vectors
    )
    backbone: dict[str, np.ndarray] = field(
        default_factory=dict
    )  # weights of a frozen one that are in no public file
    # Among which validation chose those of a head that is fitted; None: it is trained by epochs
    settings: int | None = None
    norms_move: bool = True  # whether its backbone has norms whose statistics could move
    patterns: np.ndarray | None = (
        None  # what a photonic backbone makes of each class's centre, (classes, side, side)
    )

    @property
    def seeds(self) -> list[int]:
        return sorted(self.outcomes)

    @cached_property
    def labels(self) -> np.ndarray:
        return self._first.labels

    @cached_property
    def logits(self) -> np.ndarray:
        """Shape (seeds, pictures, classes)."""
        return np.stack([self.outcomes[seed].logits for seed in self.seeds])

    @cached_property
    def nll(self) -> np.ndarray:
        """Shape (seeds, pictures), nats."""
        return statistic.nll(self.logits, self.labels)

    @cached_property
    def correct(self) -> np.ndarray:
        """Right and wrong answers, 1 and 0, shape (seeds, pictures)."""
        return statistic.correct(self.logits, self.labels)

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """One line a seed, one column a metric; accuracies in [0, 1], NLL in nats, times in
        seconds.
        """
        shifted = self.logits - self.logits.max(-1, keepdims=True)
        probabilities = np.exp(shifted) / np.exp(shifted).sum(-1, keepdims=True)
        outcomes = [self.outcomes[seed] for seed in self.seeds]
        figures = [outcome.figures for outcome in outcomes]
        accuracy = self.correct.mean(1)
        train = np.array([values["train_accuracy"] for values in figures])
        frame = {
            "test_accuracy": accuracy,
            "train_accuracy": train,
            "generalisation_gap": train - accuracy,
            "test_nll": self.nll.mean(1),
            "test_f1": statistic.macro_f1(self.labels, self.logits.argmax(-1), len(self.classes)),
            "test_ece": statistic.calibration_error(probabilities, self.labels),
            "validation_nll": [outcome.best["nll"] for outcome in outcomes],
            "validation_accuracy": [outcome.best["accuracy"] for outcome in outcomes],
            "seconds": [outcome.seconds for outcome in outcomes],
            "best_epoch": [outcome.best_epoch for outcome in outcomes],
        }
        for name in COUNTS:
            frame[name] = [values.get(name, 0) for values in figures]
        for name in (*SHARES, SATURATED, *GENERATED, "compression"):
            if any(name in values for values in figures):
                frame[name] = [values.get(name, np.nan) for values in figures]
        return pd.DataFrame(frame, index=pd.Index(self.seeds, name="seed"))

    @cached_property
    def shots(self) -> pd.DataFrame:
        """Test accuracy where a generator's probabilities are estimated from shots: a line a seed,
        a column a number of them.
        """
        known = {seed: self.outcomes[seed].arrays for seed in self.seeds}
        lines = {
            seed: pd.Series(arrays["shots_accuracy"], arrays["shots"])
            for seed, arrays in known.items()
            if "shots" in arrays
        }
        return pd.DataFrame.from_dict(lines, orient="index").rename_axis(
            index="seed", columns="shots"
        )

    @property
    def scaled(self) -> bool:
        """Whether the features were standardised."""
        return any(outcome.scale == "standard" for outcome in self.outcomes.values())

    @property
    def auto_scaled(self) -> bool:
        """Whether recipe.scale=auto standardised the features."""
        return self.scaled and any(
            outcome.scale_asked == "auto" for outcome in self.outcomes.values()
        )

    @property
    def generated(self) -> bool:
        """Whether a generator gives its weights, or some of them."""
        return bool(self.outcomes) and "weights_generated" in self._first.figures

    @property
    def seconds_alone(self) -> float:
        """Seconds of the row alone with an empty store: its features, then all its seeds."""
        training = self.tuning.seconds if self.tuning else self.metrics["seconds"].sum()
        return self._first.features_seconds + training

    @property
    def drawn(self) -> dict[str, object]:
        """The values that tuning chose."""
        return self.draws[self.tuning.best] if self.tuning else {}

    def paired(
        self, other: "Row", figure: Literal["nll", "correct"], seeds: list[int]
    ) -> np.ndarray:
        """Difference of a figure to another row's, shape (seeds, pictures)."""
        mine, theirs = (row.nll if figure == "nll" else row.correct for row in (self, other))
        return self.of_seeds(mine, seeds) - other.of_seeds(theirs, seeds)

    def of_seeds(self, values: np.ndarray, seeds: list[int]) -> np.ndarray:
        """The lines of those seeds."""
        return values[np.isin(self.seeds, seeds)]

    @property
    def _first(self) -> Outcome:
        return self.outcomes[self.seeds[0]]
