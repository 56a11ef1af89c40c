"""Division of labelled vectors into splits, and their scaling by the statistics of one."""

from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from qtlrun.dataset.split import (
    Split,
    check_draw,
    check_shares,
    draw_stratified,
    fingerprint,
    prefix_errors,
    subsample,
    take_fold,
)

SEED_COUNT = 2**32  # of numpy's RandomState


@dataclass(frozen=True, eq=False)
class ScaledSplits:
    """Three splits of scaled vectors.

    The fingerprint depends on their items and the scaling, which is here as plain numbers.
    """

    train: Split
    validation: Split
    test: Split
    fingerprint: str
    scaling: dict[str, list[float]]


def check(
    validation: float | str,
    test: float,
    train_size: int | float | None,
    fold: list[int] | None,
    seed: int | None = None,
) -> None:
    """Refuse shares, a size, a fold or a seed that cannot be, before any vector is made."""
    check_shares(validation, test)
    check_draw(train_size, fold)
    if seed is not None and not 0 <= seed < SEED_COUNT:
        raise ValueError(
            f"seed={seed}: numpy's generator takes a whole number from 0 to {SEED_COUNT - 1}."
        )


def as_split(
    vectors: Float64[np.ndarray, "items features"], labels: Int64[np.ndarray, " items"]
) -> Split:
    """Split of all vectors as they are; an item is the hash of its vector's bytes."""
    vectors = np.ascontiguousarray(vectors)
    items = tuple(sha256(vector.tobytes()).hexdigest() for vector in vectors)
    return Split(torch.from_numpy(vectors), torch.from_numpy(labels), items)


def draw_splits(
    whole: Split,
    names: tuple[str, ...],
    validation: float | str,
    test: float,
    split_seed: int,
    train_size: int | float | None,
    fold: list[int] | None,
) -> dict[str, Split]:
    """Draw train, validation and test, by name: shares of every class, by `split_seed`.

    The test split is drawn first, so that it stays the same whatever `validation` is.
    `validation="test"` is the defect of protocols that choose their epoch on what they report:
    validation is the test split itself, and train keeps all of its own. With a `fold` [k, K], part
    k (from 0) of the K into which `split_seed` divides every class is the test split. Of what is
    then left for train, `train_size` vectors are used, all classes together, or that share of them;
    a larger size has every vector of a smaller one. `names` are the words for the classes.
    """
    shares = {}
    parts = {}
    rest = whole
    settings = []
    if fold:
        parts["test"], rest = take_fold(whole, fold, split_seed, names)
        settings.append(f"fold={fold}")
    else:
        shares["test"] = test
        settings.append(f"test={test}")
    if validation != "test":
        shares["validation"] = float(validation)
        settings.append(f"validation={validation}")
    with prefix_errors(", ".join(settings)):
        indices = draw_stratified(rest.labels, list(shares.values()), split_seed, names=names)
    parts |= {
        name: rest.subset(index) for name, index in zip([*shares, "train"], indices, strict=True)
    }
    parts["train"] = subsample(parts["train"], train_size, split_seed, names)
    return parts if "validation" in parts else parts | {"validation": parts["test"]}


def scale_splits(parts: dict[str, Split], by: Split) -> ScaledSplits:
    """Standardise splits by the mean and the population standard deviation of `by`.

    What is constant there is just centred.
    """
    mean, deviation = _statistics(by.vectors)
    splits = {
        name: replace(part, inputs=(part.vectors - mean) / deviation)
        for name, part in parts.items()
    }
    if parts["validation"] is parts["test"]:
        splits["validation"] = splits["test"]
    statistics = torch.stack([mean, deviation]).numpy().tobytes()
    return ScaledSplits(
        **splits,
        fingerprint=sha256(fingerprint(parts).encode() + statistics).hexdigest(),
        scaling={"mean": mean.tolist(), "deviation": deviation.tolist()},
    )


def _statistics(
    vectors: Float64[Tensor, "items features"],
) -> tuple[Float64[Tensor, " features"], Float64[Tensor, " features"]]:
    # Equal numbers have a mean that may be rounded, and then a deviation that is all rounding.
    constant = vectors.amin(0) == vectors.amax(0)
    return vectors.mean(0), torch.where(constant, 1, vectors.std(0, correction=0))
