"""Schemas of the frames that a report writes: each column's name, dtype, unit and meaning."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

Kind = Literal["text", "int64", "Int64", "float64", "bool", "boolean", "any"]


@dataclass(frozen=True)
class Column:
    """Column of a frame: its name, dtype, unit and what it holds.

    `dtype` is that of pandas, Int64 and boolean where a line may have no value; `text` is checked
    and left as pandas has it, `any` holds numbers and texts alike. Without a unit the column is a
    count or a name. An optional column may be absent, from a line or from the frame.
    """

    name: str
    dtype: Kind
    unit: str
    about: str
    optional: bool = False


@dataclass(frozen=True)
class Schema:
    """Columns of a frame, in their order."""

    columns: tuple[Column, ...]

    def with_keys(self, keys: Iterable[str]) -> "Schema":
        """Schema with the swept keys in front."""
        return Schema((*(Column(key, "any", "", "a swept key") for key in keys), *self.columns))

    def with_family(self, family: Column, names: Iterable[str]) -> "Schema":
        """Schema with columns of these names in place of a family that stands for them."""
        index = self.columns.index(family)
        members = tuple(replace(family, name=name) for name in names)
        return Schema((*self.columns[:index], *members, *self.columns[index + 1 :]))

    def frame(self, lines: Sequence[dict[str, object]]) -> pd.DataFrame:
        """Frame of lines, each with its columns in the order of the schema.

        A column that only later lines have stands behind those of the lines before. Raises
        ValueError for a line with a column that is not declared or without one that is required.
        """
        if not lines:
            return pd.DataFrame(columns=self._required)
        shapes = {tuple(line) for line in lines}
        for names in shapes:
            self._check_names(names)
        positions: dict[str, int] = {}
        for index, column in enumerate(self.columns):
            positions.setdefault(column.name, index)
        ordered = [
            dict(sorted(line.items(), key=lambda item: positions[item[0]])) for line in lines
        ]
        return self.check(pd.DataFrame(ordered))

    def check(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Frame with the declared dtypes.

        Raises ValueError for a column that is not declared, for one that is required and absent,
        and for values of another kind.
        """
        self._check_names(frame.columns)
        dtypes = {}
        for column in self.columns:
            if column.name not in frame or column.dtype == "any":
                continue
            if column.dtype == "text":
                _check_text(frame[column.name])
            else:
                dtypes[column.name] = column.dtype
        return frame.astype(dtypes)

    @property
    def _required(self) -> list[str]:
        return [column.name for column in self.columns if not column.optional]

    def _check_names(self, names: Iterable[str]) -> None:
        undeclared = set(names) - {column.name for column in self.columns}
        if undeclared:
            raise ValueError(f"columns {sorted(undeclared)} are in no schema.")
        absent = set(self._required) - set(names)
        if absent:
            raise ValueError(f"columns {sorted(absent)} are absent, and not optional.")


def _check_text(values: pd.Series) -> None:
    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind not in ("string", "empty"):
        raise ValueError(f"column {values.name!r}: texts were declared, and there are {kind}.")


def _columns(*columns: tuple[str, Kind, str, str], optional: bool = False) -> tuple[Column, ...]:
    """Columns from (name, dtype, unit, about)."""
    return tuple(Column(*column, optional=optional) for column in columns)


ROW = Column("row", "text", "", "label of the row")
SPLIT = Column("split", "int64", "", "number of the split, where there are several", optional=True)
SEED = Column("seed", "int64", "", "seed of the training; -1: the whole row")
# Each stands for columns whose names a run decides.
DRAWN = Column("*", "any", "", "a tuned key, its value in this draw or the chosen", optional=True)
DIFFERENCE = Column("minus *", "float64", "nats", "composed minus this reference", optional=True)
PROBABILITY = Column("p(*)", "float64", "probability", "predicted, of this class", optional=True)

