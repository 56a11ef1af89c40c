"""Labelled items and their division into parts."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from hashlib import sha256

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from qtlrun.dataset.picture import Pictures


@dataclass(frozen=True, eq=False)
class Split:
    """One part of a dataset: raw inputs, their labels, and for each item the hash of its content.

    `names` are the items' paths in their dataset, for predictions; data that came as arrays have none.
    """

    inputs: UInt8[Tensor, "items channels height width"] | Float[Tensor, "items features"] | Pictures
    labels: Int64[Tensor, "items"]
    items: tuple[str, ...]
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.items)

    def subset(self, index: Sequence[int] | Int64[Tensor, "some"]) -> "Split":
        """The items at `index`, in its order."""
        index = torch.as_tensor(index, dtype=torch.int64)
        chosen = index.tolist()
        tensor = isinstance(self.inputs, Tensor)
        return Split(
            self.inputs[index] if tensor else Pictures([self.inputs.paths[i] for i in chosen]),
            self.labels[index],
            tuple(self.items[i] for i in chosen),
            tuple(self.names[i] for i in chosen) if self.names else (),
        )

    def batch(
        self,
        index: Sequence[int] | Int64[Tensor, "batch"],
        transform: Callable[..., Tensor],
        generator: Callable[[int], torch.Generator] | None = None,
    ) -> Tensor:
        """The transformed items at `index`, stacked in its order.

        Images of one size go through `transform` together. Pictures, and whatever takes its chances from
        `generator(i)`, go one by one in threads, so an item's chances do not depend on the rest of its batch.
        """
        index = torch.as_tensor(index, dtype=torch.int64)
        if generator is None and isinstance(self.inputs, Tensor):
            return transform(self.inputs[index])

        def one(i: int) -> Tensor:
            return transform(self.inputs[i]) if generator is None else transform(self.inputs[i], generator(i))

        return torch.stack(list(pool().map(one, index.tolist())))


def stratified(
    labels: Int64[Tensor, "items"], counts: Sequence[int | float], seed: int, *, names: Sequence[str] = ()
) -> list[Int64[Tensor, "_"]]:
    """Sorted indices of disjoint parts, each class drawn apart; what no part takes is the last, additional part.

    An int takes that many items of every class; a float that share of every class, at least one item, and then at
    least one must be left for the last part. A class too small for this raises a ValueError that lists the classes'
    counts; `names` are the words for them.
    """
    generator = torch.Generator().manual_seed(seed)
    drawn = [[] for _ in range(len(counts) + 1)]
    for label in labels.unique().tolist():
        mine = (labels == label).nonzero().flatten()
        sizes = [count if isinstance(count, int) else max(1, round(count * len(mine))) for count in counts]
        rest = any(isinstance(count, float) for count in counts)
        if sum(sizes) + rest > len(mine):
            parts = " + ".join(map(str, sizes + ["a rest"] * rest))
            raise ValueError(_too_small(labels, label, names, parts))
        sizes.append(len(mine) - sum(sizes))
        mine = mine[torch.randperm(len(mine), generator=generator)]
        for part, indices in zip(drawn, mine.split(sizes)):
            part.append(indices)
    return [torch.cat(part).sort().values for part in drawn]


def _too_small(labels: Tensor, small: int, names: Sequence[str], parts: str) -> str:
    counts = {names[label] if names else str(label): int((labels == label).sum()) for label in labels.unique().tolist()}
    name = names[small] if names else str(small)
    listed = ", ".join(f"{key} {count}" for key, count in list(counts.items())[:12])
    listed += ", ..." * (len(counts) > 12)
    return f"class {name} has {counts[name]} items, too few for parts of {parts} (items a class: {listed})."


def fingerprint(parts: dict[str, Split]) -> str:
    """The SHA-256 over each item's part, name, content and label, in hexadecimal: what a stored result depends on."""
    lines = sorted(
        f"{part}\0{name}\0{item}\0{label}\n"
        for part, split in parts.items()
        for name, item, label in zip(split.names or [""] * len(split), split.items, split.labels.tolist())
    )
    return sha256("".join(lines).encode()).hexdigest()


def pool() -> ThreadPoolExecutor:
    """The threads that decode, transform and hash; Pillow, torch and hashlib release the interpreter meanwhile."""
    # A forked child has the object of its parent but not the threads: each process has a pool of its own.
    return _pool(os.getpid())


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(4, os.cpu_count() or 1), thread_name_prefix="qtlrun-dataset")
