"""Table of a sweep, and the keys that it sweeps."""

import numpy as np
import pandas as pd

from qtlrun.comparison.comparison import Point
from qtlrun.comparison.row import SHARES
from qtlrun.plan.override import parse
from qtlrun.report import schema
from qtlrun.report.frame.row import enumerate_rows
from qtlrun.report.frame.text import number


def sweep_table(points: list[Point]) -> pd.DataFrame:
    """Table of a sweep: a line per point, with validation NLL of the composed row in nats.

    Composed minus reference has a column per reference. Validation figures, because a point may be
    chosen by them; `chosen` marks the (first) lowest among points in which no seed failed and that
    may be chosen.
    """
    frame = pd.DataFrame([_sweep_line(point) for point in points])
    valid = (frame["error"] == 0) & pd.Series([point.choosable for point in points])
    candidates = frame["validation NLL"].where(valid)
    lowest = candidates == candidates.min()
    frame = frame.assign(chosen=lowest & ~lowest.cumsum().gt(1))
    differences = [name for name in frame if name.startswith("minus ")]
    columns = schema.SWEEP.with_family(schema.DIFFERENCE, differences)
    return columns.with_keys(points[0].keys).check(frame)


def swept(overrides: list[list[str]]) -> list[dict[str, object]]:
    """Swept keys with their values, a dict per point: those whose values differ between points."""
    settings = [_settings(line) for line in overrides]
    keys = [key for key in settings[0] if _differs(key, settings)]
    return [_values(each, keys) for each in settings]


def _settings(line: list[str]) -> dict[str, str]:
    """Values that a command line sets, by key, as typed."""
    return {override.key: override.value for override in parse(line) if override.sets}


def _differs(key: str, settings: list[dict[str, str]]) -> bool:
    return len({each.get(key) for each in settings}) > 1


def _values(settings: dict[str, str], keys: list[str]) -> dict[str, object]:
    """Values of these keys, as numbers where they are."""
    return {key: number(settings[key]) for key in keys}


def _sweep_line(point: Point) -> dict[str, object]:
    """Validation figures of a point, and its shares of probability, for a cutoff may be swept."""
    failures = sum(len(row.errors) for _, _, row in enumerate_rows(point))
    line = {**point.keys, "validation NLL": np.nan, "error": len(point.errors) + failures}
    if point.of(point.composed):
        metrics = point.metrics(point.composed)
        line["validation NLL"] = metrics["validation_nll"].mean()
        line |= {name: mean for name, mean in metrics.mean().items() if name in SHARES}
    for label in point.labels:
        if label != point.composed:
            line[f"minus {label}"] = _mean_difference(point, label)
    return line


def _mean_difference(point: Point, label: str) -> float:
    """Validation NLL of the composed row minus that of a reference, nats, over seeds and splits."""
    gaps = [
        composed.metrics["validation_nll"].loc[seeds] - other.metrics["validation_nll"].loc[seeds]
        for composed, other, seeds in point.pairs(label)
    ]
    return pd.concat(gaps).mean() if gaps else np.nan
