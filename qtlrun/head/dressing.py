"""Methods of heads that have a classical block between the two layers of the quantum head."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn

from qtlrun.head import squashing
from qtlrun.head.squashing import squash


@runtime_checkable
class Dressing(Protocol):
    """Head of a layer, a squashing, a block and a layer.

    reach: the largest value that the squashing gives
    """

    reach: float
    pre: nn.Module
    post: nn.Module

    def block(self, inputs: Tensor) -> Tensor: ...


def forward(
    self: Dressing, x: Float[Tensor, "runs batch features"]
) -> Float[Tensor, "runs batch classes"]:
    """Logits of features."""
    return activations(self, x)["logits"]


def activations(self: Dressing, x: Float[Tensor, "runs batch features"]) -> dict[str, Tensor]:
    """Inputs and outputs of the block, and the logits."""
    inputs = squash(self.pre(x), self.reach)
    outputs = self.block(inputs)
    return {"inputs": inputs, "outputs": outputs, "logits": self.post(outputs)}


def saturated(
    self: Dressing, x: Float[Tensor, "runs batch features"]
) -> Float[Tensor, "runs batch"]:
    """Share of each item's squashed values that are saturated."""
    return squashing.saturated(self.pre(x))
