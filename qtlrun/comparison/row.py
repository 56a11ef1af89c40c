"""A row of the table: what it is, and what each of its seeds left."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from qtlrun import statistic
from qtlrun.comparison import metric
from qtlrun.comparison.outcome import Outcome
from qtlrun.comparison.tuning import Tuning
from qtlrun.ledger import Readings

# Figures of each seed and test item by which two rows are compared
Figure = Literal["nll", "correct", "brier", "nll_scaled"]


@dataclass(frozen=True)
class Duplicates:
    """Counts of equal items in a dataset; pictures are compared by their pixels.

    distinct: different items
    repeated: different items that stand more than once
    contradictory: different items that stand with more than one label
    test: test items
    test_in_train: test items that are training items too
    test_in_validation: test items that are validation items too
    validation: validation items; 0 where the validation split is the test split
    validation_in_train: validation items that are training items too
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
class Likeness:
    """Pictures that look alike without being equal, and pairs by their names.

    test_in_train: test pictures that look like a training picture, equal to none
    test_in_validation: test pictures that look like a validation picture
    validation_in_train: validation pictures that look like a training picture
    conflicting: pairs of pictures with two labels, equal or alike
    copies: the first pairs of equal pictures in two splits
    alike: the first pairs that look alike in two splits
    conflicts: the first pairs with two labels
    compared: whether pictures that look alike were sought
    """

    test_in_train: int = 0
    test_in_validation: int = 0
    validation_in_train: int = 0
    conflicting: int = 0
    copies: tuple[tuple[str, str], ...] = ()
    alike: tuple[tuple[str, str], ...] = ()
    conflicts: tuple[tuple[str, str], ...] = ()
    compared: bool = True


