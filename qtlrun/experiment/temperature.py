"""Temperature of predictions, fitted on validation logits."""

from dataclasses import dataclass

import numpy as np

MIN_TEMPERATURE = 0.05
MAX_TEMPERATURE = 20.0
HALVINGS = 50  # of the range of log(1/T), of length 6: to 5e-15


@dataclass(frozen=True)
class Temperatures:
    """Temperature of each run, and whether its items are all right, which leaves it at 1.

    values: shape (runs,); nan where a logit is not finite
    separable: shape (runs,)
    """

    values: np.ndarray
    separable: np.ndarray


def fit_temperatures(logits: np.ndarray, labels: np.ndarray) -> Temperatures:
    """Temperatures of least mean NLL of `logits` (runs, items, classes), divided by them.

    `labels` are those of all runs, (items,), or of each, (runs, items). One number a run (Guo et
    al. 2017, arXiv:1706.04599, section 4.2). The NLL is convex in 1/T, so the sign of its
    derivative is bisected over log(1/T), for all runs at once. T stays within 0.05 and 20. Where
    the label has the largest logit of every item, NLL falls for ever as T does, and the items do
    not tell how far to go: T then stays 1.
    """
    logits = np.asarray(logits, dtype=np.float64)
    finite = np.isfinite(logits).all((1, 2))
    shifted = np.where(finite[:, None, None], logits, 0.0)
    shifted = shifted - shifted.max(-1, keepdims=True)
    labels = np.broadcast_to(labels, shifted.shape[:2])
    of_label = np.take_along_axis(shifted, labels[..., None], -1)[..., 0]
    others = (shifted == 0).sum(-1) - (of_label == 0)
    separable = ((of_label == 0) & (others == 0)).all(1)
    low = np.full(len(logits), -np.log(MAX_TEMPERATURE))
    high = np.full(len(logits), -np.log(MIN_TEMPERATURE))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        rising = _slope(shifted, of_label, np.exp(middle)) > 0
        high = np.where(rising, middle, high)
        low = np.where(rising, low, middle)
    values = np.exp(-(low + high) / 2)
    values = np.where(separable, 1.0, np.clip(values, MIN_TEMPERATURE, MAX_TEMPERATURE))
    return Temperatures(np.where(finite, values, np.nan), separable & finite)


def _slope(shifted: np.ndarray, of_label: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """Derivative of the mean NLL by 1/T of each run: mean logit less that of the label."""
    weights = np.exp(shifted * inverse[:, None, None])
    means = (weights * shifted).sum(-1) / weights.sum(-1)
    return (means - of_label).mean(-1)
