"""Agreement of saliency maps: rank correlations between networks."""

import numpy as np
from jaxtyping import Float, Float64
from torch import Tensor

Ranks = Float64[np.ndarray, "items places"]


def rank_maps(maps: Float[Tensor, "items ..."]) -> Ranks:
    """Ranks of the places of each map, of mean 0 and length 1; nan where all are equal."""
    from scipy.stats import rankdata

    ranks = rankdata(maps.flatten(1).numpy(), axis=1)
    ranks -= ranks.mean(1, keepdims=True)
    length = np.linalg.norm(ranks, axis=1, keepdims=True)
    return ranks / np.where(length > 0, length, np.nan)


def correlate(first: Ranks, second: Ranks) -> float:
    """Spearman's correlation of two networks' maps, mean over items; nan where there is none."""
    if first.shape != second.shape:
        return np.nan
    values = (first * second).sum(1)
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else np.nan
