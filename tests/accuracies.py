"""Simulated answers of seeds to pictures, and the coverage of intervals of their accuracy."""

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, ndtri

PICTURES = {
    "independent": 0.0,
    "alike": 1.0,
    "hard and easy": 3.0,
    "nearly decided": 20.0,
}  # deviation, in logits
STRATA = ndtri((np.arange(20_001) + 0.5) / 20_001)  # of a standard normal


def location(accuracy, deviation):
    """Mean logit at which logit-normal answers are right with this probability."""
    return brentq(lambda mean: expit(mean + deviation * STRATA).mean() - accuracy, -200, 200)


def answers(generator, accuracy, pictures, seeds, of_pictures, of_seeds, draws):
    """Right and wrong answers (draws, seeds, pictures) whose logits have an effect of each picture
    and seed.
    """
    mean = location(accuracy, np.hypot(of_pictures, of_seeds))
    logits = mean + of_pictures * generator.standard_normal((draws, 1, pictures))
    logits = logits + of_seeds * generator.standard_normal((draws, seeds, 1))
    return (generator.random((draws, seeds, pictures)) < expit(logits)).astype(float)


def pairs(generator, accuracies, pictures, seeds, of_pictures, of_seeds, draws):
    """Differences (draws, seeds, pictures) between answers of two models that share the pictures'
    effect.
    """
    deviation, shape = np.sqrt(1.25 * of_pictures**2 + of_seeds**2), (draws, 1, pictures)
    shared = of_pictures * generator.standard_normal(shape)
    models = []
    for accuracy in accuracies:
        logits = (
            location(accuracy, deviation)
            + shared
            + of_pictures / 2 * generator.standard_normal(shape)
        )
        logits = logits + of_seeds * generator.standard_normal((draws, seeds, 1))
        models.append((generator.random((draws, seeds, pictures)) < expit(logits)).astype(float))
    return models[0] - models[1]


def coverage(interval, values, truth):
    """Share of draws whose interval holds the truth, to roundings of 1e-9."""
    ends = [interval(draw) for draw in values]
    return np.mean([one.low - 1e-9 <= truth <= one.high + 1e-9 for one in ends])
