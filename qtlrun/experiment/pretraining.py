"""Pre-training of a backbone without public weights on a source task."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from qtlrun import source, store, train
from qtlrun.batch import Data
from qtlrun.checkpoint import Record
from qtlrun.contract.part import build_part
from qtlrun.dataset.dataset import Dataset
from qtlrun.error import UsageError
from qtlrun.experiment import feature
from qtlrun.experiment.network import Module, Network
from qtlrun.experiment.single import check_single
from qtlrun.freeze import Freeze
from qtlrun.layer import Start
from qtlrun.plan import Part, Variant, bare, plugin
from qtlrun.recipe import Recipe

FREEZE = Freeze(frozen=0, batch_norm="train")
HEAD: Part = {"_target_": "qtlrun.head.classical.Classical"}


@dataclass(frozen=True)
class SourceTask:
    """Training of a backbone on its source task.

    network: backbone and linear head
    data: of the training and of the validation split
    seed: of the start values and the order of the batches
    """

    network: Network
    backbone: Module
    recipe: Recipe
    data: list[Data]
    seed: int

    def fit(self) -> Iterator[Record]:
        """Train; yield a record per epoch."""
        yield from train.fit(
            self.network, self.backbone, [self.recipe], FREEZE, *self.data, [self.seed]
        )


def is_wanted(variant: Variant) -> bool:
    """Whether this program pre-trains the variant's backbone."""
    return variant.backbone.get("weights") == "pretrain"


def check(parts) -> None:
    """Refuse a source task that cannot be built or whose batches are too small."""
    first = dataset(parts).train.batch([0], parts.bare.preprocess)
    accelerator = next((weight.device for weight in parts.bare.parameters()), first.device)
    check_single(parts.bare, FREEZE, _recipe(parts), first.to(accelerator), "backbone.pretrain.")


def dataset(parts):
    """The source task's dataset; refused where it shares an item with the target's."""
    task = parts.dataset_of(
        parts.variant.backbone["pretrain"]["dataset"], "backbone.pretrain.dataset"
    )
    target = parts.dataset
    items = {*target.train.items, *target.validation.items, *target.test.items}
    shared = items & {*task.train.items, *task.validation.items}
    if shared:
        raise UsageError(
            (
                f"{len(shared)} of its {len(items)} items are in the source task that"
                " the backbone is pre-trained on"
            ),
            "let their classes or shares not overlap",
            key="dataset",
        )
    return task


def key(parts) -> str:
    """Key of the pre-trained state: all that it depends on, and nothing of the target task."""
    backbone = parts.variant.backbone
    sub = parts.variant.backbone["pretrain"]
    omitted = ("pretrain", "weights", "layer", "seed")
    values = {name: value for name, value in backbone.items() if name not in omitted}
    sources = modules(parts.variant)
    return store.key(
        plugins=plugin.identity(parts.variant.plugins),
        backbone=values,
        recipe=bare(sub["recipe"]),
        seed=sub["seed"],
        data=dataset(parts).key,
        dtype=parts.variant.dtype,
        accelerator=parts.accelerator,
        versions=source.versions(*sources),
        sources=source.digest(*sources),
    )


def weights_key(parts) -> str:
    """Identity of a backbone's weights: their bytes, or the key of their pre-training."""
    return key(parts) if is_wanted(parts.variant) else parts.backbone.fingerprint


def modules(variant: Variant) -> list[str]:
    """Modules that compute the pre-trained state, without what they import."""
    sub = variant.backbone["pretrain"]
    parts = variant.backbone, HEAD, sub["dataset"], sub["recipe"]
    return [__name__, *(part["_target_"].rpartition(".")[0] for part in parts)]


def state(parts) -> dict[str, Tensor]:
    """State of the backbone after its source task, from the store or trained now."""
    artifacts = parts.session.store
    name = key(parts)
    entry = artifacts.get("backbone", name)
    if entry is None:
        with artifacts.lock("backbone", name):
            entry = artifacts.get("backbone", name) or _train(parts)
            artifacts.put("backbone", name, entry)
    return {name: torch.from_numpy(array) for name, array in entry.arrays.items()}


def prepare(parts, task: Dataset) -> SourceTask:
    """Set up the source task: the whole backbone from random weights, and a linear head."""
    sub = parts.variant.backbone["pretrain"]
    part = {
        name: value
        for name, value in parts.variant.backbone.items()
        if name not in ("pretrain", "layer")
    }
    backbone = parts.network(
        part | {"weights": "none"} | ({"seed": sub["seed"]} if "seed" in part else {}),
        seed=sub["seed"],
    )
    recipe = _recipe(parts)
    head = build_part(
        "head",
        HEAD,
        features=backbone.features,
        classes=len(task.classes),
        start=Start([sub["seed"]], parts.dtype),
    )
    network = parts.to_accelerator(Network(backbone, head))
    augment = sub["seed"] if recipe.augment else None
    data = [
        Data(
            feature.pictures(parts, split, backbone, augment), split.labels, feature.chunk(backbone)
        )
        for split in (task.train, task.validation)
    ]
    return SourceTask(network, backbone, recipe, data, sub["seed"])


def _train(parts) -> store.Entry:
    """Train the whole backbone, down from its last layer, on the source task."""
    source_task = prepare(parts, dataset(parts))
    backbone = source_task.backbone
    recipe = source_task.recipe
    with parts.session.threads(large=feature.is_large(backbone)):
        for record in source_task.fit():
            parts.session.progress.step("pre-training, epochs", record.epoch + 1, recipe.epochs)
    if record.best[0] < 0:
        raise FloatingPointError(
            f"pre-training diverged; backbone.pretrain.recipe.lr={recipe.lr} may be too large"
        )
    return store.Entry(
        {"best_epoch": record.best[0] + 1},
        {name: value.detach().cpu().numpy() for name, value in backbone.state_dict().items()},
    )


def _recipe(parts) -> Recipe:
    """Recipe of the source task."""
    recipe = build_part(
        "recipe",
        parts.variant.backbone["pretrain"]["recipe"],
        parts.variant.plugins,
        "backbone.pretrain.recipe",
    )
    if recipe.scale == "standard":
        raise UsageError(
            "features that are being learnt have no fixed scale",
            "use none",
            key="backbone.pretrain.recipe.scale",
            value=recipe.scale,
        )
    return recipe
