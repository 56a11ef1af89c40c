"""Values of test items in the layers of a training, for the lenses that compare layers."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from jaxtyping import Float64

from qtlrun.dataset.split import Split
from qtlrun.experiment.subject import FEATURES, Subject

Points = Float64[np.ndarray, "items numbers"]
Plane = Float64[np.ndarray, "items 2"]
Value = TypeVar("Value")
FEWEST_ITEMS = 10  # of which a layer's numbers, or a plane, are told


@dataclass(frozen=True)
class Pool(Generic[Value]):
    """Values of a function of points, each computed once: seeds share a frozen backbone."""

    values: dict[bytes, Value] = field(default_factory=dict)

    def find(self, points: Points, function: Callable[[Points], Value]) -> Value:
        """Value of these points, computed where there is none yet."""
        digest = hashlib.sha256(points.tobytes()).digest()
        if digest not in self.values:
            self.values[digest] = function(points)
        return self.values[digest]


def read_layers(subject: Subject, split: Split, stages: int) -> dict[str, Points]:
    """Points of a split's items by layer: stages of the backbone, its features, and the head's.

    stages: of the backbone at most, from its first on at equal distances
    """
    layers = subject.layers(split)
    names = [*layers][:-2]  # the last stage's means are the features
    shown = {name: layers[name] for name in _thin(names, stages)}
    shown |= subject.head_layers(layers[FEATURES])
    return {name: each.detach().cpu().double().numpy() for name, each in shown.items()}


def read_items(subject: Subject, items: Sequence[str], stages: int) -> dict[str, Points]:
    """Points of items, named by their hashes, whichever splits of the subject they are in."""
    rest = set(items)
    places: dict[str, int] = {}
    parts = []
    for split in subject.dataset.splits.values():
        index = []
        for number, item in enumerate(split.items):
            if item in rest:
                rest.remove(item)
                places[item] = len(places)
                index.append(number)
        if index:
            parts.append(read_layers(subject, split.subset(index), stages))
    order = [places[item] for item in items]
    layers = {}
    for name in parts[0]:
        layers[name] = np.concatenate([part[name] for part in parts])[order]
    return layers


def share_items(subjects: Iterable[Subject], items: Sequence[str]) -> list[str]:
    """Those of the items that the datasets of all subjects have."""
    datasets = {id(subject.dataset): subject.dataset for subject in subjects}
    shared = dict.fromkeys(items)
    for dataset in datasets.values():
        present = set().union(*(split.items for split in dataset.splits.values()))
        shared = {item: None for item in shared if item in present}
    return list(shared)


def _thin(names: list[str], count: int) -> list[str]:
    """So many of the names, from the first on at equal distances."""
    positions = np.linspace(0, len(names) - 1, min(count, len(names))).round().astype(int)
    return [names[position] for position in positions]
