"""Networks that have learned nothing: random layers from the logits on, and shuffled labels.

Source: the sanity checks of Adebayo et al., arXiv:1810.03292.
"""

import copy
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from qtlrun.comparison.outcome import Outcome
from qtlrun.experiment import training
from qtlrun.experiment.ensemble import Training
from qtlrun.experiment.local import local_parts
from qtlrun.experiment.network import Module, Network
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.restoration import restore_network, without_shots
from qtlrun.experiment.subject import Subject
from qtlrun.layer import generator

LOGITS = "logits layer"
HEAD = "head"
ALL = "all layers"


def randomise(subject: Subject, seed: int) -> Iterator[tuple[str, Network]]:
    """Networks with ever more layers at random values, each with what they are.

    The layer of the logits where the head has others, the head, half the stages of the backbone,
    all layers; without stages the head is all. A head's values are drawn from normal distributions
    with the mean and the deviation of each trained tensor; the backbone's are those that its
    architecture begins with. Each split and seed has a draw of its own, which rows share.
    """
    trained = subject.network
    layers = _head_layers(trained.head)
    backbone = trained.backbone
    if len(layers) > 1:
        yield LOGITS, Network(backbone, _redraw(subject, layers[-1:], seed), trained.scale)
    head = _redraw(subject, layers, seed)
    if layers:
        yield HEAD, Network(backbone, head, trained.scale)
    if not len(backbone.stages):
        return
    blank = _build_blank(subject, seed)
    if len(backbone.stages) > 1:
        half = copy.deepcopy(backbone)
        half.load_state_dict(backbone.state_dict() | _late_state(blank))
        yield "half the backbone", Network(half, head, trained.scale).eval()
    yield ALL, Network(blank, head, trained.scale).eval()


def train_on_shuffled_labels(subjects: list[Subject], seed: int) -> list[Network | None]:
    """Networks of a row's trainings whose heads are trained on labels in a random order.

    By the row's recipe, on the features of its frozen backbone; None where a training fails. Each
    split and seed has an order of its own, which rows share.
    """
    label = subjects[0].row
    trainings = [Training(_shuffle(subject, seed), subject.seed) for subject in subjects]
    networks: list[Network | None] = [None] * len(trainings)
    for group in training.fit(f"{label}, shuffled labels", trainings):
        for each, outcome in group:
            if isinstance(outcome, Outcome):
                network = restore_network(without_shots(each.parts), each.seed, outcome.weights)
                networks[trainings.index(each)] = network.requires_grad_(False)
    return networks


def _head_layers(head: Module) -> list[list[str]]:
    """Names of the parameters of each of a head's layers, from the features on.

    Those that are in no layer, as a circuit's angles, stand behind the first.
    """
    layers: dict[str, list[str]] = {}
    loose = []
    for name, _ in head.named_parameters():
        layer = name.rpartition(".")[0]
        if layer:
            layers.setdefault(layer, []).append(name)
        else:
            loose.append(name)
    ordered = list(layers.values())
    return [*ordered[:1], *([loose] if loose else []), *ordered[1:]]


def _redraw(subject: Subject, layers: list[list[str]], seed: int) -> Module:
    """Copy of a training's head with the parameters of these layers at random values."""
    state = dict(subject.head.state_dict())
    for name in (name for layer in layers for name in layer):
        values = state[name]
        noise = torch.randn(values.shape, generator=_draw(subject, seed, name))
        deviation = values.std(correction=0) if values.numel() else 0
        state[name] = values.mean() + deviation * noise.to(values)
    parts = without_shots(subject.training.parts)
    head = parts.head(subject.network.backbone.features, [subject.seed])
    head.load_state_dict(state)
    return head.eval().requires_grad_(False)


def _draw(subject: Subject, seed: int, name: str) -> torch.Generator:
    """Generator of the random values of one tensor, the same for rows at one split and seed."""
    return generator(seed, "randomised", *subject.name, name)


def _build_blank(subject: Subject, seed: int) -> Module:
    """Backbone of the same architecture as it begins without weights."""
    parts = subject.training.parts
    values = parts.bare_values
    start = _draw(subject, seed, "backbone").initial_seed() % 2**31
    values = values | ({"seed": start} if "seed" in values else {})
    return parts.to_accelerator(parts.network(values, seed=start)).eval().requires_grad_(False)


def _late_state(backbone: Module) -> dict[str, Tensor]:
    """State of the later half of a backbone's stages."""
    stages = backbone.stages
    late = {module for stage in stages[len(stages) // 2 :] for module in stage.modules}
    state: dict[str, Tensor] = {}
    for prefix, module in backbone.named_modules():
        if module in late:
            state |= _own_state(module, f"{prefix}." if prefix else "")
    return state


def _own_state(module: nn.Module, prefix: str) -> dict[str, Tensor]:
    """Parameters and buffers of a module without those of its children."""
    tensors = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
    names = module.state_dict()
    return {f"{prefix}{name}": value for name, value in tensors if name in names}


def _shuffle(subject: Subject, seed: int) -> Parts:
    """Parts of a training with its features, and labels in a random order."""
    parts = copy.copy(local_parts(subject.training.parts))
    parts.backbone = subject.network.backbone
    parts.planted_features = {"seconds": torch.tensor(0.0)}
    splits = []
    for name in ("train", "validation"):
        split = subject.split(name)
        draw = _draw(subject, seed, f"labels/{name}")
        labels = split.labels[torch.randperm(len(split), generator=draw)]
        splits.append(replace(split, labels=labels))
        parts.planted_features[name] = subject.features(split)
    train, validation = splits
    # The test split is not needed
    parts.planted_features["test"] = parts.planted_features["validation"]
    parts.dataset = replace(subject.dataset, train=train, validation=validation, test=validation)
    return parts
