"""Strength of a noise at which a row falls behind another, with its interval by resampling."""

from dataclasses import dataclass

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.pairing import stack_units
from qtlrun.robustness.contrast import NoisyContrast, contrast
from qtlrun.robustness.exposure import Exposure
from qtlrun.statistic.crossing import Crossing, find_crossing


@dataclass(frozen=True)
class CrossingPoint:
    """Where the mean difference in NLL to a reference first turns from better to worse.

    Units are trainings on one split, else splits, whose trainings are averaged.

    crossing: on the grid's axis; 0 where the row is behind without noise, inf where it never falls
        behind on the grid
    lost: those of the two rows that lost trainings, of which the others are no sample
    first_worse: first position with the verdict worse; None: there is none
    """

    crossing: Crossing
    lost: tuple[str, ...] = ()
    first_worse: float | None = None


def find_crossing_point(
    exposure: Exposure, reference: str, margin: statistic.Margin | float
) -> CrossingPoint | None:
    """Crossing of the composed row and a reference; None where they share no training."""
    comparisons = exposure.comparisons.values()
    silent = exposure.comparisons[0.0]
    units, names = stack_units(
        [each.pairs_by_split(reference) for each in comparisons],
        by_split=len(silent.splits) > 1,
    )
    if not units:
        return None
    return CrossingPoint(
        find_crossing(list(exposure.comparisons), units, names),
        tuple(label for label in (silent.composed, reference) if label in exposure.lost),
        find_first_worse(exposure, reference, margin),
    )


def find_first_worse(
    exposure: Exposure, reference: str, margin: statistic.Margin | float
) -> float | None:
    """First position of the grid with the verdict worse; None: there is none."""
    for position, comparison in exposure.comparisons.items():
        each = contrast_at(exposure, comparison, reference, margin)
        if each is not None and each.verdict.word == "worse":
            return position
    return None


def contrast_at(
    exposure: Exposure, comparison: Comparison, reference: str, margin: statistic.Margin | float
) -> NoisyContrast | None:
    """Contrast at a strength, withheld where a training failed or is dead without noise."""
    silent = exposure.comparisons[0.0]
    return contrast(comparison, reference, margin, silent, exposure.failures)
