"""Model of timm's by its name, up to feature layers."""

import math
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from qtlrun import disk
from qtlrun.backbone import cut, stage
from qtlrun.backbone import weights as files
from qtlrun.backbone.picture import Preprocess, channels
from qtlrun.error import BadValue, UsageError, nearest
from qtlrun.layer import reseeded
from qtlrun.plan import facts


@facts(title=("{name}", " up to {layer}"))
class Timm(nn.Module):
    """Model of timm's without its classifier, or up to the layers named.

    `name` may have the tag of weights, as resnet18.a1_in1k. `weights` is DEFAULT (those of the tag,
    from timm's hub on the first use), a file, or none: random ones, drawn from `seed`. Size, mean,
    deviation, interpolation and crop are those of the name's pretrained_cfg; pictures are cropped
    at their centre, also where timm would squash them. `precision` as of torchvision's models.
    Raises ValueError for a model, weights or layer that is not there.
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
        timm = _timm()
        if not timm.is_model(name):
            raise BadValue("name", name, nearest(name.partition(".")[0], timm.list_models()))
        if size is not None and size < 1:
            raise BadValue("size", size, "pixels, from 1 up")
        layers = cut.layer_names(layer)
        with reseeded(seed):
            whole = _create(name, weights == "DEFAULT", size)
        names = set(whole.state_dict())
        whole.reset_classifier(0)
        config = timm.data.resolve_model_data_config(whole)
        size = size or config["input_size"][-1]
        self.preprocess = Preprocess(
            size,
            math.floor(size / config["crop_pct"]),
            channels("mean", mean, config["mean"]),
            channels("std", std, config["std"]),
            config["interpolation"],
        )
        self.network = whole
        if layers:
            trial = torch.zeros(1, 3, size, size, device=next(whole.parameters()).device)
            with cut.about_size(size):
                self.network = cut.Cut(whole, layers, trial)
        network = cut.inner(self.network)
        if weights not in (None, "none", "DEFAULT"):
            files.fill(network, files.read(weights), names, weights)
        self.folded = weights not in (None, "none") and files.folded(network)
        self.fingerprint = _fingerprint(network, weights)
        self.stages = stage.split(network)
        self.precision = precision
        self.features = cut.count_features(self, size)

    def forward(
        self, pictures: Float[Tensor, "batch 3 size size"]
    ) -> Float[Tensor, "batch features"]:
        return cut.features(self.network, pictures, self.precision)


def _timm():
    """Library, or a refusal that says how to install it."""
    try:
        import timm
        import timm.data
    except ImportError as error:
        raise UsageError(
            f"timm is not installed ({error})", "pip install 'qtlrun[timm]' brings it"
        ) from error
    return timm


def _create(name: str, public: bool, size: int | None) -> Any:
    """Build the whole model, with its public weights or random ones."""
    timm = _timm()
    arch, _, tag = name.partition(".")
    tags = timm.list_pretrained(f"{arch}.*")
    if tag and name not in tags:
        raise BadValue("name", name, "this model has no weights of that tag", nearest(name, tags))
    config = timm.get_pretrained_cfg(name)
    if public and not (config.url or config.hf_hub_id or config.file):
        raise BadValue("weights", "DEFAULT", f"{name} has no public weights", "use none or FILE")
    # Others take pictures of any size.
    options = {"img_size": size} if size and config.fixed_input_size else {}
    try:
        return timm.create_model(name, pretrained=public, **options)
    except (AssertionError, TypeError) as error:
        raise BadValue("size", size, f"{name} is not built for such pictures ({error})") from error
    except OSError as error:
        raise BadValue(
            "weights",
            "DEFAULT",
            f"they could not be had from timm's hub ({' '.join(str(error).split())[:120]})",
            f"give a file of them, of {config.hf_hub_id or config.url}, with backbone.weights=FILE",
            missing=True,
        ) from error


def _fingerprint(network: nn.Module, weights: str | None) -> str:
    """Hash of a file of weights, or of weights from the hub; `none` of random ones."""
    if weights in (None, "none"):
        return "none"
    return files.digest(network) if weights == "DEFAULT" else disk.file_digest(weights)
