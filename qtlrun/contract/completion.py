"""Backbones and datasets of the user's: checked, and completed by what they may leave out."""

import contextlib
import dataclasses
import functools
import hashlib
from collections.abc import Iterator
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from qtlrun.backbone import stage, weights
from qtlrun.contract.check import check_part
from qtlrun.dataset.dataset import NOUNS, Dataset, Step
from qtlrun.dataset.file import Stored, decode_files
from qtlrun.dataset.look import Looks
from qtlrun.dataset.picture import Pictures
from qtlrun.dataset.split import Split, fingerprint
from qtlrun.error import UsageError, nearest

SPLITS = ("train", "validation", "test")


def complete_backbone(network, target: str) -> nn.Module:
    """Complete a backbone with stages, fingerprint and whether its batch norms are folded."""
    check_part("backbone", network, "backbone", target)
    check_sized(network, "backbone", target)
    if (
        not isinstance(network.features, Integral)
        or isinstance(network.features, bool)
        or network.features < 1
    ):
        raise UsageError(
            f"{target} has features={_brief(network.features)}",
            (
                "the numbers that forward gives of an item are needed, a whole number"
                " from 1 up (call a layer otherwise)"
            ),
            key="backbone",
        )
    if not callable(network.preprocess):
        raise UsageError(
            f"{target} has preprocess={_brief(network.preprocess)}",
            "a method (picture, generator=None) is needed, which gives what forward takes",
            key="backbone",
        )
    takes = network.takes
    network.takes = (takes,) if isinstance(takes, str) else tuple(takes)
    if strange := set(network.takes) - set(NOUNS):
        words = nearest(min(map(str, strange)), NOUNS)
        raise UsageError(f"{target} has takes={_brief(takes)}", words, key="backbone")
    if "stages" in network._modules or not all(
        isinstance(each, stage.Stage) for each in getattr(network, "stages", ())
    ):
        raise UsageError(
            f"{target} has stages that are no list of qtlrun.backbone.stage.Stage",
            (
                "leave them out, and its children in their order are the stages (call"
                " a layer otherwise)"
            ),
            key="backbone",
        )
    if not hasattr(network, "stages"):
        network.stages = stage.split(network)
    if not hasattr(network, "folded"):
        network.folded = weights.folded(network)
    if not hasattr(network, "fingerprint"):
        network.fingerprint = weights.digest(network)
    return network


def check_sized(network: nn.Module, key: str, target: str) -> None:
    """Refuse lazy layers, whose weights have no size before their first call."""
    for name, module in network.named_modules():
        if any(
            is_lazy(value)
            for value in (*module.parameters(recurse=False), *module.buffers(recurse=False))
        ):
            lazy = f"its layer {name} is lazy" if name else "it is lazy"
            kind = type(module).__name__
            raise UsageError(
                f"{target} has weights without a size: {lazy} ({kind})",
                "give its sizes, as nn.Linear(features, classes)",
                key=key,
            )


def complete_dataset(source, key: str, target: str) -> Dataset:
    """Complete a dataset: splits of tensors, size, fingerprint, and a check of its items."""
    check_part("dataset", source, key, target)
    classes = _classes(source.classes, key, target)
    splits = {}
    by_id: dict[int, Split] = {}
    for name in SPLITS:
        split = getattr(source, name)
        with _about(key, f"{target}.{name}"):
            by_id.setdefault(id(split), _split(split, classes))
        splits[name] = by_id[id(split)]
    with _about(key, target):
        _check_alike(splits)
    size = len({item for split in splits.values() for item in split.items})
    verify = source.verifier if isinstance(source, Dataset) else getattr(source, "verify", None)
    values: dict[str, Any] = {
        "classes": classes,
        "size": getattr(source, "size", size),
        "fingerprint": getattr(source, "fingerprint", None) or fingerprint(splits),
        "verifier": verify or functools.partial(_verify, splits, key, target),
    }
    for field in dataclasses.fields(Dataset):
        if hasattr(source, field.name):  # what it leaves out has a default
            values.setdefault(field.name, getattr(source, field.name))
    return Dataset(**(values | splits))


def _verify(splits: dict[str, Split], key: str, target: str, step: Step) -> Looks:
    """Decode pictures in files; the looks of all."""
    files: dict[str, Stored] = {}
    for split in splits.values():
        if isinstance(split.inputs, Pictures):
            for path, item in zip(split.inputs.paths, split.items, strict=True):
                files[item] = Stored(Path(path), item, str(path))
    with _about(key, target):
        return decode_files(list(files.values()), step)


