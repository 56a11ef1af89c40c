"""Preprocessing of pictures for a backbone: resized, cropped, normalised, augmented."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Generator, Tensor

from qtlrun.error import BadValue

# Of ImageNet, per channel of pictures in [0, 1].
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocess:
    """Resizes, crops and normalises pictures.

    The shorter side becomes `resize` pixels, the central `size` x `size` are cut out, and each
    channel is normalised. With a generator the crop is random instead (8 to 100 % of the area,
    sides 3:4 to 4:3) and half the pictures are mirrored, as in the transfer-learning tutorial of
    PyTorch. With three numbers in `mean`, pictures of one channel become grey ones of three; with
    one, pictures of three become grey ones of one, by the luma of ITU-R BT.601 as torchvision has
    it. `interpolation` is a value of torchvision's InterpolationMode.
    """

    size: int
    resize: int
    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = STD
    interpolation: str = "bilinear"

    def __call__(
        self,
        picture: UInt8[Tensor, "*batch channels height width"],
        generator: Generator | None = None,
    ) -> Float[Tensor, "*batch colours size size"]:
        if generator is None:
            if min(picture.shape[-2:]) != self.resize:
                picture = _transforms().resize(
                    picture, [self.resize], _mode(self.interpolation), antialias=True
                )
            if picture.shape[-2:] != (self.size, self.size):
                picture = _transforms().center_crop(picture, [self.size, self.size])
        else:
            top, left, height, width = _crop(picture.shape[-2], picture.shape[-1], generator)
            picture = _transforms().resized_crop(
                picture,
                top,
                left,
                height,
                width,
                [self.size, self.size],
                _mode(self.interpolation),
                antialias=True,
            )
            if torch.rand((), generator=generator) < 0.5:
                picture = picture.flip(-1)
        return self.normalise(self._colour(picture) / 255)

    def normalise(
        self, pixels: Float[Tensor, "*batch channels height width"]
    ) -> Float[Tensor, "*batch colours height width"]:
        """Pictures in [0, 1] as the network takes them, of any size."""
        mean, std = self._statistics(pixels)
        return (self._colour(pixels) - mean) / std

    def restore(
        self, normalised: Float[Tensor, "*batch colours height width"]
    ) -> Float[Tensor, "*batch colours height width"]:
        """Pictures in [0, 1] of what the network takes: the inverse of `normalise`."""
        mean, std = self._statistics(normalised)
        return normalised * std + mean

    def _colour(self, picture: Tensor) -> Tensor:
        """Picture of as many channels as the network takes."""
        if len(self.mean) < picture.shape[-3]:
            picture = _transforms().rgb_to_grayscale(picture)
        return picture.expand(*picture.shape[:-3], len(self.mean), -1, -1)

    def _statistics(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and deviation of each channel, of the type of these pictures."""
        mean = like.new_tensor(self.mean).view(-1, 1, 1)
        return mean, like.new_tensor(self.std).view(-1, 1, 1)


def channels(name: str, values: list[float] | None, default: Sequence[float]) -> tuple[float, ...]:
    """Numbers for red, green and blue under a key, or the default; refused where they cannot be."""
    if values is not None and (len(values) != 3 or (name == "std" and min(values) <= 0)):
        raise BadValue(
            name,
            values,
            f"three numbers, one for red, green and blue{', above 0' if name == 'std' else ''}",
        )
    return tuple(default if values is None else values)


def _transforms():
    """Functions of torchvision on pictures, loaded where a picture needs one."""
    from torchvision.transforms.v2 import functional

    return functional


def _mode(interpolation: str):
    """Member of torchvision's InterpolationMode with this value."""
    from torchvision.transforms.v2 import InterpolationMode

    return InterpolationMode(interpolation)


def _crop(height: int, width: int, generator: Generator) -> tuple[int, int, int, int]:
    """Draw a rectangle (top, left, height, width) in pixels.

    It is the whole picture where ten draws do not fit.
    """
    for _ in range(10):
        draw = torch.rand(4, generator=generator, dtype=torch.float64).tolist()
        area = height * width * (0.08 + 0.92 * draw[0])
        ratio = math.exp(math.log(3 / 4) + (math.log(4 / 3) - math.log(3 / 4)) * draw[1])
        h = round(math.sqrt(area / ratio))
        w = round(math.sqrt(area * ratio))
        if 0 < h <= height and 0 < w <= width:
            return int(draw[2] * (height - h + 1)), int(draw[3] * (width - w + 1)), h, w
    return 0, 0, height, width
