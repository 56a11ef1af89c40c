"""Models of rows through which a gradient is followed, from items to logits."""

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from qtlrun.derivative.specimen import Specimen
from qtlrun.experiment.ensemble import Training, build_ensemble
from qtlrun.experiment.local import local_variant
from qtlrun.experiment.network import Network
from qtlrun.experiment.parts import Parts
from qtlrun.plan import Variant, is_plugin

START = "start"
TRAINED = "trained"
CIRCUIT = "circuit"  # name of the layer that its angles are


@dataclass(frozen=True, eq=False)
class Passage:
    """Model of a row, from items to logits (1, batch, classes).

    state: start or trained
    items: count of the training items
    batch: those of an index as the model takes them, and their labels
    forward: items to logits (1, batch, classes)
    networks: whose modules it is made of, by name; the whole has the name ""
    weights: its weights by name, whether trained or not
    trained: names of those that the recipe moves from the first epoch on
    """

    row: str
    state: str
    items: int
    batch: Callable[[list[int]], tuple[Tensor, Tensor]]
    forward: Callable[[Tensor], Tensor]
    networks: dict[str, nn.Module]
    weights: Mapping[str, Tensor]
    trained: frozenset[str]


def list_passages(specimen: Specimen) -> Iterator[Passage]:
    """Rows at their start, or those of a finished run at their start and trained.

    Heads that are solved for have no gradient, and are left out.
    """
    plan = specimen.plan
    seen = set()
    if plan.settings.run is not None:
        for subject in specimen.experiment.subjects(plan):
            parts = copy.copy(subject.training.parts)  # the session shares the run's
            if subject.row in seen or parts.solved:
                continue
            seen.add(subject.row)
            parts.dataset = subject.dataset
            start = _build_start(subject.row, parts, subject.seed)
            yield start
            yield _build_trained(start, subject.network)
        return
    change = plan.redraws[0].change
    for name, label in plan.labels.names.items():
        variant = _localise(plan.variants[name].redrawn(change))
        parts = Parts(variant, specimen.experiment.session)
        if not parts.solved:
            yield _build_start(label, parts, specimen.seed)


def name_layer(weight: str) -> str:
    """Name of the layer that a weight is of."""
    layer, _, name = weight.rpartition(".")
    if name == "angles":
        return CIRCUIT
    for prefix in ("backbone.", "network.", "head."):
        layer = layer.removeprefix(prefix)
    return layer


def _localise(variant: Variant) -> Variant:
    """Variant on the statevector, whose gradient is any exact device's; a user's device stays."""
    return variant if is_plugin(variant.target("device")) else local_variant(variant)


def _build_start(row: str, parts: Parts, seed: int) -> Passage:
    """Model of a row before its first step."""
    ensemble = build_ensemble([Training(parts, seed)])
    moved = {id(weight) for weight in ensemble.whole.parameters() if weight.requires_grad}
    if parts.fixed:
        backbone = parts.trained_backbone(seed)
        scaling = ensemble.scalings[0]
        head = ensemble.whole
        forward = lambda items: head(scaling(backbone(items)))  # noqa: E731
        networks = {"backbone": backbone, "head": head}
        weights = {f"backbone.{name}": weight for name, weight in backbone.named_parameters()}
        weights |= {f"head.{name}": weight for name, weight in head.named_parameters()}
    else:
        forward = ensemble.whole
        networks = {"": ensemble.whole}
        weights = dict(ensemble.whole.named_parameters())
        stages = ensemble.backbone.stages
        frozen = stages[: parts.freeze.count(len(stages), 0)]
        moved -= {id(weight) for stage in frozen for weight in stage.parameters}
    trained = frozenset(name for name, weight in weights.items() if id(weight) in moved)
    items = len(parts.dataset.train)
    batch = partial(_take, parts)
    return _open(Passage(row, START, items, batch, forward, networks, weights, trained))


def _build_trained(start: Passage, network: Network) -> Passage:
    """The model of a start once it is trained; a copy, for the session's asks for no gradient."""
    network = copy.deepcopy(network)
    trained = dataclasses.replace(
        start,
        state=TRAINED,
        forward=network,
        networks={"": network},
        weights=dict(network.named_parameters()),
    )
    return _open(trained)


def _take(parts: Parts, index: list[int]) -> tuple[Tensor, Tensor]:
    """Training items as the model takes them, and their labels."""
    split = parts.dataset.train
    items = split.batch(index, parts.bare.preprocess)
    return parts.to_accelerator(items), split.labels[index].to(parts.accelerator)


def _open(passage: Passage) -> Passage:
    """The passage in evaluation mode, each of its weights asking for a gradient."""
    for network in passage.networks.values():
        network.eval()
    weights = {
        name: weight.requires_grad_()
        for name, weight in passage.weights.items()
        if weight.is_floating_point() or weight.is_complex()
    }
    return dataclasses.replace(passage, weights=weights)


def split_batches(
    passage: Passage, items: int, seed: torch.Generator, most: int
) -> list[list[int]]:
    """Batches of distinct training items in a random order; a short last one is left out."""
    count = passage.items
    order = torch.randperm(count, generator=seed).tolist()
    batches = [order[first : first + items] for first in range(0, count, items)]
    whole = [batch for batch in batches if len(batch) == items]
    return (whole if len(whole) > 1 else batches)[:most]
