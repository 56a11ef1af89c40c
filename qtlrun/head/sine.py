"""Minus the sine of each angle between two linear layers, without a circuit."""

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from qtlrun.head.squashing import saturated, squash
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

    def forward(
        self, x: Float[Tensor, "runs batch features"]
    ) -> Float[Tensor, "runs batch classes"]:
        return self.activations(x)["logits"]

    def activations(self, x: Float[Tensor, "runs batch features"]) -> dict[str, Tensor]:
        """Inputs and outputs of the sine, and the logits."""
        inputs = squash(self.pre(x))
        outputs = -inputs.sin()
        return {"inputs": inputs, "outputs": outputs, "logits": self.post(outputs)}

    def saturated(self, x: Float[Tensor, "runs batch features"]) -> Float[Tensor, "runs batch"]:
        """Share of each item's squashed values that are saturated."""
        return saturated(self.pre(x))
