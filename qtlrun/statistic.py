"""Two-way intervals, the verdict on a paired difference, and the metrics that they are put around."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

CHANCE = 0.8  # of a decision at the size that a verdict recommends; where the interval just touches zero it is 0.5
FEWEST = 3  # seeds for a verdict: with two, a nominal 95 % interval covers as little as 87 %
MOST_SEEDS = 10_000
MOST_PICTURES = 10_000_000


@dataclass(frozen=True)
class Interval:
    """A mean over seeds and pictures with its two-way confidence interval.

    All in the unit of the values. `training` and `pictures` are the standard errors of the mean that seeds alone and
    pictures alone account for; both hold a share of the residual noise. The three components are per cell, `items`
    counts pictures. With one seed nothing separates the components: `training`, `sigma2_seed` and `sigma2_rest` are
    nan, and `sigma2_picture` includes the residual noise.
    """

    mean: float
    low: float
    high: float
    training: float
    pictures: float
    degrees: float
    sigma2_seed: float
    sigma2_picture: float
    sigma2_rest: float
    seeds: int
    items: int


@dataclass(frozen=True)
class Verdict:
    """What a paired difference lets one say about two rows.

    `word` is better, worse, equivalent or undecided; `detectable` says that the 95 % interval excludes zero. `seeds`
    (at the present pictures) and `pictures` (at the present seeds) are the smallest totals at which four experiments
    in five would be decided, were the true difference and noise as seen here; None if decided, or if none is enough.
    """

    word: str
    detectable: bool
    interval: Interval
    seeds: int | None
    pictures: int | None


def two_way(values: np.ndarray, level: float = 0.95) -> Interval:
    """Estimate the mean of `values` (seeds, pictures) and its interval for new seeds and new pictures.

    All seeds are judged on the same pictures, so the mean is uncertain in two directions, and an interval over seeds
    alone would hold for these pictures only. With one seed it holds for that seed only. Raises ValueError for another
    shape, fewer than two pictures, and values that are not finite.

    Source: crossed random effects (McCullagh 2000; Owen 2007, doi:10.1214/07-AOAS122), degrees of freedom by
    Satterthwaite 1946. We differ where v_seed/S + v_picture/N - v_rest/(S N) falls below one of the first two terms:
    that term alone is then the squared error, with its own degrees of freedom (S - 1 or N - 1), without which pure
    residual noise would be covered more than 98 % of the time.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or values.shape[0] < 1 or values.shape[1] < 2:
        raise ValueError(f"values of shape {values.shape}: an interval needs (seeds, pictures), two pictures or more.")
    if not np.isfinite(values).all():
        raise ValueError("values: some are nan or infinite; leave failed seeds out.")
    seeds, items = values.shape
    origin = values[0, 0]
    centred = values - origin  # identical values then give exactly zero width
    by_seed, by_picture, mean = centred.mean(1), centred.mean(0), float(centred.mean())
    picture = float(by_picture.var(ddof=1))
    if seeds == 1:
        training, sigma2, error2, degrees = math.nan, (math.nan, picture, math.nan), picture / items, items - 1
    else:
        seed = float(by_seed.var(ddof=1))
        residual = centred - by_seed[:, None] - by_picture + mean
        rest = float(np.square(residual).sum() / ((seeds - 1) * (items - 1)))
        training, error2, degrees = math.sqrt(seed / seeds), *_error(seed, picture, rest, seeds, items)
        sigma2 = max(0.0, seed - rest / items), max(0.0, picture - rest / seeds), rest
    half = float(_quantile(degrees, level) * np.sqrt(error2))
    mean += float(origin)
    parts = training, math.sqrt(picture / items)
    return Interval(mean, mean - half, mean + half, *parts, float(degrees), *sigma2, seeds, items)


def verdict(values: np.ndarray, margin: float, higher_is_better: bool = False) -> Verdict:
    """Judge the per-picture paired differences (seeds, pictures) of a composed model minus its reference.

    `values` and `margin` are in one unit: nats for NLL, where less is better. Equivalent, when the 90 % interval lies
    inside +-margin (two one-sided tests at 5 %, Schuirmann 1987), wins over better and worse. Fewer than three seeds
    are always undecided and project nothing, for their training noise is unknown. Raises ValueError for a margin that is not
    positive and finite, and as `two_way` does.
    """
    if not 0 < margin < math.inf:
        raise ValueError(
            f"margin={margin}: the difference below which two models count as equal, in the unit of the metric"
            " (nats for NLL); it must be finite and above 0."
        )
    interval, inner = two_way(values, 0.95), two_way(values, 0.90)
    if interval.seeds < FEWEST:
        return Verdict("undecided", False, interval, None, None)
    detectable = interval.low > 0 or interval.high < 0
    word = "better" if (interval.mean > 0) == higher_is_better else "worse"
    if -margin < inner.low and inner.high < margin:
        word = "equivalent"
    if detectable or word == "equivalent":
        return Verdict(word, detectable, interval, None, None)
    seeds = _first(interval.seeds, MOST_SEEDS, lambda count: _chance(interval, margin, count, interval.items))
    pictures = _first(interval.items, MOST_PICTURES, lambda count: _chance(interval, margin, interval.seeds, count))
    return Verdict("undecided", detectable, interval, seeds, pictures)


