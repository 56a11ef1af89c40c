"""Ensembles: the heads of many runs on features, or the whole network of one."""

import copy
import itertools
import json
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from qtlrun import plan as plans
from qtlrun import recipe, train
from qtlrun.experiment import feature
from qtlrun.experiment.network import Network
from qtlrun.experiment.parts import Parts
from qtlrun.layer import Start
from qtlrun.parametrization.generated import HEAD, Generated
from qtlrun.parametrization.generator import Generator
from qtlrun.store import Entry
from qtlrun.train import Data

TOGETHER = (
    2**18
)  # trained numbers of one program, which caches hold; more runs are slower together than in turn
SHOWN = 64  # training items that scale=auto looks at
OWN = {
    "recipe": recipe.OWN,
    "head": ("spread",),
}  # values in which the runs of one program may differ


@dataclass(frozen=True)
class Run:
    """One training: of which row, from which seed."""

    parts: Parts
    seed: int


@dataclass(frozen=True)
class Model:
    """Ensemble of runs: the heads of all on features, or one run's whole network."""

    whole: nn.Module  # with its generator, where it has one
    head: nn.Module
    backbone: nn.Module | None
    data: dict[str, Data]
    runs: list[Run]
    scale: feature.Scaling
    scales: list[str]  # of each run's features

    @property
    def generator(self) -> Generator | None:
        """Generator of some of its weights."""
        return self.whole.generator if isinstance(self.whole, Generated) else None

    @property
    def places(self) -> dict[str, nn.Module]:
        """Its parts by the names that their weights have in an entry."""
        parts = {"head": self.head, "backbone": self.backbone, "generator": self.generator}
        return {name: part for name, part in parts.items() if part is not None}


