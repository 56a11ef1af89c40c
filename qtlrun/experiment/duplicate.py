"""Items of a dataset that are equal, wherever they stand."""

from collections import Counter
from collections.abc import Iterable, Mapping

from qtlrun.comparison.row import Duplicates
from qtlrun.dataset.dataset import Dataset


def count_duplicates(dataset: Dataset, contents: Mapping[str, str]) -> Duplicates:
    """Count the equal items of all splits.

    `contents` has the hash of the pixels, by item, of pictures that look alike in different files.
    """
    splits = dataset.splits
    if dataset.validation is dataset.test:
        del splits["validation"]
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


def _count_above_one(numbers: Iterable[int]) -> int:
    """Count of numbers above 1."""
    return sum(number > 1 for number in numbers)


def _count_common(items: list[str], others: list[str]) -> int:
    """Count of items that are among others too."""
    distinct = set(others)
    return sum(item in distinct for item in items)
