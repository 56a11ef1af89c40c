"""Frames of a trend: differences to the references along one value, and their slopes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.pairing import living
from qtlrun.comparison.row import Row

DIFFERENCES = ["series", "key", "value", "reference", "metric", "difference", "low", "high"]
SLOPES = [
    "series",
    "key",
    "reference",
    "classical",
    "metric",
    "slope",
    "low",
    "high",
    "range",
    "seeds",
    "places",
]
METRICS = {"NLL": lambda row: row.nll, "accuracy": lambda row: row.correct}
ERRORS = {"NLL": statistic.crossed, "accuracy": statistic.proportion_difference}


def differences_frame(comparisons: dict[str, list[Comparison]]) -> pd.DataFrame:
    """Composed minus reference, a line per series, value, reference and metric."""
    lines = []
    for name, points in comparisons.items():
        lines += _differences(name, points)
    return pd.DataFrame(lines, columns=DIFFERENCES)


def slopes_frame(
    comparisons: dict[str, list[Comparison]], rivals: dict[str, set[str]]
) -> pd.DataFrame:
    """Slopes of the differences, a line per series, reference and metric.

    `rivals` are the labels of references without a circuit, by series.
    """
    lines = []
    for name, points in comparisons.items():
        lines += _slopes(name, points, rivals[name])
    return pd.DataFrame(lines, columns=SLOPES)


def _differences(name: str, points: list[Comparison]) -> list[dict]:
    """Lines of one series."""
    lines = []
    (key,) = points[0].keys
    for label in _references(points):
        for metric, values in METRICS.items():
            for value, gaps, _ in zip(*_gaps(points, label, values), strict=True):
                gap = ERRORS[metric](gaps)
                lines.append(
                    {
                        "series": name,
                        "key": key,
                        "value": value,
                        "reference": label,
                        "metric": metric,
                        "difference": gap.mean,
                        "low": gap.low,
                        "high": gap.high,
                    }
                )
    return lines


def _slopes(name: str, points: list[Comparison], rivals: set[str]) -> list[dict]:
    """Lines of one series; none of a metric without two values and two seeds."""
    lines = []
    (key,) = points[0].keys
    for label in _references(points):
        for metric, values in METRICS.items():
            positions, gaps, items = _gaps(points, label, values)
            if len(set(positions)) > 1 and len(gaps[0]) > 1:
                line = statistic.slope(positions, gaps, items, answers=metric == "accuracy")
                lines.append(
                    {
                        "series": name,
                        "key": key,
                        "reference": label,
                        "classical": label in rivals,
                        "metric": metric,
                        "slope": line.mean,
                        "low": line.low,
                        "high": line.high,
                        "range": max(positions) - min(positions),
                        "seeds": line.seeds,
                        "places": len(positions),
                    }
                )
    return lines


def _gaps(
    points: list[Comparison], label: str, values: Callable[[Row], np.ndarray]
) -> tuple[list[Any], list[np.ndarray], list[tuple[str, ...]]]:
    """Differences to a reference along a series: values, (seeds, items), hashes of the items.

    Of the seeds that ended at every value, and of which neither training died at any.
    """
    pairs = []
    for point in points:
        for pair in point.pairs(label):
            ((alive,), _) = living([pair])
            pairs.append((point, *alive))
    seeds = sorted(set.intersection(*(set(both) for *_, both in pairs))) if pairs else []
    positions = []
    gaps = []
    items = []
    for point, row, other, _ in pairs if seeds else ():
        positions.append(next(iter(point.keys.values())))
        gaps.append(row.of_seeds(values(row), seeds) - other.of_seeds(values(other), seeds))
        items.append(row.items)
    return positions, gaps, items


def _references(points: list[Comparison]) -> list[str]:
    """Labels of the references of a series."""
    labels = dict.fromkeys(label for point in points for label in point.labels)
    return [label for label in labels if label != points[0].composed]
