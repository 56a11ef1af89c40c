"""Classification model of torchvision's by its name, up to a feature layer."""

import copy
import inspect
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse
from torchvision import models
from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

from qtlrun import disk
from qtlrun.backbone import cut, stage
from qtlrun.backbone import weights as files
from qtlrun.backbone.picture import MEAN, STD, Preprocess, channels
from qtlrun.error import BadValue, nearest
from qtlrun.layer import reseeded
from qtlrun.plan import facts

CLASSES = 1000  # of ImageNet


@facts(title=("{name}", " up to {layer}"))
class Torchvision(nn.Module):
    """Model of torchvision's without its classifier, or up to the layer named.

    `weights` is a public name (its own preprocessing goes with it), a file, or none: random ones,
    drawn from `seed`. `size` is the side of the picture it takes in pixels, resized by the usual
    256:224. Maps of a layer are averaged over their places, sequences of tokens over their tokens;
    of several layers the features are joined.
    `precision=bfloat16` computes in half the bytes, about twice as fast where the processor has it;
    features then keep three digits. Raises ValueError for a model, weights or layer that is not
    there.
    """

    def __init__(
        self,
        name: str,
        weights: str | None = "DEFAULT",
        layer: str | list[str] | None = None,
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
            channels("mean", mean, usual[0]),
            channels("std", std, usual[1]),
            usual[2],
        )
        with reseeded(seed):
            whole = _model(name, size, public is not None)
        names = set(whole.state_dict())
        with cut.about_size(size):
            self.network = _cut(whole, cut.layer_names(layer), size)
        if weights not in (None, "none"):
            file = files.public(public) if public else weights
            if public is None:
                files.check_published(file, [entry.url for entry in models.get_model_weights(name)])
            files.fill(cut.inner(self.network), files.read(file), names, weights)
        self.folded = file is not None and files.folded(self.network)
        self.fingerprint = disk.file_digest(file) if file else "none"
        self.stages = stage.split(cut.inner(self.network))
        self.precision = precision
        self.features = cut.count_features(self, size)

    def forward(
        self, pictures: Float[Tensor, "batch 3 size size"]
    ) -> Float[Tensor, "batch features"]:
        return cut.features(self.network, pictures, self.precision)

    def settled(self) -> nn.Module:
        """Copy for evaluation alone: a batch norm after a convolution becomes part of it."""
        norms = [module for module in self.network.modules() if isinstance(module, nn.BatchNorm2d)]
        if not norms or isinstance(self.network, cut.Cut):
            return self
        weight = next(self.network.parameters())
        network = fuse(copy.deepcopy(self.network).eval(), inplace=True)
        network = network.to(weight.device, weight.dtype).to(memory_format=torch.channels_last)
        fused = copy.copy(self)
        fused._modules = {"network": network}
        return fused


def _entry(name: str, weights: str | None):
    """Public weights of that name; None where a file is named or none are wanted."""
    if weights in (None, "none"):
        return None
    entries = models.get_model_weights(name)
    if weights in entries.__members__:
        return entries[weights]
    if not files.is_file(weights):
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


def _cut(whole: nn.Module, layers: list[str], size: int) -> nn.Module:
    """Cut a model behind one layer or several, or before its classifier.

    That is the last layer with as many outputs as ImageNet has classes.
    """
    for name in [name for name, _ in whole.named_children() if name.lower().startswith("aux")]:
        # A classifier beside the way to the features, which nothing here trains.
        setattr(whole, name, None)
        whole.aux_logits = False  # type: ignore[assignment]  # a stub of tensors and modules alone
    modules = dict(whole.named_modules())
    normed = any(isinstance(module, nn.BatchNorm2d) for module in modules.values())
    if len(layers) > 1 or (layers and layers[0] in modules and not normed):
        device = next(whole.parameters()).device
        return cut.Cut(whole, layers, torch.zeros(1, 3, size, size, device=device))
    if layers:
        # A graph of layers and operations, in which batch norms can be settled.
        (layer,) = layers
        nodes = get_graph_node_names(whole)[1]
        if not any(node == layer or node.startswith(layer + ".") for node in nodes):
            raise cut.no_layer(layer, nodes[1:])
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
