"""Table of a sweep."""

import numpy as np
import pandas as pd

from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.metric import SHARES
from qtlrun.report import schema
from qtlrun.report.frame.row import enumerate_rows


def sweep_table(comparisons: list[Comparison]) -> pd.DataFrame:
    """Table of a sweep: a line per point, with validation NLL of the composed row in nats.

    Composed minus reference has a column per reference. Validation figures, because a point may be
    chosen by them; `chosen` marks the (first) lowest among points in which no seed failed and that
    may be chosen.
    """
    frame = pd.DataFrame([_sweep_line(comparison) for comparison in comparisons])
    valid = (frame["error"] == 0) & pd.Series([comparison.choosable for comparison in comparisons])
    candidates = frame["validation NLL"].where(valid)
    lowest = candidates == candidates.min()
    frame = frame.assign(chosen=lowest & ~lowest.cumsum().gt(1))
    differences = [name for name in frame if name.startswith("minus ")]
    columns = schema.SWEEP.with_family(schema.DIFFERENCE, differences)
    return columns.with_keys(comparisons[0].keys).check(frame)


def _sweep_line(comparison: Comparison) -> dict[str, object]:
    """Validation figures of a point, and its shares of probability, for a cutoff may be swept."""
    failures = sum(len(row.errors) for _, _, row in enumerate_rows(comparison))
    line = {**comparison.keys, "validation NLL": np.nan, "error": len(comparison.errors) + failures}
    if comparison.of(comparison.composed):
        metrics = comparison.metrics(comparison.composed)
        line["validation NLL"] = metrics["validation_nll"].mean()
        means = metrics.mean()
        line |= {each.name: means[each.name] for each in SHARES if each.name in means}
    for label in comparison.labels:
        if label != comparison.composed:
            line[f"minus {label}"] = _mean_difference(comparison, label)
    return line


def _mean_difference(comparison: Comparison, label: str) -> float:
    """Validation NLL of the composed row minus that of a reference, nats, over seeds and splits."""
    gaps = [
        composed.metrics["validation_nll"].loc[seeds] - other.metrics["validation_nll"].loc[seeds]
        for composed, other, seeds in comparison.pairs(label)
    ]
    return pd.concat(gaps).mean() if gaps else np.nan
