"""Frames in long form: metrics, errors, draws and shots of each row, on each split."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.outcome import Outcome
from qtlrun.comparison.row import Row
from qtlrun.report import schema


def rows_frame(comparisons: list[Comparison], shots: int) -> pd.DataFrame:
    """Metrics: a line per row, split, seed and metric.

    A failed seed has the metric `error`. `shots` are those of each execution.
    """
    lines = []
    for comparison in comparisons:
        for cell, row in _cells(comparison, comparisons):
            lines += [cell | line for line in _metric_lines(row, shots)]
        for cell, _ in _errors(comparison, comparisons):
            lines.append({**cell, "seed": -1, "metric": "error", "value": 1.0})
    return schema.ROWS.with_keys(comparisons[0].keys).frame(lines)


def errors_frame(comparisons: list[Comparison]) -> pd.DataFrame:
    """Reasons of failures: a line per failed training, or per row that failed whole (seed -1)."""
    lines = []
    for comparison in comparisons:
        for cell, row in _cells(comparison, comparisons):
            lines += [{**cell, "seed": seed, "error": why} for seed, why in row.errors.items()]
    for comparison in comparisons:
        lines += [
            {**cell, "seed": -1, "error": why} for cell, why in _errors(comparison, comparisons)
        ]
    return schema.ERRORS.with_keys(comparisons[0].keys).frame(lines)


def epochs_frame(comparisons: list[Comparison]) -> pd.DataFrame:
    """Learning curves: a line per row, split, seed and epoch; a head that is solved for has one."""
    lines = []
    for comparison in comparisons:
        for cell, row in _cells(comparison, comparisons):
            for seed, outcome in row.outcomes.items():
                lines += [cell | {"seed": seed} | line for line in _epoch_lines(outcome)]
    return schema.EPOCHS.with_keys(comparisons[0].keys).frame(lines)


def trials_frame(comparisons: list[Comparison]) -> pd.DataFrame:
    """Draws of tuned rows: a line per draw, with its values and mean validation NLL."""
    lines = []
    drawn: dict[str, None] = {}
    for comparison in comparisons:
        for cell, row in _cells(comparison, comparisons):
            if row.tuning:
                lines += [cell | line for line in _draw_lines(row)]
                drawn |= dict.fromkeys(key for draw in row.draws for key in draw)
    columns = schema.TRIALS.with_family(schema.DRAWN, drawn)
    return columns.with_keys(comparisons[0].keys).frame(lines)


def shots_frame(comparisons: list[Comparison]) -> pd.DataFrame:
    """Accuracies by shots: a line per number of shots, of each row with a generator, and seed.

    Test accuracy, where the probabilities of the generator are estimated from the shots.
    """
    lines = []
    for comparison in comparisons:
        for cell, row in _cells(comparison, comparisons):
            for seed, accuracies in row.shots.iterrows():
                lines += [
                    {**cell, "seed": seed, "shots": shots, "accuracy": accuracy}
                    for shots, accuracy in accuracies.items()
                ]
    return schema.SHOTS.with_keys(comparisons[0].keys).frame(lines)


def enumerate_rows(comparison: Comparison) -> Iterator[tuple[int, str, Row]]:
    """Rows of a point on each split: number of the split, label, row."""
    for number, rows in enumerate(comparison.splits):
        for label, row in rows.items():
            yield number, label, row


def _metric_lines(row: Row, shots: int) -> list[dict[str, object]]:
    """Metrics of finished seeds, and a line per failed one."""
    lines = []
    if row.outcomes:
        metrics = row.metrics.assign(shots=lambda frame: frame["executions"] * shots)
        for seed, values in metrics.iterrows():
            lines += [
                {"seed": seed, "metric": name, "value": value}
                for name, value in values.items()
                if not np.isnan(value)
            ]
    return lines + [{"seed": seed, "metric": "error", "value": 1.0} for seed in row.errors]


def _epoch_lines(outcome: Outcome) -> list[dict[str, object]]:
    """Figures of each epoch of a training."""
    return [
        {
            "epoch": point["epoch"],
            "lr": point["lr"],
            "train_loss": point["loss"],
            "validation_nll": point["nll"],
            "validation_accuracy": point["accuracy"],
            "kept": point["epoch"] == outcome.best_epoch,
        }
        for point in outcome.curves
    ]


def _draw_lines(row: Row) -> list[dict[str, object]]:
    """Draws of a tuned row, with their mean validation NLL."""
    return [
        {"trial": trial, **draw, "validation_nll": mean, "chosen": trial == row.tuning.best}
        for (trial, mean), draw in zip(row.tuning.means.items(), row.draws, strict=True)
    ]


def _cells(
    comparison: Comparison, comparisons: list[Comparison]
) -> Iterator[tuple[dict[str, object], Row]]:
    """Rows of a point, each with what tells its lines apart."""
    for number, label, row in enumerate_rows(comparison):
        yield _cell(comparison, label, number, comparisons), row


def _errors(
    comparison: Comparison, comparisons: list[Comparison]
) -> Iterator[tuple[dict[str, object], str]]:
    """Reasons of rows that failed whole (split -1), each with what tells its line apart."""
    for label, reason in comparison.errors.items():
        yield _cell(comparison, label, -1, comparisons), reason


def _cell(
    comparison: Comparison, label: str, number: int, comparisons: list[Comparison]
) -> dict[str, object]:
    """Swept keys, row, and split where any point has several."""
    several = any(len(each.splits) > 1 for each in comparisons)
    return {**comparison.keys, "row": label} | ({"split": number} if several else {})
