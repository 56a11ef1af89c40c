"""Agreement of values and gradients with an exact reference in float64."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from scipy import stats
from torch import Tensor

from qtlrun.derivative.step import Gradient

FALSE_ALARM = 1e-3  # probability that a method without bias is said to differ
ROUNDING = 1e-6  # difference that no spread has to explain


@dataclass(frozen=True)
class Agreement:
    """Differences of a method from the reference.

    values: largest absolute difference of the outputs; of the mean of repeats, where there are any
    gradient: the same of the gradient's numbers; nan where training needs none
    noise: deviation between repeats of the gradient, in sizes of the exact gradient; 0 for a method
        without chance
    deviations: standard errors of the farthest number from the reference; 0 without chance
    limit: of `deviations`, by Student's t over all numbers
    """

    values: float
    gradient: float
    noise: float = 0.0
    deviations: float = 0.0
    limit: float = math.inf

    @property
    def is_biased(self) -> bool:
        """Whether chance does not explain the difference."""
        return self.deviations > self.limit


def compare(reference: Gradient, result: Gradient) -> Agreement:
    """Differences of a method without chance from the reference."""
    return Agreement(
        _largest(result.values.double() - reference.values),
        _largest(result.slopes.double() - reference.slopes),
    )


def compare_repeats(reference: Gradient, step: Callable[[], Gradient], repeats: int) -> Agreement:
    """Differences of the mean of repeats from the reference, in standard errors of that mean.

    The limit is Student's, corrected for the count of numbers (Bonferroni).
    """
    results = [step() for _ in range(repeats)]
    values = torch.stack([result.values.double() for result in results]).flatten(1)
    slopes = torch.stack([result.slopes.double() for result in results])
    numbers = values.shape[1] + slopes.shape[1]
    deviations = (
        _count_deviations(values, reference.values.flatten()),
        _count_deviations(slopes, reference.slopes),
    )
    size = torch.linalg.vector_norm(reference.slopes)
    spread = slopes.var(0).sum().sqrt() if slopes.numel() else torch.zeros(())
    return Agreement(
        _largest(values.mean(0) - reference.values.flatten()),
        _largest(slopes.mean(0) - reference.slopes),
        float(spread / size.clamp_min(torch.finfo(size.dtype).tiny)),
        max(each for each in (*deviations, 0.0) if not math.isnan(each)),
        float(stats.t.isf(FALSE_ALARM / 2 / numbers, repeats - 1)),
    )


def _count_deviations(
    draws: Float[Tensor, "repeats numbers"], exact: Float[Tensor, " numbers"]
) -> float:
    """Standard errors between the mean and the exact number that is farthest from it.

    Differences within rounding count as none, for outcomes that are certain do not vary. A number
    that is nearly certain may not vary in a few repeats: its error is no less than the root mean
    square of all.
    """
    deviation = draws.std(0)
    pooled = deviation.square().mean().sqrt() if draws.numel() else deviation
    errors = deviation.maximum(pooled) / math.sqrt(len(draws))
    differences = (draws.mean(0) - exact).abs()
    deviations = torch.where(differences > ROUNDING, differences / errors, 0.0)
    return _largest(deviations)


def _largest(differences: Tensor) -> float:
    """Largest absolute number; nan of none."""
    return float(differences.abs().max()) if differences.numel() else math.nan
