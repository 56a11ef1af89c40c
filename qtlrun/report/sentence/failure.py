"""Sentences about trainings that failed, or died."""

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.pairing import count_left_out
from qtlrun.report.sentence.note import Note
from qtlrun.report.sentence.quantity import count

MAX_ERRORS = 2  # trainings of a row whose errors are written out


def errors(comparison: Comparison) -> list[Note]:
    """Failures of a point: a sentence per row, with its place in the sweep, and each of a few.

    Then the finished trainings that a row's means leave out, where splits lost different numbers.
    """
    where = f" at {comparison.name}" if comparison.keys else ""
    lines = [f"{label}{where}: error: {reason}" for label, reason in comparison.errors.items()]
    reasons: dict[str, list[str]] = {}
    for number, rows in enumerate(comparison.splits):
        several = len(comparison.splits) > 1 and not comparison.split_by_seed
        split = f", split {number}" if several else ""
        for label, row in rows.items():
            reasons.setdefault(label, []).extend(
                f"{split}, seed {seed}: error: {reason}" for seed, reason in row.errors.items()
            )
    for label, listed in reasons.items():
        lines += [f"{label}{where}{reason}" for reason in listed[:MAX_ERRORS]]
        if len(listed) > MAX_ERRORS:
            rest = count(len(listed) - MAX_ERRORS, "more training")
            lines.append(f"{label}{where}: {rest} failed; errors.csv has all")
    for label in comparison.labels:
        if number := count_left_out(comparison.of(label)):
            rest = count(number, "finished training")
            lines.append(
                f"{label}{where}: its accuracy and NLL leave out {rest}, so that every split has as"
                " many; rows.csv has all"
            )
    return [Note(line.rstrip(".") + ".") for line in lines]


def failures(comparison: Comparison, label: str) -> str:
    """Failed and dead trainings of a contrast, in words; empty where there are none."""
    names = (comparison.composed, label)
    phrases = []
    for verb, count_trainings in (("failed", comparison.failures), ("died", comparison.dead)):
        numbers = {name: count_trainings(name) for name in names}
        if any(numbers.values()):
            phrases.append(f"{_list_trainings(comparison, numbers)} {verb}")
    return " and ".join(phrases)


def deaths(comparison: Comparison) -> list[Note]:
    """Rows with dead trainings: their share with its exact interval, and what dead means."""
    phrases = []
    for label in comparison.labels:
        if number := comparison.dead(label):
            trainings = len(comparison.losses(label))
            low, high = statistic.binomial(number, trainings)
            phrases.append(f"{label} {number} of {trainings} ({low:.0%} to {high:.0%})")
    if not phrases:
        return []
    title = f"Dead trainings: {', '.join(phrases)}"
    return [
        Note(
            f"{title}; 95 % intervals of the share. Dead: the test NLL lies above that of the row's"
            " median training by more than half of what that gains over guessing, and by more than"
            " five robust deviations. Differences are those of pairs in which neither died, and no"
            " verdict is given.",
            f"{title}.",
        )
    ]


def _list_trainings(comparison: Comparison, numbers: dict[str, int]) -> str:
    """Numbers of trainings by row, of all of them."""
    phrases = [
        f"{number} of {count(comparison.trainings(name), 'training')} of {name}"
        for name, number in numbers.items()
        if number
    ]
    return " and ".join(phrases)
