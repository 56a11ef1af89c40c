"""Datasets of labelled vectors, scaled by the statistics of some of them."""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from qtlrun.dataset.dataset import Dataset
from qtlrun.dataset.split import Split, fingerprint
from qtlrun.dataset.splitting import Splitting
from qtlrun.error import BadValue

SEED_COUNT = 2**32  # of numpy's RandomState
MIN_POINTS = 6  # of two classes together


def check_seed(seed: int) -> None:
    """Refuse a seed that numpy's generator does not take."""
    if not 0 <= seed < SEED_COUNT:
        raise BadValue(
            "seed", seed, f"numpy's generator takes a whole number from 0 to {SEED_COUNT - 1}"
        )


def check_points(points: int) -> None:
    """Refuse fewer points of two classes than their splits need: one of each class in each."""
    if points < MIN_POINTS:
        raise BadValue(
            "points",
            points,
            "either class needs a point in each split",
            f"give {MIN_POINTS} or more in all",
        )


def as_split(
    vectors: Float64[np.ndarray, "items features"], labels: Int64[np.ndarray, " items"]
) -> Split:
    """Split of all vectors as they are; an item is the hash of its vector's bytes."""
    vectors = np.ascontiguousarray(vectors)
    items = tuple(sha256(vector.tobytes()).hexdigest() for vector in vectors)
    return Split(torch.from_numpy(vectors), torch.from_numpy(labels), items)


def divide(whole: Split, classes: Sequence[str], splitting: Splitting, test: float) -> Dataset:
    """Divide vectors into splits, and scale them by the statistics of train."""
    parts = splitting.divide(whole, classes, test)
    return scale(parts, classes, by=parts["train"], size=len(whole))


def scale(parts: dict[str, Split], classes: Sequence[str], by: Split, size: int) -> Dataset:
    """Standardise splits by the mean and the population standard deviation of `by`.

    What is constant there is just centred. `size` is the number of vectors before the division. The
    fingerprint depends on the splits' items and on the scaling.
    """
    mean, deviation = _statistics(by.vectors)
    splits = {
        name: replace(part, inputs=(part.vectors - mean) / deviation)
        for name, part in parts.items()
    }
    if parts["validation"] is parts["test"]:
        splits["validation"] = splits["test"]
    statistics = torch.stack([mean, deviation]).numpy().tobytes()
    return Dataset(
        splits["train"],
        splits["validation"],
        splits["test"],
        classes=tuple(classes),
        size=size,
        fingerprint=sha256(fingerprint(parts).encode() + statistics).hexdigest(),
        scaling={"mean": mean.tolist(), "deviation": deviation.tolist()},
    )


def _statistics(
    vectors: Float64[Tensor, "items features"],
) -> tuple[Float64[Tensor, " features"], Float64[Tensor, " features"]]:
    # Equal numbers have a mean that may be rounded, and then a deviation that is all rounding.
    constant = vectors.amin(0) == vectors.amax(0)
    return vectors.mean(0), torch.where(constant, 1, vectors.std(0, correction=0))
