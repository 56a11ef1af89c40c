"""Weights of a backbone, by a public name or from a file; never random in silence."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn

from qtlrun import disk, download
from qtlrun.error import BadValue, about_values
from qtlrun.statefile import read_state

COUNTER = "num_batches_tracked"  # of a batch norm; older files lack it


def is_file(text: str) -> bool:
    """Whether weights are named by a file, which has a point or a slash, not by a public name."""
    return any(mark in text for mark in "./\\")


def public(entry) -> Path:
    """Path of the file of a torchvision weights entry, downloaded on first use.

    Its hash is checked at every use. Raises ValueError that names the file, its hash and the folder
    where it cannot be had or is not what it should be.
    """
    name = entry.url.rpartition("/")[2]
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    path = folder / name
    begins = name.rpartition("-")[2].partition(".")[0]
    if not path.is_file():
        try:
            size = entry.meta.get("_file_size")
            download.fetch([entry.url], path, algorithm="sha256", digest=begins, megabytes=size)
        except OSError as error:
            raise BadValue(
                "weights",
                entry.name,
                f"{name} could not be downloaded ({download.reason(error)})",
                f"put {entry.url} (its SHA-256 begins with {begins}) into {folder}, or name a file"
                " with backbone.weights=FILE",
                missing=True,
            ) from error
    if not disk.file_digest(path).startswith(begins):
        raise BadValue(
            "weights",
            entry.name,
            f"{path} is not the published file, whose SHA-256 begins with {begins}",
            "remove it and it is downloaded again",
        )
    return path


def read(path: str | Path) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file or of a state dict saved by torch.

    Nothing in the file is executed.
    """
    path = Path(path)
    if not path.is_file():
        raise BadValue(
            "weights",
            path,
            "there is no such file",
            "give a file, a public name, or none for random weights",
            missing=True,
        )
    with about_values(weights=path):
        return read_state(path)


def check_published(path: str | Path, addresses: Iterable[str]) -> None:
    """Refuse a file that has the name of a published one, and is another file.

    Part of the published file's hash stands in its name.
    """
    name = Path(path).name
    begins = name.rpartition("-")[2].partition(".")[0]
    published = {address.rpartition("/")[2] for address in addresses}
    if name in published and not disk.file_digest(path).startswith(begins):
        raise BadValue(
            "weights",
            path,
            f"this is not the published {name}, whose SHA-256 begins with {begins}",
            "it is damaged, or another file under its name",
        )


def fill(network: nn.Module, state: dict[str, Tensor], names: set[str], path: object) -> None:
    """Load the weights of a network from a state dict.

    `names` are those of the whole model, whose layers above the feature layer are left aside. Names
    of the state dict may all begin with more, as `module.` or `model.`, and what begins otherwise
    is then left aside too. Raises ValueError where the file lacks a weight of the network, has one
    of another size or kind, one that is not finite, or none of this model's.
    """
    needed = network.state_dict()
    state = _strip_prefix(state, {name for name in needed if not name.endswith(COUNTER)}, path)
    missing = [name for name in needed if name not in state and not name.endswith(COUNTER)]
    strange = [name for name in state if name not in names]
    if missing or strange:
        what = f"lacks {missing[0]}" if missing else f"has {strange[0]}, which this model has not"
        listed = (
            f". Its names are {', '.join([*state][:3])}{', ...' * (len(state) > 3)}"
            if len(strange) == len(state)
            else ""
        )
        raise BadValue(
            "weights",
            path,
            f"this file {what} ({len(missing)} of {len(needed)} missing, {len(strange)} unknown)",
            "name the model it was made for, and with backbone.layer the layer that it reaches to"
            + listed,
        )
    for name, value in needed.items():
        if name in state:
            _check_tensor(name, state[name], value, path)
    network.load_state_dict({name: state.get(name, value) for name, value in needed.items()})


def _strip_prefix(state: dict[str, Tensor], needed: set[str], path: object) -> dict[str, Tensor]:
    """Tensors under the prefix that has all, or most, of the needed names; without the prefix."""
    counts: Counter[str] = Counter()
    for name in state:
        parts = name.split(".")
        counts.update(
            ".".join(parts[:at]) for at in range(len(parts)) if ".".join(parts[at:]) in needed
        )
    whole = [prefix for prefix, count in counts.items() if count == len(needed)]
    if len(whole) > 1 and "" not in whole:
        names = " and ".join(f"{prefix}." for prefix in whole)
        raise BadValue(
            "weights",
            path,
            f"this file has the model under {names}, {len(whole)} times",
            "save the one wanted alone",
        )
    prefix = max(counts, key=lambda each: (counts[each], each == ""), default="")
    if prefix == "":
        return state
    return {
        name.removeprefix(f"{prefix}."): value
        for name, value in state.items()
        if name.startswith(f"{prefix}.")
    }


def _check_tensor(name: str, value: Tensor, needed: Tensor, path: object) -> None:
    """Refuse a tensor that cannot be a weight or a statistic of the network."""
    if value.shape != needed.shape:
        raise BadValue(
            "weights",
            path,
            f"{name} is {tuple(value.shape)} in the file and {tuple(needed.shape)} in the model",
        )
    if value.layout != torch.strided:
        raise BadValue(
            "weights", path, f"{name} is a sparse tensor", "save it as a dense one, with to_dense()"
        )
    if not needed.is_floating_point():
        return
    if not value.is_floating_point():
        kinds = [str(each.dtype).removeprefix("torch.") for each in (value, needed)]
        raise BadValue(
            "weights", path, f"{name} is {kinds[0]} in the file and {kinds[1]} in the model"
        )
    lost = int((~value.to(needed.dtype).isfinite()).sum())
    if lost:
        raise BadValue(
            "weights",
            path,
            f"{lost} of the {value.numel()} numbers of {name} are not finite",
            "the file is damaged, or its training diverged",
        )
    if name.endswith("running_var") and (value < 0).any():
        raise BadValue("weights", path, f"{name} has variances below 0", "the file is damaged")


def folded(network: nn.Module) -> bool:
    """Whether every batch norm only adds its bias.

    Its scale and statistics then went into the convolution before it.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    # A new batch norm differs by eps / 2 = 5e-6.
    return bool(norms) and all(
        not norm.running_mean.any()
        and torch.allclose(norm.weight, (norm.running_var + norm.eps).sqrt(), rtol=0, atol=1e-6)
        for norm in norms
    )


def digest(network: nn.Module) -> str:
    """Hash of a network's weights and buffers with their names."""
    total = hashlib.sha256()
    for name, value in network.state_dict().items():
        if isinstance(value, Tensor):
            total.update(f"{name}\0{value.dtype}\0{tuple(value.shape)}\0".encode())
            total.update(
                value.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()
                if value.numel() and value.dim()
                else str(value.tolist()).encode()
            )
    return total.hexdigest()