@dataclass
class Row:
    """A row of the table: what it is, and what each finished seed left in the store.

    name: label of the row, with its split where there are several
    about: description of the variant
    outcomes: of the finished trainings, by seed
    classes: names of the classes
    errors: why a training failed, by seed
    stored: whether all was found in the store, nothing trained now
    pictures: names of the test pictures, where they have any
    items: hashes of the test items
    fingerprints: hashes of `data` and `weights`
    caution: what the dataset does not allow to conclude
    blind: whether validation items are others than the test items
    trained_on: count of training items
    validated_on: count of validation items
    pool: count of the items that all splits are drawn from; 0 where it is not recorded
    tuning: validation of the draws; None of a row that is not tuned
    draws: values that it was tuned over, by draw
    reads: counts of distinct plans that have read these test items, and their pool
    independent: whether another split draws other items, not the same ones divided otherwise
    noun: word for a test item
    ceiling: best accuracy in [0, 1] that the test items allow, where it is known
    duplicates: counts of equal items
    likeness: pictures that look alike
    counts: items by split and class
    files: SHA-256 of the files of weights, by the key that names them
    made_of: values of its parts, preprocessing and dtype
    scaling: mean and deviation by which the dataset has scaled its vectors
    backbone: weights of a frozen backbone that are in no public file, by name
    settings: count of settings among which validation chose for a head that is solved for; None
        of one that is trained by epochs
    norms_move: whether its backbone has norms whose statistics could move
    patterns: what a photonic backbone makes of each class's centre, (classes, side, side)
    """

    name: str
    about: str
    outcomes: dict[int, Outcome]
    classes: tuple[str, ...]
    errors: dict[int, str] = field(default_factory=dict)
    stored: bool = False
    pictures: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    fingerprints: dict[str, str] = field(default_factory=dict)
    caution: str = ""
    blind: bool = True
    trained_on: int = 0
    validated_on: int = 0
    pool: int = 0
    tuning: Tuning | None = None
    draws: list[dict[str, object]] = field(default_factory=list)
    reads: Readings = field(default_factory=Readings)
    independent: bool = False
    noun: str = "picture"
    ceiling: float | None = None
    duplicates: Duplicates | None = None
    likeness: Likeness | None = None
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    made_of: dict[str, object] = field(default_factory=dict)
    scaling: dict[str, list[float]] | None = None
    backbone: dict[str, np.ndarray] = field(default_factory=dict)
    settings: int | None = None
    norms_move: bool = True
    patterns: np.ndarray | None = None

    @property
    def seeds(self) -> list[int]:
        """Finished seeds, in ascending order."""
        return sorted(self.outcomes)

    @property
    def finished(self) -> list[Outcome]:
        """Outcomes in ascending order of their seeds."""
        return [self.outcomes[seed] for seed in self.seeds]

    @cached_property
    def labels(self) -> np.ndarray:
        """Test labels, shape (items,)."""
        return self._first.labels

    @property
    def item_names(self) -> tuple[str, ...]:
        """Hashes of the test items; their numbers where they have none."""
        return self.items or tuple(map(str, range(len(self.labels))))

    @cached_property
    def logits(self) -> np.ndarray:
        """Test logits, shape (seeds, items, classes)."""
        return np.stack([outcome.logits for outcome in self.finished])

    @cached_property
    def nll(self) -> np.ndarray:
        """Test NLL in nats, shape (seeds, items)."""
        return statistic.nll(self.logits, self.labels)

    @cached_property
    def temperatures(self) -> np.ndarray:
        """Temperature that validation chose, shape (seeds,); nan where validation is the test."""
        return np.array([each.figures.get("temperature", np.nan) for each in self.finished])

    @cached_property
    def nll_scaled(self) -> np.ndarray:
        """Test NLL in nats after temperature scaling, shape (seeds, items)."""
        return statistic.nll(self.logits / self.temperatures[:, None, None], self.labels)

    @cached_property
    def correct(self) -> np.ndarray:
        """Right and wrong answers, 1 and 0, shape (seeds, items)."""
        return statistic.correct(self.logits, self.labels)

    @cached_property
    def brier(self) -> np.ndarray:
        """Brier score of the test items, in [0, 2], shape (seeds, items)."""
        return statistic.brier(self.logits, self.labels)

    @cached_property
    def predicted(self) -> np.ndarray:
        """Predicted classes, shape (seeds, items)."""
        return self.logits.argmax(-1)

    @property
    def probabilities(self) -> np.ndarray:
        """Predicted probabilities, shape (seeds, items, classes)."""
        return statistic.softmax(self.logits)

    @cached_property
    def log_odds(self) -> np.ndarray:
        """Log-odds of each class, in nats, shape (seeds, items, classes)."""
        return statistic.log_odds(self.logits)

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """Metrics with a line per seed and a column per metric."""
        return metric.frame(self, self.seeds)

    @cached_property
    def shots(self) -> pd.DataFrame:
        """Test accuracy by seed and by the shots that estimate a generator's probabilities."""
        arrays = {seed: self.outcomes[seed].arrays for seed in self.seeds}
        lines = {
            seed: pd.Series(each["shots_accuracy"], each["shots"])
            for seed, each in arrays.items()
            if "shots" in each
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
        """Values that tuning chose; none of a row that is not tuned."""
        return self.draws[self.tuning.best] if self.tuning else {}

    def paired(self, other: "Row", figure: Figure, seeds: list[int]) -> np.ndarray:
        """Difference of a figure to another row's, shape (seeds, items)."""
        minuend = self.of_seeds(getattr(self, figure), seeds)
        return minuend - other.of_seeds(getattr(other, figure), seeds)

    def has(self, figure: Figure) -> bool:
        """Whether every finished seed has a figure; all have those that need no temperature."""
        return figure != "nll_scaled" or bool(np.isfinite(self.temperatures).all())

    def of_seeds(self, values: np.ndarray, seeds: list[int]) -> np.ndarray:
        """Lines of those seeds, of values whose first axis has the finished ones."""
        return values[np.isin(self.seeds, seeds)]

    @property
    def _first(self) -> Outcome:
        return self.outcomes[self.seeds[0]]
