"""Numbers on the points of one layer: spectrum, dimension, classes, whiteness."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from qtlrun.lens import whitening
from qtlrun.lens.layer import Points
from qtlrun.lens.shape import dimension, variance

PARTICIPATION = "participation ratio"
TWO_NEIGHBOURS = "TwoNN dimension"
LIKELIHOOD = "likelihood dimension"
SEPARABILITY = "separability"
WHITENING = "whitening error"
MEASURES = (PARTICIPATION, TWO_NEIGHBOURS, LIKELIHOOD, SEPARABILITY, WHITENING)
DEAD = 1e-6  # share of the largest variance, below which a direction is left out of whitening
MEANING = (
    "Whitening error: how far the covariance of items is from the identity under the whitening of"
    " others, over what as many Gaussian items have: 1 is white up to chance. The covariance is"
    " shrunk, so a direction of little variance beside the others stays below 1 and raises the"
    f" error; those below {DEAD:g} of the largest variance are left out. The frame `whitening` has"
    " condition numbers."
)


@dataclass(frozen=True)
class Whiteness:
    """Whitening that is fitted to half of the items, and tried on the others.

    shrinkage: of the covariance, 0 to 1
    before, after: condition number of the others' covariance, as they are and whitened
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
    """Whiten one half of the items by the other, along the directions in which they vary."""
    points = vary(points)
    order = np.random.default_rng(seed).permutation(len(points))
    half = len(points) // 2
    others = points[order[half:]]
    chance = whitening.chance_distance(len(others), points.shape[1])
    white = whitening.fit_whitening(points[order[:half]]) if points.size else None
    if white is None:
        return Whiteness(math.nan, math.nan, math.nan, math.nan, chance)
    whitened = white(others)
    return Whiteness(
        white.shrinkage,
        condition(others),
        condition(whitened),
        whitening.distance_from_identity(whitened),
        chance,
    )


def vary(points: Points) -> Float64[np.ndarray, "items directions"]:
    """Coordinates of points along the directions in which they vary; none of equal points.

    The whitening itself has every direction that is more than rounding, and shrinks it. Here one
    that is dead is left out as well, for the error counts all directions alike. Numbers that vary
    are left as they are where the items are too few to tell dead directions.
    """
    centered = points - points.mean(0)
    squares = (centered**2).sum(0)
    centered = centered[:, whitening.find_varying(points) & (squares > DEAD * squares.max())]
    if not centered.size:
        return centered
    _, sizes, directions = np.linalg.svd(centered, full_matrices=False)
    present = sizes**2 > DEAD * sizes[0] ** 2
    is_full = present.sum() >= min(len(points) - 1, len(directions.T))
    return centered if is_full else centered @ directions[present].T


def condition(points: Points) -> float:
    """Condition number of a covariance, along the directions in which points vary; nan of none."""
    variances = variance.component_variances(points)
    present = variances[variances > DEAD * variances[0]]
    return float(present[0] / present[-1]) if len(present) else math.nan
