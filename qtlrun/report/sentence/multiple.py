"""Sentence about verdicts that do not survive the correction for many contrasts."""

from dataclasses import dataclass

import numpy as np

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.report.sentence.note import Note

MAX_NAMES = 8  # of contrasts in a sentence


@dataclass(frozen=True)
class _Claim:
    """Contrast that a table calls better or worse, and whether Holm's correction leaves it so."""

    name: str
    word: str
    remains: bool


def corrected(points: list[Comparison], margin: statistic.Margin | float) -> list[Note]:
    """Verdicts of better or worse by NLL that Holm's correction takes away, over all points.

    Nothing where it takes none away. The verdicts of the table stay as they are. Under a seal it
    is over the contrasts that were declared.
    """
    names: list[str] = []
    words: list[str] = []
    p: list[float] = []
    for point in points:
        verdicts = point.contrasts(margin)
        for label in point.exploratory:
            verdicts.pop(label, None)
        where = f" at {point.name}" if len(points) > 1 else ""
        names += [f"{point.composed} - {label}{where}" for label in verdicts]
        words += [verdict.word for verdict in verdicts.values()]
        p += point.p_values(verdicts).values()
    adjusted = statistic.holm(p)
    claims = [
        _Claim(name, word, bool(value < statistic.ALPHA))
        for name, word, value in zip(names, words, adjusted, strict=True)
        if word in ("better", "worse")
    ]
    lost = [claim.name for claim in claims if not claim.remains]
    if not lost:
        return []
    count = int(np.isfinite(p).sum())
    title = f"With Holm's correction over {count} contrasts"
    return [Note(f"{title} {_outcome(claims, lost)}.")]


def _outcome(claims: list[_Claim], lost: list[str]) -> str:
    """Claims that remain, and those that do not, in words."""
    negation = "does not" if len(lost) == 1 else "do not"
    count = len(claims) - len(lost)
    if len(claims) > MAX_NAMES:
        listed = ", ".join(lost[:MAX_NAMES])
        more = f" and {len(lost) - MAX_NAMES} more" if len(lost) > MAX_NAMES else ""
        return f"{count} of {len(claims)} verdicts remain; {listed}{more} {negation}"
    if count:
        phrases = [_remaining(claims, word) for word in ("better", "worse")]
        return f"{', '.join(filter(None, phrases))}; {', '.join(lost)} {negation}"
    if len(lost) == 1:
        return f"the verdict on {lost[0]} does not remain"
    return f"the verdicts on {', '.join(lost)} do not remain"


def _remaining(claims: list[_Claim], word: str) -> str:
    """Claims of one word that remain."""
    names = [claim.name for claim in claims if claim.remains and claim.word == word]
    verb = "remains" if len(names) == 1 else "remain"
    return f"{', '.join(names)} {verb} {word}" if names else ""
