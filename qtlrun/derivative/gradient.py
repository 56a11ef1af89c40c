"""Gradients of a number by named weights, and of columns of values by leaves."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def find_gradients(
    value: Tensor, weights: Mapping[str, Tensor], *, keep_graph: bool = False
) -> dict[str, Tensor]:
    """Gradient of a number by each weight that it depends on, dense ones all."""
    slopes = torch.autograd.grad(
        value, list(weights.values()), retain_graph=keep_graph, allow_unused=True
    )
    pairs = zip(weights, slopes, strict=True)
    return {name: slope.to_dense() for name, slope in pairs if slope is not None}


def differentiate_columns(
    values: Float[Tensor, "rows columns"], leaves: Sequence[Tensor]
) -> list[Tensor]:
    """Gradient of each column's sum by each leaf, (columns, *leaf); 0 where none depends on it.

    A leaf that has an axis of rows so gets the derivative of each row by its own part.
    """
    if not values.requires_grad:
        return [leaf.new_zeros(values.shape[1], *leaf.shape) for leaf in leaves]
    gradients = [
        torch.autograd.grad(
            column.sum(), leaves, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        for column in values.unbind(1)
    ]
    return [torch.stack(by_leaf) for by_leaf in zip(*gradients, strict=True)]
