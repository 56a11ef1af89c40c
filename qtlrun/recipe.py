"""Training recipe of a row."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from qtlrun.error import BadValue, check_finite
from qtlrun.plan import facts

if TYPE_CHECKING:
    from torch import Tensor

CRITERIA = ("nll", "accuracy", "last")  # by which the best epoch is selected
# Values in which recipes of runs that are trained together may differ.
OWN = ("lr", "backbone_lr", "weight_decay", "scale", "select")
MAX_STEP = 1.0  # of a linear layer's value that scale=auto leaves unscaled; tanh is .76 there
# Share of its best by which a loss must fall to count as lower, as in torch's ReduceLROnPlateau.
MIN_GAIN = 1e-4


@facts(
    defects={"schedule_step": "start", "reduction": "sum"},
    idle={"schedule_step": {"schedule": ("none", "plateau")}},
)
@dataclass(frozen=True)
class Recipe:
    """Training recipe of a row; its values are named as torch names them.

    `schedule=step` multiplies the rates by `gamma` every `step_size` epochs, cosine lets them fall
    to 0, plateau multiplies them by `gamma` once the mean training loss of more than `patience`
    epochs in a row has been no lower than the best before (torch's ReduceLROnPlateau, without its
    least change of a rate). The epoch kept is the best on validation by `select`.
    `schedule_step=start` steps the schedule before the first epoch, one epoch early, as published
    code does; a plateau, which waits for a loss, is the same either way. `scale=standard`
    standardises the features by statistics of the training split, `auto` does so where a head's
    first layer would otherwise step too far (`scaling`). `optimizer=pennylane_adam` is that of
    PennyLane 0.7; `reduction=sum` sums the loss over a batch, which ties the rate to its size, as
    published code does. `class_weights=balanced` weighs the loss of each item by n / (K n_k): n
    training items of K classes, n_k of its own, as scikit-learn does. Their mean is 1, and
    validation stays unweighted.

    `sequential` is the share of the epochs, the first ones, in which a classical block stands in a
    circuit's place; then the layer before it is frozen, and circuit and last layer are trained from
    their own start. Each part has its own schedule and optimizer, the epoch kept is of the second.
    It changes nothing for a head without a circuit. Source: Altmann et al., arXiv:2301.02601, where
    the circuit's outputs are the classes; here a linear layer stays behind it and is trained too.
    """

    epochs: int
    batch_size: int
    lr: float
    backbone_lr: float
    optimizer: Literal["adam", "adamw", "sgd", "pennylane_adam"] = "adam"
    momentum: float = 0.0
    eps: float = 1e-8
    weight_decay: float = 0.0
    schedule: Literal["none", "step", "cosine", "plateau"] = "none"
    step_size: int = 10
    gamma: float = 0.1
    patience: int = 10
    schedule_step: Literal["end", "start"] = "end"
    augment: bool = False
    scale: Literal["auto", "none", "standard"] = "none"
    label_smoothing: float = 0.0
    reduction: Literal["mean", "sum"] = "mean"
    class_weights: Literal["balanced"] | None = None
    select: Literal["nll", "accuracy", "last"] = "nll"
    sequential: float = 0.0

    def __post_init__(self):
        for name in ("epochs", "batch_size", "step_size"):
            if getattr(self, name) < 1:
                raise BadValue(name, getattr(self, name), "a whole number from 1 up is needed here")
        for name in ("lr", "backbone_lr", "eps", "weight_decay", "gamma"):
            check_finite(**{name: getattr(self, name)})
        if not self.eps:
            raise BadValue(
                "eps", 0, "a weight whose gradient is 0 would be divided by 0", "torch's is 1e-8"
            )
        if self.patience < 0:
            raise BadValue("patience", self.patience, "a number of epochs from 0 up")
        if self.schedule == "plateau" and self.gamma >= 1:
            raise BadValue(
                "gamma",
                self.gamma,
                "a plateau lowers the rates, so that a factor below 1 is needed here",
            )
        for name in ("label_smoothing", "momentum", "sequential"):
            if not 0 <= getattr(self, name) < 1:
                raise BadValue(name, getattr(self, name), "from 0 up, below 1")

    @property
    def twin_epochs(self) -> int:
        """Epochs of a twin; one or more where there is one, and one less than all at most."""
        if not self.sequential:
            return 0
        return min(max(1, round(self.sequential * self.epochs)), self.epochs - 1)

    def scaling(self, features: "Tensor") -> Literal["none", "standard"]:
        """Scaling of features (items, features) that `scale` asks for.

        `auto` standardises them where one step may move a value of a linear layer by more than 1:
        what squashes that value would be saturated within a few steps, and its gradient gone. Such
        a step is lr times the sum of the absolute features under Adam, whose steps are lr a weight,
        and lr times the sum of their squares under sgd.
        """
        if self.scale != "auto":
            return self.scale
        sizes = features.square() if self.optimizer == "sgd" else features.abs()
        step = self.lr * sizes.double().sum(1).mean().item()
        return "standard" if step > MAX_STEP else "none"

    def item_weights(self, labels: "Tensor") -> "Tensor | None":
        """Weight of each item's loss, of labels (runs, items) or (items); None without weights."""
        if self.class_weights is None:
            return None
        import torch

        weights = []
        for each in labels.reshape(-1, labels.shape[-1]).cpu():
            counts = each.bincount()
            weights.append((len(each) / (counts > 0).sum() / counts)[each])
        return torch.stack(weights)

    def rate(self, epoch: int, losses: Sequence[float] = ()) -> float:
        """Factor of the learning rates in an epoch, counted from 0, after those mean losses."""
        steps = epoch + (self.schedule_step == "start")
        if self.schedule == "step":
            return self.gamma ** (steps // self.step_size)
        if self.schedule == "plateau":
            return self.gamma ** self._plateaus(losses)
        if self.schedule == "cosine":
            return (1 + math.cos(math.pi * min(1, steps / self.epochs))) / 2
        return 1.0

    def _plateaus(self, losses: Sequence[float]) -> int:
        """Count of plateaus: more than `patience` epochs in a row without a gain.

        An epoch whose loss is nan is no gain.
        """
        best = math.inf
        waited = 0
        count = 0
        for loss in losses:
            if loss < best * (1 - MIN_GAIN):
                best = loss
                waited = 0
            else:
                waited += 1
            if waited > self.patience:
                waited = 0
                count += 1
        return count
