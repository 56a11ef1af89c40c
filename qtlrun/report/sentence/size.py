"""Sizes of a run that would decide a difference, in words."""

import math

from qtlrun import statistic
from qtlrun.report.sentence.note import Note


def decisive_sizes(verdict: statistic.Verdict, noun: str) -> Note:
    """Sizes that would detect a difference of the margin, from the noise of an undecided one."""
    gap = verdict.interval
    if 1 < gap.splits < statistic.FEWEST:
        return Note("fewer than three splits give no verdict.", "too few splits.")
    if gap.splits == 1 and gap.seeds < statistic.FEWEST:
        return Note("fewer than three seeds give no verdict.", "too few seeds.")
    need = verdict.need
    margin = verdict.margin
    ways = (
        (need.splits, gap.splits, "seeds" if gap.seeds == 1 else "splits", ""),
        (need.seeds, gap.seeds, "seeds", f" on these {noun}s"),
        (need.pictures, gap.items, f"{noun}s", " with these seeds"),
    )
    if verdict.inside and gap.distinct < statistic.FEWEST_PICTURES:
        return Note(
            f"fewer than {statistic.FEWEST_PICTURES} {noun}s show no two rows equivalent.",
            f"equivalence needs {statistic.FEWEST_PICTURES} {noun}s.",
        )
    if any(size and size <= present for size, present, *_ in ways):
        return Note(f"this size would detect a difference of {margin:.3g} four times in five.")
    sizes = [(f"about {size} {items}", others) for size, _, items, others in ways if size]
    if need.both and not sizes:
        sizes = [(f"about {both(gap, need, noun)}", "")]
    if not sizes:
        return Note(
            f"no number of seeds{', splits' * (gap.splits > 1)} or {noun}s alone would detect a"
            f" difference of {margin:.3g}.",
            "no larger size alone would decide it.",
        )
    phrases = " or ".join(size + others for size, others in sizes)
    short = " or ".join(size for size, _ in sizes)
    return Note(
        f"a difference of {margin:.3g} would be detected, four times in five, by {phrases}.",
        f"needs {short}.",
    )


def both(gap: statistic.Interval, need: statistic.Need, noun: str) -> str:
    """Numbers of seeds and test items that grow together; empty where they do not suffice."""
    return (
        f"{math.ceil(need.both * gap.seeds)} seeds on {math.ceil(need.both * gap.items)} {noun}s"
        if need.both
        else ""
    )