def _error(seed, picture, rest, seeds, items):
    """Combine the three variances into the squared error of the mean and its degrees of freedom."""
    by_seed, by_picture, overlap = seed / seeds, picture / items, rest / (seeds * items)
    total, largest = by_seed + by_picture - overlap, np.maximum(by_seed, by_picture)
    doubt = by_seed**2 / (seeds - 1) + by_picture**2 / (items - 1) + overlap**2 / ((seeds - 1) * (items - 1))
    alone = np.where(by_seed > by_picture, seeds - 1, items - 1)
    both = np.square(total) / np.where(doubt > 0, doubt, 1)
    return np.maximum(total, largest), np.where(total > largest, both, alone)


def _quantile(degrees, level: float):
    """Return the two-sided t quantile: scipy.special has it without the second that scipy.stats takes to import."""
    from scipy.special import stdtrit

    return stdtrit(degrees, (1 + level) / 2)


def _first(present: int, most: int, chance: Callable) -> int | None:
    """Find the smallest count above `present`, to 1.5 %, at which `chance` reaches CHANCE."""
    if present >= most:
        return None
    counts = np.unique(np.rint(np.geomspace(present + 1, most, 1024)))
    enough = chance(counts) >= CHANCE
    return int(counts[enough.argmax()]) if enough.any() else None


def _chance(interval: Interval, margin: float, seeds, items):
    """Return how often an experiment of this size would be decided if `interval` told the truth.

    It stays undecided where its mean is too small to exclude zero and too large to lie inside the margin.
    """
    from scipy.special import ndtr

    seed = interval.sigma2_seed + interval.sigma2_rest / items
    picture = interval.sigma2_picture + interval.sigma2_rest / seeds
    error2, degrees = _error(seed, picture, interval.sigma2_rest, seeds, items)
    error = np.sqrt(error2)
    outer = _quantile(degrees, 0.95) * error
    inner = np.clip(margin - _quantile(degrees, 0.90) * error, 0, outer)
    far, near, minus_near, minus_far = (ndtr((x - interval.mean) / error) for x in (outer, inner, -inner, -outer))
    return 1 - (far - near) - (minus_near - minus_far)


def nll(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the negative log-likelihood of `labels`, in nats a picture, from `logits` (..., pictures, classes)."""
    logits = np.asarray(logits, dtype=np.float64)
    shifted = logits - logits.max(-1, keepdims=True)
    return np.log(np.exp(shifted).sum(-1)) - shifted[..., np.arange(len(labels)), labels]


def correct(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return 1 where the (first) largest of `logits` (..., pictures, classes) is the label's, and 0 elsewhere."""
    return (np.argmax(logits, -1) == labels).astype(np.float64)


def macro_f1(labels: np.ndarray, predictions: np.ndarray, classes: int) -> np.ndarray | np.float64:
    """Return the F1 score averaged over classes, in [0, 1], for `predictions` (..., pictures) of each seed.

    A class that is neither among the labels nor predicted is left out of the average, as scikit-learn does by default.
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    flat = predictions.reshape(-1, len(labels))
    cells = flat + classes * np.arange(len(flat))[:, None]
    hits = np.bincount(cells[flat == labels], minlength=classes * len(flat)).reshape(-1, classes)
    predicted = np.bincount(cells.ravel(), minlength=classes * len(flat)).reshape(-1, classes)
    total = predicted + np.bincount(labels, minlength=classes)
    f1 = 2 * hits / np.maximum(total, 1)
    return (f1.sum(-1) / (total > 0).sum(-1)).reshape(predictions.shape[:-1])[()]


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> np.ndarray | np.float64:
    """Return how far confidence is from accuracy, in [0, 1], for `probabilities` (..., pictures, classes) of each seed.

    The expected calibration error over bins of confidence of equal width, each with its upper edge (Guo et al. 2017,
    arXiv:1706.04599, eq. 3).
    """
    probabilities = np.asarray(probabilities, dtype=np.float64)
    flat = probabilities.reshape(-1, *probabilities.shape[-2:])
    confidence = flat.max(-1)
    gap = correct(flat, labels) - confidence
    cells = np.clip(np.ceil(confidence * bins), 1, bins).astype(int) - 1 + bins * np.arange(len(flat))[:, None]
    sums = np.bincount(cells.ravel(), gap.ravel(), minlength=bins * len(flat)).reshape(-1, bins)
    return (np.abs(sums).sum(-1) / len(labels)).reshape(probabilities.shape[:-2])[()]
