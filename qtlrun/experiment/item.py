"""Items that a finished row was trained on: their kind and shape."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class ItemShape:
    """Kind and shape of the items that a row was trained on.

    kind: pictures, vectors or states
    shape: of one item; the sides of pictures that may differ are None
    numbers: of one item, where the backbone takes no other count
    columns: names of a vector's numbers, where the training's table had them
    """

    kind: str
    shape: tuple[int | None, ...]
    numbers: int | None
    columns: tuple[str, ...] = ()

    def takes(self, pixels: Tensor) -> bool:
        """Whether a picture has the sides of those of the training, or is resized to them."""
        if self.numbers is None:
            return True
        sides = zip(self.shape[1:], pixels.shape[1:], strict=True)
        is_alike = all(trained in (None, side) for trained, side in sides)
        return is_alike and pixels.numel() == self.numbers
