"""Multilayer perceptron, the classical rival that bends, fitted to convergence."""

import math
import warnings

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from qtlrun.error import BadValue
from qtlrun.head import scikit
from qtlrun.layer import Linear, Start


class MLP(nn.Module):
    """One hidden layer of tanh, fitted with the L2 penalty that validation chooses.

    The fit is scikit-learn's L-BFGS. `penalties` multiply half the squared weights beside the mean
    loss over the items. `width` is the number of hidden units; None takes that whose trained
    numbers come nearest to those of the dressed head of the composed circuit, of one input and one
    output per qubit. No learning rate plays a part, but the start values do: each of `seeds` is
    fitted from its own. Raises ValueError for penalties that are not positive, and for a width
    below 1.
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
            raise BadValue(
                "width",
                width,
                "one hidden unit or more, or null for as many numbers as the quantum head has",
            )
        self.penalties = scikit.strengths("penalties", penalties)
        self.seeds = start.seeds
        if width is None:
            # This head has (features + 1) n + (n + 1) classes numbers with n = width, the dressed
            # one as many with n = qubits, and its angles.
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
        """Fit every run on the training split from its seed's start; keep the best penalty's fit.

        The best has the lowest NLL on the validation split.
        """
        splits = [scikit.arrays(train), scikit.arrays(validation)]
        parameters = (self.pre.weight, self.pre.bias, self.post.weight, self.post.bias)
        for run, seed in enumerate(self.seeds):
            for parameter, values in zip(parameters, self._fit(seed, *splits), strict=True):
                parameter[run].copy_(values)

    def _fit(
        self,
        seed: int,
        train: tuple[np.ndarray, np.ndarray],
        validation: tuple[np.ndarray, np.ndarray],
    ) -> list[Tensor]:
        """Weights and biases of both layers, of the penalty with the lowest validation NLL."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPClassifier

        best = math.inf
        layers = None
        features, labels = train
        others, answers = validation
        for penalty in self.penalties:
            model = MLPClassifier(
                self.pre.weight.shape[1],
                activation="tanh",
                solver="lbfgs",
                alpha=penalty * len(labels),  # which it divides by the items
                max_iter=1000,
                random_state=seed,
            )
            with warnings.catch_warnings():
                # The weakest penalties of separable classes.
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(features, labels)
            weights, outer = (torch.from_numpy(each.T.copy()) for each in model.coefs_)
            bias = torch.from_numpy(model.intercepts_[0])
            logits = scikit.affine(outer.numpy(), model.intercepts_[1])
            hidden = (torch.from_numpy(others) @ weights.T + bias).tanh()
            nll = scikit.nll(hidden, answers, *logits)
            if nll < best:
                best = nll
                layers = [weights, bias, *logits]
        if layers is None:
            raise FloatingPointError(
                "no penalty gives a finite fit; recipe.scale=standard may help"
            )
        return layers
