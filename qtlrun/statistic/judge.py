"""Verdicts on paired differences."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from qtlrun.statistic.dead import Deaths, deaths
from qtlrun.statistic.interval import Interval, crossed
from qtlrun.statistic.power import Need, check_margin, enough, needed
from qtlrun.statistic.split import Names, resampled

EQUIVALENT = "equivalent"
# About trainings that do not die
CONDITIONAL = "equivalent if none dies"
NO_VERDICT = "no verdict"
# Pictures that a word may hang on: in simulation fewer are covered by less than 92 %
FEWEST_CARRIERS = 6
# Pictures for equivalence: a kind that is one in twenty is among them in 95 of 100 (1 - .95**60)
FEWEST_PICTURES = 60


@dataclass(frozen=True)
class Verdict:
    """Verdict on a paired difference of two rows.

    `word` is better, worse, equivalent, `equivalent if none dies` or undecided; `detectable` says
    that the 95 % interval excludes zero. Without a margin nothing is equivalent, and no size is
    predicted. `deaths` counts dead trainings, where they were looked for; `lost` says that dead or
    failed ones withhold the verdict, `inside` that the 90 % interval lies inside the margin.
    """

    word: str
    detectable: bool
    interval: Interval
    margin: float | None
    deaths: Deaths | None = None
    lost: bool = False
    inside: bool = False

    @property
    def judged(self) -> bool:
        """Whether the trainings and pictures allowed a word."""
        return enough(self.interval) and not self.hangs and not self.lost

    @property
    def equivalent(self) -> bool:
        """Whether the rows are equivalent, or would be if none of their trainings died."""
        return self.word in (EQUIVALENT, CONDITIONAL)

    @property
    def hangs(self) -> bool:
        """Whether the difference hangs on so few pictures that no word is given.

        It does not where it is far larger than its interval: k pictures alone make a difference of
        at most sqrt(k) standard errors.
        """
        gap = self.interval
        return gap.carriers < FEWEST_CARRIERS and abs(gap.mean) < gap.high - gap.low

    @property
    def side(self) -> str:
        """Better or worse, by the sign of the difference in NLL; decided where it is detectable."""
        return "worse" if self.interval.mean > 0 else "better"

    @property
    def phrase(self) -> str:
        """The word, or that there is none, where dead or failed trainings withhold it."""
        return NO_VERDICT if self.lost else self.word

    @property
    def need(self) -> Need:
        """Sizes that would detect a true difference of the margin; none for a decided verdict."""
        if self.word != "undecided" or self.margin is None:
            return Need()
        return needed(self.interval, self.margin)

    def withheld(self) -> "Verdict":
        """Undecided verdict on the same difference, for one that lacks failed trainings."""
        return replace(self, word="undecided", detectable=False, margin=None, lost=True)


def verdict(values: np.ndarray, margin: float, counts: Deaths | None = None) -> Verdict:
    """Verdict on paired differences (seeds, pictures), composed model minus reference.

    `values` and `margin` are in one unit: nats for NLL, where less is better. Equivalent, when the
    90 % interval lies inside +-margin (two one-sided tests at 5 %, Schuirmann 1987), wins over
    better and worse. Fewer than three seeds are always undecided and predict no sizes, for their
    training noise is unknown. A difference that hangs on fewer than six pictures is undecided, and
    fewer than 60 pictures show no two rows equivalent: simulated, skewed or zero-inflated pictures
    would else be called equivalent at the margin up to 25 % of the time.

    `values` are of trainings that did not die; `counts` of those that did, and of how many there
    were. Any dead one withholds the verdict. Equivalence that a death too rare to be seen in these
    trainings could undo is `equivalent if none dies`. Raises ValueError for a margin that is not
    positive and finite, and as `crossed` does.
    """
    check_margin(margin)
    return _judge(crossed(values, 0.95), crossed(values, 0.90), margin, counts)


def verdict_resampled(
    values: Sequence[np.ndarray],
    items: Sequence[Names] | None,
    margin: float,
    counts: Deaths | None = None,
    *,
    share: float,
) -> Verdict:
    """Verdict on paired differences over redrawn splits, one array (seeds, pictures) per split.

    It is about training sets drawn from this pool. Otherwise as `verdict`, with the arguments and
    errors of `resampled`. Any number of seeds will do, for the means of splits hold their noise;
    fewer than three splits are undecided.
    """
    check_margin(margin)
    outer, inner = (resampled(values, items, share=share, level=level) for level in (0.95, 0.90))
    return _judge(outer, inner, margin, counts)


def verdict_rows(
    composed: np.ndarray, reference: np.ndarray, margin: float, guess: float
) -> Verdict:
    """Verdict on two rows from their test NLL (seeds, pictures) and that of guessing.

    Dead trainings are looked for, and left out of the interval with their pairs.
    """
    living, counts = deaths(composed.mean(1), reference.mean(1), guess)
    values = composed - reference
    return verdict(values[living] if living.any() else values, margin, counts)


def detect(interval: Interval, *, less_is_better: bool = False) -> Verdict:
    """Verdict better, worse or undecided, by the interval alone."""
    undecided = Verdict("undecided", False, interval, None)
    if not undecided.judged or interval.low <= 0 <= interval.high:
        return undecided
    word = "better" if (interval.mean > 0) != less_is_better else "worse"
    return replace(undecided, word=word, detectable=True)


def _judge(outer: Interval, inner: Interval, margin: float, counts: Deaths | None) -> Verdict:
    inside = -margin < inner.low and inner.high < margin
    undecided = Verdict("undecided", False, outer, margin, counts, inside=inside)
    if counts is not None and counts.total:
        return undecided.withheld()
    if not enough(outer) or undecided.hangs:
        return undecided
    detectable = outer.low > 0 or outer.high < 0
    word = "undecided"
    if detectable:
        word = "worse" if outer.mean > 0 else "better"
    if inside and outer.distinct >= FEWEST_PICTURES:
        down, up = counts.span if counts else (0.0, 0.0)
        plain = -margin < inner.low - down and inner.high + up < margin
        word = EQUIVALENT if plain else CONDITIONAL
    return replace(undecided, word=word, detectable=detectable)
