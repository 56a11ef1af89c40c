"""Division of labelled items into splits: stratified shares, folds, a smaller train split."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import torch
from jaxtyping import Int64
from torch import Tensor

from qtlrun.dataset.split import Split
from qtlrun.error import BadValue, UsageError, about_values
from qtlrun.plan import facts

MAX_CLASSES = 12  # in a message


@facts(defects={"validation": "test"})
@dataclass(frozen=True)
class Splitting:
    """Division of a dataset's items: validation, its seed, size of train, fold.

    A dataset's function takes one, and its fields are keys of the dataset.

    validation: share of every class, or "test": the defect of protocols that choose their epoch on
        what they report
    split_seed: of every draw
    train_size: items of train that are used, all classes together, or their share
    fold: [k, K], part k (from 0) of the K into which `split_seed` divides every class
    """

    validation: float | str = 0.2
    split_seed: int = 0
    train_size: int | float | None = None
    fold: list[int] | None = None

    def __post_init__(self) -> None:
        if self.validation != "test":
            check_share("validation", self.validation, " or 'test'")
        check_draw(self.train_size, self.fold)

    def check_official(self) -> None:
        """Refuse a fold beside validation=test where the test split is given: both would be it."""
        if self.fold and self.validation == "test":
            raise BadValue(
                "fold",
                self.fold,
                "it would be validation, and validation=test is that already",
                "leave out one",
            )

    def divide(
        self,
        whole: Split,
        classes: Sequence[str],
        test: float | str | Split,
        validation: Split | None = None,
        about: dict[str, object] | None = None,
    ) -> dict[str, Split]:
        """Divide items into train, validation and test, by name.

        The test split is drawn first, so that it stays the same whatever `validation` is. With
        `validation="test"`, validation is the test split itself, and train keeps all of its own. A
        fold is the test split; where that is given, it is validation. Of what is then left for
        train, `train_size` items are used; a larger size has every item of a smaller one.

        Arguments:
            whole: items that are divided.
            classes: names of the classes.
            test: share of every class, or the test split where it is given.
            validation: the validation split where it is given.
            about: values that an error on a class too small for its shares names; None: the shares.
        """
        parts: dict[str, Split] = {}
        shares: dict[str, float | str] = {}
        settings: dict[str, object] = {"fold": self.fold} if self.fold else {}
        if isinstance(test, Split):
            self.check_official()
            parts["test"] = test
        else:
            check_share("test", test)
            if not self.fold:
                shares["test"] = test
        if validation is not None:
            parts["validation"] = validation
        if self.fold:
            name = "validation" if "test" in parts else "test"
            parts[name], whole = take_fold(whole, self.fold, self.split_seed, classes)
        if self.validation != "test" and "validation" not in parts:
            shares["validation"] = self.validation
        with about_values(**(about or settings | shares)):
            indices = draw_stratified(
                whole.labels, list(map(float, shares.values())), self.split_seed, names=classes
            )
        for name, index in zip([*shares, "train"], indices, strict=True):
            parts[name] = whole.subset(index)
        parts["train"] = subsample(parts["train"], self.train_size, self.split_seed, classes)
        return parts | {"validation": parts["test"]} if self.validation == "test" else parts


def check_share(name: str, share: float | str, other: str = "") -> None:
    """Refuse a share that cannot be drawn; `other` is what may stand in its place."""
    if isinstance(share, str) or not 0 < share < 1:
        raise BadValue(
            name, share, f"give a share of every class between 0 and 1, such as 0.2{other}"
        )


def check_draw(train_size: int | float | None, fold: list[int] | None) -> None:
    """Refuse a `train_size` and a `fold` that no dataset can take, before any file is looked at."""
    share = isinstance(train_size, float)
    if train_size is not None and (
        isinstance(train_size, bool) or not train_size > 0 or (share and train_size > 1)
    ):
        raise BadValue(
            "train_size",
            train_size,
            "give a number of items from 1 up, or a share above 0, at most 1.0",
        )
    if fold is not None:
        whole = len(fold) == 2 and all(type(number) is int for number in fold)
        if not whole or fold[1] < 2 or not 0 <= fold[0] < fold[1]:
            raise BadValue(
                "fold",
                fold,
                "give [k, K], part k of K: K from 2 up, k from 0 to K - 1",
                "null draws none",
            )


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
            raise UsageError(_too_small(labels, label, names, f"parts of {listed}"))
        sizes.append(len(index) - sum(sizes))
        index = index[torch.randperm(len(index), generator=generator)]
        for part, piece in zip(parts, index.split(sizes), strict=False):
            part.append(piece)
    return [torch.cat(part).sort().values for part in parts]


def take_fold(
    whole: Split, fold: list[int], seed: int, names: Sequence[str]
) -> tuple[Split, Split]:
    """Take part k of the K into which `seed` divides every class, and the rest.

    `fold` is [k, K]. The K parts are disjoint and leave nothing out; they differ by at most one
    item, in every class and in all. Fewer than K items of a class raise a ValueError that lists the
    classes' counts; `names` are the words for them.
    """
    part, parts = fold
    classes, counts = whole.labels.unique(return_counts=True)
    if counts.min() < parts:
        small = _too_small(whole.labels, int(classes[counts.argmin()]), names, f"{parts} folds")
        raise BadValue("fold", fold, small)
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
    there = f"the training split has {len(train)} items ({_list_counts(train.labels, names)})"
    if size > len(train):
        raise BadValue("train_size", train_size, there, f"use {len(train)} or fewer")
    if size < fewest:
        raise BadValue(
            "train_size",
            train_size,
            f"{there}, and {size} would leave a class without any",
            f"use {fewest} items or more",
        )
    return train.subset(order[:size].sort().values)


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
