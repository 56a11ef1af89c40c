"""Redraws: divisions of a dataset's items, each with its trainings and its draws of tuning."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from qtlrun.error import UsageError, text
from qtlrun.plan import size, tuning
from qtlrun.plan.setting import MAX_NUMPY_SEED, Settings
from qtlrun.plan.variant import Part, Variant

EACH = "each"  # of `splits`: every seed has a division of its own


@dataclass(frozen=True)
class Redraw:
    """A division of the dataset's items, and what is trained on it.

    change: values of the dataset that draw it
    seeds: of the trainings
    draws: values that tuning tries, by `group.key`; the first, empty, leaves a row as it stands
    """

    change: Part
    seeds: list[int]
    draws: list[dict[str, Any]]


def list_redraws(settings: Settings, dataset: Part, variants: Iterable[Variant]) -> list[Redraw]:
    """Redraws that the settings ask for; one where they, or the dataset, ask for none.

    With `splits=each` every seed trains on a division of its own, so that the spread between
    trainings holds all that chance decides (Bouthillier et al. 2021, arXiv:2103.03098). The draws
    of tuning are drawn anew with each division.
    """
    seeds = settings.seed_list()
    changes = _list_changes(settings, dataset)
    if settings.folds is None and settings.splits == EACH and len(changes) > 1:
        groups = [[seed] for seed in seeds]
    else:
        groups = [_seeds_of(seeds, number) for number in range(len(changes))]
        _check_largest(settings, max(groups[-1]))
    variants = list(variants)
    redraws = []
    for change, group in zip(changes, groups, strict=True):
        draws = tuning.draw(variants, settings.tune, _draw_seed(dataset | change))
        redraws.append(Redraw(change, group, draws))
    return redraws


def _list_changes(settings: Settings, dataset: Part) -> list[Part]:
    """Values of the dataset on each division."""
    _check_counts(settings)
    if settings.folds is not None:
        _check_drawn(settings, dataset, "folds", "fold")
        return [{"fold": [number, settings.folds]} for number in range(settings.folds)]
    drawn = "split_seed" in dataset and dataset.get("fold") is None
    count = settings.splits
    if not isinstance(count, int):
        count = len(settings.seed_list()) if drawn else 1
        most, _ = size.LIMITS["splits"]
        if count > most:
            raise UsageError(
                f"{EACH} draws a split for each of {count:,} seeds",
                f"use {most:,} seeds or fewer, or splits=1",
                key="splits",
                value=EACH,
            )
    if count == 1:
        return [{}]
    _check_drawn(settings, dataset, "splits", "split_seed")
    return [{"split_seed": dataset["split_seed"] + number} for number in range(count)]


def _seeds_of(seeds: list[int], split: int) -> list[int]:
    """Seeds of a division: its own, for an effect shared by all of them shows in no difference."""
    return [seed + split * (max(seeds) + 1) for seed in seeds]


def _check_largest(settings: Settings, largest: int) -> None:
    """Refuse seeds whose last division has one that NumPy does not take."""
    if largest > MAX_NUMPY_SEED:
        raise UsageError(
            f"its last division trains from seed {largest}, and numpy's generators take seeds"
            " below 2**32",
            "name smaller ones",
            key="seeds",
            value=settings.seeds,
        )


def _draw_seed(dataset: Part) -> int:
    """Seed of the draws of tuning on a division."""
    part, _ = dataset.get("fold") or (0, None)
    return dataset.get("split_seed", 0) + part


def _check_drawn(settings: Settings, dataset: Part, name: str, needs: str) -> None:
    """Refuse divisions that a dataset does not draw, or that it draws in another way."""
    count = getattr(settings, name)
    if dataset.get("fold") is not None:
        raise UsageError(
            f"{name}={count}, dataset.fold={text(dataset['fold'])}: choose one of the two"
        )
    if needs not in dataset:
        raise UsageError(
            f"this dataset draws no splits of its own (it has no {needs})", key=name, value=count
        )


def _check_counts(settings: Settings) -> None:
    """Refuse numbers of divisions that there cannot be."""
    splits = settings.splits
    folds = settings.folds
    if isinstance(splits, int) and splits < 1:
        raise UsageError(
            "how often train and validation are drawn, from 1 up",
            f"{EACH} draws them for each seed",
            key="splits",
            value=splits,
        )
    if folds is None:
        return
    if folds < 2:
        raise UsageError(
            "the parts of a cross-validation, from 2 up", "null for none", key="folds", value=folds
        )
    if splits not in (1, EACH):
        raise UsageError(f"splits={splits}, folds={folds}: choose one of the two")
