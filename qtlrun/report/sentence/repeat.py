"""Sentences on verdicts that are repeated on other splits: how often they agree."""

import itertools
from collections import Counter

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.report.sentence.note import Note
from qtlrun.report.sentence.quantity import count
from qtlrun.statistic.judge import NO_VERDICT

REPEATED = {"dataset.split_seed"}  # keys of a sweep whose points repeat one comparison


def repeats(points: list[Comparison], margin: statistic.Margin | float) -> list[Note]:
    """Verdicts on each contrast over points that differ in their splits alone.

    Two agree where they are the same or one of them is undecided; a pair in which trainings were
    lost, so that one has no verdict, is left out.
    """
    if len(points) < 2 or set(points[0].keys) != REPEATED:
        return []
    words: dict[str, list[str]] = {}
    for point in points:
        for label, verdict in point.contrasts(margin).items():
            words.setdefault(label, []).append(verdict.phrase)
    notes = []
    for label, verdicts in words.items():
        numbers = ", ".join(f"{word} {number}" for word, number in Counter(verdicts).items())
        judged = [word for word in verdicts if word != NO_VERDICT]
        pairs = list(itertools.combinations(judged, 2))
        agreeing = sum(_agree(*pair) for pair in pairs)
        opposite = sum({*pair} == {"better", "worse"} for pair in pairs)
        notes.append(
            Note(
                f"{points[0].composed} - {label} on {count(len(verdicts), 'set')} of splits:"
                f" {numbers}. Of {count(len(pairs), 'pair')} {agreeing} agree or have an undecided"
                f" one; {opposite} are better in one and worse in the other."
            )
        )
    return notes


def _agree(word: str, other: str) -> bool:
    """Whether two verdicts are of one kind, with or without a condition, or one is undecided."""
    kinds = {word.partition(" if")[0], other.partition(" if")[0]}
    return len(kinds) == 1 or "undecided" in kinds
