"""Metrics of a row.

Each entry of METRICS is a metric of rows.csv and, where it has a column, of the table.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from qtlrun.comparison.outcome import Outcome
from qtlrun.statistic.metric import aurc, auroc, balanced_accuracy, calibration_error, macro_f1


@runtime_checkable
class Scored(Protocol):
    """Finished trainings of a row, as a metric sees them."""

    @property
    def finished(self) -> list[Outcome]:
        """Outcomes in ascending order of their seeds."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""

    @property
    def labels(self) -> np.ndarray:
        """Test labels, shape (items,)."""

    @property
    def predicted(self) -> np.ndarray:
        """Predicted classes of the test items, shape (seeds, items)."""

    @property
    def probabilities(self) -> np.ndarray:
        """Predicted probabilities of the test items, shape (seeds, items, classes)."""

    @property
    def log_odds(self) -> np.ndarray:
        """Log-odds of each class of the test items, in nats, shape (seeds, items, classes)."""

    @property
    def correct(self) -> np.ndarray:
        """Right and wrong answers, 1 and 0, shape (seeds, items)."""

    @property
    def nll(self) -> np.ndarray:
        """Test NLL in nats, shape (seeds, items)."""

    @property
    def nll_scaled(self) -> np.ndarray:
        """Test NLL in nats after temperature scaling, shape (seeds, items)."""

    @property
    def brier(self) -> np.ndarray:
        """Brier score of the test items, shape (seeds, items)."""


Values = Callable[[Scored], np.ndarray]


@dataclass(frozen=True)
class Metric:
    """Metric of each training of a row.

    Arguments:
        name: in rows.csv.
        about: what it is, in a few words.
        unit: of its values; counts have none.
        values: function of a row, giving shape (seeds,), nan where a seed has none.
        column: in the table, as a mean over seeds and splits; without one it stands in rows.csv.
        interval: whether the table shows a 95 % interval beside it, of its own method.
        kind: of numbers in the table.
        per_draw: whether a tuned row pays it for each draw.
        optional: whether rows without it lack its column.
    """

    name: str
    about: str
    unit: str
    values: Values
    column: str = ""
    interval: bool = False
    kind: Literal["float64", "Int64"] = "float64"
    per_draw: bool = False
    optional: bool = False


def frame(row: Scored, seeds: list[int]) -> pd.DataFrame:
    """Metrics of a row with a line per seed and a column per metric that it has."""
    columns = {}
    for metric in METRICS:
        values = metric.values(row)
        if not (metric.optional and np.isnan(values).all()):
            columns[metric.name] = values
    return pd.DataFrame(columns, index=pd.Index(seeds, name="seed"))


def _recorded(name: str, missing: float = np.nan) -> Values:
    """Function that reads a figure which training or evaluation has left."""
    return lambda row: np.array([each.figures.get(name, missing) for each in row.finished])


def _best(name: str) -> Values:
    """Function that reads a figure of the best epoch."""
    return lambda row: np.array([each.best[name] for each in row.finished])


def _count(
    name: str, about: str, unit: str = "", per_draw: bool = False, optional: bool = False
) -> Metric:
    """Count that training has left; 0 of a row that lacks it, unless it is optional."""
    values = _recorded(name) if optional else _recorded(name, 0)
    return Metric(
        name, about, unit, values, name, kind="Int64", per_draw=per_draw, optional=optional
    )


def _share(name: str, about: str, unit: str) -> Metric:
    """Share or ratio that training has left; its column has its name."""
    return Metric(name, about, unit, _recorded(name), name, optional=True)


def _figure(name: str, about: str, unit: str = "") -> Metric:
    """Figure that evaluation has left, in rows.csv alone."""
    return Metric(name, about, unit, _recorded(name), optional=True)


