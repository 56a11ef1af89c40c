"""Items of a dataset that are equal or look alike, wherever they stand."""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import product
from typing import NamedTuple

from torch import Tensor

from qtlrun.comparison.row import Duplicates, Likeness
from qtlrun.dataset.dataset import Dataset
from qtlrun.dataset.look import Looks
from qtlrun.dataset.split import Split

MAX_NAMED = 3  # pairs


def count_duplicates(dataset: Dataset, contents: Mapping[str, str]) -> Duplicates:
    """Count the equal items of all splits.

    `contents` has the hash of the pixels, by item, of pictures that look alike in different files.
    """
    splits = _distinct_splits(dataset)
    members = {}
    for name, split in splits.items():
        members[name] = [contents.get(item, item) for item in split.items]
    counts: Counter[str] = Counter()
    labels: dict[str, set[int]] = {}
    for name, split in splits.items():
        counts.update(members[name])
        for item, label in zip(members[name], split.labels.tolist(), strict=True):
            labels.setdefault(item, set()).add(label)
    train = members["train"]
    test = members["test"]
    validation = members.get("validation", [])
    return Duplicates(
        distinct=len(counts),
        repeated=_count_above_one(counts.values()),
        contradictory=_count_above_one(map(len, labels.values())),
        test=len(test),
        test_in_train=_count_common(test, train),
        test_in_validation=_count_common(test, validation),
        validation=len(validation),
        validation_in_train=_count_common(validation, train),
    )


class _Place(NamedTuple):
    """Place of an item: its split, its label and its name."""

    split: str
    label: int
    name: str


def describe_likeness(dataset: Dataset, looks: Looks) -> Likeness:
    """Pictures that look alike in two splits, and pairs by name.

    A picture counts where it looks like one of the other split and equals none there.
    """
    places = _places(dataset, looks.contents)
    near: set[tuple[str, str, str]] = set()
    alike: list[tuple[str, str]] = []
    conflicts = _conflicts(places)
    for pair in sorted(looks.alike):
        first, second = (looks.contents.get(item, item) for item in pair)
        if first not in places or second not in places:
            continue
        near |= _crossings(places, first, second) | _crossings(places, second, first)
        here = places[first][0]
        there = places[second][0]
        if here.split != there.split:
            alike.append((here.name, there.name))
        if here.label != there.label:
            conflicts.append((here.name, there.name))
    counts = Counter((here, there) for _, here, there in near)
    return Likeness(
        test_in_train=counts["test", "train"],
        test_in_validation=counts["test", "validation"],
        validation_in_train=counts["validation", "train"],
        conflicting=len(conflicts),
        copies=tuple(_copies(places)[:MAX_NAMED]),
        alike=tuple(alike[:MAX_NAMED]),
        conflicts=tuple(conflicts[:MAX_NAMED]),
        compared=looks.compared and _are_files(dataset),
    )


def _are_files(dataset: Dataset) -> bool:
    """Whether no picture is held as numbers, of which no looks are taken."""
    splits = dataset.splits.values()
    return dataset.kind != "pictures" or not any(
        isinstance(split.inputs, Tensor) for split in splits
    )


def _crossings(places: dict[str, list[_Place]], item: str, other: str) -> set[tuple[str, str, str]]:
    """An item, each split that it stands in, and each that has the other instead."""
    homes = {each.split for each in places[item]}
    others = {each.split for each in places[other]} - homes
    return {(item, here, there) for here, there in product(homes, others)}


def _places(dataset: Dataset, contents: Mapping[str, str]) -> dict[str, list[_Place]]:
    """Places of each different item that has a name."""
    places: dict[str, list[_Place]] = {}
    for split_name, split in _distinct_splits(dataset).items():
        for item, label, name in zip(split.items, split.labels.tolist(), split.names, strict=False):
            standing = _Place(split_name, label, name)
            places.setdefault(contents.get(item, item), []).append(standing)
    return places


def _copies(places: dict[str, list[_Place]]) -> list[tuple[str, str]]:
    """Names of equal pictures in two splits, a pair for each."""
    pairs = []
    for first, *others in places.values():
        pairs += [(first.name, each.name) for each in others if each.split != first.split][:1]
    return pairs


def _conflicts(places: dict[str, list[_Place]]) -> list[tuple[str, str]]:
    """Names of equal pictures of two classes, a pair for each."""
    pairs = []
    for first, *others in places.values():
        pairs += [(first.name, each.name) for each in others if each.label != first.label][:1]
    return pairs


def _distinct_splits(dataset: Dataset) -> dict[str, Split]:
    """Splits by name, without a validation split that is the test split."""
    splits = dataset.splits
    if dataset.validation is dataset.test:
        del splits["validation"]
    return splits


def _count_above_one(numbers: Iterable[int]) -> int:
    """Count of numbers above 1."""
    return sum(number > 1 for number in numbers)


def _count_common(items: list[str], others: list[str]) -> int:
    """Count of items that are among others too."""
    distinct = set(others)
    return sum(item in distinct for item in items)
