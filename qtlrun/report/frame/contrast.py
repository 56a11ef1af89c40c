"""Frame of contrasts: composed minus reference, in test NLL and in test accuracy."""

import math

import pandas as pd

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.plan.seal import METRIC
from qtlrun.report import schema


def contrasts_frame(
    comparisons: list[Comparison], margin: statistic.Margin | float
) -> pd.DataFrame:
    """Contrasts: a line per reference and metric, with interval, its two noises and the verdict.

    Of test NLL in nats and the Brier score, where less is better, and of test accuracy, where more
    is; `margin` is one of NLL, the others have none; its column is in nats.
    Holm's correction is over all lines of a metric, of all points; under a seal over those that it
    declares, and over the others.
    """
    lines = []
    for comparison in comparisons:
        nats = comparison.margins(margin)
        lines += _contrast_lines(comparison, METRIC, comparison.contrasts(margin), nats)
        lines += _contrast_lines(comparison, "test_accuracy", comparison.accuracy_contrasts(), {})
        lines += _contrast_lines(comparison, "test_brier", comparison.score_contrasts("brier"), {})
        scaled = comparison.score_contrasts("nll_scaled")
        lines += _contrast_lines(comparison, "test_nll_scaled", scaled, {})
    contrasts = schema.CONTRASTS.with_keys(comparisons[0].keys).frame(lines)
    if lines:
        sealed = ["status"] if "status" in contrasts else []
        families = contrasts.groupby(["metric", *sealed])["p"]
        contrasts["p_holm"] = families.transform(lambda p: statistic.holm(p.to_numpy()))
    return contrasts


def _contrast_lines(
    comparison: Comparison,
    metric: str,
    verdicts: dict[str, statistic.Verdict],
    margins: dict[str, float],
) -> list[dict[str, object]]:
    p = comparison.p_values(verdicts)
    return [
        {
            **comparison.keys,
            "reference": label,
            "metric": metric,
            "difference": verdict.interval.mean,
            "low": verdict.interval.low,
            "high": verdict.interval.high,
            "like_low": verdict.interval.like_low,
            "like_high": verdict.interval.like_high,
            "training": verdict.interval.training,
            "pictures": verdict.interval.pictures,
            "verdict": verdict.phrase,
            "margin": margins.get(label, math.nan),
            "p": p[label],
            "p_holm": math.nan,
            **_status(comparison, label, metric),
        }
        for label, verdict in verdicts.items()
    ]


def _status(comparison: Comparison, label: str, metric: str) -> dict[str, object]:
    """Status of a contrast under a sealed plan; nothing where none was sealed."""
    if comparison.declared is None:
        return {}
    is_declared = metric == METRIC and label in comparison.declared
    return {"status": "declared" if is_declared else "exploratory"}
