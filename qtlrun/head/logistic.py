"""The classical rival that no learning rate can spoil."""

import math
import warnings

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from qtlrun.head import scikit
from qtlrun.layer import Linear, Start


class Logistic(nn.Module):
    """One linear layer, fitted to convergence by scikit-learn's L-BFGS with an L2 penalty that
    validation chooses.

    `penalties` multiply half the squared weights beside the mean loss over the items. Neither seed
    nor learning rate plays a part. Raises ValueError for penalties that are not positive.
    """

    def __init__(self, features: int, classes: int, start: Start, penalties: list[float]):
        super().__init__()
        self.penalties = scikit.strengths("penalties", penalties)
        self.linear = Linear(start, "post", features, classes)

    @property
    def settings(self) -> int:
        """Settings among which validation chooses."""
        return len(self.penalties)

    def forward(
        self, x: Float[Tensor, "runs batch features"]
    ) -> Float[Tensor, "runs batch classes"]:
        return self.linear(x)

    @torch.no_grad()
    def solve(
        self,
        train: tuple[Float[Tensor, "items features"], Int[Tensor, " items"]],
        validation: tuple[Float[Tensor, "others features"], Int[Tensor, " others"]],
    ) -> None:
        """Fit every run on the training split, from the strongest penalty on; keep what validation
        likes best.
        """
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        (known, labels), (seen, answers) = map(scikit.arrays, (train, validation))
        best = math.inf
        model = LogisticRegression(max_iter=1000, warm_start=True)
        for penalty in self.penalties:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", ConvergenceWarning
                )  # the weakest penalties of separable classes
                model.set_params(C=1 / (penalty * len(labels))).fit(known, labels)
            found = scikit.both(model.coef_, model.intercept_)
            nll = scikit.nll(seen, answers, *found)
            if nll < best:
                best, (weights, bias) = nll, found
        self.linear.weight.copy_(weights.expand_as(self.linear.weight))
        self.linear.bias.copy_(bias.expand_as(self.linear.bias))
