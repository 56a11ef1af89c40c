"""Numbers on the points of one layer: spectrum, dimension, classes, whiteness."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from qtlrun.lens import whitening
from qtlrun.lens.shape import dimension, variance

PARTICIPATION = "participation ratio"
TWO_NEIGHBOURS = "TwoNN dimension"
LIKELIHOOD = "likelihood dimension"
SEPARABILITY = "separability"
WHITENING = "whitening error"
MEASURES = (PARTICIPATION, TWO_NEIGHBOURS, LIKELIHOOD, SEPARABILITY, WHITENING)
Points = Float64[np.ndarray, "items numbers"]


@dataclass(frozen=True)
class Whiteness:
    """Whitening that is fitted to half of the items, and tried on the others.

    shrinkage: of the covariance, 0 to 1
    before, after: condition number of the others' shrunk covariance, as they are and whitened
    distance: of the others' whitened covariance from the identity
    chance: that distance of as many items of a standard Gaussian
    """

    shrinkage: float
    before: float
    after: float
    distance: float
    chance: float


@dataclass(frozen=True)
class Geometry:
    """Numbers on the points of one layer.

    variances: along the principal components
    numbers: by measure; nan where one cannot be told
    """

    variances: Float64[np.ndarray, " components"]
    numbers: dict[str, float]
    whiteness: Whiteness


def describe(
    points: Points, labels: Int64[np.ndarray, " items"], neighbours: int, seed: int
) -> Geometry:
    """Describe the points of a layer.

    neighbours: of the dimension by maximum likelihood
    seed: of the halves of the items
    """
    variances = variance.component_variances(points)
    white = halve(points, seed)
    numbers = {
        PARTICIPATION: variance.participation_ratio(variances),
        TWO_NEIGHBOURS: dimension.two_neighbours(points),
        LIKELIHOOD: dimension.maximum_likelihood(points, neighbours),
        SEPARABILITY: variance.between_share(points, labels),
        WHITENING: white.distance / white.chance,
    }
    return Geometry(variances, numbers, white)


def halve(points: Points, seed: int) -> Whiteness:
    """Whiten one half of the items by the other."""
    order = np.random.default_rng(seed).permutation(len(points))
    half = len(points) // 2
    others = points[order[half:]]
    white = whitening.fit_whitening(points[order[:half]])
    before = whitening.fit_whitening(others)
    chance = whitening.chance_distance(len(others), points.shape[1])
    if white is None or before is None:
        return Whiteness(math.nan, math.nan, math.nan, math.nan, chance)
    whitened = white(others)
    after = whitening.fit_whitening(whitened)
    return Whiteness(
        white.shrinkage,
        before.condition,
        after.condition if after else math.nan,
        whitening.distance_from_identity(whitened),
        chance,
    )
