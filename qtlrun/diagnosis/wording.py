"""Words of findings and refusals on what is no word."""

from collections.abc import Iterable


def name_shape(shape: Iterable[int]) -> str:
    """Shape of a tensor as 16 x 4, with the items in front."""
    return " x ".join(map(str, shape)) or "one number"
