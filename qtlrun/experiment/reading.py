"""Readings of test splits: who has read their items, in the store's ledger."""

from collections.abc import Iterable

from qtlrun.experiment.parts import Parts
from qtlrun.ledger import Items, Readings


def enter_readings(readings: Iterable[tuple[Parts, str]]) -> Readings:
    """Enter the readers of test splits, and count the plans that have read the same items.

    A reader is the key of a plan; an empty one enters nothing.
    """
    readers: dict[str, tuple[Parts, set[str]]] = {}
    for parts, reader in readings:
        if reader:
            readers.setdefault(parts.dataset.fingerprint, (parts, set()))[1].add(reader)
    for parts, keys in readers.values():
        parts.session.ledger.enter(_items(parts)[0], keys)
    return Readings.largest(count_readings(parts) for parts, _ in readers.values())


def count_readings(parts: Parts) -> Readings:
    """Count the plans that have read items of a variant's test split, or of its pool."""
    return parts.session.ledger.count(*_items(parts))


def _items(parts: Parts) -> tuple[Items, Items]:
    """Items of the test split, and of all splits of the dataset."""

    def make() -> tuple[Items, Items]:
        dataset = parts.dataset
        pool = [item for split in dataset.splits.values() for item in split.items]
        return Items.of(dataset.test.items), Items.of(pool)

    return parts.session.once(f"items {parts.dataset.fingerprint}", make)
