"""Rules by which publications call one model better than another.

Each takes the figures of two models and says whether the rule claims a difference.
"""

import numpy as np

from qtlrun.statistic.interval import quantile

RISK = 0.05
RESAMPLES = 1000


def signed_rank(model: np.ndarray, other: np.ndarray) -> bool:
    """Wilcoxon's signed-rank test of paired figures (seeds,), one-sided in either direction.

    One-sided, because five pairs cannot reach a two-sided 5 % (Wilcoxon 1945); differences of 0
    are left out.
    """
    from scipy.stats import wilcoxon

    gaps = model - other
    if not gaps.any():
        return False
    tails = [wilcoxon(gaps, alternative=side).pvalue for side in ("less", "greater")]
    return bool(min(tails) < RISK)


def paired_t(model: np.ndarray, other: np.ndarray) -> bool:
    """Student's t test of paired figures (seeds,), two-sided."""
    gaps = model - other
    error = gaps.std(ddof=1) / np.sqrt(len(gaps))
    return bool(abs(gaps.mean()) > quantile(len(gaps) - 1, 1 - RISK) * error)


def picture_bootstrap(model: np.ndarray, other: np.ndarray, generator: np.random.Generator) -> bool:
    """Percentile bootstrap over pictures of one training's paired values (pictures,)."""
    gaps = model - other
    index = generator.integers(len(gaps), size=(RESAMPLES, len(gaps)))
    low, high = np.quantile(gaps[index].mean(1), [RISK / 2, 1 - RISK / 2])
    return bool(low > 0 or high < 0)


def best_seed(model: np.ndarray, other: np.ndarray) -> bool:
    """The best of a model's figures (seeds,) is above the mean of the other's."""
    return bool(model.max() > other.mean())


def best_epoch(model: np.ndarray, other: np.ndarray) -> bool:
    """The best of a model's curve (epochs,) is above the last value of the other's."""
    return bool(model.max() > other[-1])