RESULTS = (
    Metric(
        "test_accuracy",
        "on the test split, mean over seeds and splits",
        "accuracy",
        lambda row: row.correct.mean(1),
        "accuracy",
        interval=True,
    ),
    Metric(
        "train_accuracy",
        "on the whole training split",
        "accuracy",
        _recorded("train_accuracy"),
        "train accuracy",
    ),
    Metric(
        "generalisation_gap",
        "on the training split minus on the test split",
        "accuracy",
        lambda row: _recorded("train_accuracy")(row) - row.correct.mean(1),
        "gap",
    ),
    Metric(
        "test_f1",
        "on the test split, mean over classes",
        "F1",
        lambda row: np.asarray(macro_f1(row.labels, row.predicted, len(row.classes))),
        "macro F1",
    ),
    Metric(
        "test_balanced_accuracy",
        "on the test split, mean over classes",
        "accuracy",
        lambda row: np.asarray(balanced_accuracy(row.labels, row.predicted)),
        "balanced accuracy",
    ),
    Metric(
        "test_auroc",
        "area under the ROC curve on the test split, mean over each class against the rest",
        "probability",
        lambda row: np.asarray(auroc(row.log_odds, row.labels)),
        "AUROC",
    ),
    Metric(
        "test_aurc",
        "area under the risk-coverage curve on the test split; lower is better",
        "error rate",
        lambda row: np.asarray(aurc(row.log_odds, row.labels)),
        "AURC",
    ),
    Metric(
        "test_nll",
        "on the test split, mean over seeds and splits",
        "nats",
        lambda row: row.nll.mean(1),
        "NLL",
        interval=True,
    ),
    Metric(
        "test_nll_scaled",
        "on the test split, at the temperature that validation fits",
        "nats",
        lambda row: row.nll_scaled.mean(1),
        "scaled NLL",
        optional=True,
    ),
    Metric(
        "temperature",
        "least validation NLL at the best epoch; 1 where validation is all right",
        "ratio",
        _recorded("temperature"),
        optional=True,
    ),
    Metric(
        "test_brier",
        "sum over classes of (p - y)^2 on the test split, mean over seeds and splits",
        "Brier score",
        lambda row: row.brier.mean(1),
        "Brier",
    ),
    Metric(
        "test_ece",
        "expected calibration error on the test split",
        "accuracy",
        lambda row: np.asarray(calibration_error(row.probabilities, row.labels)),
        "ECE",
    ),
    Metric("validation_nll", "of the best epoch", "nats", _best("nll")),
    Metric("validation_accuracy", "of the best epoch", "accuracy", _best("accuracy")),
    Metric(
        "best_epoch",
        "epoch of these weights, from 1 on",
        "epochs",
        lambda row: np.array([each.best_epoch for each in row.finished]),
    ),
)
COUNTS = (
    _count("parameters_circuit", "trained numbers of the circuit"),
    _count("parameters_head", "trained numbers of the rest of the head"),
    _count("parameters_backbone", "trained numbers of the backbone"),
    Metric(
        "angles_effective",
        "directions of the angles that move the circuit's outputs; none if that is not computed",
        "",
        _recorded("angles_effective"),
        "angles_effective",
        kind="Int64",
    ),
    _count("evaluations", "of the circuit, over training; all draws of a tuned row", per_draw=True),
    _count(
        "executions",
        "of circuits on a quantum processor, for one seed; all draws of a tuned row",
        per_draw=True,
    ),
)
# Of photonic rows: probability inside the cutoff, and in what is selected
SHARES = (
    _share("norm_kept", "inside the cutoff of a photonic backbone", "probability"),
    _share("post_selected", "of what post-selection keeps", "probability"),
)
# Of rows whose head squashes its inputs
SATURATED = _share("inputs_saturated", "of the squashed inputs that are at their ends", "share")
# Of rows whose head takes features as amplitudes
NORM_LOST = _share("norm_lost", "of features that become amplitudes, mean over items", "norm")
NORM_SPREAD = _share("norm_spread", "standard deviation of the lost norm over its mean", "ratio")
# Of rows whose weights are generated; some only where a circuit generates them
GENERATED = (
    _share("compression", "generated weights over the numbers that generate them", "ratio"),
    _count("weights_generated", "weights that a generator gives", optional=True),
    _count("parameters_mapping", "trained numbers of the generator's mapping", optional=True),
    _count("generator_qubits", "of the generator's circuit", "qubits", optional=True),
    _count("generator_gates", "gates of the generator's circuit", optional=True),
    _count(
        "angles_live",
        "angles of the generator's circuit that change a weight",
        optional=True,
    ),
    _count("generator_rank", "rank of the generator's Jacobian, of one seed", optional=True),
    _count("executions_step", "executions per training step by parameter-shift", optional=True),
)
SECONDS = Metric(
    "seconds",
    "of training, mean",
    "seconds",
    lambda row: np.array([each.seconds for each in row.finished]),
    "seconds per seed",
)
# Of rows with a circuit: its classical surrogates
SURROGATE = (
    _figure("surrogate_obstacle", "why it has no polynomial, by the number of an Obstacle"),
    _figure("surrogate_products", "products of sines and cosines that there may be"),
    _figure("surrogate_terms", "of these, in the trained circuit"),
    _figure("surrogate_terms_99", "terms that keep 99 % of the test predictions"),
    _figure("surrogate_terms_100", "terms that keep all test predictions"),
    _figure("surrogate_deviation", "largest of an output, with all terms", "output"),
    _figure("surrogate_words", "Pauli words on one and two wires of an embedded item"),
    _figure("surrogate_words_r2", "of the test outputs, by least squares on words", "R squared"),
    _figure("surrogate_words_agreement", "test predictions that words keep", "share"),
    _figure("seconds_circuit", "of an item in the circuit, batched, processor time", "seconds"),
    _figure("seconds_surrogate", "of an item in the polynomial, likewise", "seconds"),
)
# Of costs, what is no count of every row
MEASURES = (*SHARES, SATURATED, NORM_LOST, NORM_SPREAD, *GENERATED, SECONDS)
COSTS = (*COUNTS, *MEASURES)
METRICS = (*RESULTS, *COSTS, *SURROGATE)
