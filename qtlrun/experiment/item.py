"""What a dataset's items are."""
from torch import Tensor

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
    numbers = {name: split.labels.bincount(minlength=len(dataset.classes)).tolist() for name, split in splits.items()}
    return {name: dict(zip(dataset.classes, number, strict=True)) for name, number in numbers.items()}


def sizes(dataset) -> set[tuple[int, int]]:
    """Heights and widths of pictures that lie in files, in pixels: one where all are equal."""
    return {size for split in (dataset.train, dataset.validation, dataset.test) for size in split.inputs.sizes}


def noun(dataset) -> str:
    """What one item is called."""
    return NOUNS[kind(dataset)]
