"""Ensembles: the heads of many trainings on features, or the whole network of one."""

import contextlib
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from qtlrun.backbone.stage import Stage
from qtlrun.batch import Data, cached
from qtlrun.experiment import feature
from qtlrun.experiment.held import Held, Holds, hold_weights
from qtlrun.experiment.network import Module, Network
from qtlrun.experiment.parts import Parts
from qtlrun.layer import Start
from qtlrun.parametrization.generated import HEAD, Generated
from qtlrun.parametrization.generator import Generator

# Training items that scale=auto looks at
SCALE_ITEMS = 64


@dataclass(frozen=True)
class Training:
    """One training: the parts of its variant, and its seed."""

    parts: Parts
    seed: int


@dataclass(frozen=True)
class Ensemble:
    """Trainings in one program.

    whole: what is trained, with its generator where it has one
    head: one head with an axis of runs, one run per training
    backbone: of the only training, where its features change; else None
    data: by split
    trainings: in the order of the runs
    scalings: scaling of each run's features before the head
    scales: how each run's features are scaled
    """

    whole: Module
    head: Module
    backbone: Module | None
    data: dict[str, Data]
    trainings: list[Training]
    scalings: list[feature.Scaling]
    scales: list[str]

    @property
    def parts(self) -> Parts:
        """Parts of the first training; the others differ in a few values."""
        return self.trainings[0].parts

    @property
    def seeds(self) -> list[int]:
        """Seed of each run."""
        return [training.seed for training in self.trainings]

    @torch.no_grad()
    def features(self, split: str, index: Tensor) -> Tensor:
        """Features (items, features) of a split's items, as the head of the first run sees them."""
        data = self.data[split]
        self.whole.eval()
        pieces = []
        for piece in index.split(data.chunk):
            items = data.take(piece.unsqueeze(0), None)
            pieces.append(items[0] if self.backbone is None else self.whole.features(items)[0])
        return torch.cat(pieces)

    def batches(
        self, split: str, count: int | None = None
    ) -> Iterator[Float[Tensor, "runs batch features"]]:
        """Features of a split's items, or of the first `count`, batch by batch, by run."""
        data = self.data[split]
        for index in self.indices(split, count):
            items = data.take(index, None)
            yield items if self.backbone is None else self.whole.features(items)

    def indices(
        self, split: str, count: int | None = None
    ) -> tuple[Int[Tensor, "runs batch"], ...]:
        """Indices of a split's items, or of the first `count`, the same for every run."""
        data = self.data[split]
        index = torch.arange(data.count)[:count].expand(len(self.trainings), -1)
        return index.split(data.chunk, dim=1)

    def threads(self) -> contextlib.AbstractContextManager:
        """Context of its work: one thread, or all with a large backbone."""
        return self.parts.session.threads(large=feature.is_large(self.backbone))

    @property
    def generator(self) -> Generator | None:
        """Generator of some of its weights."""
        return self.whole.generator if isinstance(self.whole, Generated) else None

    @property
    def holds(self) -> Holds:
        """Runs that hold a weight of the head, by the weight; none that all runs hold, or train."""
        return self.whole.held if isinstance(self.whole, Held) else {}

    @property
    def alike(self) -> list[int]:
        """The first run, for each run, that trains the same weights of the head."""
        patterns = torch.stack(list(self.holds.values()), 1).tolist() if self.holds else []
        return [patterns.index(pattern) for pattern in patterns] or [0] * len(self.trainings)

    def alone(self, run: int) -> "Ensemble":
        """A run with a head of its own, where runs train different weights; else all of them."""
        if not self.holds:
            return self
        trainings = [self.trainings[run]]
        return replace(self, head=build_head(trainings)[0], trainings=trainings)

    @property
    def modules(self) -> dict[str, Module]:
        """Its modules by the names that their weights have in an outcome."""
        modules = {"head": self.head, "backbone": self.backbone, "generator": self.generator}
        return {name: module for name, module in modules.items() if module is not None}


def build_ensemble(trainings: list[Training]) -> Ensemble:
    """Heads of all trainings on their features, or the network of the only one."""
    if trainings[0].parts.fixed:
        return _build_heads(trainings)
    return _build_network(trainings)


def load_weights(ensemble: Ensemble, weights: list[dict[str, np.ndarray]]) -> None:
    """Put the weights of outcomes, one per run, into an ensemble."""
    for name, module in ensemble.modules.items():
        states = [_state(each, name) for each in weights]
        if name == "backbone":
            module.load_state_dict(states[0])
        else:
            module.load_state_dict(_join_states(states, torch.stack))


