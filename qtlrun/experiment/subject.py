"""Trainings of a finished run with the items of their splits, for whoever looks into them."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor, nn

from qtlrun.dataset.dataset import Dataset
from qtlrun.dataset.split import Split
from qtlrun.error import UsageError
from qtlrun.experiment import feature
from qtlrun.experiment.finished import FinishedRow, FinishedTraining
from qtlrun.experiment.network import Module, Network
from qtlrun.experiment.restoration import restore_network, without_shots

PLACES = ("dataset.root", "dataset.path")
FEATURES = "features"  # name of the layer between backbone and head
# By backbone and division of the items (which may scale them): the layers of each item, by its hash
Cache = dict[tuple[Module, str], dict[str, dict[str, Tensor]]]


@dataclass(frozen=True, eq=False)
class Subject:
    """Training of a row, with the items of its split.

    row: label
    number: which of the run's splits the training has
    training: with its weights
    dataset: divided as it was for the training
    cache: layers of items, which trainings with one backbone share
    """

    row: str
    number: int
    training: FinishedTraining
    dataset: Dataset
    cache: Cache = field(repr=False)

    @property
    def seed(self) -> int:
        return self.training.seed

    @property
    def name(self) -> tuple[int, int]:
        """Split and seed, by which trainings of several rows are paired."""
        return self.number, self.seed

    @property
    def keys(self) -> dict[str, object]:
        """Columns that name the training in a frame."""
        return {"row": self.row, "split": self.number, "seed": self.seed}

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the logits."""
        return self.dataset.classes

    @property
    def is_frozen(self) -> bool:
        """Whether its backbone never changed, so that all seeds share the features."""
        return self.training.parts.fixed

    @property
    def is_large(self) -> bool:
        """Whether its backbone takes long for an item."""
        return feature.is_large(self.network.backbone)

    @property
    def is_light(self) -> bool:
        """Whether another training costs little: its backbone is shared or small."""
        return self.is_frozen or not self.is_large

    @property
    def head(self) -> Module:
        """Trained head, of one run."""
        return self.network.head

    @property
    def runs_circuit(self) -> bool:
        """Whether its head runs a circuit, between two layers or not."""
        return self.head.run is not None

    @cached_property
    def network(self) -> Network:
        """Trained network for evaluation, from prepared items to logits (1, batch, classes).

        Its circuit is run without shots. No weight asks for a gradient.
        """
        parts = without_shots(self.training.parts)
        with torch.enable_grad():  # by which a user's head is tried
            network = restore_network(parts, self.seed, self.training.weights)
        return network.requires_grad_(False)

    def split(self, name: str) -> Split:
        """Raw items and labels of a split: train, validation or test."""
        return self.dataset.splits[name]

    def items(self, split: Split, index: Sequence[int] | None = None) -> Tensor:
        """Items of a split as the network takes them; all without an index."""
        index = range(len(split)) if index is None else index
        parts = self.training.parts
        return parts.to_accelerator(split.batch(index, self.network.backbone.preprocess))

    def features(self, split: Split) -> Float[Tensor, "items features"]:
        """Features of the items of a split, before they are scaled."""
        return self.layers(split)[FEATURES]

    def layers(self, split: Split) -> dict[str, Tensor]:
        """Values of each stage of the backbone, (items, numbers), at last of its features.

        Maps are averaged over their places. An item is computed once for all trainings that share
        the backbone.
        """
        # Vectors may be scaled by the train split of their division
        division = "" if self.dataset.kind == "pictures" else self.dataset.fingerprint
        cache = self.cache.setdefault((self.network.backbone, division), {})
        missing = [index for index, item in enumerate(split.items) if item not in cache]
        size = feature.chunk(self.network.backbone)
        with torch.no_grad(), self.threads():
            for start in range(0, len(missing), size):
                chunk = missing[start : start + size]
                values = record_stages(self.network.backbone, self.items(split, chunk))
                for number, index in enumerate(chunk):
                    cache[split.items[index]] = {
                        name: each[number] for name, each in values.items()
                    }
        layers = {}
        for name in next(iter(cache.values())):
            layers[name] = torch.stack([cache[item][name] for item in split.items])
        return layers

    def threads(self) -> AbstractContextManager[None]:
        """Run within in one thread, or in all of them where the backbone is large."""
        return self.training.parts.session.threads(large=self.is_large)

    def activations(self, features: Float[Tensor, "items features"]) -> dict[str, Tensor]:
        """Values of each layer of the head, (items, numbers), the logits last."""
        scaled = self.network.scale(features)
        if self.head.activations is None:
            return {"logits": self.head(scaled)[0]}
        inner = self.head.activations(scaled)
        return {name: value[0] for name, value in inner.items()}

    def head_layers(self, features: Float[Tensor, "items features"]) -> dict[str, Tensor]:
        """Values of each layer from the features to the logits, (items, numbers)."""
        return {FEATURES: features} | self.activations(features)

    def logits(self, split: Split) -> Float[Tensor, "items classes"]:
        """Logits of the items of a split."""
        with torch.no_grad():
            return self.activations(self.features(split))["logits"]


@contextmanager
def asking_for_place() -> Iterator[None]:
    """Say, of items that are not where a run had them, how their place is named."""
    try:
        yield
    except UsageError as error:
        if error.key not in PLACES:
            raise
        raise UsageError(
            f"the run's items cannot be read there ({error.reason})",
            f"name its place with {error.key}=... beside run=",
            key=error.key,
            value=error.value,
            missing=error.missing,
        ) from error


def find_subjects(rows: dict[str, FinishedRow], datasets: list[Dataset]) -> list[Subject]:
    """Trainings of rows with the items of their splits, in the order of the rows.

    Refuses data that are not those of the training.
    """
    cache: Cache = {}
    subjects = []
    for label, row in rows.items():
        for training in row.trainings:
            number = training.split or 0
            dataset = datasets[number]
            if training.data not in (None, dataset.fingerprint):
                raise UsageError(
                    f"the items of the dataset are not those that {label} was trained on",
                    "restore them, or name where they are with dataset.root=FOLDER or"
                    " dataset.path=FILE",
                    key="run",
                )
            subjects.append(Subject(label, number, training, dataset, cache))
    return subjects


def record_stages(backbone: Module, items: Tensor) -> dict[str, Tensor]:
    """Outputs of each stage of a backbone, (items, numbers), and its features."""
    values: dict[str, Tensor] = {}

    def note(name: str, output: object) -> None:
        if isinstance(output, Tensor) and output.dim() > 1 and len(output) == len(items):
            # What follows may write over numbers; means are tensors of their own
            values[name] = output.flatten(2).mean(2) if output.dim() > 2 else output.clone()

    with ExitStack() as hooks:
        for name, module in named_stages(backbone):
            hook = module.register_forward_hook(
                lambda _module, _inputs, output, name=name: note(name, output)
            )
            hooks.callback(hook.remove)
        features = backbone(items)
    return values | {FEATURES: features}


def named_stages(backbone: Module) -> Iterator[tuple[str, nn.Module]]:
    """Modules of a backbone's stages by name, from the input on."""
    names = {module: name for name, module in backbone.named_modules()}
    for number, stage in enumerate(backbone.stages):
        if stage.modules:  # some stages are weights alone
            module = stage.modules[0]
            yield names.get(module, f"stage{number}").removeprefix("network."), module
