"""Frame of the accuracy that rows keep on smaller training splits."""

import pandas as pd

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.retention import compare_retention, retain
from qtlrun.report.column import Schema, columns
from qtlrun.report.schema import ROW

MORE = "keeps more"
LESS = "keeps less"
UNDECIDED = "undecided"
RETENTION = Schema(
    (
        *columns(("train_size", "int64", "", "training items")),
        ROW,
        *columns(
            ("accuracy", "float64", "share", "of the test items"),
            ("change", "float64", "share", "accuracy less that of the largest training split"),
            ("change low", "float64", "share", "end of its 95 % interval"),
            ("change high", "float64", "share", "the other end"),
            ("kept", "float64", "share", "accuracy as a share of that of the largest split"),
            ("kept low", "float64", "share", "end of its 95 % interval"),
            ("kept high", "float64", "share", "the other end"),
            ("kept above chance", "float64", "share", "the same of what is above chance"),
            ("difference", "float64", "share", "kept by the composed row less kept by this one"),
            ("difference low", "float64", "share", "end of its 95 % interval"),
            ("difference high", "float64", "share", "the other end"),
            ("verdict", "text", "", "whether the composed row keeps more than this one, or less"),
        ),
    )
)


def retention_frame(points: list[Comparison]) -> pd.DataFrame:
    """Retention from the last point, of the largest split, to each one before, by row."""
    *smaller, largest = points
    lines = []
    for point in smaller:
        for label in filter(point.of, point.labels):
            retention = retain(point, largest, label)
            if retention is None:
                continue
            line = {"train_size": point.keys["train_size"], "row": label}
            line |= {"accuracy": point.accuracy(label).mean}
            line |= _ends("change", retention.change) | _ends("kept", retention.share)
            line |= {"kept above chance": retention.share_above}
            gap = compare_retention(point, largest, label) if label != point.composed else None
            lines.append(line | _verdict(gap))
    return RETENTION.frame(lines)


def _ends(name: str, interval: statistic.Interval) -> dict[str, object]:
    return {name: interval.mean, f"{name} low": interval.low, f"{name} high": interval.high}


def _verdict(gap: statistic.Interval | None) -> dict[str, object]:
    """Difference to the composed row with its verdict; none on itself."""
    if gap is None:
        nothing = dict.fromkeys(("difference", "difference low", "difference high"), float("nan"))
        return nothing | {"verdict": ""}
    word = UNDECIDED
    if max(gap.seeds, gap.splits) >= statistic.FEWEST:
        word = LESS if gap.high < 0 else word
        word = MORE if gap.low > 0 else word
    return _ends("difference", gap) | {"verdict": word}