def programs(runs: list[Run]) -> list[list[Run]]:
    """The runs in groups that are trained together: they differ in their own values alone."""
    groups = {}
    for run in runs:
        own = "" if together(run.parts) and not run.parts.solved else len(groups)
        groups.setdefault((shared(run.parts), own), []).append(run)
    programs = []
    for group in groups.values():
        size = _size(group[0]) if len(group) > 1 else 0
        most = max(1, TOGETHER // max(1, size))
        group.sort(
            key=lambda run: run.parts.recipe.scale
        )  # runs of one scaling can share their items in memory
        programs += [group[at : at + most] for at in range(0, len(group), most)]
    return programs


def together(parts: Parts) -> bool:
    """Whether runs of a row can be one program: on features that do not change, with no chance but
    that of its seeds.
    """
    return parts.fixed and parts.exact and parts.stacked


def shared(parts: Parts) -> str:
    """Identity of what runs of one program have in common."""
    return json.dumps(
        {
            group: (
                {
                    name: value
                    for name, value in plans.bare(part).items()
                    if name not in OWN.get(group, ())
                }
                if isinstance(part, dict)
                else part
            )
            for group, part in parts.plan.items()
        },
        sort_keys=True,
    ) + str(id(parts.dataset))


def build(runs: list[Run]) -> Model:
    """The heads of all runs on their features, or the network of one run."""
    parts = runs[0].parts
    dataset = runs[0].parts.dataset
    splits = {name: getattr(dataset, name) for name in feature.SPLITS}
    head = _head(runs)
    if parts.fixed:
        known = feature.features(parts)
        names = _scales(runs, head, lambda: known["train"][:SHOWN])
        kinds = sorted(set(names))
        scale = feature.scalings(kinds, lambda: known["train"])
        scaling = [kinds.index(name) for name in names]
        data = {
            name: train.cached(scale(known[name]), split.labels, scaling, _sequence(dataset, name))
            for name, split in splits.items()
        }
        return Model(_generated(head, runs, HEAD), head, None, data, runs, scale, names)
    backbone = parts.trained_backbone(runs[0].seed)
    augment = runs[0].seed if parts.recipe.augment else None
    data = {
        name: Data(
            feature.pictures(parts, split, backbone, augment),
            split.labels,
            feature.chunk(backbone),
            _sequence(dataset, name),
        )
        for name, split in splits.items()
    }
    network = Network(backbone, head)
    whole = _generated(network, runs)
    names = _scales(runs, head, lambda: _begun(whole, data["train"], SHOWN))
    network.scale = feature.scalings(names, lambda: _begun(whole, data["train"]))
    return Model(whole, head, backbone, data, runs, network.scale, names)


def _scales(runs: list[Run], head: nn.Module, features: Callable[[], Tensor]) -> list[str]:
    """How each run's features are scaled; `auto` looks at some of the training split, and leaves
    amplitudes alone.
    """
    scales = [run.parts.recipe.scale for run in runs]
    if "auto" not in scales:
        return scales
    if getattr(head, "amplitudes", False):
        return ["none" if scale == "auto" else scale for scale in scales]
    known = features()
    return [run.parts.recipe.scaling(known) for run in runs]


@torch.no_grad()
def _begun(whole: nn.Module, data: Data, most: int | None = None) -> Tensor:
    """The features of all items, or of the first so many, before anything is trained."""
    whole.eval()
    every = torch.arange(len(data.labels))[:most].unsqueeze(0).split(data.chunk, dim=1)
    return torch.cat([whole.features(data.take(index, None))[0] for index in every])


def _generated(model: nn.Module, runs: list[Run], within: str = "") -> nn.Module:
    """The model with those weights generated that its parametrization names."""
    parts = runs[0].parts
    if not parts.generated:
        return model
    start = Start([run.seed for run in runs], parts.dtype)
    made = Generated(model, parts.parametrization, list(parts.generated), start, within)
    own = set(map(id, made.parameters()))
    for stage in getattr(getattr(model, "backbone", None), "stages", ()):
        stage.parameters[:] = [one for one in stage.parameters if id(one) in own]
    return made


def _size(run: Run) -> int:
    """Numbers that one run works on in a step: those that are trained, and of a generator its
    weights and amplitudes.
    """
    weights = sum(map(math.prod, run.parts.generated.values()))
    return sum(one.numel() for one in _head([run]).parameters()) + 4 * weights


def _sequence(dataset, split: str):
    """The order in which a dataset gives its training items, where it prescribes one."""
    return getattr(dataset, "sequence", None) if split == "train" else None


def _head(runs: list[Run]) -> nn.Module:
    """One head of all runs; each starts from the values that its own row gives it."""
    first = runs[0].parts
    size = feature.features(first)["train"].shape[1] if first.fixed else first.backbone.features
    head = runs[0].parts.head(size, [run.seed for run in runs])
    rows = [
        (parts, [run.seed for run in mine])
        for parts, mine in itertools.groupby(runs, key=lambda run: run.parts)
    ]
    if len({json.dumps(parts.plan["head"]) for parts, _ in rows}) > 1:
        states = [parts.head(size, seeds).state_dict() for parts, seeds in rows]
        head.load_state_dict(
            {name: torch.cat([state[name] for state in states]) for name in states[0]}
        )
    return head


def load(model: Model, learned: list[Entry]) -> None:
    """Put what was learned into a model."""
    for place, part in model.places.items():
        begin = f"weights/{place}."
        names = [name for name in learned[0].arrays if name.startswith(begin)]
        state = {name: [torch.from_numpy(one.arrays[name]) for one in learned] for name in names}
        part.load_state_dict(
            {
                name.removeprefix(begin): values[0] if place == "backbone" else torch.stack(values)
                for name, values in state.items()
            }
        )


def plain(run: Run, learned: Entry) -> tuple[nn.Module, Data]:
    """One finished run as a network from items to logits (1, batch, classes) whose weights are its
    own, and the test items.
    """
    parts = run.parts
    model = build([run])
    load(model, [learned])
    whole = model.whole.plain() if model.generator else model.whole
    backbone = model.backbone or parts.backbone
    network = (
        whole
        if model.backbone
        else Network(
            copy.deepcopy(backbone),
            whole,
            feature.scalings(model.scales, lambda: feature.features(parts)["train"]),
        )
    )
    test = parts.dataset.test
    return network.eval(), Data(
        feature.pictures(parts, test, backbone), test.labels, feature.chunk(backbone)
    )
