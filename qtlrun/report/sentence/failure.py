"""Sentences about trainings that failed."""

from qtlrun.comparison.comparison import Comparison
from qtlrun.report.sentence.note import Note
from qtlrun.report.sentence.quantity import count


def errors(comparison: Comparison) -> list[Note]:
    """Failures of a point: a sentence each, with row, place in the sweep, split, seed, reason."""
    where = f" at {comparison.name}" if comparison.keys else ""
    several = len(comparison.splits) > 1
    lines = []
    for (label, number), reason in comparison.errors.items():
        split = f", split {number + 1}" if several else ""
        lines.append(f"{label}{where}{split}: error: {reason}")
    for number, rows in enumerate(comparison.splits):
        split = f", split {number + 1}" if several else ""
        for label, row in rows.items():
            lines += [
                f"{label}{where}{split}, seed {seed}: error: {reason}"
                for seed, reason in row.errors.items()
            ]
    return [Note(line.rstrip(".") + ".") for line in lines]


def failures(comparison: Comparison, label: str) -> str:
    """Number of failed trainings of a contrast, in words; empty where none failed."""
    numbers = {name: comparison.failures(name) for name in (comparison.composed, label)}
    phrases = [
        f"{number} of {count(comparison.trainings(name), 'training')} of {name}"
        for name, number in numbers.items()
        if number
    ]
    return f"{' and '.join(phrases)} failed" if phrases else ""
