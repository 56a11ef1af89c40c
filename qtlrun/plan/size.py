"""Bounds of sizes, checked before anything of that size is made."""

import math
from typing import Any

from qtlrun.error import UsageError
from qtlrun.plan.setting import Settings

INTEGER_LIMIT = 2**63  # torch and NumPy count in 64 bits
# Of a circuit: it is differentiated angle by angle, which takes minutes at this size.
WEIGHTS = 5_000
# By key: the largest value, and why.
LIMITS = {
    "seeds": (10_000, "each is a training, with an entry of its own in the store"),
    "splits": (1_000, "each is another set of trainings"),
    "folds": (1_000, "each is another set of trainings"),
    "tune": (1_024, "each draw is checked before the start, and trains every row"),
    "recipe.epochs": (1_000_000, "each leaves its figures in memory and in the store"),
    "recipe.batch_size": (2**31 - 1, "one as large as the training split takes it whole"),
    "circuit.depth": (WEIGHTS, "it is differentiated weight by weight before it is trained"),
    "dataset.points": (10_000_000, "they are drawn at once, and kept in memory"),
    "dataset.train": (10_000_000, "they are kept in memory"),
    "dataset.validation": (10_000_000, "they are kept in memory"),
    "dataset.test": (10_000_000, "they are kept in memory"),
    "head.width": (10_000, "it is the side of a matrix of weights"),
    "backbone.width": (1_024, "the last block has four times as many channels"),
}
TRAININGS = 1_000_000  # of one point


def check(key: str, value: Any, of: str = "") -> None:
    """Refuse a size above its limit; `of` is its key without what it stands in."""
    limit = LIMITS.get(of or key)
    if limit and type(value) in (int, float) and value > limit[0]:
        raise UsageError(limit[1], f"use {limit[0]:,} or fewer", key=key, value=value)


def check_part(group: str, part: dict, key: str = "") -> None:
    """Refuse sizes of a part, and of what it is tuned over."""
    for name, value in part.items():
        check(f"{key or group}.{name}", value, f"{group}.{name}")
    spaces = part.get("space")
    for name, space in spaces.items() if isinstance(spaces, dict) else ():
        for value in space if isinstance(space, list) else ():
            check(f"{key or group}.space.{name}", value, f"{group}.{name}")


def check_weights(count: int, where: str) -> None:
    """Refuse a circuit whose weights are too many to read."""
    if count > WEIGHTS:
        raise UsageError(
            f"a circuit of {count:,} weights; it is traced and differentiated weight by weight"
            f" before it is trained, which takes minutes from {WEIGHTS:,} on",
            "use fewer",
            key=where,
        )


def check_trainings(settings: Settings, seeds: int, rows: int) -> None:
    """Refuse more trainings in one point than anyone waits for."""
    splits = settings.splits if isinstance(settings.splits, int) else 1
    factors = {
        "seeds": seeds,
        "splits": splits,
        "folds": settings.folds or 1,
        "tune": settings.tune or 1,
        "rows": rows,
    }
    count = math.prod(factors.values())
    if count > TRAININGS:
        product = " x ".join(f"{value:,} {name}" for name, value in factors.items() if value > 1)
        largest = max(factors, key=factors.get)
        raise UsageError(
            f"{product} are {count:,} trainings", f"use {TRAININGS:,} or fewer", key=largest
        )
