"""Files of tensors by name, of safetensors or torch.save; nothing in them is executed."""

import argparse
import json
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from qtlrun import disk
from qtlrun.error import UsageError

MAX_NAMES = 6  # in a message


def read_state(path: str | Path) -> dict[str, Tensor]:
    """Read the state dict of a file, or the only one in a training program's checkpoint.

    Raises ValueError, worded to follow `FILE:`, for a file that is damaged or holds no state dict,
    or several.
    """
    path = Path(path)
    _check_manifest(path)
    return _state(read(path))


def read(path: Path) -> Any:
    """Content of a file: tensors and plain values."""
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except Exception as error:  # a damaged file raises a dozen kinds, here as below
            raise _unreadable(type(error).__name__) from error
    _check_sums(path)
    try:
        # Many programs keep their options in a Namespace.
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        strange = re.search(r"GLOBAL ([\w.]+)", str(error))
        why = type(error).__name__
        if strange:
            why = (
                f"it holds an object of {strange[1]}, which could run code; save its state_dict()"
                " alone"
            )
        raise _unreadable(why) from error


def _unreadable(why: str) -> ValueError:
    return UsageError(f"no state dict could be read from this file ({why})")


def _state(content: object) -> dict[str, Tensor]:
    """Return the only state dict in the content of a file."""
    if not isinstance(content, Mapping):
        raise _unreadable(f"it holds a {type(content).__name__}")
    inner = {
        str(key): value
        for key, value in content.items()
        if isinstance(value, Mapping) and _tensors(value)
    }
    outer = _tensors(content)
    if any(tensor.dim() for tensor in outer.values()) or (outer and not inner):
        return outer
    if len(inner) == 1:
        return _tensors(*inner.values())
    keys = ", ".join([str(key) for key in content][:MAX_NAMES])
    keys += ", ..." * (len(content) > MAX_NAMES)
    if inner:
        raise _unreadable(f"it holds several, {' and '.join(inner)}; save the one wanted alone")
    raise _unreadable(f"it holds {keys}" if keys else "it is empty")


def _tensors(values: Mapping) -> dict[str, Tensor]:
    return {
        name: value
        for name, value in values.items()
        if isinstance(name, str) and isinstance(value, Tensor)
    }


def _check_sums(path: Path) -> None:
    """Refuse an archive of torch's with a member of another checksum; torch.load does not look.

    A checksum of 0 is none: torch.serialization.set_crc32_options(False) leaves them out.
    """
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            for member in (member for member in archive.infolist() if member.CRC):
                _check_sum(archive, member)
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, RuntimeError) as error:
        raise UsageError(
            f"this file is damaged ({str(error).rstrip('.')})", "fetch it again"
        ) from error


def _check_sum(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Read a member to its end, where zipfile compares its checksum."""
    with archive.open(member) as file:
        while file.read(2**20):
            pass


def _check_manifest(path: Path) -> None:
    """Refuse a run's file of weights whose hash is not that in the run's weights.json."""
    path = path.absolute()
    try:
        files = json.loads((path.parent.parent / "weights.json").read_text())["sha256"]
        expected = files.get(f"{path.parent.name}/{path.name}")
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return
    if expected is not None and disk.file_digest(path) != expected:
        raise UsageError(
            f"this file is damaged: its SHA-256 is not {expected[:12]}..., which"
            " weights.json has of it"
        )
