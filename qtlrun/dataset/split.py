"""Splits: labelled items, and the hashes of all that a dataset's splits hold."""

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
    """Part of a dataset: raw inputs, their labels, and for each item the hash of its content.

    `names` are the items' paths in their dataset, for predictions; data that came as arrays have
    none.
    """

    inputs: (
        UInt8[Tensor, "items channels height width"] | Float[Tensor, "items features"] | Pictures
    )
    labels: Int64[Tensor, " items"]
    items: tuple[str, ...]
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.items)

    @property
    def vectors(self) -> Float[Tensor, "items features"]:
        """Inputs that are vectors; TypeError where they are pictures in files."""
        if isinstance(self.inputs, Pictures):
            raise TypeError("pictures in files are no vectors.")
        return self.inputs

    def subset(self, index: Sequence[int] | Int64[Tensor, " subset"]) -> "Split":
        """Items at `index`, in its order."""
        index = torch.as_tensor(index, dtype=torch.int64)
        positions = index.tolist()
        inputs: Tensor | Pictures
        if isinstance(self.inputs, Tensor):
            inputs = self.inputs[index]
        else:
            inputs = Pictures([self.inputs.paths[i] for i in positions])
        items = tuple(self.items[i] for i in positions)
        names = tuple(self.names[i] for i in positions) if self.names else ()
        return Split(inputs, self.labels[index], items, names)

    def batch(
        self,
        index: Sequence[int] | Int64[Tensor, " batch"],
        transform: Callable[..., Tensor],
        generator: Callable[[int], torch.Generator] | None = None,
    ) -> Tensor:
        """Transformed items at `index`, stacked in its order.

        Images of one size go through `transform` together. Pictures, and whatever is drawn from
        `generator(i)`, go one by one in threads, so an item's draws do not depend on the rest of
        its batch.
        """
        index = torch.as_tensor(index, dtype=torch.int64)
        if generator is None and isinstance(self.inputs, Tensor):
            return transform(self.inputs[index])

        def transform_item(i: int) -> Tensor:
            if generator is None:
                return transform(self.inputs[i])
            return transform(self.inputs[i], generator(i))

        return torch.stack(list(pool().map(transform_item, index.tolist())))


def fingerprint(parts: dict[str, Split]) -> str:
    """SHA-256 over each item's split, name, content and label, in hexadecimal.

    Items in another order have the same.
    """
    return sha256("".join(sorted(_lines(parts))).encode()).hexdigest()


def sequence_fingerprint(parts: dict[str, Split]) -> str:
    """The same over the items of each split in their order."""
    return sha256("".join(_lines(parts)).encode()).hexdigest()


def _lines(parts: dict[str, Split]) -> list[str]:
    """Lines of the items, in their order within each split."""
    return [
        f"{part}\0{name}\0{item}\0{label}\n"
        for part, split in sorted(parts.items())
        for name, item, label in zip(
            split.names or [""] * len(split), split.items, split.labels.tolist(), strict=False
        )
    ]


def pool() -> ThreadPoolExecutor:
    """Threads that decode, transform and hash.

    Pillow, torch and hashlib release the interpreter meanwhile.
    """
    # A forked child has the object of its parent but not the threads: each process has a pool of
    # its own.
    return _pool(os.getpid())


@cache
def _pool(_process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(4, os.cpu_count() or 1), thread_name_prefix="qtlrun-dataset")
