"""Labelled items and their division into splits."""

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

MAX_CLASSES = 12  # in a message


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


def draw_stratified(
    labels: Int64[Tensor, " items"],
    counts: Sequence[int | float],
    seed: int,
    *,
    names: Sequence[str] = (),
) -> list[Int64[Tensor, " _"]]:
    """Draw sorted indices of disjoint parts, class by class.

    What no part takes is the last, additional part. An int takes that many items of every class; a
    float that share of every class, at least one item, and then at least one must be left for the
    last part. A class too small for this raises a ValueError that lists the classes' counts;
    `names` are the words for them.
    """
    generator = torch.Generator().manual_seed(seed)
    rest = any(isinstance(count, float) for count in counts)
    parts: list[list[Tensor]] = [[] for _ in range(len(counts) + 1)]
    for label in labels.unique().tolist():
        index = (labels == label).nonzero().flatten()
        sizes = [
            count if isinstance(count, int) else max(1, round(count * len(index)))
            for count in counts
        ]
        if sum(sizes) + rest > len(index):
            listed = " + ".join(map(str, sizes + ["a rest"] * rest))
            raise ValueError(_too_small(labels, label, names, f"parts of {listed}"))
        sizes.append(len(index) - sum(sizes))
        index = index[torch.randperm(len(index), generator=generator)]
        for part, piece in zip(parts, index.split(sizes), strict=False):
            part.append(piece)
    return [torch.cat(part).sort().values for part in parts]


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


def take_fold(
    whole: Split, fold: list[int], seed: int, names: Sequence[str]
) -> tuple[Split, Split]:
    """Take part k of the K into which `seed` divides every class, and the rest.

    `fold` is [k, K].

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
    inside = torch.zeros(len(whole), dtype=torch.bool)
    inside[torch.cat(_shuffle_classes(whole.labels, "fold", seed))[part::parts]] = True
    return whole.subset(inside.nonzero().flatten()), whole.subset((~inside).nonzero().flatten())


def subsample(
    train: Split, train_size: int | float | None, seed: int, names: Sequence[str]
) -> Split:
    """Subsample a train split, in its order, to a number of items of all classes or a share.

    None takes all. `seed` orders every class, the classes are merged in step, and a size is so far
    along that one order: a larger size has every item of a smaller one. A size beyond what is
    there, or one that leaves a class without an item, raises a ValueError; `names` are the words
    for the classes.
    """
    if train_size is None:
        return train
    shuffled = _shuffle_classes(train.labels, "train_size", seed)
    ranks = [(torch.arange(len(each), dtype=torch.float64) + 0.5) / len(each) for each in shuffled]
    order = torch.cat(shuffled)[torch.cat(ranks).sort(stable=True).indices]
    firsts = torch.stack([index[0] for index in shuffled])
    fewest = 1 + int(torch.isin(order, firsts).nonzero().max())
    size = train_size if isinstance(train_size, int) else round(train_size * len(train))
    there = (
        f"train_size={train_size}: the training split has {len(train)} items"
        f" ({_list_counts(train.labels, names)})"
    )
    if size > len(train):
        raise ValueError(f"{there}; use {len(train)} or fewer.")
    if size < fewest:
        raise ValueError(
            f"{there}, and {size} would leave a class without any; use {fewest} items or more."
        )
    return train.subset(order[:size].sort().values)


@contextmanager
def prefix_errors(prefix: str) -> Iterator[None]:
    """Let errors that are raised within open with a prefix."""
    try:
        yield
    except ValueError as error:
        kind = Absent if isinstance(error, Absent) else ValueError
        raise kind(f"{prefix}: {error}") from None


def _shuffle_classes(labels: Tensor, purpose: str, seed: int) -> list[Tensor]:
    """Indices of each class, permuted by a generator of its own.

    Draws for two purposes have nothing in common.
    """
    shuffled = []
    for label in labels.unique().tolist():
        index = (labels == label).nonzero().flatten()
        digest = sha256(f"{purpose}\0{seed}\0{label}".encode()).digest()
        # 32 bits are all that the generator uses.
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:4]))
        shuffled.append(index[torch.randperm(len(index), generator=generator)])
    return shuffled


def _too_small(labels: Tensor, small: int, names: Sequence[str], what: str) -> str:
    name = names[small] if names else small
    count = int((labels == small).sum())
    return (
        f"class {name} has {count} items, too few for {what} (items a class:"
        f" {_list_counts(labels, names)})."
    )


def _list_counts(labels: Tensor, names: Sequence[str]) -> str:
    """Counts of the items of each class, for the first classes."""
    classes, counts = (each.tolist() for each in labels.unique(return_counts=True))
    listed = [
        f"{names[label] if names else label} {count}"
        for label, count in zip(classes, counts, strict=False)
    ]
    return ", ".join(listed[:MAX_CLASSES]) + ", ..." * (len(listed) > MAX_CLASSES)


def fingerprint(parts: dict[str, Split]) -> str:
    """SHA-256 over each item's split, name, content and label, in hexadecimal.

    A stored result depends on it.
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
    """Threads that decode, transform and hash.

    Pillow, torch and hashlib release the interpreter meanwhile.
    """
    # A forked child has the object of its parent but not the threads: each process has a pool of
    # its own.
    return _pool(os.getpid())


@cache
def _pool(_process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(4, os.cpu_count() or 1), thread_name_prefix="qtlrun-dataset")


def adopt(dataset, source, *names: str) -> None:
    """Give a dataset the splits, size, fingerprint and check of another, and what `names` says."""
    for name in ("train", "validation", "test", "size", "fingerprint", "verify", *names):
        setattr(dataset, name, getattr(source, name))
