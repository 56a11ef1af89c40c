"""Networks up to named layers, and features of what layers give: pooled, joined."""

import contextlib
import difflib
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from qtlrun.error import NO_VALUE, BadValue, nearest

Layers = str | list[str] | None  # names of feature layers; None: what the network gives


class Cut(nn.Module):
    """Network that stops behind the last of several layers, each pooled to (batch, features).

    What is pooled is a layer's output at its first call, before anything is written over it. Layers
    that these do not depend on are taken away. Raises BadValue for a layer that there is not.
    """

    def __init__(self, network: nn.Module, layers: list[str], trial: Tensor):
        super().__init__()
        self.network = network
        self.layers = layers
        names = dict(network.named_modules())
        for layer in layers:
            if not layer or layer not in names:
                raise no_layer(layer, filter(None, names))
        self._take_away(trial)

    def forward(self, pictures: Tensor) -> Tensor:
        outputs: dict[str, Tensor] = {}

        def keep(layer: str):
            def pool_output(_module, _inputs, output) -> None:
                outputs.setdefault(layer, pool(output))
                if len(outputs) == len(self.layers):
                    raise _Reached

            return pool_output

        hooks = [
            self.network.get_submodule(layer).register_forward_hook(keep(layer))
            for layer in self.layers
        ]
        try:
            self.network(pictures)
        except _Reached:
            pass
        finally:
            for hook in hooks:
                hook.remove()
        for layer in self.layers:
            if layer not in outputs:
                raise BadValue("layer", layer, "no picture passes through this layer")
        return torch.cat([outputs[layer] for layer in self.layers], dim=1)

    def _take_away(self, trial: Tensor) -> None:
        """Replace the layers that a trial neither calls nor takes a weight from."""
        entered: set[nn.Module] = set()
        hooks = [
            module.register_forward_pre_hook(lambda module, _: entered.add(module))
            for module in self.network.modules()
        ]
        self.eval()
        try:
            with torch.enable_grad():
                features = self(trial)
        finally:
            for hook in hooks:
                hook.remove()
        weights = [weight for weight in self.network.parameters() if weight.requires_grad]
        slopes: Iterable = [None] * len(weights)
        if features.requires_grad:
            slopes = torch.autograd.grad(features.sum(), weights, allow_unused=True)
        pairs = zip(weights, slopes, strict=True)
        unused = {id(weight) for weight, slope in pairs if slope is None}
        _remove_unused(self.network, entered, unused)


class _Reached(Exception):
    """All feature layers have given their outputs."""


def inner(network: nn.Module) -> nn.Module:
    """Network within its cut, if it is cut so."""
    return network.network if isinstance(network, Cut) else network


def features(network: nn.Module, pictures: Tensor, precision: str = "full") -> Tensor:
    """Features (batch, features) of pictures, computed in full precision or in bfloat16."""
    half = (
        torch.autocast(pictures.device.type, torch.bfloat16)
        if precision == "bfloat16" and pictures.device.type != "meta"
        else contextlib.nullcontext()
    )
    with half:
        output = network(pictures)
    return pool(output).to(pictures.dtype)


@torch.no_grad()
def count_features(backbone: nn.Module, size: int, colours: int = 3) -> int:
    """Count of the features of a picture of this side, in pixels, in evaluation mode."""
    weight = next(backbone.parameters(), torch.zeros(0))
    with about_size(size):
        return backbone.eval()(torch.zeros(1, colours, size, size, device=weight.device)).shape[1]


@contextlib.contextmanager
def about_size(size: int) -> Iterator[None]:
    """Let what a network raises within on pictures of this side be a refusal of `size`."""
    try:
        yield
    except NotImplementedError:  # of a network on tensors without memory, which is built again
        raise
    except RuntimeError as error:
        raise BadValue(
            "size", size, f"this model does not take pictures of {size} x {size} ({error})"
        ) from error


def pool(output: object) -> Tensor:
    """Pool what a layer gives to (batch, features).

    Maps are averaged over their places, sequences of tokens over their tokens. Of several outputs,
    as of a model that in training returns its side outputs too, the first counts.
    """
    while isinstance(output, (dict, tuple, list)) and len(output):
        output = next(iter(output.values())) if isinstance(output, dict) else output[0]
    if not isinstance(output, Tensor) or output.dim() < 2 or output.is_complex():
        raise BadValue(
            "layer",
            NO_VALUE,
            f"it gives {_kind(output)}, and (batch, features), maps or tokens are needed",
            "name another one",
        )
    if output.dim() == 3:
        return output.mean(1)
    # Swin's maps have their channels last.
    if output.dim() == 4 and output.shape[1] == output.shape[2] != output.shape[3]:
        output = output.movedim(3, 1)
    return output.flatten(2).mean(2) if output.dim() > 3 else output


def _kind(output: object) -> str:
    """Kind of an output that has no features, in words."""
    if not isinstance(output, Tensor):
        return f"an object of type {type(output).__name__}"
    return "complex numbers" if output.is_complex() else f"a tensor of {output.dim()} axes"


def layer_names(layer: Layers) -> list[str]:
    """Names of feature layers as a list, empty for what the network gives."""
    if layer is None:
        return []
    if isinstance(layer, str):
        return [layer]
    if not layer or len(set(layer)) < len(layer):
        raise BadValue("layer", layer, "one layer or more, each once; null is the last one")
    return layer


def no_layer(layer: str, names: Iterable[str]) -> BadValue:
    """Refusal of a layer that there is not, with the outer layers and the nearest of all."""
    names = list(names)
    outer = [".".join(name.split(".")[:2]) for name in names]
    near = difflib.get_close_matches(layer, names, n=1, cutoff=0.5)
    return BadValue("layer", layer, nearest(layer, dict.fromkeys([*outer, *near])))


def _remove_unused(module: nn.Module, entered: set[nn.Module], unused: set[int]) -> None:
    """Put nothing in the place of layers that were not entered and whose weights are unused.

    `unused` are their identities.
    """
    for name, child in module.named_children():
        weights = set(map(id, child.parameters()))
        if weights and weights <= unused and entered.isdisjoint(child.modules()):
            setattr(module, name, nn.Identity())
        else:
            _remove_unused(child, entered, unused)