@contextlib.contextmanager
def _about(key: str, name: str) -> Iterator[None]:
    """Let errors that are raised within be about a key, their reason opened by a name."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{name}: {error.reason}", error.fix, key=key) from error


def _classes(names, key: str, target: str) -> tuple[str, ...]:
    """Names of the classes; refused unless two or more that differ."""
    if isinstance(names, (str, dict)) or not hasattr(names, "__len__"):
        raise UsageError(
            f"{target} has classes={_brief(names)}", "a list of their names is needed", key=key
        )
    named = tuple(str(name) for name in names)
    if len(named) < 2 or len(set(named)) < len(named):
        raise UsageError(
            f"{target} has classes={_brief(list(named))}",
            "two or more different names are needed",
            key=key,
        )
    return named


def _split(source, classes: tuple[str, ...]) -> Split:
    """A split as it is, or built from inputs and labels, each item the hash of its bytes."""
    if isinstance(source, Split):
        split = source
    elif isinstance(source, (tuple, list)) and len(source) == 2:
        inputs = _inputs(source[0])
        labels = _labels(source[1], classes)
        if len(inputs) != len(labels):
            raise UsageError(f"{len(inputs)} inputs and {len(labels)} labels", "each input has one")
        rows = np.ascontiguousarray(inputs.numpy())
        split = Split(
            inputs, labels, tuple(hashlib.sha256(row.tobytes()).hexdigest() for row in rows)
        )
    else:
        raise UsageError(
            f"it is {_brief(source)}", "(inputs, labels) is needed, or a qtlrun.dataset.split.Split"
        )
    if not len(split):
        raise UsageError("it has no item")
    if int(split.labels.min()) < 0 or int(split.labels.max()) >= len(classes):
        raise UsageError(
            (
                f"its labels run from {int(split.labels.min())} to"
                f" {int(split.labels.max())}, and {len(classes)} classes are labelled 0"
                f" to {len(classes) - 1}"
            ),
        )
    return split


def _inputs(values) -> Tensor:
    """Pictures in uint8, (items, channels, height, width), or vectors in float64."""
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        # NumPy has no bfloat16
        if values.dtype == torch.bfloat16:
            values = values.double()
        values = values.numpy()
    array = np.asarray(values)
    if array.dtype == np.uint8 and array.ndim in (3, 4):
        pictures = torch.from_numpy(np.ascontiguousarray(array))
        pictures = pictures if array.ndim == 4 else pictures.unsqueeze(1)
        if pictures.shape[1] not in (1, 3):
            raise UsageError(
                f"its pictures have the shape {tuple(pictures.shape[1:])}",
                "(channels, height, width) is needed, with 1 or 3 channels",
            )
        return pictures
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        raise UsageError(
            f"its inputs are {array.dtype} of shape {array.shape}",
            (
                "numbers (items, features) are needed, or uint8 pictures (items,"
                " channels, height, width)"
            ),
        )
    vectors = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float64))
    if not vectors.isfinite().all():
        first = int((~vectors.isfinite()).any(1).nonzero()[0])
        raise UsageError(f"its inputs hold a number that is not finite, first in item {first}")
    return vectors


def _labels(values, classes: tuple[str, ...]) -> Tensor:
    """Indices of classes, from indices or from names."""
    array = values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    if array.ndim == 1 and array.dtype.kind in "UO":
        strange = sorted({str(name) for name in array} - set(classes))
        if strange:
            raise UsageError(
                (
                    f"a label is {strange[0]}, which is none of the classes"
                    f" {', '.join(classes[:12])}"
                ),
            )
        array = np.array([classes.index(str(name)) for name in array])
    if array.ndim != 1 or array.dtype.kind not in "fiub" or not np.equal(np.mod(array, 1), 0).all():
        raise UsageError(
            f"its labels are {array.dtype} of shape {array.shape}",
            (
                "a whole number an item is needed, the place of its class in classes,"
                " or the class's name"
            ),
        )
    return torch.from_numpy(array.astype(np.int64))


def _check_alike(splits: dict[str, Split]) -> None:
    """Refuse splits whose items differ in kind, or whose vectors differ in length."""
    kinds = {
        name: "numbers" if _is_vectors(split) else "pictures" for name, split in splits.items()
    }
    if len(set(kinds.values())) > 1:
        words = ", ".join(f"{kind} in {name}" for name, kind in kinds.items())
        raise UsageError(f"its items are {words}", "all are of one kind")
    widths = {name: split.vectors.shape[1] for name, split in splits.items() if _is_vectors(split)}
    if len(set(widths.values())) > 1:
        words = ", ".join(f"{width} numbers in {name}" for name, width in widths.items())
        raise UsageError(f"its items have {words}", "all need as many")


def _is_vectors(split: Split) -> bool:
    """Whether the items of a split are vectors."""
    return isinstance(split.inputs, Tensor) and split.inputs.dim() == 2


def _brief(value: object) -> str:
    """A value as it is written, or its type where that is long."""
    words = " ".join(repr(value).split())
    return words if len(words) <= 60 else f"{type(value).__name__}"
