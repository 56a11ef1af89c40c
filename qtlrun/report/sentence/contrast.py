"""Sentences about differences: verdicts, what contradicts them, their noise."""

import math

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.report.sentence.failure import failures
from qtlrun.report.sentence.note import Note
from qtlrun.report.sentence.quantity import count
from qtlrun.report.sentence.size import decisive_sizes
from qtlrun.statistic.judge import NO_VERDICT


def contrasts(comparison: Comparison, margin: statistic.Margin | float) -> list[Note]:
    """Conclusions: a sentence per contrast, with what it isolates, its difference and verdict.

    A verdict that the accuracies contradict says so. On the terminal the differences stand in the
    table alone.
    """
    accuracies = comparison.accuracy_contrasts()
    notes = []
    for label, verdict in comparison.contrasts(margin).items():
        gap = verdict.interval
        accuracy = accuracies[label]
        mark = " (exploratory)" if label in comparison.exploratory else ""
        title = f"{comparison.composed} - {label}{mark}, {comparison.isolates[label]}:"
        limit = statistic.Margin.of(margin)
        words = _conclude(comparison, label, verdict, accuracy, limit)
        where = "on this split, " * comparison.one_split
        full = (
            f"{title} {gap.mean:+z.3f} nats of NLL [{gap.low:+z.3f}, {gap.high:+z.3f}]"
            f" ({noise(comparison, gap)}), accuracy {difference(accuracy.interval)}:"
            f" {where}{words.full}{_like(gap)}"
        )
        notes.append(Note(full, f"{title} {where}{words.short}"))
    return notes


def difference(gap: statistic.Interval) -> str:
    """Difference of accuracies, or of a score, with its interval."""
    return f"{gap.mean:+z.3f} [{gap.low:+z.3f}, {gap.high:+z.3f}]"


def noise(comparison: Comparison, gap: statistic.Interval) -> str:
    """Noise of training and of test items in an interval, with its sizes."""
    noun = comparison.noun
    if gap.splits > 1:
        items = "" if math.isnan(gap.pictures) else f", {noun} noise {gap.pictures:.3f}"
        sizes = f"{gap.splits} splits, {count(gap.seeds, 'seed')} and {gap.items} {noun}s each"
        if comparison.split_by_seed:
            sizes = f"{gap.splits} seeds, each on its own split, {gap.items} {noun}s each"
        elif gap.seeds == 1:
            sizes = f"{gap.splits} splits, one seed and {gap.items} {noun}s each"
        overlap = f", trained on {gap.share:.0%} of the pool" * (gap.share > 0)
        return f"noise of splits and training {gap.training:.3f}{items}; {sizes}{overlap}"
    if gap.seeds == 1:
        return f"one seed, {gap.items} {noun}s"
    return (
        f"training noise {gap.training:.3f}, {noun} noise {gap.pictures:.3f}; {gap.seeds} seeds,"
        f" {gap.items} {noun}s"
    )


def verdict_word(comparison: Comparison, label: str, word: str, accuracy: statistic.Verdict) -> str:
    """Verdict on a contrast in few words, from those of the NLL and of the accuracy.

    Withheld where a training failed, marked where the accuracies contradict it.
    """
    if failures(comparison, label):
        return NO_VERDICT
    return f"{word} by NLL" if contradiction(comparison, label, word, accuracy) else word


def contradiction(
    comparison: Comparison, label: str, word: str, accuracy: statistic.Verdict
) -> str:
    """Accuracy that contradicts a verdict, in words; empty where none does.

    `word` is the verdict by NLL; none contradicts an undecided one.
    """
    composed = comparison.composed
    if word.startswith("equivalent") and accuracy.detectable:
        return f"the accuracy of {composed} is {accuracy.word}"
    if word not in ("better", "worse"):
        return ""
    if accuracy.detectable and accuracy.word != word:
        return f"its accuracy is {accuracy.word}"
    winner = composed if word == "better" else label
    if not comparison.beats_chance(winner):
        return f"the accuracy of {winner} is not shown to be above chance"
    return ""


def chance(comparison: Comparison) -> list[Note]:
    """Rows whose accuracy is not shown to be above that of always naming the largest class."""
    rows = [
        label
        for label in comparison.labels
        if comparison.of(label) and not comparison.beats_chance(label)
    ]
    if not rows:
        return []
    phrases = []
    for label in rows:
        accuracy = comparison.accuracy(label)
        phrases.append(f"{label} {accuracy.mean:.3f} [{accuracy.low:.3f}, {accuracy.high:.3f}]")
    level = f"{comparison.chance(rows[0]):.3f}"
    return [
        Note(
            f"Not shown to be above chance, which is {level} (the largest class for every test"
            f" {comparison.noun}): {', '.join(phrases)}.",
            f"Accuracy not shown to be above chance ({level}): {', '.join(rows)}.",
        )
    ]


def _conclude(
    comparison: Comparison,
    label: str,
    verdict: statistic.Verdict,
    accuracy: statistic.Verdict,
    limit: statistic.Margin,
) -> Note:
    """Verdict in words, with what contradicts it."""
    if missing := failures(comparison, label):
        words = f"no verdict, because {missing}"
        return Note(f"{words}; these figures are of the others.", f"{words}.")
    if verdict.word == "undecided":
        against = f" by NLL, but its accuracy is {accuracy.word}" if accuracy.detectable else ""
        if verdict.hangs:
            pictures = count(max(1, round(verdict.interval.carriers)), comparison.noun)
            return Note(f"undecided{against}; the difference hangs on about {pictures}.")
        sizes = decisive_sizes(verdict, comparison.noun)
        return Note(f"undecided{against}; {sizes.full}", f"undecided{against}; {sizes.short}")
    contrary = contradiction(comparison, label, verdict.word, accuracy)
    if verdict.equivalent:
        against = f", but {contrary}" if contrary else ""
        words = _within(comparison.composed, label, verdict, limit)
        return Note(f"{words}{_rare_deaths(verdict)}{against}.")
    against = f" by NLL alone: {contrary}" if contrary else ""
    words = f"{comparison.composed} is {verdict.word}{against}."
    return Note(words)


def _within(composed: str, label: str, verdict: statistic.Verdict, limit: statistic.Margin) -> str:
    """Equivalence in words, which say where the difference is detectable all the same."""
    nats = f"{verdict.margin:.3g} nats"
    share = "" if limit.share is None else f" ({limit.words(label)})"
    if verdict.detectable:
        return f"within {nats}{share} of each other, and {composed} is detectably {verdict.side}"
    return f"equivalent within the margin of {nats}{share}"


def _rare_deaths(verdict: statistic.Verdict) -> str:
    """Condition of an equivalence that a death too rare to be seen could undo, in words."""
    if verdict.word == "equivalent" or verdict.deaths is None:
        return ""
    number = count(verdict.deaths.trainings, "training")
    share = f"{verdict.deaths.unseen:.0%}".replace("%", " %")
    return f" if none dies: none of {number} died, up to {share} may"


def _like(gap: statistic.Interval) -> str:
    """Interval for training sets of other pools, where it differs from that for this pool."""
    if math.isnan(gap.like_low) or (gap.like_low, gap.like_high) == (gap.low, gap.high):
        return ""
    return (
        f" For training sets of other pools like it [{gap.like_low:+z.3f}, {gap.like_high:+z.3f}]."
    )
