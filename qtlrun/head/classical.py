"""Classical head."""

from jaxtyping import Float
from torch import Tensor, nn

from qtlrun.layer import Linear, Start
from qtlrun.plan import facts


@facts(title=("one linear layer",), linear=True)
class Classical(nn.Module):
    """One linear layer from the features to the classes, for each run."""

    def __init__(self, features: int, classes: int, start: Start):
        super().__init__()
        self.linear = Linear(start, "post", features, classes)

    def forward(
        self, x: Float[Tensor, "runs batch features"]
    ) -> Float[Tensor, "runs batch classes"]:
        return self.linear(x)
