"""Support vector machine, the classical rival with a kernel."""

import math
import warnings
from collections.abc import Iterator
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from qtlrun.head import scikit
from qtlrun.layer import Linear, Start, affine

TOLERANCE = 1e-5  # of the conditions of the optimum


class SVM(nn.Module):
    """Support vector machine with a Gaussian kernel; validation chooses gamma and cost (C).

    The fit is scikit-learn's. `gammas` multiply 1 / (features times the variance of the training
    features), scikit-learn's "scale"; each is tried with each of `costs`, but for costs above one
    that no vector reaches: their solution is the same. Logits are a multinomial logistic regression
    on the decision values of each pair of classes (of two classes Platt's sigmoid), fitted on the
    validation split with an L2 penalty of half the squared weights beside the summed loss; one item
    of each class at a decision value of 0 stands beside them, so that a class that validation lacks
    has a finite logit. Validation so chooses both by items that the logits were fitted on. Neither
    seed nor learning rate plays a part. Raises ValueError for gammas and costs that are not
    positive.
    """

    vectors: Tensor
    owners: Tensor  # the class of each vector
    gamma: Tensor

    def __init__(
        self, features: int, classes: int, start: Start, gammas: list[float], costs: list[float]
    ):
        super().__init__()
        self.gammas = scikit.strengths("gammas", gammas)
        self.costs = scikit.strengths("costs", costs)[::-1]
        self.pairs = list(combinations(range(classes), 2))
        self.register_buffer(
            "vectors", torch.zeros(len(start.seeds), 0, features, dtype=start.dtype)
        )
        self.register_buffer("owners", torch.zeros(len(start.seeds), 0, dtype=torch.int64))
        self.register_buffer("gamma", torch.ones(len(start.seeds), dtype=start.dtype))
        self.duals = nn.Parameter(torch.zeros(len(start.seeds), classes - 1, 0, dtype=start.dtype))
        self.offsets = nn.Parameter(
            torch.zeros(len(start.seeds), len(self.pairs), dtype=start.dtype)
        )
        self.post = Linear(start, "post", len(self.pairs), classes)
        self.register_load_state_dict_pre_hook(_resize)

    @property
    def settings(self) -> int:
        """Settings among which validation chooses."""
        return len(self.gammas) * len(self.costs)

    def forward(
        self, x: Float[Tensor, "runs batch features"]
    ) -> Float[Tensor, "runs batch classes"]:
        return self.post(self.decisions(x))

    def decisions(
        self, x: Float[Tensor, "runs batch features"]
    ) -> Float[Tensor, "runs batch pairs"]:
        """Decision value of each pair of classes, as scikit-learn has them for "ovo"."""
        # Near the middle the squares are small, and so is their rounding.
        middle = self.vectors.mean(1, keepdim=True)
        x = x - middle
        vectors = self.vectors - middle
        squares = x.square().sum(-1, keepdim=True)
        distance = affine(x, -2 * vectors, vectors.square().sum(-1)) + squares
        kernel = (-self.gamma.view(-1, 1, 1) * distance.clamp_min(0)).exp()
        return affine(kernel, _coefficients(self.duals, self.owners, self.pairs), self.offsets)

    @torch.no_grad()
    def solve(
        self,
        train: tuple[Float[Tensor, "items features"], Int[Tensor, " items"]],
        validation: tuple[Float[Tensor, "others features"], Int[Tensor, " others"]],
    ) -> None:
        """Fit the training split once per gamma and cost; keep the lowest NLL.

        The NLL is that of the validation split. All runs have the same fit.
        """
        features, labels = scikit.arrays(train)
        others, answers = scikit.arrays(validation)
        variance = features.var()
        middle = features.mean(0)
        scale = 1 / (features.shape[1] * variance) if variance else 1.0
        # Once for all gammas.
        squares = _squares(features - middle, features - middle)
        other_squares = _squares(others - middle, features - middle)
        best = math.inf
        solution = None
        for gamma in (scale * multiple for multiple in self.gammas):
            other_kernel = np.exp(-gamma * other_squares)
            for model in _models(np.exp(-gamma * squares), labels, self.costs):
                duals = torch.from_numpy(model.dual_coef_)
                owners = torch.from_numpy(labels[model.support_])
                rows = _coefficients(duals[None], owners[None], self.pairs)[0].numpy()
                values = other_kernel[:, model.support_] @ rows.T + model.intercept_
                weight, bias = _calibrate(values, answers, len(self.post.bias[0]))
                nll = scikit.nll(values, answers, weight, bias)
                if nll < best:
                    best = nll
                    solution = {
                        "vectors": torch.from_numpy(features[model.support_]),
                        "owners": owners,
                        "gamma": torch.tensor(gamma),
                        "duals": duals,
                        "offsets": torch.from_numpy(model.intercept_),
                        "post.weight": weight,
                        "post.bias": bias,
                    }
        if solution is None:
            raise FloatingPointError(
                "no gamma and cost give a finite fit; recipe.scale=standard may help"
            )
        runs = len(self.gamma)
        self.load_state_dict(
            {name: value.expand(runs, *value.shape) for name, value in solution.items()}
        )


def _resize(head: SVM, state: dict[str, Tensor], prefix: str, *_) -> None:
    """Make room for as many support vectors as a state has; the data decides how many they are."""
    count = state[prefix + "vectors"].shape[1]
    runs = len(head.vectors)
    head.vectors = head.vectors.new_zeros(runs, count, head.vectors.shape[2])
    head.owners = head.owners.new_zeros(runs, count)
    head.duals = nn.Parameter(head.duals.new_zeros(runs, head.duals.shape[1], count))


def _coefficients(
    duals: Float[Tensor, "runs others vectors"],
    owners: Int[Tensor, "runs vectors"],
    pairs: list[tuple[int, int]],
) -> Float[Tensor, "runs pairs vectors"]:
    """Weights of each vector in each pair's decision value; duals in the other classes' order."""
    first, second = (
        torch.tensor(each, device=owners.device).view(-1, 1) for each in zip(*pairs, strict=True)
    )
    owners = owners.unsqueeze(1)
    of_first = duals[:, second.flatten() - 1] * (owners == first)
    return of_first + duals[:, first.flatten()] * (owners == second)


def _models(kernel: np.ndarray, labels: np.ndarray, costs: list[float]) -> Iterator:
    """Machines of each cost, from the least to the first at which no dual is at its bound."""
    from sklearn.svm import SVC

    for cost in costs:
        model = SVC(C=cost, kernel="precomputed", tol=TOLERANCE).fit(kernel, labels)
        yield model
        if abs(model.dual_coef_).max() < cost:
            break


def _squares(items: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Squared distances, (items, others), in one array of that size."""
    values = items @ others.T
    values *= -2
    values += np.square(items).sum(1)[:, None]
    values += np.square(others).sum(1)
    return np.maximum(values, 0, out=values)


def _calibrate(values: np.ndarray, labels: np.ndarray, classes: int) -> tuple[Tensor, Tensor]:
    """Fit logits on decision values; one item of each class at 0 stands beside them."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    values = np.concatenate([values, np.zeros((classes, values.shape[1]))])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # decision values that hardly differ
        model = LogisticRegression(max_iter=1000).fit(
            values, np.concatenate([labels, np.arange(classes)])
        )
    return scikit.affine(model.coef_, model.intercept_)
