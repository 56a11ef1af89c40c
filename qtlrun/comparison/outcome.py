"""Outcomes of trainings, and failures; the names inside a stored outcome."""

from dataclasses import dataclass, field, replace

import numpy as np

from qtlrun.store import Entry

# Begins the names of arrays of weights
WEIGHTS = "weights/"
FIELDS = ("curves", "best_epoch", "scale", "scale_asked", "seconds", "features_seconds")


@dataclass(frozen=True)
class Failure:
    """Why a training left nothing, in words."""

    reason: str


@dataclass(frozen=True)
class Outcome:
    """Curves and weights of a finished training; once evaluated, its test predictions.

    curves: by epoch the learning rate, training loss, validation NLL in nats and accuracy
    best_epoch: epoch that validation selects, from 1 on, whose weights these are
    scale: how features were scaled
    scale_asked: how the recipe asked them to be
    seconds: training and evaluation
    features_seconds: waiting for the frozen features
    figures: counts, costs and measures by name, each a column of the metrics
    weights: by `part.name`
    arrays: logits (items, classes), labels (items,), and test accuracy by shots
    """

    curves: list[dict[str, float]]
    best_epoch: int
    scale: str
    scale_asked: str
    seconds: float
    features_seconds: float
    figures: dict[str, float] = field(default_factory=dict)
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def best(self) -> dict[str, float]:
        """Figures of the best epoch."""
        return self.curves[self.best_epoch - 1]

    def curve(self, name: str) -> np.ndarray:
        """Figures of a name, by epoch."""
        return np.array([epoch[name] for epoch in self.curves])

    @property
    def validation_nll(self) -> float:
        """NLL in nats of the best epoch."""
        return self.best["nll"]

    @property
    def logits(self) -> np.ndarray:
        """Test logits, shape (items, classes)."""
        return self.arrays["logits"]

    @property
    def labels(self) -> np.ndarray:
        """Test labels, shape (items,)."""
        return self.arrays["labels"]

    def evaluated(
        self, seconds: float, figures: dict[str, float], arrays: dict[str, np.ndarray]
    ) -> "Outcome":
        """The outcome after its evaluation, which took these seconds."""
        return replace(
            self,
            seconds=self.seconds + seconds,
            figures=self.figures | figures,
            arrays=self.arrays | arrays,
        )

    def to_artifact(self) -> Entry:
        """Artifact that holds the outcome in the store."""
        values = {name: getattr(self, name) for name in FIELDS}
        weights = {f"{WEIGHTS}{name}": array for name, array in self.weights.items()}
        return Entry(values | self.figures, weights | self.arrays)

    @classmethod
    def from_artifact(cls, artifact: Entry) -> "Outcome":
        """Outcome that an artifact holds."""
        figures = dict(artifact.values)
        values = {name: figures.pop(name) for name in FIELDS}
        arrays = dict(artifact.arrays)
        weights = {
            name.removeprefix(WEIGHTS): arrays.pop(name)
            for name in artifact.arrays
            if name.startswith(WEIGHTS)
        }
        return cls(**values, figures=figures, weights=weights, arrays=arrays)
