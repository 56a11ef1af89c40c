"""Optical states as items, for the datasets that draw them."""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Literal

import numpy as np
import torch
from jaxtyping import Int64
from numpy.random import MT19937, RandomState, SeedSequence
from torch import Tensor

from qtlrun.dataset.split import Split, check_draw, fingerprint, subsample

# Of either seed: their sum seeds numpy's RandomState, which takes 32 bits.
MAX_SEED = 2**31 - 1

Draw = Callable[[RandomState, int], tuple[np.ndarray, np.ndarray]]


class States:
    """Splits of random states; an item says how its state is prepared.

    It has six numbers a mode, [photons n, Re alpha, Im alpha, rotation r1, squeezing s, rotation
    r2], for the state R(r2) S(s) R(r1) D(alpha) |n>; angles are in radians, and the gates are those
    of arXiv:1806.06871. These are no features but the settings of an experiment, and are not
    standardised: scaled, they would prepare other states.

    Arguments:
        make: draws items and labels from a generator, so many as are counted.
        names: of the classes.
        train: count of the train split.
        validation: count of the validation split, or "test": validation is the test split itself.
        test: count of the test split.
        seed: of the draw.
        draw: "apart" gives each split a generator of its own, from `seed`, `split_seed` and its
            index, so no split feels the size of another; "mari2019" draws the train and then the
            test split from RandomState(`seed` + `split_seed`), as arXiv:1912.08278 does, with
            `validation="test"`.
        order: "drawn": `sequence(epoch)` is in every epoch the order in which the items were drawn;
            else it is None: every run shuffles by its seed.
        split_seed: of the draw too.
        train_size: items of the train split that are used, or their share, in the order in which
            they were drawn.
    """

    def __init__(
        self,
        make: Draw,
        names: Sequence[str],
        train: int,
        validation: int | Literal["test"],
        test: int,
        seed: int,
        draw: str,
        order: str | None,
        split_seed: int,
        train_size: int | float | None,
    ):
        check_draw(train_size, None)
        for name, value in (("seed", seed), ("split_seed", split_seed)):
            if not 0 <= value <= MAX_SEED:
                raise ValueError(f"{name}={value}: a whole number from 0 to {MAX_SEED}.")
        generators = _generators(draw, seed, split_seed)
        parts = {
            name: _split(*make(generators[name], count))
            for name, count in (("train", train), ("validation", validation), ("test", test))
            if count != "test"
        }
        self.size = sum(map(len, parts.values()))
        parts["train"] = subsample(parts["train"], train_size, split_seed, names)
        parts.setdefault("validation", parts["test"])
        self.train = parts["train"]
        self.validation = parts["validation"]
        self.test = parts["test"]
        self.fingerprint = fingerprint(parts)
        self.sequence = self._identity_order if order == "drawn" else None
        if order == "drawn":  # what is learned from the same states then differs
            self.fingerprint = sha256(f"{self.fingerprint}\0{order}".encode()).hexdigest()

    def verify(self, step: Callable[[int, int], None] = lambda done, total: None) -> None:
        """Nothing to verify: the items are numbers already."""

    def _identity_order(self, epoch: int) -> Int64[Tensor, " items"]:
        return torch.arange(len(self.train))


def check(
    train: int,
    validation: int | Literal["test"],
    test: int,
    draw: str,
    what: str,
    least: int = 1,
    batch: int = 1,
) -> None:
    """Refuse too few states, and what a publication does not draw.

    That is a third split, or part of a `batch`. `what` says in the message what is counted.
    """
    if draw == "mari2019" and validation != "test":
        raise ValueError(
            f"validation={validation}: draw=mari2019 has train and test states alone; "
            "give validation=test, or draw=apart."
        )
    for name, count in (("train", train), ("validation", validation), ("test", test)):
        if count != "test" and count < least:
            raise ValueError(f"{name}={count}: {what}, from {least} up.")
        if draw == "mari2019" and count != "test" and count % batch:
            raise ValueError(
                f"{name}={count}: draw=mari2019 draws batches of {batch}; give a multiple of"
                f" {batch}."
            )


def _generators(draw: str, seed: int, split_seed: int) -> dict[str, RandomState]:
    """Generator of each split; NumPy keeps RandomState's draws the same in every version."""
    splits = ("train", "validation", "test")
    if draw == "mari2019":
        return dict.fromkeys(splits, RandomState(seed + split_seed))
    return {
        name: RandomState(MT19937(SeedSequence([seed, split_seed, number])))
        for number, name in enumerate(splits)
    }


def _split(items: np.ndarray, labels: np.ndarray) -> Split:
    rows = np.ascontiguousarray(items, np.float64)
    hashes = tuple(sha256(row).hexdigest() for row in rows)
    return Split(torch.from_numpy(rows), torch.from_numpy(labels.astype(np.int64)), hashes)
