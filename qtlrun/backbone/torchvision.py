"""Classification model of torchvision's by its name, up to a feature layer."""

import copy
import inspect
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse
from torchvision import models
from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

from qtlrun import disk
from qtlrun.backbone import stage
from qtlrun.backbone import weights as files
from qtlrun.backbone.picture import MEAN, STD, Preprocess
from qtlrun.error import BadValue, nearest
from qtlrun.layer import reseeded
from qtlrun.plan import facts

CLASSES = 1000  # of ImageNet


@facts(title=("{name}", " up to {layer}"))
class Torchvision(nn.Module):
    """Model of torchvision's without its classifier, or up to the layer named.

    `weights` is a public name (its own preprocessing goes with it), a file, or none: random ones,
    drawn from `seed`. `size` is the side of the picture it takes in pixels, resized by the usual
    256:224. Maps of a layer are averaged over their places, sequences of tokens over their tokens.
    `precision=bfloat16` computes in half the bytes, about twice as fast where the processor has it;
    features then keep three digits. Raises ValueError for a model, weights or layer that is not
    there.
    """

    def __init__(
        self,
        name: str,
        weights: str | None = "DEFAULT",
        layer: str | None = None,
        size: int | None = None,
        mean: list[float] | None = None,
        std: list[float] | None = None,
        seed: int = 0,
        precision: Literal["full", "bfloat16"] = "full",
    ):
        super().__init__()
        if name not in models.list_models(module=models):
            raise BadValue("name", name, nearest(name, models.list_models(module=models)))
        public = _entry(name, weights)
        file = None
        preset = public.transforms() if public else None
        if size is None:
            size = preset.crop_size[0] if public else 224
        if size < 1:
            raise BadValue("size", size, "pixels, from 1 up")
        resize = (
            preset.resize_size[0]
            if public and size == preset.crop_size[0]
            else round(size * 256 / 224)
        )
        usual = (
            (preset.mean, preset.std, preset.interpolation.value)
            if public
            else (MEAN, STD, "bilinear")
        )
        self.preprocess = Preprocess(
            size,
            resize,
            _channels("mean", mean, usual[0]),
            _channels("std", std, usual[1]),
            usual[2],
        )
        with reseeded(seed):
            whole = _model(name, size, public is not None)
        names = set(whole.state_dict())
        self.network = _cut(whole, layer)
        if weights not in (None, "none"):
            file = files.public(public) if public else weights
            if public is None:
                files.check_published(file, [entry.url for entry in models.get_model_weights(name)])
            files.fill(self.network, files.read(file), names, weights)
        self.folded = file is not None and files.folded(self.network)
        self.fingerprint = disk.file_digest(file) if file else "none"
        self.stages = stage.split(self.network)
        self.precision = precision
        self.features = self._features(size)

    def forward(
        self, pictures: Float[Tensor, "batch 3 size size"]
    ) -> Float[Tensor, "batch features"]:
        half = (
            torch.autocast(pictures.device.type, torch.bfloat16)
            if self.precision == "bfloat16" and pictures.device.type != "meta"
            else nullcontext()
        )
        with half:
            out = self.network(pictures)
        # A layer by name, or a model that in training returns its side outputs too.
        while not isinstance(out, Tensor):
            out = next(iter(out.values())) if isinstance(out, dict) else out[0]
        out = out.to(pictures.dtype)
        if out.dim() == 3:
            return out.mean(1)
        # Swin's maps have their channels last.
        if out.dim() == 4 and out.shape[1] == out.shape[2] != out.shape[3]:
            out = out.movedim(3, 1)
        return out.flatten(2).mean(2) if out.dim() == 4 else out

    def settled(self) -> nn.Module:
        """Copy for evaluation alone: a batch norm after a convolution becomes part of it."""
        if not any(isinstance(module, nn.BatchNorm2d) for module in self.network.modules()):
            return self
        weight = next(self.network.parameters())
        network = fuse(copy.deepcopy(self.network).eval(), inplace=True)
        network = network.to(weight.device, weight.dtype).to(memory_format=torch.channels_last)
        fused = copy.copy(self)
        fused._modules = {"network": network}
        return fused

    @torch.no_grad()
    def _features(self, size: int) -> int:
        parameter = next(self.network.parameters())
        try:
            return self.eval()(torch.zeros(1, 3, size, size, device=parameter.device)).shape[1]
        except RuntimeError as error:
            raise BadValue(
                "size", size, f"this model does not take pictures of {size} x {size} ({error})"
            ) from error


def _entry(name: str, weights: str | None):
    """Public weights of that name; None where a file is named or none are wanted."""
    if weights in (None, "none"):
        return None
    entries = models.get_model_weights(name)
    if weights in entries.__members__:
        return entries[weights]
    if not any(mark in weights for mark in "./\\"):
        raise BadValue(
            "weights",
            weights,
            f"{name} has no such public weights",
            nearest(weights, [*entries.__members__, "none", "FILE"]),
        )
    return None


def _model(name: str, size: int, public: bool) -> nn.Module:
    """Build the model with random weights, for pictures of this side where it is built for one.

    Some public weights were made for channels of another normalisation; their models transform the
    input themselves.
    """
    builder = models.get_model_builder(name)
    takes = inspect.signature(inspect.signature(builder).return_annotation.__init__).parameters
    options = {
        "init_weights": True,
        "transform_input": public,
        "image_size": size,
        "input_size": (size, size),
    }
    try:
        return builder(
            weights=None, **{key: value for key, value in options.items() if key in takes}
        )
    except (AssertionError, ValueError) as error:
        raise BadValue(
            "size", size, f"{name} is not built for pictures of {size} x {size} ({error})"
        ) from error


def _cut(whole: nn.Module, layer: str | None) -> nn.Module:
    """Cut a model behind a layer, or before its classifier.

    That is the last layer with as many outputs as ImageNet has classes.
    """
    for name in [name for name, _ in whole.named_children() if name.lower().startswith("aux")]:
        # A classifier beside the way to the features, which nothing here trains.
        setattr(whole, name, None)
        whole.aux_logits = False  # type: ignore[assignment]  # a stub of tensors and modules alone
    if layer is not None:
        nodes = get_graph_node_names(whole)[1]
        if not any(node == layer or node.startswith(layer + ".") for node in nodes):
            layers = dict.fromkeys(".".join(node.split(".")[:2]) for node in nodes[1:])
            raise BadValue("layer", layer, nearest(layer, layers))
        return create_feature_extractor(whole, {layer: "features"})
    outputs = {nn.Linear: "out_features", nn.Conv2d: "out_channels"}
    name = [
        name
        for name, module in whole.named_modules()
        if getattr(module, outputs.get(type(module), ""), 0) == CLASSES
    ][-1]
    owner, _, last = name.rpartition(".")
    setattr(whole.get_submodule(owner), last, nn.Identity())
    return whole


def _channels(name: str, values: list[float] | None, default: Sequence[float]) -> tuple[float, ...]:
    if values is not None and (len(values) != 3 or (name == "std" and min(values) <= 0)):
        raise BadValue(
            name,
            values,
            f"three numbers, one for red, green and blue{', above 0' if name == 'std' else ''}",
        )
    return tuple(default if values is None else values)
