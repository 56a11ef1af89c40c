"""Alignment of the layers of trainings: within a training, between seeds and between rows."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from qtlrun.lens.shape.similarity import Profile
from qtlrun.report.sentence import Note
from qtlrun.statistic import FEWEST

LAYERS = "layers"  # of one training
SEEDS = "seeds"  # trainings of one row
ROWS = "rows"  # trainings of two rows from one seed, whose start values are alike
CROSSED = "rows and seeds"  # trainings of two rows from two seeds


@dataclass(frozen=True)
class Aligned:
    """Training with a profile of each of its layers.

    keys: that name it in a frame: row, split and seed
    items: of which the profiles are; only trainings with the same ones are compared
    profiles: as `similarity.profile` gives them
    """

    keys: dict[str, object]
    items: tuple[str, ...]
    profiles: dict[str, Profile]

    def pair(self, other: "Aligned") -> str:
        """Kind of pair that it makes with another training."""
        if self.keys["row"] == other.keys["row"]:
            return SEEDS
        same = all(self.keys[key] == other.keys[key] for key in ("split", "seed"))
        return ROWS if same else CROSSED


def compare(trainings: list[Aligned]) -> pd.DataFrame:
    """CKA of each pair of layers, of seeds and of rows; a pair a line."""
    lines = [line for training in trainings for line in _within(training)]
    for first, second in itertools.combinations(trainings, 2):
        if first.items == second.items:
            lines += _between(first, second)
    return pd.DataFrame(lines)


def _within(training: Aligned) -> Iterator[dict[str, object]]:
    """Pairs of layers of a training."""
    for first, second in itertools.combinations(training.profiles, 2):
        yield _line(LAYERS, training, first, training, second)


def _between(first: Aligned, second: Aligned) -> Iterator[dict[str, object]]:
    """The same layers of two trainings."""
    for layer in first.profiles:
        if layer in second.profiles:
            yield _line(first.pair(second), first, layer, second, layer)


def _line(
    kind: str, first: Aligned, layer: str, second: Aligned, other_layer: str
) -> dict[str, object]:
    """Line of the frame."""
    cka = float(first.profiles[layer] @ second.profiles[other_layer])
    other = {f"other_{key}": value for key, value in second.keys.items()}
    columns = {"pair": kind} | first.keys | {"layer": layer} | other
    return columns | {"other_layer": other_layer, "cka": cka}


def summarise(pairs: pd.DataFrame, composed: str, layers: tuple[str, ...]) -> list[Note]:
    """Sentence on how alike other rows are to the composed one, beside its seeds to each other.

    Pairs share trainings, so they are no sample, and means and ranges are all that is told. Seeds
    of one row begin from other values, so that other seeds of another row stand beside them.

    layers: of which the first that both rows have is told
    """
    if pairs.empty:
        return []
    across = pairs[pairs["pair"].isin([ROWS, CROSSED]) & pairs["cka"].notna()]
    sides = across[(across["row"] == composed) | (across["other_row"] == composed)]
    others = dict.fromkeys(sides[["row", "other_row"]].to_numpy().ravel())
    clauses = []
    for other in others:
        group = sides[(sides["row"] == other) | (sides["other_row"] == other)]
        layer = next((name for name in layers if name in set(group["layer"])), None)
        if other != composed and layer is not None:
            seeds = pairs[(pairs["pair"] == SEEDS) & (pairs["row"] == composed)]
            clauses.append(
                f"{layer} of {composed} and {other} "
                + _contrast(
                    group[group["layer"] == layer], seeds[seeds["layer"] == layer], composed
                )
            )
    return [Note(f"CKA, mean (range): {'; '.join(clauses)}.")] if clauses else []


def _contrast(between: pd.DataFrame, seeds: pd.DataFrame, composed: str) -> str:
    """Words on pairs of two rows in one layer, beside pairs of seeds of the composed one."""
    same = between[between["pair"] == ROWS]["cka"]
    crossed = between[between["pair"] == CROSSED]["cka"]
    within = seeds["cka"].dropna()
    words = [f"{_range(same)} at one seed"] if len(same) else []
    words += [f"{_range(crossed)} at other seeds"] if len(crossed) else []
    if not len(crossed) or not len(within):
        return f"{', '.join(words)}: no other seeds to compare with"
    words.append(f"{_range(within)} between seeds of {composed}")
    verdict = "not told apart"
    if len(within) < FEWEST * (FEWEST - 1) // 2:
        verdict = "too few seeds to tell"
    elif crossed.max() < within.min():
        verdict = "less alike in every pair of other seeds"
    elif crossed.min() > within.max():
        verdict = "more alike in every pair of other seeds"
    return f"{', '.join(words)}: {verdict}"


def _range(values: pd.Series) -> str:
    """Mean and range of values."""
    return f"{values.mean():.2f} ({values.min():.2f} to {values.max():.2f})"
