"""Claim of a reference: a sentence on what it isolates, which may differ by letter."""

from qtlrun.error import UsageError, nearest
from qtlrun.plan.letter import LETTERS, likeness, trains_circuit
from qtlrun.plan.variant import Variant

CLAIMS = ("isolates", "of", "by_letter")  # keys of a reference that say what it shows
SUBJECTS = ("circuit",)  # heads that a claim may be restricted to


def check_claim(name: str, change: dict) -> None:
    """Refuse a claim that is no sentence, or is about a head or letter that does not exist."""
    key = f"compare.{name}"
    letters = tuple(LETTERS.values())
    isolates, subject, others = (change.get(word) for word in CLAIMS)
    if not isinstance(isolates, str | None):
        raise UsageError("a sentence is needed here", key=f"{key}.isolates", value=isolates)
    if subject is not None and subject not in SUBJECTS:
        raise UsageError(nearest(str(subject), SUBJECTS), key=f"{key}.of", value=subject)
    if not isinstance(others, dict | None):
        raise UsageError(
            "a sentence for each letter is needed here", key=f"{key}.by_letter", value=others
        )
    for letter, sentence in (others or {}).items():
        if letter not in letters:
            raise UsageError(nearest(str(letter), letters), key=f"{key}.by_letter.{letter}")
        if not isinstance(sentence, str):
            raise UsageError(
                "a sentence is needed here", key=f"{key}.by_letter.{letter}", value=sentence
            )


def claim(change: dict, model: Variant) -> str:
    """Claim that holds for a reference of this composed model; empty where none does."""
    isolates, subject, others = (change.get(word) for word in CLAIMS)
    like = likeness(model)
    if like in (others or {}):
        return others[like]
    return (isolates or "") if subject is None or trains_circuit(model) else ""
