"""Between our tensors and scikit-learn's models."""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


def arrays(split: tuple[Tensor, Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Features (items, features) in float64, and labels (items,)."""
    known, labels = split
    return known.cpu().double().numpy(), labels.cpu().numpy()


def nll(inputs: np.ndarray | Tensor, labels: np.ndarray, weights: Tensor, bias: Tensor) -> float:
    """Mean negative log-likelihood, in nats, of the logits of an affine map; finite where
    probabilities are 0.
    """
    logits = torch.as_tensor(inputs) @ weights.T + bias
    return float(functional.cross_entropy(logits, torch.from_numpy(labels)))


def both(weights: np.ndarray, bias: np.ndarray) -> tuple[Tensor, Tensor]:
    """Weights (classes, inputs) and bias (classes,).

    Two classes share one line in scikit-learn, and halves of it are their logits.
    """
    if len(weights) == 1:
        weights = np.concatenate([-weights, weights]) / 2
        bias = np.concatenate([-bias, bias]) / 2
    return torch.from_numpy(weights.copy()), torch.from_numpy(bias.copy())


def strengths(name: str, given: list[float]) -> list[float]:
    """Values of one setting, each a number above 0, the largest first.

    Raises ValueError where one is not.
    """
    if not given or not all(math.isfinite(one) and one > 0 for one in given):
        raise ValueError(f"{name}={given}: one or more numbers above 0.")
    return sorted(given, reverse=True)
