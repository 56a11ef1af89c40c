"""Items in batches: what training takes of them at once, in which order."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from qtlrun.freeze import Freeze, is_norm

CHUNK_NUMBERS = 2**18  # of one run, at once in evaluation


@dataclass(frozen=True)
class Data:
    """Items to train or evaluate on.

    Arguments:
        take: the items (runs, batch, ...) at an index, in an epoch; None is evaluation.
        labels: class of each item, the same for all runs or of each.
        chunk: items that evaluation takes at once.
        sequence: the order in an epoch in which every run takes the items; None: each has its own.
    """

    take: Callable[[Int[Tensor, "runs batch"], int | None], Tensor]
    labels: Int[Tensor, "*#runs items"]
    chunk: int
    sequence: Callable[[int], Int[Tensor, " items"]] | None = None

    @property
    def count(self) -> int:
        """Number of items that each run takes."""
        return self.labels.shape[-1]


@runtime_checkable
class Caller(Protocol):
    """Module that calls others without owning them."""

    def inner_modules(self) -> Iterator[nn.Module]:
        """The modules that it calls, with those inside them."""


def cached(
    features: Float[Tensor, "*blocks items features"],
    labels: Int[Tensor, "*#runs items"],
    blocks: Sequence[int] = (0,),
    sequence: Callable[[int], Int[Tensor, " items"]] | None = None,
) -> Data:
    """Data of features computed beforehand, the same in every epoch.

    Features come in blocks, of other items or otherwise scaled; `blocks` has that of each run.
    """
    flat = features.flatten(0, -2)
    shift = torch.tensor(blocks).unsqueeze(1) * features.shape[-2]

    def take(index: Tensor, _epoch: int | None) -> Tensor:
        if index.stride(0) == 0 and len(set(blocks)) == 1:
            # Every run takes the same items: one copy of them.
            rows = index[0] + shift[0]
            return flat.index_select(0, rows.to(flat.device)).expand(len(index), -1, -1)
        rows = (index + shift).flatten().to(flat.device)
        return flat.index_select(0, rows).unflatten(0, index.shape)

    return Data(take, labels, max(1, min(1024, CHUNK_NUMBERS // features.shape[-1])), sequence)


def draw_order(data: Data, orders: list[torch.Generator], epoch: int) -> Int[Tensor, "runs items"]:
    """Order in which each run takes the items in an epoch: the data's, or one drawn per run."""
    if data.sequence is not None:
        return data.sequence(epoch).expand(len(orders), -1)
    return torch.stack([torch.randperm(data.count, generator=draw) for draw in orders])


def steps(items: int, batch_size: int, joined: bool) -> int:
    """Number of batches in an epoch."""
    return len(batch_sizes(items, batch_size, joined))


def batch_sizes(items: int, batch_size: int, joined: bool) -> list[int]:
    """Number of items in each batch of an epoch."""
    sizes = [batch_size] * (items // batch_size) + [items % batch_size] * (items % batch_size > 0)
    if joined and len(sizes) > 1 and sizes[-1] == 1 < batch_size:
        sizes[-2:] = [batch_size + 1]
    return sizes


def joins(model: nn.Module, backbone: nn.Module | None, freeze: Freeze) -> bool:
    """Whether a last batch of one item joins the batch before it.

    So it does where a batch norm takes statistics from each batch: one item has no variance.
    """
    inside = set(backbone.modules()) if backbone is not None else set()
    outside = any(is_norm(module) for module in _modules(model) if module not in inside)
    return outside or (backbone is not None and freeze.normalises(backbone))


def _modules(model: nn.Module) -> Iterator[nn.Module]:
    """Every module of a model, with those that one calls without owning them."""
    for module in model.modules():
        yield module
        if isinstance(module, Caller):
            yield from module.inner_modules()
