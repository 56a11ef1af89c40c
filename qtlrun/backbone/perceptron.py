"""Multilayer perceptron without its last layer, which is the head."""

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from qtlrun.backbone import dense, stage
from qtlrun.error import BadValue, UsageError
from qtlrun.layer import reseeded
from qtlrun.plan import facts


@facts(defects={"activation": "none"})
class Perceptron(nn.Module):
    """Linear layers of `widths`, the activation after each, on vectors or pixels in a row.

    `weights` is a file, or none: random ones as torch's own layers have them, drawn from `seed`.
    `numbers` is the count of those of an item. Raises ValueError for widths that cannot be
    and a file that does not fit.
    """

    takes = ("vectors", "pictures")
    folded = False

    def __init__(
        self,
        widths: list[int],
        activation: Literal["none", "relu", "tanh"],
        seed: int = 0,
        weights: str | None = None,
        numbers: int | None = None,
    ):
        super().__init__()
        if not widths:
            raise BadValue(
                "widths", "[]", "give the width of one layer or more", "backbone=identity has none"
            )
        dense.check("widths", widths)
        if numbers is None:
            raise UsageError(
                "its pictures differ in size, and a perceptron takes equal ones",
                "use backbone=convolution",
                key="dataset",
            )
        dense.fits("widths", widths, dense.sizes(numbers, widths))
        with reseeded(seed):
            self.layers = dense.hidden(self, numbers, widths)
        self.activation = activation
        self.features = widths[-1]
        self.fingerprint = dense.load(self, weights)
        self.stages = stage.split(self)

    def preprocess(self, item: Tensor, generator=None) -> Tensor:
        """Return a vector as it is, a picture (channels, height, width) as pixels in [0, 1].

        Nothing is augmented.
        """
        return item if item.is_floating_point() else item.flatten(-3) / 255

    def forward(self, items: Float[Tensor, "batch numbers"]) -> Float[Tensor, "batch features"]:
        return dense.through(self.layers, self.activation, items)
