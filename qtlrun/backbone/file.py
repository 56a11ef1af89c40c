"""Network of the user's own file, up to feature layers."""

import inspect

import torch
from jaxtyping import Float
from torch import Tensor, nn

from qtlrun import disk
from qtlrun.backbone import cut, stage
from qtlrun.backbone import weights as files
from qtlrun.backbone.picture import MEAN, STD, Preprocess, channels
from qtlrun.error import BadValue, about_values
from qtlrun.layer import reseeded
from qtlrun.plan import code, facts, plugin


@facts(title=("{path}", " up to {layer}"), code="path")
class FileNetwork(nn.Module):
    """Network that a class or function of the user's gives: an nn.Module that takes pictures.

    Its features are what it gives of a picture, or what its layers of these names give. The file
    is part of a row's key, with all that it imports. Raises ValueError with file and line for what
    fails in it.

    Arguments:
        path: FILE.py:NAME of the class or function.
        options: its arguments by name.
        weights: none (random, drawn from `seed`), code (those that the code itself loads), or a
            file.
        layer: feature layer, or several, which are joined.
        size: side of a picture in pixels; pictures are resized by the usual 256:224 and cropped.
        mean: of red, green and blue in [0, 1].
        std: of red, green and blue in [0, 1].
        seed: of random weights.
    """

    def __init__(
        self,
        path: str,
        options: dict | None = None,
        weights: str = "none",
        layer: str | list[str] | None = None,
        size: int = 224,
        mean: list[float] | None = None,
        std: list[float] | None = None,
        seed: int = 0,
    ):
        super().__init__()
        if size < 1:
            raise BadValue("size", size, "pixels, from 1 up")
        layers = cut.layer_names(layer)
        self.preprocess = Preprocess(
            size, round(size * 256 / 224), channels("mean", mean, MEAN), channels("std", std, STD)
        )
        self.path = path
        whole = _build(path, options or {}, seed)
        if weights == "none" and _is_same(whole, _build(path, options or {}, seed + 1)):
            raise BadValue(
                "weights",
                weights,
                f"{path} gives the same weights for every seed",
                "say code where it loads or fixes them itself",
            )
        self.network = whole
        self.features = cut.count_features(self, size)
        names = set(whole.state_dict())
        if layers:
            self.network = cut.Cut(whole, layers, torch.zeros(1, 3, size, size))
            self.features = cut.count_features(self, size)
        if weights not in ("none", "code"):
            files.fill(whole, files.read(weights), names, weights)
        self.folded = weights != "none" and files.folded(whole)
        self.fingerprint = _fingerprint(whole, weights)
        self.stages = stage.split(whole)

    def forward(
        self, pictures: Float[Tensor, "batch 3 size size"]
    ) -> Float[Tensor, "batch features"]:
        with plugin.blamed("", self.path):
            return cut.features(self.network, pictures)


def _build(path: str, options: dict, seed: int) -> nn.Module:
    """Build the network of a class or function with these arguments."""
    with about_values(path=path):
        make = code.load(path)
    try:
        inspect.signature(make).bind(**options)
    except TypeError as error:
        raise BadValue("options", options, f"{path}: {error}") from error
    with reseeded(seed), plugin.blamed("", path):
        network = make(**options)
    if not isinstance(network, nn.Module):
        raise BadValue(
            "path", path, f"it gives {type(network).__name__}, and a torch.nn.Module is needed"
        )
    if "_parameters" not in vars(network):
        raise BadValue("path", path, "its __init__ has to call super().__init__() first")
    return network


def _is_same(network: nn.Module, other: nn.Module) -> bool:
    """Whether two networks have weights, and the same."""
    pairs = zip(network.parameters(), other.parameters(), strict=True)
    same = [torch.equal(weight, theirs) for weight, theirs in pairs]
    return bool(same) and all(same)


def _fingerprint(network: nn.Module, weights: str) -> str:
    """Hash of a file of weights, or of those that the code loads; `none` of random ones."""
    if weights == "none":
        return "none"
    return files.digest(network) if weights == "code" else disk.file_digest(weights)
