"""Conversion between our tensors and scikit-learn's arrays."""

import math
import warnings
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from qtlrun.error import BadValue


def arrays(split: tuple[Tensor, Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Features (items, features) in float64, and labels (items,)."""
    features, labels = split
    return features.cpu().double().numpy(), labels.cpu().numpy()


def logistic(
    train: tuple[Tensor, Tensor], validation: tuple[Tensor, Tensor], penalties: list[float]
) -> tuple[Tensor, Tensor]:
    """Weights and bias of a logistic regression with the penalty that validation chooses."""
    others, answers = arrays(validation)
    return min(fit_logistic(train, penalties), key=lambda fit: nll(others, answers, *fit))


def fit_logistic(
    train: tuple[Tensor, Tensor], penalties: list[float]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Weights and bias of a logistic regression for each penalty, each begun at the one before."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    features, labels = arrays(train)
    model = LogisticRegression(max_iter=1000, warm_start=True)
    for penalty in penalties:
        with warnings.catch_warnings():
            # The weakest penalties of separable classes.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.set_params(C=1 / (penalty * len(labels))).fit(features, labels)
        yield affine(model.coef_, model.intercept_)


def nll(inputs: np.ndarray | Tensor, labels: np.ndarray, weights: Tensor, bias: Tensor) -> float:
    """Mean negative log-likelihood, in nats, of an affine map's logits.

    It is finite where probabilities are 0.
    """
    logits = torch.as_tensor(inputs) @ weights.T + bias
    return float(functional.cross_entropy(logits, torch.from_numpy(labels)))


def affine(weights: np.ndarray, bias: np.ndarray) -> tuple[Tensor, Tensor]:
    """Weights (classes, inputs) and bias (classes,) of a linear model's logits.

    Two classes share one row in scikit-learn, and halves of it are their logits.
    """
    if len(weights) == 1:
        weights = np.concatenate([-weights, weights]) / 2
        bias = np.concatenate([-bias, bias]) / 2
    return torch.from_numpy(weights.copy()), torch.from_numpy(bias.copy())


def strengths(name: str, values: list[float]) -> list[float]:
    """Values of one setting, the largest first.

    Raises ValueError where there is none, or one is not a number above 0.
    """
    if not values or not all(math.isfinite(value) and value > 0 for value in values):
        raise BadValue(name, values, "one or more numbers above 0")
    return sorted(values, reverse=True)
