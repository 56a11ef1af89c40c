"""Alignment of the layers of trainings: within a training, between seeds and between rows."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float64

from qtlrun import statistic
from qtlrun.lens.shape.similarity import Profile
from qtlrun.report.sentence import Note

LAYERS = "layers"  # of one training
SEEDS = "seeds"  # trainings of one row
ROWS = "rows"  # trainings of two rows from one seed


@dataclass(frozen=True)
class Aligned:
    """Training with a profile of each of its layers.

    items: of which the profiles are; only trainings with the same ones are compared
    profiles: as `similarity.profile` gives them
    """

    row: str
    split: int
    seed: int
    items: tuple[str, ...]
    profiles: dict[str, Profile]


def compare(trainings: list[Aligned]) -> pd.DataFrame:
    """CKA of each pair of layers, of seeds and of rows; a pair a line."""
    lines = [line for training in trainings for line in _within(training)]
    for first, second in itertools.combinations(trainings, 2):
        if first.items != second.items:
            continue
        if first.row == second.row:
            lines += _between(SEEDS, first, second)
        elif (first.split, first.seed) == (second.split, second.seed):
            lines += _between(ROWS, first, second)
    return pd.DataFrame(lines)


def _within(training: Aligned) -> Iterator[dict[str, object]]:
    """Pairs of layers of a training."""
    for first, second in itertools.combinations(training.profiles, 2):
        cka = float(training.profiles[first] @ training.profiles[second])
        yield _line(LAYERS, training, first, training, second, cka)


def _between(kind: str, first: Aligned, second: Aligned) -> Iterator[dict[str, object]]:
    """The same layers of two trainings."""
    for layer, profile in first.profiles.items():
        if layer in second.profiles:
            cka = float(profile @ second.profiles[layer])
            yield _line(kind, first, layer, second, layer, cka)


def _line(
    kind: str, first: Aligned, layer: str, second: Aligned, other_layer: str, cka: float
) -> dict[str, object]:
    """Line of the frame."""
    return {
        "pair": kind,
        "row": first.row,
        "split": first.split,
        "seed": first.seed,
        "layer": layer,
        "other_row": second.row,
        "other_split": second.split,
        "other_seed": second.seed,
        "other_layer": other_layer,
        "cka": cka,
    }


def summarise(pairs: pd.DataFrame, composed: str, layers: tuple[str, ...]) -> list[Note]:
    """Sentence on how alike other rows are to the composed one, beside its seeds to each other.

    layers: of which the first that both rows have is told
    """
    if not len(pairs):
        return []
    contrasts = list(_contrasts(pairs, composed, layers))
    spreads = [statistic.spread(each.between, each.within) for each in contrasts]
    adjusted = statistic.holm([spread.p for spread in spreads])
    clauses = []
    for each, spread, p in zip(contrasts, spreads, adjusted, strict=True):
        verdict = "no less alike"
        if math.isnan(spread.p):
            verdict = "too few seeds to tell"
        elif spread.exceeds_noise(p) and spread.difference < 0:
            verdict = "less alike"
        clauses.append(
            f"{each.layer} of {composed} and {each.other} {_range(each.between)} at one seed,"
            f" {_range(each.within)} between seeds of {composed}: {verdict}"
        )
    return [Note(f"CKA: {'; '.join(clauses)}.")] if clauses else []


@dataclass(frozen=True)
class Contrast:
    """Alignment with another row beside that between seeds, for each training of a row.

    between: with the other row's training of the same seed
    within: mean over the trainings of the row from other seeds
    """

    other: str
    layer: str
    between: Float64[np.ndarray, " trainings"]
    within: Float64[np.ndarray, " trainings"]


def _contrasts(pairs: pd.DataFrame, composed: str, layers: tuple[str, ...]) -> Iterator[Contrast]:
    """Contrasts of the composed row with each other one."""
    mirrored = pairs.rename(columns=_mirror)
    both = pd.concat([pairs, mirrored])
    both = both[both["row"] == composed].dropna(subset="cka")
    seeds = both[both["pair"] == SEEDS].groupby(["layer", "split", "seed"])["cka"].mean()
    rows = both[both["pair"] == ROWS].set_index(["layer", "split", "seed"])
    for other, group in rows.groupby("other_row", sort=False):
        common = group["cka"][group.index.isin(seeds.index)]
        layer = next((name for name in layers if name in common.index.unique("layer")), None)
        if layer is not None:
            between = common.loc[[layer]]
            within = seeds.loc[between.index]
            yield Contrast(str(other), layer, between.to_numpy(), within.to_numpy())


def _mirror(column: str) -> str:
    """Name of a column once the two sides of a pair change places."""
    if column in ("pair", "cka"):
        return column
    return column.removeprefix("other_") if column.startswith("other_") else f"other_{column}"


def _range(values: Float64[np.ndarray, " trainings"]) -> str:
    """Mean and range of values."""
    return f"{values.mean():.2f} ({values.min():.2f} to {values.max():.2f})"
