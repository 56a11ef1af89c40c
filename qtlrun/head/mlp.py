"""The classical rival that bends: one hidden layer, fitted to convergence."""

import math
import warnings

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from qtlrun.head import scikit
from qtlrun.layer import Linear, Start


class MLP(nn.Module):
    """One hidden layer of tanh, fitted by scikit-learn's L-BFGS with an L2 penalty that validation
    chooses.

    `penalties` multiply half the squared weights beside the mean loss over the items. `width` is
    the number of hidden units; None takes that whose trained numbers come nearest to those of the
    dressed head of the composed circuit, of one input and one output a qubit. No learning rate
    plays a part, but the start values do: each of `seeds` is fitted from its own. Raises ValueError
    for penalties that are not positive, and for a width below 1.
    """

    def __init__(
        self,
        features: int,
        classes: int,
        qubits: int,
        circuit_angles: int,
        start: Start,
        penalties: list[float],
        width: int | None = None,
    ):
        super().__init__()
        if width is not None and width < 1:
            raise ValueError(
                f"width={width}: one hidden unit or more, or null for as many numbers as the"
                " quantum head has."
            )
        self.penalties = scikit.strengths("penalties", penalties)
        self.seeds = start.seeds
        if (
            width is None
            # (features + 1) n + (n + 1) classes numbers, n = width; n = qubits, and the angles
        ):
            width = qubits + round(circuit_angles / (features + 1 + classes))
        self.pre = Linear(start, "pre", features, width)
        self.post = Linear(start, "post", width, classes)

    @property
    def settings(self) -> int:
        """Settings among which validation chooses."""
        return len(self.penalties)

    def forward(
        self, x: Float[Tensor, "runs batch features"]
    ) -> Float[Tensor, "runs batch classes"]:
        return self.post(self.pre(x).tanh())

    @torch.no_grad()
    def solve(
        self,
        train: tuple[Float[Tensor, "items features"], Int[Tensor, " items"]],
        validation: tuple[Float[Tensor, "others features"], Int[Tensor, " others"]],
    ) -> None:
        """Fit every run on the training split from its seed's start, once a penalty; keep what
        validation likes.
        """
        splits = [scikit.arrays(train), scikit.arrays(validation)]
        for run, seed in enumerate(self.seeds):
            found = self._best(seed, *splits)
            for value, one in zip(
                (self.pre.weight, self.pre.bias, self.post.weight, self.post.bias),
                found,
                strict=True,
            ):
                value[run].copy_(one)

    def _best(
        self,
        seed: int,
        train: tuple[np.ndarray, np.ndarray],
        validation: tuple[np.ndarray, np.ndarray],
    ) -> list[Tensor]:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPClassifier

        best = math.inf
        kept = None
        for penalty in self.penalties:
            model = MLPClassifier(
                self.pre.weight.shape[1],
                activation="tanh",
                solver="lbfgs",
                alpha=penalty * len(train[1]),
                max_iter=1000,
                random_state=seed,
            )  # it divides alpha by the items
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", ConvergenceWarning
                )  # the weakest penalties of separable classes
                model.fit(*train)
            weights, outer = (torch.from_numpy(one.T.copy()) for one in model.coefs_)
            bias = torch.from_numpy(model.intercepts_[0])
            output = scikit.both(outer.numpy(), model.intercepts_[1])
            nll = scikit.nll(
                (torch.from_numpy(validation[0]) @ weights.T + bias).tanh(), validation[1], *output
            )
            if nll < best:
                best = nll
                kept = [weights, bias, *output]
        if kept is None:
            raise FloatingPointError(
                "no penalty gives a finite fit; recipe.scale=standard may help"
            )
        return kept
