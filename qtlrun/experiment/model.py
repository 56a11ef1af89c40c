"""What is trained at once: the heads of many runs on features, or the network of one."""
import copy
import itertools
import json
from dataclasses import dataclass

import torch
from torch import nn

from qtlrun import plan as plans, train
from qtlrun.experiment import feature
from qtlrun.experiment.network import Network
from qtlrun.experiment.parts import Parts
from qtlrun.store import Entry
from qtlrun.train import Data

TOGETHER = 2**18  # trained numbers of one program, which caches hold; more runs are slower together than in turn
OWN = {"recipe": train.OWN, "head": ("spread",)}  # values in which the runs of one program may differ


@dataclass(frozen=True)
class Run:
    """One training: of which row, from which seed."""
    parts: Parts
    seed: int


@dataclass(frozen=True)
class Model:
    """What is trained at once: the heads of all runs on features, or one run's whole network."""
    whole: nn.Module
    head: nn.Module
    backbone: nn.Module | None
    data: dict[str, Data]
    runs: list[Run]


def programs(runs: list[Run]) -> list[list[Run]]:
    """The runs in groups that are trained together: they differ in their own values alone."""
    groups = {}
    for run in runs:
        own = "" if together(run.parts) and not run.parts.solved else len(groups)
        groups.setdefault((shared(run.parts), own), []).append(run)
    programs = []
    for group in groups.values():
        size = sum(one.numel() for one in _head(group[:1]).parameters()) if len(group) > 1 else 0
        most = max(1, TOGETHER // max(1, size))
        group.sort(key=lambda run: run.parts.recipe.scale)  # runs of one scaling can share their items in memory
        programs += [group[at:at + most] for at in range(0, len(group), most)]
    return programs


def together(parts: Parts) -> bool:
    """Whether runs of a row can be one program: on features that do not change, with no chance but that of its seeds."""
    return parts.fixed and parts.exact


def shared(parts: Parts) -> str:
    """What runs of one program have in common."""
    return json.dumps({group: {name: value for name, value in plans.bare(part).items() if name not in OWN.get(group, ())}
                       if isinstance(part, dict) else part for group, part in parts.plan.items()}, sort_keys=True) + str(id(parts.dataset))


def build(runs: list[Run]) -> Model:
    """The heads of all runs on their features, or the network of one run."""
    parts, dataset = runs[0].parts, runs[0].parts.dataset
    splits, names = {name: getattr(dataset, name) for name in feature.SPLITS}, [run.parts.recipe.scale for run in runs]
    head, kinds = _head(runs), sorted(set(names))
    scale = feature.scalings(parts, kinds)
    if parts.fixed:
        known = feature.features(parts)
        scaling = [kinds.index(name) for name in names]
        data = {name: train.cached(scale(known[name]), split.labels, scaling, _sequence(dataset, name)) for name, split in splits.items()}
        return Model(head, head, None, data, runs)
    backbone, augment = copy.deepcopy(parts.backbone), runs[0].seed if parts.recipe.augment else None
    data = {name: Data(feature.pictures(parts, split, backbone, augment), split.labels, feature.chunk(backbone), _sequence(dataset, name))
            for name, split in splits.items()}
    return Model(Network(backbone, head, scale), head, backbone, data, runs)


def _sequence(dataset, split: str):
    """The order in which a dataset gives its training items, where it prescribes one."""
    return getattr(dataset, "sequence", None) if split == "train" else None


def _head(runs: list[Run]) -> nn.Module:
    """One head of all runs; each starts from the values that its own row gives it."""
    first = runs[0].parts
    size = feature.features(first)["train"].shape[1] if first.fixed else first.backbone.features
    head = runs[0].parts.head(size, [run.seed for run in runs])
    rows = [(parts, [run.seed for run in mine]) for parts, mine in itertools.groupby(runs, key=lambda run: run.parts)]
    if len({json.dumps(parts.plan["head"]) for parts, _ in rows}) > 1:
        states = [parts.head(size, seeds).state_dict() for parts, seeds in rows]
        head.load_state_dict({name: torch.cat([state[name] for state in states]) for name in states[0]})
    return head


def load(model: Model, learned: list[Entry]) -> None:
    """Put what was learned into a model."""
    names = [name for name in learned[0].arrays if name.startswith("weights/head.")]
    model.head.load_state_dict({name.removeprefix("weights/head."): torch.stack([torch.from_numpy(one.arrays[name]) for one in learned])
                                for name in names})
    if model.backbone is not None:
        state = {name.removeprefix("weights/backbone."): torch.from_numpy(array) for name, array in learned[0].arrays.items()
                 if name.startswith("weights/backbone.")}
        model.backbone.load_state_dict(state)
