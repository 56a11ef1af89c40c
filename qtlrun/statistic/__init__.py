"""Confidence intervals, verdicts on paired differences, the sizes they need, and metrics."""

from qtlrun.statistic.interval import Interval, crossed, further
from qtlrun.statistic.judge import Verdict, detect, verdict, verdict_resampled
from qtlrun.statistic.metric import calibration_error, correct, macro_f1, nll
from qtlrun.statistic.power import (
    FEWEST,
    Need,
    check_nats,
    check_shots,
    doubt,
    half_width,
    needed,
)
from qtlrun.statistic.proportion import (
    proportion,
    proportion_difference,
    proportion_difference_resampled,
    proportion_resampled,
    two_way,
)
from qtlrun.statistic.share import binomial, explained, swayed
from qtlrun.statistic.split import resampled
from qtlrun.statistic.trend import slope

__all__ = [
    "FEWEST",
    "Interval",
    "Need",
    "Verdict",
    "binomial",
    "calibration_error",
    "check_nats",
    "check_shots",
    "correct",
    "crossed",
    "detect",
    "doubt",
    "explained",
    "further",
    "half_width",
    "macro_f1",
    "needed",
    "nll",
    "proportion",
    "proportion_difference",
    "proportion_difference_resampled",
    "proportion_resampled",
    "resampled",
    "slope",
    "swayed",
    "two_way",
    "verdict",
    "verdict_resampled",
]
