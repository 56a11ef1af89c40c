"""Labelled items and their division into parts."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from hashlib import sha256

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from qtlrun.dataset.picture import Pictures
from qtlrun.plan import Absent


@dataclass(frozen=True, eq=False)
class Split:
    """One part of a dataset: raw inputs, their labels, and for each item the hash of its content.

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

    def subset(self, index: Sequence[int] | Int64[Tensor, " some"]) -> "Split":
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
        index: Sequence[int] | Int64[Tensor, " batch"],
        transform: Callable[..., Tensor],
        generator: Callable[[int], torch.Generator] | None = None,
    ) -> Tensor:
        """The transformed items at `index`, stacked in its order.

        Images of one size go through `transform` together. Pictures, and whatever takes its chances
        from `generator(i)`, go one by one in threads, so an item's chances do not depend on the
        rest of its batch.
        """
        index = torch.as_tensor(index, dtype=torch.int64)
        if generator is None and isinstance(self.inputs, Tensor):
            return transform(self.inputs[index])

        def one(i: int) -> Tensor:
            return (
                transform(self.inputs[i])
                if generator is None
                else transform(self.inputs[i], generator(i))
            )

        return torch.stack(list(pool().map(one, index.tolist())))


def stratified(
    labels: Int64[Tensor, " items"],
    counts: Sequence[int | float],
    seed: int,
    *,
    names: Sequence[str] = (),
) -> list[Int64[Tensor, " _"]]:
    """Sorted indices of disjoint parts, each class drawn apart; what no part takes is the last,
    additional part.

    An int takes that many items of every class; a float that share of every class, at least one
    item, and then at least one must be left for the last part. A class too small for this raises a
    ValueError that lists the classes' counts; `names` are the words for them.
    """
    generator = torch.Generator().manual_seed(seed)
    drawn = [[] for _ in range(len(counts) + 1)]
    for label in labels.unique().tolist():
        mine = (labels == label).nonzero().flatten()
        sizes = [
            count if isinstance(count, int) else max(1, round(count * len(mine)))
            for count in counts
        ]
        rest = any(isinstance(count, float) for count in counts)
        if sum(sizes) + rest > len(mine):
            parts = " + ".join(map(str, sizes + ["a rest"] * rest))
            raise ValueError(_too_small(labels, label, names, f"parts of {parts}"))
        sizes.append(len(mine) - sum(sizes))
        mine = mine[torch.randperm(len(mine), generator=generator)]
        for part, indices in zip(drawn, mine.split(sizes), strict=False):
            part.append(indices)
    return [torch.cat(part).sort().values for part in drawn]


def check_shares(validation: float | str, test: float | str = 0.2) -> None:
    """Refuse shares that cannot be drawn, before any file is looked at."""
    for key, share, other in (("validation", validation, " or 'test'"), ("test", test, "")):
        if other and share == "test":
            continue
        if isinstance(share, str) or not 0 < share < 1:
            raise ValueError(
                f"{key}={share}: give a share of every class between 0 and 1, such as 0.2{other}."
            )


def check_draw(train_size: int | float | None, fold: list[int] | None) -> None:
    """Refuse a `train_size` and a `fold` that no dataset can take, before any file is looked at."""
    share = isinstance(train_size, float)
    if train_size is not None and (
        isinstance(train_size, bool) or not train_size > 0 or (share and train_size > 1)
    ):
        raise ValueError(
            f"train_size={train_size}: give a number of items from 1 up, or a share above 0, at"
            " most 1.0."
        )
    if fold is not None:
        whole = len(fold) == 2 and all(type(number) is int for number in fold)
        if not whole or fold[1] < 2 or not 0 <= fold[0] < fold[1]:
            raise ValueError(
                f"fold={fold}: give [k, K], part k of K: K from 2 up, k from 0 to K - 1; null draws"
                " none."
            )


