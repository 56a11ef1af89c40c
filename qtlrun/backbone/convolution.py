"""Small convolutional network without its last layer, which is the head."""

import math
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from qtlrun.backbone import dense, stage
from qtlrun.backbone.picture import Preprocess
from qtlrun.error import BadValue
from qtlrun.layer import ACTIVATIONS, reseeded
from qtlrun.plan import facts

MAX_SIDE = 256  # pixels


@facts(defects={"activation": "none"})
class Convolution(nn.Module):
    """Convolutions, each with an activation and a pooling of 2 x 2, then linear layers.

    The activation stands after the linear layers too. Source: the target networks of Liu et al.,
    arXiv:2402.16465. Raises ValueError for sizes that cannot be and a file that does not fit.

    Arguments:
        channels: of each convolution.
        kernel: side of a convolution's window, in pixels.
        padding: zeros around a map, in pixels.
        hidden: width of each linear layer.
        activation: after each layer; with none, only the poolings, which take the largest of four,
            keep the network from being linear.
        size: side of the picture, in pixels.
        mean: of pixels in [0, 1]; one number for grey pictures, three for colour.
        std: of pixels in [0, 1], as many numbers.
        seed: of random weights.
        weights: file of weights, or none: random ones as torch's own layers have them.
    """

    folded = False

    def __init__(
        self,
        channels: list[int],
        kernel: int,
        padding: int,
        hidden: list[int],
        activation: Literal["none", "relu", "tanh"],
        size: int,
        mean: list[float],
        std: list[float],
        seed: int = 0,
        weights: str | None = None,
    ):
        super().__init__()
        _check(channels, kernel, padding)
        dense.check("hidden", hidden)
        maps = channels[-1] * _side(len(channels), kernel, padding, size) ** 2
        _check_colours(mean, std)
        taps = [kernel**2 * pair for pair in dense.sizes(len(mean), channels)]
        dense.fits("channels", channels, taps)
        dense.fits("hidden", hidden, taps + dense.sizes(maps, hidden))
        self.preprocess = Preprocess(size, size, tuple(mean), tuple(std))
        with reseeded(seed):
            self.convolutions = [
                nn.Conv2d(inputs, outputs, kernel, padding=padding)
                for inputs, outputs in zip([len(mean), *channels], channels, strict=False)
            ]
            for number, layer in enumerate(self.convolutions, 1):
                self.add_module(f"conv{number}", layer)
            self.hidden = dense.hidden(self, maps, hidden)
        self.activation = activation
        self.features = hidden[-1] if hidden else maps
        self.fingerprint = dense.load(self, weights)
        self.stages = stage.split(self)

    def forward(
        self, pictures: Float[Tensor, "batch colours size size"]
    ) -> Float[Tensor, "batch features"]:
        maps = pictures
        for layer in self.convolutions:
            maps = functional.max_pool2d(ACTIVATIONS[self.activation](layer(maps)), 2)
        return dense.through(self.hidden, self.activation, maps.flatten(1))


def _check(channels: list[int], kernel: int, padding: int) -> None:
    if not channels:
        raise BadValue(
            "channels",
            "[]",
            "give the channels of one convolution or more",
            "backbone=perceptron has none",
        )
    dense.check("channels", channels)
    if not 1 <= kernel <= MAX_SIDE:
        raise BadValue(
            "kernel", kernel, f"side of a convolution's window in pixels, from 1 to {MAX_SIDE}"
        )
    if not 0 <= padding < kernel:
        raise BadValue(
            "padding", padding, f"pixels of zeros around a map, from 0 to kernel - 1, {kernel - 1}"
        )


def _side(convolutions: int, kernel: int, padding: int, size: int) -> int:
    """Side of the last maps, in pixels.

    Raises ValueError for pictures of which nothing is left.
    """
    least = 1
    side = size
    for _ in range(convolutions):
        least = max(1, 2 * least + kernel - 1 - 2 * padding)
        side = (side + 2 * padding - kernel + 1) // 2
    if not least <= size <= MAX_SIDE:
        raise BadValue(
            "size",
            size,
            (
                f"pixels, {least} to {MAX_SIDE} for {convolutions} of these"
                " convolutions, each with its pooling"
            ),
            "larger pictures want a larger backbone, as resnet18",
        )
    return side


def _check_colours(mean: list[float], std: list[float]) -> None:
    if len(mean) not in (1, 3):
        raise BadValue("mean", mean, "one number for grey pictures, three for red, green and blue")
    if len(std) != len(mean) or not all(0 < value < math.inf for value in std):
        raise BadValue("std", std, f"as many numbers as mean has, {len(mean)}, each above 0")
