"""Centred kernel alignment: how alike two layers hold the same items."""

import math

import numpy as np
from jaxtyping import Float64

from qtlrun.lens.layer import Points

Profile = Float64[np.ndarray, " pairs"]
FEWEST_UNBIASED = 4  # items of which the estimate without bias is told


def profile(points: Points) -> Profile:
    """Centred inner products of all pairs of items, scaled to norm 1; nan where they have none.

    The product of two profiles is their linear CKA without bias: 1 for the same layer up to
    rotation and scale, 0 on average for chance. Source: Kornblith et al., arXiv:1905.00414, with
    the estimate of HSIC without bias of Song et al. (JMLR 2012), so that few items in many
    dimensions are not alike by chance.
    """
    count = len(points)
    pairs = np.triu_indices(count, 1)
    if count < FEWEST_UNBIASED:
        return np.full(len(pairs[0]), math.nan)
    centered = points - points.mean(0)  # alters nothing but rounding
    gram = centered @ centered.T
    np.fill_diagonal(gram, 0)
    sums = gram.sum(0) / (count - 2)
    gram += gram.sum() / ((count - 1) * (count - 2)) - sums - sums[:, None]
    values = gram[pairs]
    norm = float(np.linalg.norm(values))
    scale = float(np.abs(centered).max()) ** 2
    return values / norm if norm > 1e-12 * scale * count else np.full(len(values), math.nan)