def folded(whole: Split, fold: list[int], seed: int, names: Sequence[str]) -> tuple[Split, Split]:
    """Part k of the K into which `seed` divides every class, and the rest; `fold` is [k, K].

    The K parts are disjoint and leave nothing out; they differ by at most one item, in every class
    and in all. Fewer than K items of a class raise a ValueError that lists the classes' counts;
    `names` are the words for them.
    """
    part, parts = fold
    classes, counts = whole.labels.unique(return_counts=True)
    if counts.min() < parts:
        small = _too_small(whole.labels, int(classes[counts.argmin()]), names, f"{parts} folds")
        raise ValueError(f"fold={fold}: {small}")
    # Dealt out like cards, one class after the other, so that no part gets the odd item of every
    # class.
    taken = torch.zeros(len(whole), dtype=torch.bool)
    taken[torch.cat(_shuffled(whole.labels, "fold", seed))[part::parts]] = True
    return whole.subset(taken.nonzero().flatten()), whole.subset((~taken).nonzero().flatten())


def sized(train: Split, train_size: int | float | None, seed: int, names: Sequence[str]) -> Split:
    """So many items of a train split, in its order: a number of them all, or a share of them; null
    is all.

    `seed` orders every class, the classes are merged in step, and a size is so far along that one
    order: a larger size has every item of a smaller one. A size beyond what is there, or one that
    leaves a class without an item, raises a ValueError; `names` are the words for the classes.
    """
    if train_size is None:
        return train
    shuffled = _shuffled(train.labels, "train_size", seed)
    ranks = torch.cat(
        [(torch.arange(len(mine), dtype=torch.float64) + 0.5) / len(mine) for mine in shuffled]
    )
    order = torch.cat(shuffled)[ranks.sort(stable=True).indices]
    fewest = 1 + int(torch.isin(order, torch.stack([mine[0] for mine in shuffled])).nonzero().max())
    size = train_size if isinstance(train_size, int) else round(train_size * len(train))
    there = (
        f"train_size={train_size}: the training split has {len(train)} items"
        f" ({_counted(train.labels, names)})"
    )
    if size > len(train):
        raise ValueError(f"{there}; use {len(train)} or fewer.")
    if size < fewest:
        raise ValueError(
            f"{there}, and {size} would leave a class without any; use {fewest} items or more."
        )
    return train.subset(order[:size].sort().values)


@contextmanager
def prefixed(words: str) -> Iterator[None]:
    """Errors that are raised within open with `words`."""
    try:
        yield
    except ValueError as error:
        raise (Absent if isinstance(error, Absent) else ValueError)(f"{words}: {error}") from None


def _shuffled(labels: Tensor, purpose: str, seed: int) -> list[Tensor]:
    """The indices of each class, permuted by a generator of its own; draws for two purposes have
    nothing in common.
    """
    shuffled = []
    for label in labels.unique().tolist():
        mine = (labels == label).nonzero().flatten()
        digest = sha256(f"{purpose}\0{seed}\0{label}".encode()).digest()
        generator = torch.Generator().manual_seed(
            int.from_bytes(digest[:4])
        )  # 32 bits are all that the generator uses
        shuffled.append(mine[torch.randperm(len(mine), generator=generator)])
    return shuffled


def _too_small(labels: Tensor, small: int, names: Sequence[str], what: str) -> str:
    name = names[small] if names else small
    count = int((labels == small).sum())
    return (
        f"class {name} has {count} items, too few for {what} (items a class:"
        f" {_counted(labels, names)})."
    )


def _counted(labels: Tensor, names: Sequence[str]) -> str:
    """The classes' counts, of twelve classes at most."""
    classes, counts = (found.tolist() for found in labels.unique(return_counts=True))
    listed = [
        f"{names[label] if names else label} {count}"
        for label, count in zip(classes, counts, strict=False)
    ]
    return ", ".join(listed[:12]) + ", ..." * (len(listed) > 12)


def fingerprint(parts: dict[str, Split]) -> str:
    """The SHA-256 over each item's part, name, content and label, in hexadecimal: what a stored
    result depends on.
    """
    lines = sorted(
        f"{part}\0{name}\0{item}\0{label}\n"
        for part, split in parts.items()
        for name, item, label in zip(
            split.names or [""] * len(split), split.items, split.labels.tolist(), strict=False
        )
    )
    return sha256("".join(lines).encode()).hexdigest()


def pool() -> ThreadPoolExecutor:
    """The threads that decode, transform and hash; Pillow, torch and hashlib release the
    interpreter meanwhile.
    """
    # A forked child has the object of its parent but not the threads: each process has a pool of
    # its own.
    return _pool(os.getpid())


@cache
def _pool(_process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(4, os.cpu_count() or 1), thread_name_prefix="qtlrun-dataset")
