"""Weights of a backbone: by a public name, from a file; never random in silence."""
import hashlib
import socket
import urllib.error
from pathlib import Path

import torch
from torch import Tensor, nn

from qtlrun.plan import Absent


def public(entry) -> Path:
    """The file of a weights entry of torchvision's, downloaded on first use; its hash is checked at every use.

    Raises ValueError that names the file, its hash and the folder where it cannot be had or is not what it should be.
    """
    name = entry.url.rpartition("/")[2]
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    path, begins = folder / name, name.rpartition("-")[2].partition(".")[0]
    if not path.is_file():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            before = socket.getdefaulttimeout()
            socket.setdefaulttimeout(20)
            try:
                torch.hub.download_url_to_file(entry.url, str(path), hash_prefix=begins, progress=False)
            finally:
                socket.setdefaulttimeout(before)
        except (OSError, urllib.error.URLError, RuntimeError) as error:
            raise Absent(
                f"weights={entry.name}: {name} could not be downloaded ({getattr(error, 'reason', error)}).\n"
                f"Put {entry.url} (its SHA-256 begins with {begins}) into {folder}, or name a file with "
                "backbone.weights=FILE.") from error
    if not digest(path).startswith(begins):
        raise ValueError(f"weights={entry.name}: {path} is not the published file, whose SHA-256 begins with {begins}; "
                         "remove it and it is downloaded again.")
    return path


def read(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file or of a state dict saved by torch; nothing in the file is executed."""
    path = Path(path)
    if not path.is_file():
        raise Absent(f"weights={path}: there is no such file; give a file, a public name, or none for random weights.")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
        return {name: value for name, value in state.items() if isinstance(value, Tensor)}
    except Exception as error:  # a damaged file raises a dozen kinds
        raise ValueError(f"weights={path}: no state dict could be read from this file ({type(error).__name__}).") from error


def fill(network: nn.Module, state: dict[str, Tensor], known: set[str], path: object) -> None:
    """Load what the network has from a state dict; layers above the feature layer (in `known`) are left aside.

    Raises ValueError where the file lacks a weight of the network, has one of another size, or none of this model's.
    """
    needed = network.state_dict()
    missing = [name for name in needed if name not in state and not name.endswith("num_batches_tracked")]
    strange = [name for name in state if name not in known]
    if missing or strange:
        what = f"lacks {missing[0]}" if missing else f"has {strange[0]}, which this model has not"
        raise ValueError(f"weights={path}: this file {what} ({len(missing)} of {len(needed)} missing, {len(strange)} "
                         "unknown); name the model it was made for, and with backbone.layer the layer that it reaches to.")
    for name, value in needed.items():
        if name in state and state[name].shape != value.shape:
            raise ValueError(f"weights={path}: {name} is {tuple(state[name].shape)} in the file and "
                             f"{tuple(value.shape)} in the model.")
    network.load_state_dict({name: state.get(name, value) for name, value in needed.items()})


def folded(network: nn.Module) -> bool:
    """Whether every batch norm only adds its bias: its scale and statistics went into the convolution before it."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    return bool(norms) and all(
        not norm.running_mean.any() and torch.allclose(norm.weight, (norm.running_var + norm.eps).sqrt(), rtol=0, atol=1e-6)
        for norm in norms)  # a new batch norm differs by eps / 2 = 5e-6


def digest(path: str | Path) -> str:
    """SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
