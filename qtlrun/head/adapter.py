"""Residual bottleneck before the linear layer."""

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from qtlrun.error import BadValue
from qtlrun.layer import ACTIVATIONS, Linear, Start

MAX_WIDTH = 10_000


class Adapter(nn.Module):
    """Bottleneck with a residual connection, then one linear layer, for each run.

    The linear layer takes x + up(activation(down(x))) of the features x. `down` leads to `width`
    numbers and `up` back; `up` starts at zero, and the linear layer as the
    classical head's, so that both heads start alike. Source: Houlsby et al., arXiv:1902.00751,
    section 2.1, where such blocks stand inside a network, after each of its layers, and begin near
    the identity; here one stands after the whole network.
    """

    def __init__(
        self,
        features: int,
        classes: int,
        start: Start,
        width: int,
        activation: Literal["relu", "gelu", "tanh"],
    ):
        super().__init__()
        if not 1 <= width <= MAX_WIDTH:
            raise BadValue("width", width, f"numbers in the bottleneck, from 1 to {MAX_WIDTH}")
        self.activation = activation
        self.down = Linear(start, "down", features, width)
        self.up = Linear(start, "up", width, features)
        for values in self.up.parameters():
            nn.init.zeros_(values)
        self.linear = Linear(start, "post", features, classes)

    def forward(
        self, x: Float[Tensor, "runs batch features"]
    ) -> Float[Tensor, "runs batch classes"]:
        return self.linear(x + self.up(ACTIVATIONS[self.activation](self.down(x))))
