"""Frame of the accuracy that rows keep on smaller training splits."""

import pandas as pd

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.retention import compare_retention, count_lost, retain
from qtlrun.report.column import Schema, columns
from qtlrun.report.schema import ROW

MORE = "keeps more"
LESS = "keeps less"
WORDS = {"better": MORE, "worse": LESS}  # by the verdict on what is kept
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
            ("lost", "Int64", "", "failed and dead trainings of both, here and at the largest"),
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
            lines.append(line | _compare(point, largest, label))
    return RETENTION.frame(lines)


def _ends(name: str, interval: statistic.Interval) -> dict[str, object]:
    return {name: interval.mean, f"{name} low": interval.low, f"{name} high": interval.high}


def _compare(point: Comparison, largest: Comparison, label: str) -> dict[str, object]:
    """Difference to the composed row with its verdict; none on itself."""
    is_itself = label == point.composed
    verdict = None if is_itself else compare_retention(point, largest, label)
    if verdict is None:
        nothing = dict.fromkeys(("difference", "difference low", "difference high"), float("nan"))
        return nothing | {"lost": None, "verdict": ""}
    lost = count_lost(point, largest, [point.composed, label])
    word = WORDS.get(verdict.word, verdict.phrase)
    return _ends("difference", verdict.interval) | {"lost": lost, "verdict": word}
