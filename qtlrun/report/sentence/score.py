"""Sentences about differences in other scores than the NLL of a table."""

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.report.sentence.contrast import difference
from qtlrun.report.sentence.failure import failures
from qtlrun.report.sentence.note import Note

BRIER = "Brier score (sum over classes of (p - y)^2, from 0 to 2, lower is better)"
SCALED = (
    "NLL in nats after temperature scaling, one temperature a training, of least validation NLL"
    " (Guo et al. 2017)"
)


def scores(comparison: Comparison, margin: statistic.Margin | float) -> list[Note]:
    """Paired differences in other scores, with intervals and verdicts, for table.md.

    On the terminal the verdicts by NLL that temperature scaling changes.
    """
    brier = comparison.score_contrasts("brier")
    scaled = comparison.score_contrasts("nll_scaled")
    notes = []
    if brier:
        notes.append(Note(f"{BRIER}: {'; '.join(_phrases(comparison, brier))}.", ""))
    if scaled:
        phrases = "; ".join(_phrases(comparison, scaled))
        full = f"{SCALED}: {phrases}.{_separable(comparison)}"
        notes.append(Note(full, _changes(comparison, scaled, margin)))
    return notes


def _changes(
    comparison: Comparison,
    scaled: dict[str, statistic.Verdict],
    margin: statistic.Margin | float,
) -> str:
    """Verdicts of better or worse by NLL that are others after scaling."""
    changes = [
        f"{comparison.composed} - {label} {scaled[label].word}"
        for label, verdict in comparison.contrasts(margin).items()
        if label in scaled
        and verdict.word in ("better", "worse")
        and verdict.word != scaled[label].word
    ]
    return f"After temperature scaling on validation: {', '.join(changes)}." if changes else ""


def _separable(comparison: Comparison) -> str:
    """Number of trainings whose validation is all right, in words."""
    rows = [row for label in comparison.labels for row in comparison.of(label)]
    trainings = [outcome for row in rows for outcome in row.finished]
    right = sum(outcome.figures.get("validation_separable", 0) > 0 for outcome in trainings)
    if not right:
        return ""
    return (
        f" In {right} of {len(trainings)} trainings every validation {comparison.noun} is right, so"
        " that validation NLL falls for ever with the temperature; theirs stays 1."
    )


def _phrases(comparison: Comparison, verdicts: dict[str, statistic.Verdict]) -> list[str]:
    """Each difference with its interval and its verdict."""
    phrases = []
    for label, verdict in verdicts.items():
        word = "no verdict" if failures(comparison, label) else verdict.word
        gap = difference(verdict.interval)
        phrases.append(f"{comparison.composed} - {label} {gap}, {word}")
    return phrases
