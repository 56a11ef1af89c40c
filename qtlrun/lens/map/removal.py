"""Deletion and insertion curves: the probability of a class as parts of an item are removed.

Source: Petsiuk et al., arXiv:1806.07421.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from qtlrun.lens.view import coarsen

MAX_PATCHES = 8  # on a side of a picture

Probability = Callable[[Tensor, Int64[Tensor, " items"]], Tensor]


@dataclass(frozen=True)
class Removal:
    """Curves over equal shares of an item's parts, from none to all.

    shares: of the parts that are removed, from 0 to 1
    deletion: probability of the class once the parts that rank first are removed, (items, shares)
    insertion: once those alone are there, from none to all
    """

    shares: Float64[np.ndarray, " shares"]
    deletion: Float64[np.ndarray, "items shares"]
    insertion: Float64[np.ndarray, "items shares"]

    @property
    def curves(self) -> dict[str, Float64[np.ndarray, "items shares"]]:
        """Both curves by name."""
        return {"deletion": self.deletion, "insertion": self.insertion}

    @property
    def areas(self) -> tuple[Float64[np.ndarray, " items"], Float64[np.ndarray, " items"]]:
        """Areas under both curves of each item, by the trapezoidal rule."""
        deletion = np.trapezoid(self.deletion, self.shares, axis=1)
        insertion = np.trapezoid(self.insertion, self.shares, axis=1)
        return deletion, insertion


def rank_parts(maps: Float[Tensor, "items ..."]) -> Int64[Tensor, "items parts"]:
    """Rank parts of each item, patches or numbers, by the mean of its map, the largest first.

    Of equal parts the first comes first.
    """
    if maps.dim() == 3:
        maps = coarsen(maps, MAX_PATCHES)
    return maps.flatten(1).argsort(dim=1, descending=True, stable=True)


def remove(
    probability: Probability,
    items: Float[Tensor, "items ..."],
    targets: Int64[Tensor, " items"],
    baseline: Float[Tensor, "..."],
    orders: list[Int64[Tensor, "items parts"]],
    levels: int,
) -> list[Removal]:
    """Curves of items in several orders of their parts; what is removed becomes the baseline.

    probability: of the targets, of so many items with their targets, (items,)
    items: as (items, channels, height, width) or (items, numbers)
    levels: steps from no part to all
    """
    parts = orders[0].shape[1]
    shares = np.linspace(0, 1, min(levels, parts) + 1)
    whole = probability(items, targets)  # the ends of all curves
    nothing = probability(baseline.expand_as(items), targets)
    removals = []
    cuts = torch.tensor([round(share * parts) for share in shares[1:-1]]).view(-1, 1, 1)
    copies = items.expand(len(cuts), *items.shape).flatten(0, 1)
    for order in orders:
        places = order.argsort(1)  # the rank of each part
        first = _spread((places < cuts.to(places)).flatten(0, 1), items)
        deletions = torch.where(first, baseline, copies)
        insertions = torch.where(first, copies, baseline)
        chances = probability(torch.cat([deletions, insertions]), targets.repeat(2 * len(cuts)))
        deleted, inserted = chances.view(2, len(cuts), len(items)).unbind()
        pair = [whole, *deleted, nothing], [nothing, *inserted, whole]
        curves = [torch.stack(each, 1).double().cpu().numpy() for each in pair]
        removals.append(Removal(shares, *curves))
    return removals


def _spread(chosen: Tensor, items: Tensor) -> Tensor:
    """Chosen parts as a mask that fits the items, each patch over its pixels."""
    if items.dim() == 2:
        return chosen
    height, width = items.shape[2:]
    rows, columns = (min(side, MAX_PATCHES) for side in (height, width))
    patches = chosen.view(-1, rows, columns)
    down = torch.arange(height, device=chosen.device) * rows // height
    right = torch.arange(width, device=chosen.device) * columns // width
    return patches[:, down][:, :, right].unsqueeze(1)
