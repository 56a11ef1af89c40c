"""Checks of one row before anything is trained."""

import torch

from qtlrun import memory, source, store
from qtlrun.comparison.row import Duplicates
from qtlrun.dataset import file
from qtlrun.dataset.dataset import Dataset
from qtlrun.dataset.look import Looks
from qtlrun.error import UsageError
from qtlrun.experiment import pretraining
from qtlrun.experiment.feature import is_large
from qtlrun.experiment.generation import check_generated
from qtlrun.experiment.seedwise import seeded
from qtlrun.experiment.sequence import check_sequence
from qtlrun.experiment.single import check_single
from qtlrun.layer import generator
from qtlrun.plan import plugin
from qtlrun.store import Entry

# Beside a trained weight: its gradient, two moments of Adam, the best epoch's weight
COPIES_PER_WEIGHT = 4
BACKBONES_BY_KIND = {
    "pictures": "small or efficientnet_lite0",
    "vectors": "identity or perceptron",
    "states": "photonic or heterodyne",
}


def check_parts(parts) -> None:
    """Build all that needs no weights, cheapest first; refuse what cannot be built."""
    if parts.accelerator != "cpu" and not getattr(torch, parts.accelerator).is_available():
        raise UsageError(
            "torch finds none on this machine",
            "use cpu",
            key="accelerator",
            value=parts.accelerator,
        )
    for name in ("circuit", "device", "recipe", "freeze", "dataset"):
        getattr(parts, name)
    if len(parts.dataset.test) < 2:
        raise UsageError(
            (
                f"its test split has {len(parts.dataset.test)} item, and an interval"
                " needs two or more"
            ),
            key="dataset",
        )
    try:
        parts.freeze.check(len(parts.bare.stages))
    except ValueError as error:
        raise UsageError.of(error, "freeze") from error
    _check_size(parts)
    _check_items(parts.dataset, parts.bare, parts.recipe)
    _check_head(parts.head(parts.bare.features, [0]), parts.bare, parts.recipe)
    if parts.solved and parts.dataset.validation is parts.dataset.test:
        raise UsageError(
            (
                "validation chooses its penalty, and dataset.validation=test would let"
                " the test split do so"
            ),
            key="head",
        )
    if parts.solved and not (parts.freeze.fixed(parts.bare) and not parts.recipe.augment):
        raise UsageError(
            "this one is solved for on features that do not change",
            "use freeze=backbone and recipe.augment=false",
            key="head",
        )
    check_sequence(parts)
    if parts.generated:
        check_generated(parts)
    if pretraining.is_wanted(parts.variant):
        pretraining.check(parts)


def _check_size(parts) -> None:
    """Refuse a backbone too large for this machine's memory.

    Its weights are not loaded; those that are trained in any epoch, here or before in its
    pre-training, count with their gradients and the optimiser's state.
    """
    stages = parts.bare.stages
    frozen = parts.freeze.count(len(stages), parts.recipe.epochs - 1)
    if pretraining.is_wanted(parts.variant):
        frozen = 0
    count = sum(weight.numel() for weight in parts.bare.parameters())
    trained = sum(weight.numel() for stage in stages[frozen:] for weight in stage.parameters)
    need = parts.dtype.itemsize * (count + COPIES_PER_WEIGHT * trained)
    held = memory.total()
    if need > held:
        copies = " with gradient and optimiser" if trained else ""
        raise UsageError(
            (
                f"its {count:,} weights take {need / 2**30:,.0f} GiB{copies}, and this machine"
                f" has {held / 2**30:,.0f}"
            ),
            "choose a narrower one",
            key="backbone",
        )


def verify_items(parts) -> Looks:
    """Decode each item of a dataset once; the looks of its pictures.

    From the store where they were decoded before, whatever their division.
    """
    session = parts.session
    key = looks_key(parts.dataset)
    artifact = session.store.get("verified", key)
    if artifact is None:
        progress = session.progress
        try:
            looks = parts.dataset.verify(
                lambda done, total: progress.step("reading pictures", done, total)
            )
        except ValueError as error:
            raise UsageError.of(error, "dataset") from error
        values = {
            "contents": dict(looks.contents),
            "alike": sorted(looks.alike),
            "transparent": sorted(looks.transparent),
            "compared": looks.compared,
        }
        session.store.put("verified", key, Entry(values))
        return looks
    values = artifact.values
    return Looks(
        values["contents"],
        frozenset(map(tuple, values["alike"])),
        frozenset(values["transparent"]),
        values["compared"],
    )


def looks_key(dataset: Dataset) -> str:
    """Key of the looks of a dataset's items: what is looked at, and how."""
    return store.key(
        items=dataset.files or dataset.fingerprint,
        versions=source.versions(file.__name__),
        sources=source.digest(file.__name__),
    )


def check_loaded(parts) -> None:
    """Refuse a backbone that does not take the dataset's items.

    Tried on one item without weights, or on a few with the weights of a user's own.
    """
    if parts.variant.runs_code("backbone"):
        _check_network(parts)
    else:
        _check_backbone(parts)


