"""Verdicts on paired differences."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from qtlrun.statistic.interval import Interval, crossed
from qtlrun.statistic.power import Need, check_margin, enough, needed
from qtlrun.statistic.split import resampled


@dataclass(frozen=True)
class Verdict:
    """Verdict on a paired difference of two rows.

    `word` is better, worse, equivalent or undecided; `detectable` says that the 95 % interval
    excludes zero. Without a margin nothing is equivalent, and no size is predicted.
    """

    word: str
    detectable: bool
    interval: Interval
    margin: float | None

    @property
    def need(self) -> Need:
        """Sizes that would detect a true difference of the margin; none for a decided verdict."""
        if self.word != "undecided" or self.margin is None:
            return Need()
        return needed(self.interval, self.margin)

    def withheld(self) -> "Verdict":
        """Undecided verdict on the same difference, for one that lacks failed trainings."""
        return replace(self, word="undecided", detectable=False, margin=None)


def verdict(values: np.ndarray, margin: float) -> Verdict:
    """Verdict on paired differences (seeds, pictures), composed model minus reference.

    `values` and `margin` are in one unit: nats for NLL, where less is better. Equivalent, when the
    90 % interval lies inside +-margin (two one-sided tests at 5 %, Schuirmann 1987), wins over
    better and worse. Fewer than three seeds are always undecided and predict no sizes, for their
    training noise is unknown. Raises ValueError for a margin that is not positive and finite, and
    as `crossed` does.
    """
    check_margin(margin)
    return _judge(crossed(values, 0.95), crossed(values, 0.90), margin)


def verdict_resampled(
    values: Sequence[np.ndarray],
    margin: float,
    *,
    train: float,
    held: float,
    same_pictures: bool,
) -> Verdict:
    """Verdict on paired differences over redrawn splits, one array (seeds, pictures) per split.

    Otherwise as `verdict`. Any number of seeds will do, for the means of splits hold their noise;
    fewer than three splits are undecided. Raises ValueError for a margin that is not positive and
    finite, and as `resampled` does.
    """
    check_margin(margin)
    outer, inner = (
        resampled(values, train=train, held=held, same_pictures=same_pictures, level=level)
        for level in (0.95, 0.90)
    )
    return _judge(outer, inner, margin)


def detect(interval: Interval) -> Verdict:
    """Verdict better, worse or undecided, by the interval alone; more of the metric is better."""
    detectable = enough(interval) and (interval.low > 0 or interval.high < 0)
    word = "better" if interval.mean > 0 else "worse"
    return Verdict(word if detectable else "undecided", detectable, interval, None)


def _judge(outer: Interval, inner: Interval, margin: float) -> Verdict:
    if not enough(outer):
        return Verdict("undecided", False, outer, margin)
    detectable = outer.low > 0 or outer.high < 0
    word = "worse" if outer.mean > 0 else "better"
    if -margin < inner.low and inner.high < margin:
        word = "equivalent"
    return Verdict(
        word if detectable or word == "equivalent" else "undecided", detectable, outer, margin
    )
