"""Embedding of a layer's values in the plane."""

import numpy as np

from qtlrun.lens.layer import Plane, Points


def embed(points: Points, perplexity: float, seed: int) -> Plane:
    """Points in the plane, by t-SNE from their first two principal components."""
    from sklearn.manifold import TSNE

    if points.shape[1] == 1 or np.ptp(points, axis=0).max() == 0:
        return np.pad(points[:, :1], ((0, 0), (0, 1)))  # a line is its own plane
    method = TSNE(perplexity=min(perplexity, len(points) / 3), init="pca", random_state=seed)
    return method.fit_transform(points).astype(np.float64)