def _build_heads(trainings: list[Training]) -> Ensemble:
    """Heads of all trainings on features that do not change."""
    parts = trainings[0].parts
    head, holds = build_head(trainings)
    divisions = list({id(each.parts.dataset): each.parts for each in trainings}.values())
    kinds = [parts.dataset for parts in divisions]
    places = [kinds.index(training.parts.dataset) for training in trainings]
    scales = _scales(trainings, head, lambda parts: feature.features(parts)["train"][:SCALE_ITEMS])
    names = sorted(set(scales))
    scalings = [feature.scalings(names, _train_features(division)) for division in divisions]
    blocks = [
        len(names) * place + names.index(name) for place, name in zip(places, scales, strict=True)
    ]
    data = {}
    for split in parts.dataset.splits:
        stacks = []
        labels = []
        for division, scaling in zip(divisions, scalings, strict=True):
            stacks.append(scaling(feature.features(division)[split]))
            labels.append(division.dataset.splits[split].labels)
        data[split] = cached(
            torch.cat(stacks),
            torch.stack(labels)[places if len(divisions) > 1 else [0]],
            blocks,
            parts.dataset.sequence if split == "train" else None,
        )
    whole = Held(head, holds) if holds else generate_weights(head, trainings, HEAD)
    return Ensemble(
        whole, head, None, data, trainings, [scalings[place] for place in places], scales
    )


def _train_features(parts: Parts) -> Callable[[], Tensor]:
    return lambda: feature.features(parts)["train"]


def _build_network(trainings: list[Training]) -> Ensemble:
    """Network of one training, whose backbone is trained too or sees augmented pictures."""
    parts = trainings[0].parts
    head, _ = build_head(trainings)
    backbone = parts.trained_backbone(trainings[0].seed)
    augment = trainings[0].seed if parts.recipe.augment else None
    data = {}
    for name, split in parts.dataset.splits.items():
        data[name] = Data(
            feature.pictures(parts, split, backbone, augment),
            split.labels.unsqueeze(0),
            feature.chunk(backbone),
            parts.dataset.sequence if name == "train" else None,
        )
    network = Network(backbone, head)
    whole = generate_weights(network, trainings)
    with parts.session.threads(large=feature.is_large(backbone)):
        train_data = data["train"]
        scales = _scales(
            trainings, head, lambda _: _initial_features(whole, train_data, SCALE_ITEMS)
        )
        network.scale = feature.scalings(scales, lambda: _initial_features(whole, train_data))
    return Ensemble(whole, head, backbone, data, trainings, [network.scale], scales)


def build_head(trainings: list[Training]) -> tuple[Module, Holds]:
    """One head of all trainings, and which runs hold which of its weights.

    Each run starts from the values that its own variant gives it.
    """
    first = trainings[0].parts
    size = feature.features(first)["train"].shape[1] if first.fixed else first.backbone.features
    shots = None if first.exact else [training.parts.device.shots for training in trainings]
    head = first.head(size, [training.seed for training in trainings], shots)
    variants = []
    for parts, group in itertools.groupby(trainings, key=lambda training: training.parts):
        variants.append((parts, [training.seed for training in group]))
    if len({json.dumps(parts.variant.head) for parts, _ in variants}) == 1:
        return head, {}
    heads = [(parts.head(size, seeds), len(seeds)) for parts, seeds in variants]
    head.load_state_dict(_join_states([each.state_dict() for each, _ in heads], torch.cat))
    return head, hold_weights(head, heads)


def generate_weights(module: Module, trainings: list[Training], within: str = "") -> Module:
    """The module with those weights generated that the parametrization names."""
    parts = trainings[0].parts
    if not parts.generated:
        return module
    start = Start([training.seed for training in trainings], parts.dtype)
    whole = Generated(module, parts.parametrization, list(parts.generated), start, within)
    trained = set(map(id, whole.parameters()))
    stages: list[Stage] = []
    if isinstance(module, Network):
        stages = module.backbone.stages
    for stage in stages:
        stage.parameters[:] = [weight for weight in stage.parameters if id(weight) in trained]
    return whole


def _scales(
    trainings: list[Training], head: nn.Module, features: Callable[[Parts], Tensor]
) -> list[str]:
    """How each run's features are scaled.

    `auto` looks at some of the training split, and leaves amplitudes alone.
    """
    scales = []
    for training in trainings:
        scale = training.parts.recipe.scale
        if scale == "auto" and head.amplitudes:
            scale = "none"
        elif scale == "auto":
            scale = training.parts.recipe.scaling(features(training.parts))
        scales.append(scale)
    return scales


@torch.no_grad()
def _initial_features(whole: Module, data: Data, count: int | None = None) -> Tensor:
    """Features of all items, or of the first `count`, before anything is trained."""
    whole.eval()
    index = torch.arange(data.count)[:count].unsqueeze(0)
    batches = index.split(data.chunk, dim=1)
    return torch.cat([whole.features(data.take(batch, None))[0] for batch in batches])


def _join_states(
    states: list[dict[str, Tensor]], join: Callable[[list[Tensor]], Tensor]
) -> dict[str, Tensor]:
    """States of runs as one, each of its tensors joined along the axis of runs."""
    joined = {}
    for name in states[0]:
        joined[name] = join([state[name] for state in states])
    return joined


def _state(weights: dict[str, np.ndarray], module: str) -> dict[str, Tensor]:
    """State of one run of a module in an outcome's weights."""
    prefix = f"{module}."
    return {
        name.removeprefix(prefix): torch.from_numpy(array)
        for name, array in weights.items()
        if name.startswith(prefix)
    }
