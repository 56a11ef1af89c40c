"""Description of a row before its trainings: what it is, its data, its files."""

import dataclasses
import enum
import json

import numpy as np
import torch
from torch import Tensor

from qtlrun import disk
from qtlrun.comparison.row import Duplicates, Likeness, Row
from qtlrun.experiment import pretraining
from qtlrun.experiment.duplicate import count_duplicates, describe_likeness
from qtlrun.experiment.parts import Parts
from qtlrun.freeze import has_moving_norms
from qtlrun.plan import describe, is_plugin


def describe_row(name: str, parts: Parts) -> Row:
    """A row without outcomes."""
    dataset = parts.dataset
    return Row(
        name,
        describe(parts.variant),
        {},
        dataset.classes,
        pictures=dataset.test.names,
        items=dataset.test.items,
        caution=_caution(parts),
        fingerprints={"data": dataset.fingerprint, "weights": pretraining.weights_key(parts)},
        trained_on=len(dataset.train),
        validated_on=len(dataset.validation),
        blind=dataset.validation is not dataset.test,
        independent=dataset.independent,
        pool=dataset.size,
        duplicates=duplicates(parts),
        likeness=likeness(parts),
        counts=dataset.counts,
        files=weight_files(parts),
        made_of=plain_values(parts),
        scaling=dataset.scaling,
        backbone=frozen_weights(parts),
        noun=dataset.noun,
        ceiling=dataset.ceiling,
        settings=count_settings(parts),
        norms_move=has_moving_norms(parts.backbone),
        patterns=centre_patterns(parts),
    )


def duplicates(parts: Parts) -> Duplicates:
    """Counts of equal items in the row's dataset, made once per session."""
    session = parts.session
    return session.once(
        "duplicates" + parts.dataset.fingerprint,
        lambda: count_duplicates(parts.dataset, session.looks.contents),
    )


def likeness(parts: Parts) -> Likeness:
    """Pictures of the row's dataset that look alike, found once per session."""
    session = parts.session
    return session.once(
        "likeness" + parts.dataset.fingerprint,
        lambda: describe_likeness(parts.dataset, session.looks),
    )


def weight_files(parts: Parts) -> dict[str, str]:
    """SHA-256 of each file of weights that the row begins with, by the key that names it."""
    files = {}
    if not pretraining.is_wanted(parts.variant) and parts.backbone.fingerprint != "none":
        files["weights"] = parts.backbone.fingerprint
    if state := parts.variant.head.get("state"):
        files["head.state"] = disk.file_digest(state)
    return files


def plain_values(parts: Parts) -> dict[str, object]:
    """Values of JSON that a network of the row is built from again."""
    preprocess = parts.backbone.preprocess
    identity = parts.variant.identity
    groups = ("backbone", "head", "circuit", "device", "parametrization", "dtype")
    values = {name: identity[name] for name in groups if name in identity}
    is_described = dataclasses.is_dataclass(preprocess)
    values["preprocessing"] = dataclasses.asdict(preprocess) if is_described else None
    values["item"] = {
        "kind": parts.dataset.kind,
        "shape": item_shape(parts),
        "columns": parts.dataset.column_names,
    }
    values["numbers"] = parts.numbers
    values["frozen"] = parts.fixed
    return json.loads(json.dumps(values, default=_plain), parse_constant=str)


def item_shape(parts: Parts) -> list[int | None]:
    """Shape of an item; the sides of pictures in files are None where the backbone resizes them."""
    inputs = parts.dataset.train.inputs
    if isinstance(inputs, Tensor):
        return list(inputs.shape[1:])
    if parts.numbers is None:
        return [3, None, None]
    (sides,) = parts.dataset.sizes
    return [3, *sides]


def frozen_weights(parts: Parts) -> dict[str, np.ndarray]:
    """Weights of a backbone that never changes and comes from no file that a key names.

    Pre-trained ones, random ones, and those that a user's backbone finds for itself; and of one
    that is changed by what is added to it, those that it is added to.
    """
    is_in_file = parts.backbone.fingerprint != "none" and not is_plugin(
        parts.variant.target("backbone")
    )
    is_added_to = bool(parts.generated) and parts.parametrization.added
    if is_in_file or not (parts.fixed or is_added_to):
        return {}
    return {
        name: value.detach().cpu().numpy() for name, value in parts.backbone.state_dict().items()
    }


def centre_patterns(parts: Parts) -> np.ndarray | None:
    """Backbone outputs of the classes' centres, (classes, side, side), if they are pictures."""
    centres = parts.dataset.centres
    backbone = parts.backbone
    if centres is None or backbone.patterns is None or backbone.modes != 2:
        return None
    with torch.no_grad():
        inputs = parts.to_accelerator(backbone.preprocess(centres))
        return backbone.patterns(inputs).cpu().numpy()


def count_settings(parts: Parts) -> int | None:
    """Count of settings that validation chooses among for a solved head; None of a trained one."""
    if not parts.solved:
        return None
    return parts.head(parts.bare.features, [0]).settings


def _caution(parts: Parts) -> str:
    """Caution of the dataset, and how its transparent pictures are shown."""
    dataset = parts.dataset
    items = {item for split in dataset.splits.values() for item in split.items}
    count = len(items & parts.session.looks.transparent)
    if not count:
        return dataset.caution
    subject = "1 picture shows" if count == 1 else f"{count} pictures show"
    return f"{dataset.caution} {subject} white where transparent.".strip()


def _plain(value: object) -> object:
    """Value of an enumeration's member, or text of what JSON does not have."""
    return value.value if isinstance(value, enum.Enum) else str(value)
