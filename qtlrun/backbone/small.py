"""Small ResNet for pictures of 8 x 8 to 64 x 64, pre-trained by this same program."""

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from qtlrun import disk
from qtlrun.backbone import stage
from qtlrun.backbone import weights as files
from qtlrun.backbone.picture import Preprocess
from qtlrun.error import BadValue
from qtlrun.layer import reseeded
from qtlrun.plan import facts


@facts(title=("small ResNet", " up to {layer}"))
class Small(nn.Module):
    """Stem and three residual blocks, of `width`, 2 and 4 `width` channels.

    `weights` is pretrain (the weights come as `state`, from the source task), a file, or none:
    random ones, drawn from `seed`. The features are those of `layer`, averaged over their places.
    Raises ValueError where a file does not fit.
    """

    def __init__(
        self,
        weights: str | None = "pretrain",
        layer: Literal["layer1", "layer2", "layer3", None] = None,
        size: int = 8,
        width: int = 16,
        seed: int = 0,
        state: dict[str, Tensor] | None = None,
    ):
        super().__init__()
        if not 8 <= size <= 64:
            raise BadValue(
                "size",
                size,
                "pixels, 8 to 64",
                "larger pictures want a larger backbone, as resnet18",
            )
        if width < 1:
            raise BadValue("width", width, "channels of the first block, from 1 up")
        self.preprocess = Preprocess(size, size, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
        with reseeded(seed):
            self.stem = nn.Sequential(
                nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
            )
            self.layer1 = ResidualBlock(width, width)
            self.layer2 = _wider(width)
            self.layer3 = _wider(2 * width)
        names = set(self.state_dict())
        depth = int((layer or "layer3")[-1])
        self.blocks = [self.layer1, self.layer2, self.layer3][:depth]
        for name in ("layer1", "layer2", "layer3")[depth:]:
            delattr(self, name)
        if state is not None:
            self.load_state_dict(
                {name: value for name, value in state.items() if name in self.state_dict()}
            )
        elif weights not in (None, "none", "pretrain"):
            files.fill(self, files.read(weights), names, weights)
        self.fingerprint = (
            "none" if weights in (None, "none", "pretrain") else disk.file_digest(weights)
        )
        self.folded = self.fingerprint != "none" and files.folded(self)
        self.stages = stage.split(self)
        self.features = width * 2 ** (depth - 1)

    def forward(
        self, pictures: Float[Tensor, "batch 3 size size"]
    ) -> Float[Tensor, "batch features"]:
        maps = self.stem(pictures)
        for block in self.blocks:
            maps = block(maps)
        return maps.mean((2, 3))


class ResidualBlock(nn.Module):
    """Basic block of ResNet (He et al., arXiv:1512.03385), its weights named as by torchvision.

    `downsample` brings the input to the size of the output, where they differ.
    """

    def __init__(
        self, channels: int, width: int, stride: int = 1, downsample: nn.Module | None = None
    ):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = downsample

    def forward(
        self, maps: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch outputs rows columns"]:
        shortcut = maps if self.downsample is None else self.downsample(maps)
        out = self.relu(self.bn1(self.conv1(maps)))
        out = self.bn2(self.conv2(out))
        out += shortcut
        return self.relu(out)


def _wider(width: int) -> ResidualBlock:
    """Block that halves the side and doubles the channels."""
    shortcut = nn.Sequential(
        nn.Conv2d(width, 2 * width, 1, stride=2, bias=False), nn.BatchNorm2d(2 * width)
    )
    return ResidualBlock(width, 2 * width, stride=2, downsample=shortcut)
