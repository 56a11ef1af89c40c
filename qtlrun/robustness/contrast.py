"""Contrasts of a row under noise to others, on the same trainings and items.

A training that noise brings down to guessing is no failed one, and none is left out for it. Where
one is dead without noise, or failed in the run, the verdict is withheld, as in the run.
"""

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.pairing import judge, living
from qtlrun.statistic.judge import Verdict


@dataclass(frozen=True)
class NoisyContrast:
    """Verdict on a difference in NLL, and the difference in accuracy."""

    verdict: Verdict
    accuracy: statistic.Interval


def contrast(
    comparison: Comparison,
    reference: str,
    margin: statistic.Margin | float,
    silent: Comparison,
    lost: Collection[str] = (),
) -> NoisyContrast | None:
    """Composed row of a comparison against another; None where they share no training.

    margin: in nats, or a share of the reference's NLL in this comparison
    silent: the rows without noise, in which dead trainings are counted
    lost: labels of the rows of which a training failed in the run
    """
    pairs = comparison.pairs(reference)
    if not pairs:
        return None
    composed = comparison.composed
    intact = dataclasses.replace(silent, composed=composed).pairs(reference)
    deaths = living(intact)[1] if intact else None
    nll = [(model, model.paired(other, "nll", seeds)) for model, other, seeds in pairs]
    answers = [(model, model.paired(other, "correct", seeds)) for model, other, seeds in pairs]
    nats = comparison.margins(margin)[reference]
    verdict = judge(statistic.verdict, statistic.verdict_resampled, nll, nats, deaths)
    failures = comparison.failures(composed) + comparison.failures(reference)
    is_withheld = bool(failures or {composed, reference} & set(lost))
    return NoisyContrast(
        verdict.withheld() if is_withheld else verdict,
        judge(statistic.proportion_difference, statistic.proportion_difference_resampled, answers),
    )
