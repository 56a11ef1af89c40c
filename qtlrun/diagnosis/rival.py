"""Logistic regression on the features of a model, which shows whether they can be learned."""

from dataclasses import dataclass

from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from qtlrun.head import scikit

PENALTIES = [1.0, 0.1, 0.01, 0.001]  # on half the squared weights; validation chooses


@dataclass(frozen=True, eq=False)
class Rival:
    """Logistic regression on the features of a model.

    train_nll: of each training item, in nats
    validation_nll: of each validation item, in nats
    """

    train_nll: Float[Tensor, " items"]
    validation_nll: Float[Tensor, " others"]


def fit_rival(
    train: tuple[Float[Tensor, "items features"], Int64[Tensor, " items"]],
    validation: tuple[Float[Tensor, "others features"], Int64[Tensor, " others"]],
    classes: int,
) -> Rival | None:
    """Fit on training items with the penalty that validation chooses; None where a class lacks."""
    if len(train[1].unique()) < classes or not train[0].isfinite().all():
        return None
    weights, bias = scikit.logistic(train, validation, PENALTIES)
    nlls = []
    for features, labels in (train, validation):
        logits = features.cpu().double() @ weights.T + bias
        nlls.append(functional.cross_entropy(logits, labels.cpu(), reduction="none"))
    return Rival(*nlls)