ROWS = Schema(
    (
        ROW,
        SPLIT,
        SEED,
        Column("metric", "text", "", "name of the metric; error: the training failed"),
        Column("value", "float64", "that of the metric", "its value; 1 for an error"),
    )
)
ERRORS = Schema((ROW, SPLIT, SEED, Column("error", "text", "", "why the training failed")))
TRIALS = Schema(
    (
        ROW,
        SPLIT,
        Column("trial", "int64", "", "number of the draw"),
        DRAWN,
        Column("validation_nll", "float64", "nats", "mean over seeds; inf where one failed"),
        Column("chosen", "bool", "", "whether the row has the values of this draw"),
    )
)
SHOTS = Schema(
    (
        ROW,
        SPLIT,
        SEED,
        Column("shots", "int64", "shots", "measurements that estimate the probabilities"),
        Column("accuracy", "float64", "accuracy", "on the test split, at these shots"),
    )
)
CONTRASTS = Schema(
    _columns(
        ("reference", "text", "", "label of the row that the composed one is compared with"),
        ("metric", "text", "", "test_nll or test_accuracy"),
        ("difference", "float64", "that of the metric", "composed minus reference, mean"),
        ("low", "float64", "that of the metric", "lower end of its 95 % interval"),
        ("high", "float64", "that of the metric", "upper end of its 95 % interval"),
        ("training", "float64", "that of the metric", "standard error from training alone"),
        ("pictures", "float64", "that of the metric", "standard error from test items alone"),
        ("verdict", "text", "", "better, worse, equivalent or undecided"),
    )
)
PREDICTIONS = Schema(
    (
        ROW,
        SPLIT,
        SEED,
        Column("picture", "any", "", "name of the test item, or its number"),
        Column("class", "text", "", "its class"),
        Column("predicted", "text", "", "class of highest probability"),
        Column("nll", "float64", "nats", "negative log-likelihood of its class"),
        PROBABILITY,
    )
)
SWEEP = Schema(
    (
        Column("validation NLL", "float64", "nats", "composed row, mean over seeds and splits"),
        Column("error", "int64", "trainings", "that failed at this point"),
        Column("norm_kept", "float64", "probability", "inside the cutoff", optional=True),
        Column("post_selected", "float64", "probability", "of what is selected", optional=True),
        DIFFERENCE,
        Column("chosen", "bool", "", "whether validation chose this point"),
    )
)
# Of a row with a finished seed.
RESULTS = _columns(
    ("accuracy", "float64", "accuracy", "on the test split, mean over seeds and splits"),
    ("accuracy low", "float64", "accuracy", "lower end of its 95 % interval"),
    ("accuracy high", "float64", "accuracy", "upper end of its 95 % interval"),
    ("train accuracy", "float64", "accuracy", "on the whole training split"),
    ("gap", "float64", "accuracy", "on the training split minus on the test split"),
    ("macro F1", "float64", "F1", "on the test split, mean over classes"),
    ("NLL", "float64", "nats", "on the test split, mean over seeds and splits"),
    ("NLL low", "float64", "nats", "lower end of its 95 % interval, 0 or more"),
    ("NLL high", "float64", "nats", "upper end of its 95 % interval"),
    ("ECE", "float64", "accuracy", "expected calibration error on the test split"),
    optional=True,
)
COSTS = _columns(
    ("parameters_circuit", "Int64", "", "trained numbers of the circuit"),
    ("parameters_head", "Int64", "", "trained numbers of the rest of the head"),
    ("parameters_backbone", "Int64", "", "trained numbers of the backbone"),
    ("angles_effective", "Int64", "", "directions of the angles that move the circuit's outputs"),
    ("evaluations", "Int64", "", "of the circuit, over training; all draws of a tuned row"),
    ("executions", "Int64", "", "of circuits on a quantum processor; all draws of a tuned row"),
    ("shots", "Int64", "shots", "of these executions together"),
    ("norm_kept", "float64", "probability", "inside the cutoff of a photonic backbone"),
    ("post_selected", "float64", "probability", "of what post-selection keeps"),
    ("inputs_saturated", "float64", "share", "of the squashed inputs that are at their ends"),
    ("compression", "float64", "ratio", "generated weights over the numbers that generate them"),
    ("weights_generated", "Int64", "", "weights that a generator gives"),
    ("parameters_mapping", "Int64", "", "trained numbers of the generator's mapping"),
    ("generator_qubits", "Int64", "qubits", "of the generator's circuit"),
    ("generator_gates", "Int64", "", "gates of the generator's circuit"),
    ("angles_live", "Int64", "", "angles of the generator's circuit that change a weight"),
    ("generator_rank", "Int64", "", "rank of the generator's Jacobian, of one seed"),
    ("executions_step", "Int64", "", "executions per training step by parameter-shift"),
    ("seconds per seed", "float64", "seconds", "of training, mean"),
    ("seconds alone", "float64", "seconds", "of the row with an empty store, all seeds"),
    ("from the store", "boolean", "", "whether no seed was trained now"),
    ("trials", "Int64", "", "draws of a tuned row"),
    optional=True,
)
# Of a reference that is compared with the composed row.
VERDICTS = _columns(
    ("difference", "float64", "nats", "composed minus this row, test NLL"),
    ("difference low", "float64", "nats", "lower end of its 95 % interval"),
    ("difference high", "float64", "nats", "upper end of its 95 % interval"),
    ("training noise", "float64", "nats", "standard error from training alone"),
    ("picture noise", "float64", "nats", "standard error from test items alone"),
    ("verdict", "text", "", "better, worse, equivalent or undecided"),
    ("accuracy difference", "float64", "accuracy", "composed minus this row, test accuracy"),
    ("accuracy difference low", "float64", "accuracy", "lower end of its 95 % interval"),
    ("accuracy difference high", "float64", "accuracy", "upper end of its 95 % interval"),
    optional=True,
)
TABLE = Schema(
    (
        ROW,
        Column("what it is", "text", "", "description of the row; error: it failed whole"),
        Column("seeds", "int64", "", "finished trainings, over all splits"),
        Column("failed", "Int64", "", "failed trainings; none for a row that failed whole"),
        *RESULTS,
        *COSTS,
        DRAWN,
        *VERDICTS,
    )
)
