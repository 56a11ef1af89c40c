"""The classical rival that no learning rate can spoil."""
import math
import warnings

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from qtlrun.layer import Linear, Start


class Logistic(nn.Module):
    """One linear layer, fitted to convergence by scikit-learn's L-BFGS with an L2 penalty that validation chooses.

    `penalties` multiply half the squared weights beside the mean loss over the items. Neither seed nor learning rate
    plays a part. Raises ValueError for penalties that are not positive.
    """

    def __init__(self, features: int, classes: int, start: Start, penalties: list[float]):
        super().__init__()
        if not penalties or not all(math.isfinite(one) and one > 0 for one in penalties):
            raise ValueError(f"penalties={penalties}: one or more numbers above 0.")
        self.penalties = sorted(penalties, reverse=True)
        self.linear = Linear(start, "post", features, classes)

    def forward(self, x: Float[Tensor, "runs batch features"]) -> Float[Tensor, "runs batch classes"]:
        return self.linear(x)

    @torch.no_grad()
    def solve(self, train: tuple[Float[Tensor, "items features"], Int[Tensor, "items"]],
              validation: tuple[Float[Tensor, "others features"], Int[Tensor, "others"]]) -> None:
        """Fit every run on the training split, from the strongest penalty to the weakest; keep what validation likes best."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
        known, labels = (one.cpu().double().numpy() for one in train)
        seen, answers = (one.cpu().double().numpy() for one in validation)
        best, model = math.inf, LogisticRegression(max_iter=1000, warm_start=True)
        for penalty in self.penalties:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # the weakest penalties of separable classes
                model.set_params(C=1 / (penalty * len(labels))).fit(known, labels)
            nll = -model.predict_log_proba(seen)[np.arange(len(answers)), answers.astype(int)].mean()
            if nll < best:
                best, weights, bias = nll, model.coef_.copy(), model.intercept_.copy()
        if len(weights) == 1:  # two classes share one line; halves of it are their logits
            weights, bias = np.stack([-weights[0], weights[0]]) / 2, np.array([-bias[0], bias[0]]) / 2
        self.linear.weight.copy_(torch.from_numpy(weights).expand_as(self.linear.weight))
        self.linear.bias.copy_(torch.from_numpy(bias).expand_as(self.linear.bias))
