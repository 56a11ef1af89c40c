"""Frame of contrasts: composed minus reference, in test NLL and in test accuracy."""

import pandas as pd

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.report import schema


def contrasts_frame(comparisons: list[Comparison], margin: float) -> pd.DataFrame:
    """Contrasts: a line per reference and metric, with interval, its two noises and the verdict.

    Of test NLL in nats, where less is better, and of test accuracy, where more is; `margin` is one
    of NLL, accuracy has none.
    """
    lines = []
    for comparison in comparisons:
        lines += _contrast_lines(comparison, "test_nll", comparison.contrasts(margin))
        lines += _contrast_lines(comparison, "test_accuracy", comparison.accuracy_contrasts())
    return schema.CONTRASTS.with_keys(comparisons[0].keys).frame(lines)


def _contrast_lines(
    comparison: Comparison, metric: str, verdicts: dict[str, statistic.Verdict]
) -> list[dict[str, object]]:
    return [
        {
            **comparison.keys,
            "reference": label,
            "metric": metric,
            "difference": verdict.interval.mean,
            "low": verdict.interval.low,
            "high": verdict.interval.high,
            "training": verdict.interval.training,
            "pictures": verdict.interval.pictures,
            "verdict": verdict.word,
        }
        for label, verdict in verdicts.items()
    ]
