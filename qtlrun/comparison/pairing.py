"""Pairs of rows on each split: which of their trainings live, and statistics over splits."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from qtlrun import statistic
from qtlrun.comparison.row import Row

Pair = tuple[Row, Row, list[int]]  # composed row and reference on a split, the seeds of both
Gaps = list[tuple[Row, np.ndarray]]  # differences (seeds, items) on each split, by its row


def living(pairs: list[Pair]) -> tuple[list[Pair], statistic.Deaths]:
    """Pairs of rows with the seeds of which neither training died, and the counts of the dead.

    Splits without such a seed are left out; where none has one, all are as they were.
    """
    composed = [model.of_seeds(model.nll, both).mean(1) for model, _, both in pairs]
    reference = [other.of_seeds(other.nll, both).mean(1) for _, other, both in pairs]
    level = guess([model for model, _, _ in pairs])
    alive, counts = statistic.deaths(np.concatenate(composed), np.concatenate(reference), level)
    lives = iter(alive)
    left = []
    for model, other, both in pairs:
        seeds = [seed for seed in both if next(lives)]
        if seeds:
            left.append((model, other, seeds))
    return left or pairs, counts


def guess(rows: list[Row]) -> float:
    """NLL in nats of guessing by the classes' shares, mean over splits."""
    return float(np.mean([statistic.guess(row.labels) for row in rows]))


def judge(once: Callable, resampled: Callable, values: list[tuple[Row, np.ndarray]], *margin):
    """Statistic of a row's values (seeds, items) on one split, or on several redrawn ones.

    Of several splits each has as many seeds as the one with the fewest.
    """
    if len(values) == 1:
        return once(values[0][1], *margin)
    count = min(len(figures) for _, figures in values)
    rows = [row for row, _ in values]
    items = None if rows[0].independent else [row.item_names for row in rows]
    figures = [figures[:count] for _, figures in values]
    return resampled(figures, items, *margin, share=_trained_share(rows))


def count_left_out(rows: list[Row]) -> int:
    """Number of finished trainings of a row's splits that statistics of its own leave out."""
    counts = [len(row.outcomes) for row in rows]
    return sum(counts) - len(counts) * min(counts, default=0)


def stack_units(
    points: Sequence[dict[int, Pair]], *, by_split: bool
) -> tuple[list[Float[np.ndarray, "points items"]], list[tuple[str, ...]]]:
    """Differences in NLL of each unit at several points, and the names of its test items.

    Of the trainings that both rows have at every point. Items that each split draws anew are apart.

    points: pairs by split at each point
    by_split: whether a unit is a split, with the mean of its trainings; else a training
    """
    units: list[np.ndarray] = []
    names: list[tuple[str, ...]] = []
    for split in sorted(set.intersection(*map(set, points))):
        pairs = [each[split] for each in points]
        seeds = sorted(set.intersection(*(set(both) for _, _, both in pairs)))
        if not seeds:
            continue
        gaps = [model.paired(other, "nll", seeds) for model, other, _ in pairs]
        stack = np.stack(gaps, axis=1)  # (seeds, points, items)
        stack = stack.mean(0, keepdims=True) if by_split else stack
        row = pairs[0][0]
        items = row.item_names
        if row.independent:
            items = tuple(f"{split} {item}" for item in items)
        units += list(stack)
        names += [items] * len(stack)
    return units, names


def _trained_share(rows: list[Row]) -> float:
    """Share of the items that train could be drawn from on which each redraw is trained.

    0 where each draws others. Test items that all redraws share are not among them. A pool that is
    not recorded holds what is trained, validated and tested on, which is the fewest it can hold.
    """
    row = rows[0]
    if row.independent:
        return 0.0
    tested = len(row.labels)
    pool = row.pool or row.trained_on + row.validated_on + tested
    if all(each.items == row.items for each in rows):
        pool -= tested
    return row.trained_on / max(pool, row.trained_on + 1)
