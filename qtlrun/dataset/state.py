"""Optical states as items, for the datasets that draw them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

import numpy as np
import torch
from numpy.random import MT19937, RandomState, SeedSequence

from qtlrun.dataset.dataset import Dataset
from qtlrun.dataset.split import Split, fingerprint
from qtlrun.dataset.splitting import check_draw, subsample
from qtlrun.error import BadValue
from qtlrun.plan import facts

# Of either seed: their sum seeds numpy's RandomState, which takes 32 bits.
MAX_SUMMAND = 2**31 - 1

Draw = Callable[[RandomState, int], tuple[np.ndarray, np.ndarray]]


@facts(defects={"validation": "test", "draw": "mari2019"})
@dataclass(frozen=True)
class Sampling:
    """Sampling of the states of each split.

    A dataset's function takes one, and its fields are keys of the dataset.

    train: count of the train split
    validation: count of the validation split, or "test": validation is the test split itself
    test: count of the test split
    seed: of the draw
    draw: "apart" gives each split a generator of its own, from `seed`, `split_seed` and its index,
        so no split feels the size of another; "mari2019" draws the train and then the test split
        from RandomState(`seed` + `split_seed`), as arXiv:1912.08278 does, with validation="test"
    order: "drawn": every epoch takes the train items in the order in which they were drawn; None:
        every run shuffles by its seed
    split_seed: of the draw too
    train_size: items of the train split that are used, or their share, in the order in which they
        were drawn
    """

    train: int
    validation: int | Literal["test"]
    test: int
    seed: int
    draw: Literal["apart", "mari2019"]
    order: Literal["drawn"] | None = None
    split_seed: int = 0
    train_size: int | float | None = None

    def __post_init__(self) -> None:
        check_draw(self.train_size, None)
        for name, value in (("seed", self.seed), ("split_seed", self.split_seed)):
            if not 0 <= value <= MAX_SUMMAND:
                raise BadValue(name, value, f"a whole number from 0 to {MAX_SUMMAND}")

    def check_counts(self, what: str, least: int = 1, batch: int = 1) -> None:
        """Refuse too few states, and what a publication does not draw.

        That is a third split, or part of a `batch`. `what` says in the message what is counted.
        """
        if self.draw == "mari2019" and self.validation != "test":
            raise BadValue(
                "validation",
                self.validation,
                "draw=mari2019 has train and test states alone",
                "give validation=test, or draw=apart",
            )
        for name, count in self._counts().items():
            if count < least:
                raise BadValue(name, count, f"{what}, from {least} up")
            if self.draw == "mari2019" and count % batch:
                raise BadValue(
                    name,
                    count,
                    f"draw=mari2019 draws batches of {batch}",
                    f"give a multiple of {batch}",
                )

    def sample(self, make: Draw, classes: Sequence[str], modes: int) -> Dataset:
        """Dataset of the states that `make` draws from a generator, as many as are counted.

        An item says how its state is prepared. It has six numbers a mode, [photons n, Re alpha, Im
        alpha, rotation r1, squeezing s, rotation r2], for the state R(r2) S(s) R(r1) D(alpha) |n>;
        angles are in radians, and the gates are those of arXiv:1806.06871. These are no features
        but the settings of an experiment, and are not standardised: scaled, they would prepare
        other states.
        """
        generators = _generators(self.draw, self.seed, self.split_seed)
        parts = {
            name: _split(*make(generators[name], count)) for name, count in self._counts().items()
        }
        size = sum(map(len, parts.values()))
        train = subsample(parts["train"], self.train_size, self.split_seed, classes)
        parts = {"validation": parts["test"], **parts, "train": train}
        key = fingerprint(parts)
        if self.order == "drawn":  # what is learned from the same states then differs
            key = sha256(f"{key}\0{self.order}".encode()).hexdigest()
        return Dataset(
            train,
            parts["validation"],
            parts["test"],
            classes=tuple(classes),
            size=size,
            fingerprint=key,
            independent=True,  # another split_seed draws other states
            sequence=(lambda epoch: torch.arange(len(train))) if self.order == "drawn" else None,
            modes=modes,
        )

    def _counts(self) -> dict[str, int]:
        """Count of the states of each split that is drawn."""
        counts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: count for name, count in counts.items() if count != "test"}


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
