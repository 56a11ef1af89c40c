"""Ensembles: the heads of many trainings on features, or the whole network of one."""

import contextlib
import copy
import itertools
import json
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from qtlrun import recipe, train
from qtlrun.backbone.stage import Stage
from qtlrun.comparison.outcome import Outcome
from qtlrun.experiment import feature
from qtlrun.experiment.network import Module, Network
from qtlrun.experiment.parts import Parts
from qtlrun.layer import Start
from qtlrun.parametrization.generated import HEAD, Generated
from qtlrun.parametrization.generator import Generator
from qtlrun.plan import bare
from qtlrun.train import Data

# Trained numbers of one ensemble, which caches hold; more are slower together than in turn
MAX_ENSEMBLE_NUMBERS = 2**18
# Training items that scale=auto looks at
SCALE_ITEMS = 64
# Values in which the trainings of one ensemble may differ
OWN_VALUES = {"recipe": recipe.OWN, "head": ("spread",)}


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
    scale: scaling of the features before the head
    scales: how each run's features are scaled
    """

    whole: Module
    head: Module
    backbone: Module | None
    data: dict[str, Data]
    trainings: list[Training]
    scale: feature.Scaling
    scales: list[str]

    @property
    def parts(self) -> Parts:
        """Parts of the first training; the others differ in a few values."""
        return self.trainings[0].parts

    @property
    def seeds(self) -> list[int]:
        """Seed of each run."""
        return [training.seed for training in self.trainings]

    def threads(self) -> contextlib.AbstractContextManager:
        """Context of its work: one thread, or all with a large backbone."""
        return self.parts.session.threads(large=feature.is_large(self.backbone))

    @property
    def generator(self) -> Generator | None:
        """Generator of some of its weights."""
        return self.whole.generator if isinstance(self.whole, Generated) else None

    @property
    def modules(self) -> dict[str, Module]:
        """Its modules by the names that their weights have in an outcome."""
        modules = {"head": self.head, "backbone": self.backbone, "generator": self.generator}
        return {name: module for name, module in modules.items() if module is not None}


def group_trainings(trainings: list[Training]) -> list[list[Training]]:
    """Trainings that can be ensembles: they differ in their own values alone."""
    groups: dict[tuple, list[Training]] = {}
    for training in trainings:
        parts = training.parts
        number = "" if is_stackable(parts) and not parts.solved else len(groups)
        groups.setdefault((shared_key(parts), number), []).append(training)
    ensembles = []
    for group in groups.values():
        size = _size(group[0]) if len(group) > 1 else 0
        most = max(1, MAX_ENSEMBLE_NUMBERS // max(1, size))
        # Runs of one scaling can share their items in memory
        group.sort(key=lambda training: training.parts.recipe.scale)
        ensembles += [group[at : at + most] for at in range(0, len(group), most)]
    return ensembles


def is_stackable(parts: Parts) -> bool:
    """Whether trainings of a variant can be one ensemble.

    They can on features that do not change, with no chance but that of their seeds.
    """
    return parts.fixed and parts.exact and parts.stacked


def shared_key(parts: Parts) -> str:
    """Identity of what the trainings of one ensemble have in common."""
    variant = parts.variant
    values = {}
    for group, part in variant.parts.items():
        names = OWN_VALUES.get(group, ())
        values[group] = {name: value for name, value in bare(part).items() if name not in names}
    computed = [variant.dtype, variant.accelerator, variant.plugins, id(parts.dataset)]
    return json.dumps([values, *computed], sort_keys=True)


def build_ensemble(trainings: list[Training]) -> Ensemble:
    """Heads of all trainings on their features, or the network of the only one."""
    if trainings[0].parts.fixed:
        return _build_heads(trainings)
    return _build_network(trainings)


def load_weights(ensemble: Ensemble, outcomes: list[Outcome]) -> None:
    """Put the weights of outcomes, one per run, into an ensemble."""
    for name, module in ensemble.modules.items():
        states = [_state(outcome, name) for outcome in outcomes]
        if name == "backbone":
            module.load_state_dict(states[0])
        else:
            module.load_state_dict(_join_states(states, torch.stack))


def plain_network(training: Training, outcome: Outcome) -> tuple[Module, Data]:
    """Trained network from items to logits (1, batch, classes), and the test items.

    All of its weights are its own, those that were generated too.
    """
    parts = training.parts
    ensemble = build_ensemble([training])
    load_weights(ensemble, [outcome])
    network = ensemble.whole.plain() if ensemble.generator else ensemble.whole
    backbone = ensemble.backbone or parts.backbone
    if not ensemble.backbone:
        scale = feature.scalings(ensemble.scales, lambda: feature.features(parts)["train"])
        network = Network(copy.deepcopy(backbone), network, scale)
    test = parts.dataset.test
    pictures = feature.pictures(parts, test, backbone)
    return network.eval(), Data(pictures, test.labels, feature.chunk(backbone))


def _build_heads(trainings: list[Training]) -> Ensemble:
    """Heads of all trainings on features that do not change."""
    parts = trainings[0].parts
    dataset = parts.dataset
    head = _build_head(trainings)
    features = feature.features(parts)
    scales = _scales(trainings, head, lambda: features["train"][:SCALE_ITEMS])
    kinds = sorted(set(scales))
    scale = feature.scalings(kinds, lambda: features["train"])
    scaling = [kinds.index(name) for name in scales]
    data = {}
    for name, split in dataset.splits.items():
        sequence = dataset.sequence if name == "train" else None
        data[name] = train.cached(scale(features[name]), split.labels, scaling, sequence)
    whole = _generate_weights(head, trainings, HEAD)
    return Ensemble(whole, head, None, data, trainings, scale, scales)


def _build_network(trainings: list[Training]) -> Ensemble:
    """Network of one training, whose backbone is trained too or sees augmented pictures."""
    parts = trainings[0].parts
    head = _build_head(trainings)
    backbone = parts.trained_backbone(trainings[0].seed)
    augment = trainings[0].seed if parts.recipe.augment else None
    data = {}
    for name, split in parts.dataset.splits.items():
        data[name] = Data(
            feature.pictures(parts, split, backbone, augment),
            split.labels,
            feature.chunk(backbone),
            parts.dataset.sequence if name == "train" else None,
        )
    network = Network(backbone, head)
    whole = _generate_weights(network, trainings)
    with parts.session.threads(large=feature.is_large(backbone)):
        train_data = data["train"]
        scales = _scales(trainings, head, lambda: _initial_features(whole, train_data, SCALE_ITEMS))
        network.scale = feature.scalings(scales, lambda: _initial_features(whole, train_data))
    return Ensemble(whole, head, backbone, data, trainings, network.scale, scales)


def _build_head(trainings: list[Training]) -> Module:
    """One head of all trainings; each run starts from the values that its own variant gives it."""
    first = trainings[0].parts
    size = feature.features(first)["train"].shape[1] if first.fixed else first.backbone.features
    head = first.head(size, [training.seed for training in trainings])
    variants = []
    for parts, group in itertools.groupby(trainings, key=lambda training: training.parts):
        variants.append((parts, [training.seed for training in group]))
    if len({json.dumps(parts.variant.head) for parts, _ in variants}) > 1:
        states = [parts.head(size, seeds).state_dict() for parts, seeds in variants]
        head.load_state_dict(_join_states(states, torch.cat))
    return head


def _generate_weights(module: Module, trainings: list[Training], within: str = "") -> Module:
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
    trainings: list[Training], head: nn.Module, features: Callable[[], Tensor]
) -> list[str]:
    """How each run's features are scaled.

    `auto` looks at some of the training split, and leaves amplitudes alone.
    """
    scales = [training.parts.recipe.scale for training in trainings]
    if "auto" not in scales:
        return scales
    if head.amplitudes:
        return ["none" if scale == "auto" else scale for scale in scales]
    sample = features()
    return [training.parts.recipe.scaling(sample) for training in trainings]


@torch.no_grad()
def _initial_features(whole: Module, data: Data, count: int | None = None) -> Tensor:
    """Features of all items, or of the first `count`, before anything is trained."""
    whole.eval()
    index = torch.arange(len(data.labels))[:count].unsqueeze(0)
    batches = index.split(data.chunk, dim=1)
    return torch.cat([whole.features(data.take(batch, None))[0] for batch in batches])


def _size(training: Training) -> int:
    """Numbers that one run works on in a step, a generator's weights and amplitudes among them."""
    generated = sum(map(math.prod, training.parts.generated.values()))
    head = _build_head([training])
    return sum(weight.numel() for weight in head.parameters()) + 4 * generated


def _join_states(
    states: list[dict[str, Tensor]], join: Callable[[list[Tensor]], Tensor]
) -> dict[str, Tensor]:
    """States of runs as one, each of its tensors joined along the axis of runs."""
    joined = {}
    for name in states[0]:
        joined[name] = join([state[name] for state in states])
    return joined


def _state(outcome: Outcome, module: str) -> dict[str, Tensor]:
    """State of one run of a module in an outcome."""
    prefix = f"{module}."
    return {
        name.removeprefix(prefix): torch.from_numpy(array)
        for name, array in outcome.weights.items()
        if name.startswith(prefix)
    }
