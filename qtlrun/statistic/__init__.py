"""Confidence intervals, verdicts on paired differences, the sizes they need, and metrics."""

from qtlrun.statistic.dead import Deaths, dead, deaths, guess, rarest
from qtlrun.statistic.family import (
    ERROR,
    FAMILIES,
    LEVEL,
    Family,
    Rates,
    Resampled,
    Simulated,
    rates,
)
from qtlrun.statistic.interval import Interval, crossed, further
from qtlrun.statistic.judge import (
    FEWEST_PICTURES,
    Verdict,
    detect,
    verdict,
    verdict_resampled,
    verdict_rows,
)
from qtlrun.statistic.margin import Margin
from qtlrun.statistic.metric import (
    aurc,
    auroc,
    balanced_accuracy,
    brier,
    calibration_error,
    correct,
    log_odds,
    macro_f1,
    nll,
    softmax,
)
from qtlrun.statistic.multiple import ALPHA, holm, p_value
from qtlrun.statistic.permutation import JointTest, flip_signs
from qtlrun.statistic.power import (
    FEWEST,
    Need,
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
from qtlrun.statistic.spread import Spread, deviation, spread
from qtlrun.statistic.trend import slope

__all__ = [
    "ALPHA",
    "ERROR",
    "FAMILIES",
    "FEWEST",
    "FEWEST_PICTURES",
    "LEVEL",
    "Deaths",
    "Family",
    "Interval",
    "JointTest",
    "Margin",
    "Need",
    "Rates",
    "Resampled",
    "Simulated",
    "Spread",
    "Verdict",
    "aurc",
    "auroc",
    "balanced_accuracy",
    "binomial",
    "brier",
    "calibration_error",
    "check_shots",
    "correct",
    "crossed",
    "dead",
    "deaths",
    "detect",
    "deviation",
    "doubt",
    "explained",
    "flip_signs",
    "further",
    "guess",
    "half_width",
    "holm",
    "log_odds",
    "macro_f1",
    "needed",
    "nll",
    "p_value",
    "proportion",
    "proportion_difference",
    "proportion_difference_resampled",
    "proportion_resampled",
    "rarest",
    "rates",
    "resampled",
    "slope",
    "softmax",
    "spread",
    "swayed",
    "two_way",
    "verdict",
    "verdict_resampled",
    "verdict_rows",
]
