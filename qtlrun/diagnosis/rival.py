"""Logistic regression on the features of a model, which shows whether they can be learned."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import cross_entropy

from qtlrun.head import scikit

PENALTIES = [1.0, 0.1, 0.01, 0.001]  # on half the squared weights


def find_rival_nll(
    train: tuple[Float[Tensor, "items features"], Int64[Tensor, " items"]],
    validation: tuple[Float[Tensor, "others features"], Int64[Tensor, " others"]],
    classes: int,
) -> Float[Tensor, " others"] | None:
    """NLL of each validation item by a logistic regression on training items, in nats.

    Each half of the validation items is judged by the penalty that the other half chooses. None
    where the training items lack a class, or a feature is no number.
    """
    if len(train[1].unique()) < classes or not train[0].isfinite().all():
        return None
    features = validation[0].cpu().double()
    labels = validation[1].cpu()
    by_penalty = []
    for weights, bias in scikit.fit_logistic(train, PENALTIES):
        logits = features @ weights.T + bias
        by_penalty.append(cross_entropy(logits, labels, reduction="none"))
    table = torch.stack(by_penalty)  # (penalties, others)
    nll = table.new_empty(len(labels))
    halves = (slice(0, None, 2), slice(1, None, 2))
    for half, other in (halves, halves[::-1]):
        nll[half] = table[table[:, other].mean(1).argmin(), half]
    return nll
