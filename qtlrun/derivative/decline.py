"""Decline of a variance with the number of qubits: its slope, and whether it is exponential."""

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np
from jaxtyping import Float64

from qtlrun.derivative.variance import Gradients, mean_variance, resample_variance

DRAWS = 1000  # of the bootstrap
FEWEST_SIZES = 4  # of which a slope is told
LEVEL = 0.95
STEEP = 0.5  # bits per qubit: half in two qubits
FLAT = 0.1  # bits per qubit: half in ten qubits
ROUNDING = 1e-12  # largest variance that is rounding in float32

Curves = Float64[np.ndarray, "draws sizes"]


class Course(Enum):
    """How a variance goes with the number of qubits."""

    EXPONENTIAL = "vanishes exponentially"
    POLYNOMIAL = "vanishes polynomially"
    FALLS = "falls, exponentially or polynomially"
    NOT = "does not vanish"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Decline:
    """Slope of log2 variance per qubit, with its interval, and its course.

    slope: by least squares over the sizes, each weighed by its bootstrap's variance
    low, high: ends of the 95 % interval, by a bootstrap over starts
    tail_low, tail_high: likewise of the slope over the larger half of the sizes
    exponential: share of the bootstrap in which a power of 2 fits better than one of the qubits
    """

    slope: float
    low: float
    high: float
    tail_low: float
    tail_high: float
    exponential: float

    @property
    def course(self) -> Course:
        """How the variance goes with the number of qubits.

        It does not vanish where the slope over the larger half of the sizes is flat within its
        interval, or rises. Else the curve that fits better has the word; up to a dozen qubits a
        slow exponential is not told from a power.
        """
        if math.isnan(self.slope):
            return Course.UNDECIDED
        if self.tail_low >= -FLAT:
            return Course.NOT
        if self.high >= 0:
            return Course.UNDECIDED
        if self.exponential >= LEVEL and self.high <= -STEEP:
            return Course.EXPONENTIAL
        return Course.POLYNOMIAL if self.exponential <= 1 - LEVEL else Course.FALLS


UNKNOWN = Decline(*[math.nan] * 6)


def fit_decline(gradients: dict[int, Gradients], seed: int) -> Decline:
    """Fit the decline of a variance with the number of qubits.

    gradients: by number of qubits; sizes whose variance is rounding are left out
    seed: of the bootstrap
    """
    variances = {qubits: mean_variance(each) for qubits, each in gradients.items()}
    sizes = [qubits for qubits, each in variances.items() if each > ROUNDING]
    if len(sizes) < FEWEST_SIZES:
        return UNKNOWN
    curves = np.stack(
        [resample_variance(gradients[each], DRAWS, seed + each) for each in sizes], axis=1
    )
    curves = np.log2(np.maximum(curves, ROUNDING))
    curve = np.log2([variances[each] for each in sizes])[None]
    weights = 1 / curves.var(axis=0)
    qubits = np.array(sizes, dtype=float)
    slope, _ = _fit(qubits, curve, weights)
    slopes, misfits = _fit(qubits, curves, weights)
    half = len(sizes) // 2
    tails, _ = _fit(qubits[half:], curves[:, half:], weights[half:])
    _, others = _fit(np.log2(qubits), curves, weights)
    return Decline(float(slope[0]), *_ends(slopes), *_ends(tails), float(np.mean(misfits < others)))


def _fit(
    places: Float64[np.ndarray, " sizes"], curves: Curves, weights: Float64[np.ndarray, " sizes"]
) -> tuple[Float64[np.ndarray, " draws"], Float64[np.ndarray, " draws"]]:
    """Slope of each curve over places by weighted least squares, and its weighted misfit."""
    shares = weights / weights.sum()
    centred = places - shares @ places
    heights = curves - (curves @ shares)[:, None]
    slopes = heights @ (shares * centred) / (shares @ centred**2)
    misfits = (heights - slopes[:, None] * centred) ** 2 @ weights
    return slopes, misfits


def _ends(values: Float64[np.ndarray, " draws"]) -> tuple[float, float]:
    """Ends of the interval that holds the middle 95 %."""
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
