"""Number of points of a sweep, of which nothing is enumerated."""

import contextlib
import math

from hydra.core.override_parser.types import (
    ChoiceSweep,
    Glob,
    IntervalSweep,
    Override,
    RangeSweep,
)

from qtlrun.compose.word import show
from qtlrun.error import UsageError

MAX_POINTS = 1000  # of a sweep: each is composed and checked before the first is trained


def check_points(overrides: list[Override], options) -> None:
    """Refuse a sweep without values or with too many points; nothing is enumerated."""
    swept = {each.get_key_element(): each for each in overrides if each.is_sweep_override()}
    counts = {each.input_line: _count(each, options) for each in swept.values()}
    for word, count in counts.items():
        if count == 0:
            raise UsageError(
                "a sweep over no value", "give one, as 2,4 or range(2,5)", key=show(word)
            )
    points = math.prod(counts.values())
    if points > MAX_POINTS:
        amount = f"{points:,}" if points < 10**12 else "too many"
        raise UsageError(
            f"a sweep of {amount} points",
            f"{MAX_POINTS:,} at most, run several of them",
            key=show(" ".join(counts)),
        )


def _count(override: Override, options) -> int:
    """Number of values of a sweep."""
    value = override.value()
    if isinstance(override._value, Glob):
        return len(override._value.filter(options(override.key_or_group)))
    if isinstance(value, ChoiceSweep):
        return len(value.list)
    if isinstance(value, RangeSweep):
        ends = value.start, value.stop, value.step
        if not all(map(math.isfinite, ends)) or value.step == 0:
            raise UsageError(
                "a range has a first number, an end and a step that is not 0",
                key=show(override.input_line),
            )
        with contextlib.suppress(OverflowError):
            return max(0, math.ceil((value.stop - value.start) / value.step))
        return 10**300
    assert isinstance(value, IntervalSweep)
    raise UsageError(
        "an interval has no values of its own",
        (
            "name them, as 2,4 or range(2,5), or draw from it with tune=K and a space,"
            " as recipe.space.lr=[0.0001,0.01]"
        ),
        key=show(override.input_line),
    )
