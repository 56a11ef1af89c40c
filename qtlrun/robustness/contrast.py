"""Contrasts of a row under noise to others, on the same trainings and items.

A training that noise brings down to guessing is no failed one, and none is left out for it; where
one is dead without noise the verdict is withheld, as in the run.
"""

from collections.abc import Collection
from dataclasses import dataclass

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.pairing import judge
from qtlrun.statistic.judge import Verdict


@dataclass(frozen=True)
class NoisyContrast:
    """Verdict on a difference in NLL, and the difference in accuracy."""

    verdict: Verdict
    accuracy: statistic.Interval


def contrast(
    comparison: Comparison, reference: str, margin: float, dead: Collection[str] = ()
) -> NoisyContrast | None:
    """Composed row of a comparison against another; None where they share no training.

    dead: labels of the rows of which a training is dead without noise
    """
    pairs = comparison.pairs(reference)
    if not pairs:
        return None
    nll = [(model, model.paired(other, "nll", seeds)) for model, other, seeds in pairs]
    answers = [(model, model.paired(other, "correct", seeds)) for model, other, seeds in pairs]
    verdict = judge(statistic.verdict, statistic.verdict_resampled, nll, margin)
    is_withheld = bool({comparison.composed, reference} & set(dead))
    return NoisyContrast(
        verdict.withheld() if is_withheld else verdict,
        judge(statistic.proportion_difference, statistic.proportion_difference_resampled, answers),
    )
