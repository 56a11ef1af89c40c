"""Kinds of a dataset's items."""

from torch import Tensor

from qtlrun.dataset.picture import Pictures

NOUNS = {"pictures": "picture", "vectors": "item", "states": "state"}


def kind(dataset) -> str:
    """Kind of a dataset's items: states (of so many optical `modes`), vectors or pictures."""
    if dataset.modes:
        return "states"
    inputs = dataset.train.inputs
    return "vectors" if isinstance(inputs, Tensor) and inputs.is_floating_point() else "pictures"


def counts(dataset) -> dict[str, dict[str, int]]:
    """Count of items of each class in each split."""
    splits = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    numbers = {
        name: split.labels.bincount(minlength=len(dataset.classes)).tolist()
        for name, split in splits.items()
    }
    return {
        name: dict(zip(dataset.classes, number, strict=True)) for name, number in numbers.items()
    }


def sizes(dataset) -> set[tuple[int, int]]:
    """Heights and widths of pictures, in pixels; a single pair where all are equal."""
    sizes: set[tuple[int, int]] = set()
    for split in (dataset.train, dataset.validation, dataset.test):
        inputs = split.inputs
        sizes.update(inputs.sizes if isinstance(inputs, Pictures) else [tuple(inputs.shape[-2:])])
    return sizes


def noun(dataset) -> str:
    """Noun for one item."""
    return NOUNS[kind(dataset)]
