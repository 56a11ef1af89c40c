"""Metrics of logits and probabilities."""

import numpy as np


def nll(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Negative log-likelihood, nats per picture, of `logits` (..., pictures, classes)."""
    logits = np.asarray(logits, dtype=np.float64)
    shifted = logits - logits.max(-1, keepdims=True)
    return np.log(np.exp(shifted).sum(-1)) - shifted[..., np.arange(len(labels)), labels]


def correct(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Right and wrong answers, 1 and 0, of `logits` (..., pictures, classes).

    The first of equal largest logits is the answer.
    """
    return (np.argmax(logits, -1) == labels).astype(np.float64)


def brier(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Brier score of each picture, in [0, 2], of `logits` (..., pictures, classes).

    The sum over classes of (p - y)^2, which Brier 1950 defines
    (doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2); neither half of it nor its mean over
    classes. Lower is better.
    """
    errors = softmax(logits)
    errors[..., np.arange(len(labels)), labels] -= 1
    return np.square(errors).sum(-1)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities, in float64, of `logits` (..., classes)."""
    logits = np.asarray(logits, dtype=np.float64)
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def log_odds(logits: np.ndarray) -> np.ndarray:
    """Log-odds of each class against all others, in nats, of `logits` (..., classes).

    They rank as probabilities do, and still tell apart those that float64 rounds to 1: there the
    logits differ by 37 or more.
    """
    logits = np.asarray(logits, dtype=np.float64)
    shifted = logits - logits.max(-1, keepdims=True)
    first = np.argmax(shifted, -1)[..., None]
    weights = np.exp(shifted)
    odds = shifted - np.log(np.maximum(weights.sum(-1, keepdims=True) - weights, 1))
    others = shifted.copy()
    np.put_along_axis(others, first, -np.inf, -1)
    second = others.max(-1, keepdims=True)
    sums = np.exp(others - second).sum(-1, keepdims=True)
    np.put_along_axis(odds, first, -second - np.log(sums), -1)
    return odds


def macro_f1(labels: np.ndarray, predictions: np.ndarray, classes: int) -> np.ndarray | np.float64:
    """F1 score averaged over classes, in [0, 1], of `predictions` (..., pictures) of each seed.

    A class that is neither among the labels nor predicted is left out of the average, as
    scikit-learn does by default.
    """
    labels = np.asarray(labels)
    predictions = np.asarray(predictions)
    flat = predictions.reshape(-1, len(labels))
    cells = flat + classes * np.arange(len(flat))[:, None]
    hits = np.bincount(cells[flat == labels], minlength=classes * len(flat)).reshape(-1, classes)
    predicted = np.bincount(cells.ravel(), minlength=classes * len(flat)).reshape(-1, classes)
    total = predicted + np.bincount(labels, minlength=classes)
    f1 = 2 * hits / np.maximum(total, 1)
    return (f1.sum(-1) / (total > 0).sum(-1)).reshape(predictions.shape[:-1])[()]


def balanced_accuracy(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray | np.float64:
    """Accuracy averaged over the classes among the labels, of `predictions` (..., items).

    A constant answer has one over their number. Brodersen et al. 2010 (doi:10.1109/ICPR.2010.764).
    """
    right = np.asarray(predictions) == labels
    return np.mean([right[..., labels == label].mean(-1) for label in np.unique(labels)], axis=0)


def auroc(scores: np.ndarray, labels: np.ndarray) -> np.ndarray | np.float64:
    """Area under the ROC curve, in [0, 1], of `scores` (..., items, classes), per seed.

    Each class against the rest by the rank of its score, as `log_odds`, averaged over those among
    the labels; ties count half, as in scikit-learn. Not a number where the labels are all of one
    class.
    """
    scores = np.asarray(scores)
    present = np.unique(labels)
    if len(present) < 2:
        return np.full(scores.shape[:-2], np.nan)[()]
    areas = []
    for label in present:
        inside = labels == label
        count = inside.sum()
        ranks = np.apply_along_axis(_ranks, -1, scores[..., label])[..., inside].sum(-1)
        areas.append((ranks - count * (count + 1) / 2) / (count * (len(labels) - count)))
    return np.mean(areas, axis=0)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Rank of each value, from 1 up; equal ones share the mean of theirs."""
    _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
    return (sizes.cumsum() - (sizes - 1) / 2)[group]


def aurc(scores: np.ndarray, labels: np.ndarray) -> np.ndarray | np.float64:
    """Area under the risk-coverage curve, in [0, 1], of `scores` (..., items, classes).

    Per seed: the share of wrong answers among the k items of the largest scores, averaged over k;
    `log_odds` rank as probabilities do. Lower is better; confidence that tells nothing gives the
    error rate. Items of equal confidence share their errors evenly. Geifman, Uziel and El-Yaniv
    2019 (arXiv:1805.08206).
    """
    scores = np.asarray(scores)
    flat = scores.reshape(-1, *scores.shape[-2:])
    wrong = 1 - correct(flat, labels)
    confidence = flat.max(-1)
    areas = []
    for errors, certainty in zip(wrong, confidence, strict=True):
        _, group, sizes = np.unique(-certainty, return_inverse=True, return_counts=True)
        shares = np.bincount(group, errors) / sizes
        risks = np.cumsum(np.repeat(shares, sizes)) / np.arange(1, len(errors) + 1)
        areas.append(risks.mean())
    return np.reshape(areas, scores.shape[:-2])[()]


def calibration_error(
    probabilities: np.ndarray, labels: np.ndarray, bins: int = 15
) -> np.ndarray | np.float64:
    """Expected calibration error, in [0, 1], of `probabilities` (..., pictures, classes).

    Per seed. Bins of confidence have equal width and hold their upper edge (Guo et al. 2017,
    arXiv:1706.04599, eq. 3).
    """
    probabilities = np.asarray(probabilities, dtype=np.float64)
    flat = probabilities.reshape(-1, *probabilities.shape[-2:])
    confidence = flat.max(-1)
    gap = correct(flat, labels) - confidence
    cells = (
        np.clip(np.ceil(confidence * bins), 1, bins).astype(int)
        - 1
        + bins * np.arange(len(flat))[:, None]
    )
    sums = np.bincount(cells.ravel(), gap.ravel(), minlength=bins * len(flat)).reshape(-1, bins)
    return (np.abs(sums).sum(-1) / len(labels)).reshape(probabilities.shape[:-2])[()]
