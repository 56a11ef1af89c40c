"""Sentences about differences: verdicts, their noise, the sizes that would decide, chance."""

import math

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.report.sentence.failure import failures
from qtlrun.report.sentence.quantity import count


def contrasts(comparison: Comparison, margin: float) -> list[str]:
    """Conclusions: a sentence per contrast, with what it isolates, its difference and verdict.

    A verdict that the accuracies contradict says so. `margin` is in nats.
    """
    accuracies = comparison.accuracy_contrasts()
    lines = []
    for label, verdict in comparison.contrasts(margin).items():
        gap = verdict.interval
        accuracy = accuracies[label]
        lines.append(
            f"{comparison.composed} - {label}, {comparison.isolates[label]}:"
            f" {gap.mean:+z.3f} nats of NLL [{gap.low:+z.3f}, {gap.high:+z.3f}]"
            f" ({noise(gap, comparison.noun)}), accuracy {difference(accuracy.interval)}:"
            f" {_conclude(comparison, label, verdict, accuracy, margin)}"
        )
    return lines


def difference(gap: statistic.Interval) -> str:
    """Difference of accuracies with its interval."""
    return f"{gap.mean:+z.3f} [{gap.low:+z.3f}, {gap.high:+z.3f}]"


def noise(gap: statistic.Interval, noun: str) -> str:
    """Noise of training and of test items in an interval; `noun` names a test item."""
    if gap.splits > 1:
        items = "" if math.isnan(gap.pictures) else f", {noun} noise {gap.pictures:.3f}"
        return (
            f"noise of splits and training {gap.training:.3f}{items}; {gap.splits} splits,"
            f" {count(gap.seeds, 'seed')} and {gap.items} {noun}s each"
        )
    if gap.seeds == 1:
        return f"one seed, {gap.items} {noun}s"
    return (
        f"training noise {gap.training:.3f}, {noun} noise {gap.pictures:.3f}; {gap.seeds} seeds,"
        f" {gap.items} {noun}s"
    )


def both(gap: statistic.Interval, need: statistic.Need, noun: str) -> str:
    """Numbers of seeds and test items that grow together; empty where they do not suffice."""
    return (
        f"{math.ceil(need.both * gap.seeds)} seeds on {math.ceil(need.both * gap.items)} {noun}s"
        if need.both
        else ""
    )


def chance(comparison: Comparison) -> list[str]:
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
    return [
        f"Not shown to be above chance, which is {comparison.chance(rows[0]):.3f} (the largest"
        f" class for every test {comparison.noun}): {', '.join(phrases)}."
    ]


def _conclude(
    comparison: Comparison,
    label: str,
    verdict: statistic.Verdict,
    accuracy: statistic.Verdict,
    margin: float,
) -> str:
    """Verdict in words, with what contradicts it."""
    if missing := failures(comparison, label):
        return f"no verdict, for {missing}; these figures are of the others."
    if verdict.word == "undecided":
        against = f" by NLL, its accuracy {accuracy.word}" if accuracy.detectable else ""
        return f"undecided{against}; {_decisive_sizes(verdict, margin, comparison.noun)}"
    if verdict.word == "equivalent":
        detectable = ", the difference detectable, below the margin" if verdict.detectable else ""
        against = (
            f", but the accuracy of {comparison.composed} is {accuracy.word}"
            if accuracy.detectable
            else ""
        )
        return f"equivalent within the margin of {margin:g}{detectable}{against}."
    winner = comparison.composed if verdict.word == "better" else label
    against = ""
    if accuracy.detectable and accuracy.word != verdict.word:
        against = f" by NLL alone: its accuracy is {accuracy.word}"
    elif not comparison.beats_chance(winner):
        against = f" by NLL alone: the accuracy of {winner} is not shown to be above chance"
    return f"{comparison.composed} is {verdict.word}{against}."


def _decisive_sizes(verdict: statistic.Verdict, margin: float, noun: str) -> str:
    """Sizes that would decide a difference of the margin, from the noise of this one."""
    gap = verdict.interval
    if 1 < gap.splits < statistic.FEWEST:
        return "fewer than three splits give no verdict."
    if gap.splits == 1 and gap.seeds < statistic.FEWEST:
        return "fewer than three seeds give no verdict."
    need = verdict.need
    ways = (
        (need.splits, gap.splits, f"about {need.splits} splits"),
        (need.seeds, gap.seeds, f"about {need.seeds} seeds on these {noun}s"),
        (need.pictures, gap.items, f"about {need.pictures} {noun}s with these seeds"),
    )
    if any(size and size <= present for size, present, _ in ways):
        return f"this size would detect a difference of {margin:g} four times in five."
    phrases = [phrase for size, _, phrase in ways if size]
    if need.both and not phrases:
        phrases = [f"about {both(gap, need, noun)}"]
    if not phrases:
        return (
            f"no number of seeds{', splits' * (gap.splits > 1)} or {noun}s alone would detect a"
            f" difference of {margin:g}."
        )
    return (
        f"a difference of {margin:g} would be detected, four times in five, by"
        f" {' or '.join(phrases)}."
    )