@torch.no_grad()
def _check_backbone(parts) -> None:
    """Refuse a backbone that does not take one item, or not in batches of one in training."""
    network = parts.bare
    if not is_large(network):
        # On tensors without memory torch would load its compiler, for seconds
        network = parts.network(parts.bare_values)
    first = parts.dataset.train.batch([0], network.preprocess)
    weight = next(network.parameters(), first)
    item = first.to(weight.device, weight.dtype)
    try:
        network.eval()(item)
    except ValueError as error:
        raise UsageError.of(error, "backbone") from error
    if parts.recipe.batch_size == 1 and (
        pretraining.is_wanted(parts.variant) or not parts.backbone.folded
    ):
        check_single(network, parts.freeze, parts.recipe, item)


def check_labels(duplicates: Duplicates, noun: str) -> None:
    """Refuse a dataset of which more than half has several labels: no model could be right."""
    if 2 * duplicates.contradictory > duplicates.distinct:
        raise UsageError(
            (
                f"{duplicates.contradictory} of its {duplicates.distinct} different"
                f" {noun}s stand in two classes or more"
            ),
            "leave each in one",
            key="dataset",
        )


def _check_network(parts) -> None:
    """Refuse a user's backbone without features of a few items, or without a gradient to them."""
    network = parts.bare
    target = parts.variant.code_name("backbone")
    train = parts.dataset.train
    indices = range(min(2, len(train)))
    with plugin.blamed("backbone", target), seeded(0, "trial"):
        try:
            items = parts.to_accelerator(train.batch(indices, network.preprocess))
            if parts.recipe.augment:
                train.batch([0], network.preprocess, lambda item: generator(0, "augment", 0, item))
            features = network.eval()(items)
            again = network(parts.to_accelerator(train.batch(indices, network.preprocess)))
        except (RuntimeError, TypeError, IndexError, AttributeError) as error:
            if plugin.location(error):
                raise
            raise UsageError(
                f"{target} does not take the dataset's items: {plugin.worded(error)}",
                key="backbone",
            ) from error
    shape = tuple(features.shape) if isinstance(features, torch.Tensor) else type(features).__name__
    if shape != (len(items), network.features):
        raise UsageError(
            f"{target} gives {shape} of {len(items)} items",
            f"(batch, features) is needed, here ({len(items)}, {network.features})",
            key="backbone",
        )
    if not features.isfinite().all():
        raise UsageError(f"{target} gives features that are not finite", key="backbone")
    if not torch.equal(features, again):
        raise UsageError(
            f"{target} gives other features when it is called again in evaluation",
            (
                "draw chances only where self.training is true, and in preprocess from"
                " the generator that it is given"
            ),
            key="backbone",
        )
    if not parts.freeze.fixed(network) and not features.requires_grad:
        raise UsageError(
            f"{target} gives features without a gradient, so nothing of it would be trained",
            "is there a detach or no_grad in its forward? freeze=backbone leaves it as it is",
            key="backbone",
        )


def _check_items(dataset, backbone, recipe) -> None:
    """Refuse a backbone that does not take the dataset's kind of items, or augment them.

    Items of another kind, or states of other modes. Only pictures are augmented, by backbones
    that do not take their pixels in a row.
    """
    takes = backbone.takes
    gives = dataset.kind
    if gives not in takes:
        raise UsageError(
            f"it takes {' or '.join(takes)}, and the dataset's items are {gives}",
            f"use backbone={BACKBONES_BY_KIND[gives]}",
            key="backbone",
        )
    if "vectors" in takes and gives == "pictures" and len(dataset.sizes) > 1:
        first, second, *_ = (f"{width} x {height}" for height, width in sorted(dataset.sizes))
        raise UsageError(
            (
                f"its pictures differ in size ({first} and {second} pixels, for two),"
                " and this backbone takes their pixels in a row"
            ),
            "use backbone=small or efficientnet_lite0",
            key="dataset",
        )
    if gives != "pictures" and recipe.augment:
        raise UsageError(
            f"the dataset's items are {gives}, which are neither cropped nor mirrored",
            "use false",
            key="recipe.augment",
            value=True,
        )
    if "vectors" in takes and recipe.augment:
        raise UsageError(
            "this backbone takes pixels in a row and augments no picture",
            "use false, or backbone=convolution",
            key="recipe.augment",
            value=True,
        )
    if gives == "states" and backbone.modes != dataset.modes:
        raise UsageError(
            f"the dataset's states have {dataset.modes}",
            f"use backbone.modes={dataset.modes}",
            key="backbone.modes",
            value=backbone.modes,
        )


def _check_head(head, backbone, recipe) -> None:
    """Refuse features that are not the amplitudes of one mode, for a head that takes those."""
    if not head.amplitudes:
        return
    if backbone.output != "state" or backbone.modes != 1:
        raise UsageError(
            "this one takes the amplitudes of one mode", "use backbone=photonic_mode", key="head"
        )
    if recipe.scale == "standard":
        raise UsageError(
            "scaled amplitudes are no state", "use none", key="recipe.scale", value=recipe.scale
        )
