"""Logistic regression, the classical rival that no learning rate can spoil."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from qtlrun.head import scikit
from qtlrun.layer import Linear, Start


class Logistic(nn.Module):
    """One linear layer fitted to convergence, with the L2 penalty that validation chooses.

    The fit is scikit-learn's L-BFGS. `penalties` multiply half the squared weights beside the mean
    loss over the items. Neither seed nor learning rate plays a part. Raises ValueError for
    penalties that are not positive.
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
        """Fit the training split once per penalty, from the strongest on; keep the lowest NLL.

        The NLL is that of the validation split. All runs have the same fit.
        """
        weights, bias = scikit.logistic(train, validation, self.penalties)
        self.linear.weight.copy_(weights.expand_as(self.linear.weight))
        self.linear.bias.copy_(bias.expand_as(self.linear.bias))
