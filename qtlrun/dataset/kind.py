"""Kinds of a dataset's items."""

from torch import Tensor

from qtlrun.dataset.picture import Pictures

NOUNS = {"pictures": "picture", "vectors": "item", "states": "state"}


def kind(dataset) -> str:
    """States (of so many optical `modes`), vectors or pictures."""
    if hasattr(dataset, "modes"):
        return "states"
    inputs = dataset.train.inputs
    return "vectors" if isinstance(inputs, Tensor) and inputs.is_floating_point() else "pictures"


def counts(dataset) -> dict[str, dict[str, int]]:
    """How many items of each class are in each split."""
    splits = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    numbers = {
        name: split.labels.bincount(minlength=len(dataset.classes)).tolist()
        for name, split in splits.items()
    }
    return {
        name: dict(zip(dataset.classes, number, strict=True)) for name, number in numbers.items()
    }


def sizes(dataset) -> set[tuple[int, int]]:
    """Heights and widths of pictures, in pixels: one where all are equal."""
    inputs = [split.inputs for split in (dataset.train, dataset.validation, dataset.test)]
    return {
        size
        for one in inputs
        for size in (one.sizes if isinstance(one, Pictures) else [tuple(one.shape[-2:])])
    }


def noun(dataset) -> str:
    """Noun for one item."""
    return NOUNS[kind(dataset)]
