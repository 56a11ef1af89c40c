"""What a dataset's items are."""
from torch import Tensor

NOUNS = {"pictures": "picture", "vectors": "item", "states": "state"}


def kind(dataset) -> str:
    """States (of so many optical `modes`), vectors or pictures."""
    if hasattr(dataset, "modes"):
        return "states"
    inputs = dataset.train.inputs
    return "vectors" if isinstance(inputs, Tensor) and inputs.is_floating_point() else "pictures"


def noun(dataset) -> str:
    """What one item is called."""
    return NOUNS[kind(dataset)]
