"""Variance of points: along principal components, and between classes."""

import math

import numpy as np
from jaxtyping import Float64, Int64

from qtlrun.lens.layer import Points

Variances = Float64[np.ndarray, " components"]


def component_variances(points: Points) -> Variances:
    """Variances along the principal components, the largest first; as many as can be above 0."""
    centered = points - points.mean(0)
    sizes = np.linalg.svd(centered, compute_uv=False)
    return (sizes**2 / max(1, len(points) - 1))[: max(1, len(points) - 1)]


def participation_ratio(variances: Variances) -> float:
    """How many components share the variance: squared sum over sum of squares; nan of none.

    Of an isotropic Gaussian it is the dimension, where there are many more items than dimensions;
    of fewer it is lower.
    """
    squares = float((variances**2).sum())
    return float(variances.sum() ** 2 / squares) if squares > 0 else math.nan


def between_share(points: Points, labels: Int64[np.ndarray, " items"]) -> float:
    """Share of the variance that is between the means of classes, 0 to 1; nan without any.

    It is trace(S_b) / trace(S_b + S_w). Fisher's trace(S_w^+ S_b) has no bound, and any classes are
    apart in it where an item has more numbers than there are items.
    """
    center = points.mean(0)
    total = float(((points - center) ** 2).sum())
    between = 0.0
    for label in np.unique(labels):
        members = points[labels == label]
        between += len(members) * float(((members.mean(0) - center) ** 2).sum())
    return between / total if total > 0 else math.nan
