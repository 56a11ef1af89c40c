"""No backbone: the numbers themselves are the features."""

from jaxtyping import Float
from torch import Tensor, nn

from qtlrun.backbone.stage import Stage
from qtlrun.error import BadValue, UsageError
from qtlrun.plan import facts


@facts(title=())
class Identity(nn.Module):
    """Passes a vector on as it is, and a picture as its pixels in a row, in [0, 1].

    `features` is the count of these numbers; None leaves it to the dataset, whose items have
    `numbers`.
    """

    takes = ("vectors", "pictures")

    def __init__(self, features: int | None = None, numbers: int | None = None):
        super().__init__()
        features = numbers if features is None else features
        if features is None:
            raise UsageError(
                "its pictures differ in size, and their pixels in a row take equal ones",
                "use backbone=small or efficientnet_lite0",
                key="dataset",
            )
        if features < 1:
            raise BadValue("features", features, "numbers an item has, from 1 up")
        self.features = features
        self.stages: list[Stage] = []
        self.folded = False
        self.fingerprint = "none"

    def preprocess(self, item: Tensor, generator=None) -> Tensor:
        """Return a vector as it is, a picture (channels, height, width) as pixels in [0, 1].

        Nothing is augmented.
        """
        return item if item.is_floating_point() else item.flatten(-3) / 255

    def forward(self, items: Float[Tensor, "batch features"]) -> Float[Tensor, "batch features"]:
        if items.shape[1] != self.features:
            raise UsageError(
                f"the dataset's items have {items.shape[1]} numbers",
                key="backbone.features",
                value=self.features,
            )
        return items
