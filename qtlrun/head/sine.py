"""Minus the sine of each angle between two linear layers, without a circuit."""

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from qtlrun.head import dressing
from qtlrun.head.squashing import RIGHT_ANGLE
from qtlrun.layer import Linear, Start, hold
from qtlrun.plan import facts


@facts(
    title=(
        "sine",
        ("pre", "frozen", ", first layer frozen"),
        ("post", "frozen", ", last layer frozen"),
    )
)
class Sine(nn.Module):
    """Quantum head with minus the sine of each angle in the circuit's place, without a circuit.

    It is what Hadamard and RY alone give, and what the dressed circuit gives at weights of 0 where
    its depth is a multiple of the number of layers after which its CNOTs are the identity.
    `pre` and `post` are trained, or frozen at their start.
    """

    reach = RIGHT_ANGLE
    forward = dressing.forward
    activations = dressing.activations
    saturated = dressing.saturated

    def __init__(
        self,
        features: int,
        classes: int,
        qubits: int,
        start: Start,
        pre: Literal["trained", "frozen"] = "trained",
        post: Literal["trained", "frozen"] = "trained",
    ):
        super().__init__()
        self.pre = Linear(start, "pre", features, qubits)
        self.post = Linear(start, "post", qubits, classes)
        hold(self.pre, pre)
        hold(self.post, post)

    def block(
        self, inputs: Float[Tensor, "runs batch inputs"]
    ) -> Float[Tensor, "runs batch inputs"]:
        """Minus the sine of each input."""
        return -inputs.sin()
