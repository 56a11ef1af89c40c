"""A backbone and a head as one model."""

from collections.abc import Callable
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

# A backbone or head: an nn.Module with what its group's contract names, which torch's type lacks
Module = Any


class Network(nn.Module):
    """Backbone, fixed scaling of the features, and head, as a model of one run."""

    backbone: Module

    def __init__(
        self,
        backbone: nn.Module,
        head: nn.Module,
        scale: Callable[[Tensor], Tensor] = lambda features: features.unsqueeze(0),
    ):
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.scale = scale

    def forward(self, items: Float[Tensor, "batch ..."]) -> Float[Tensor, "1 batch classes"]:
        return self.head(self.features(items))

    def features(self, items: Float[Tensor, "batch ..."]) -> Float[Tensor, "1 batch features"]:
        """Features that the head sees."""
        return self.scale(self.backbone(items))


def has_inner_circuit(head: Module) -> bool:
    """Whether a head runs a circuit between two layers, from which it can be taken apart."""
    return all(part is not None for part in (head.encode, head.run, head.decode))


def circuit_weights(head: Module) -> Tensor:
    """Weights of each circuit that a head runs."""
    return head.angles if head.circuit_weights is None else head.circuit_weights
