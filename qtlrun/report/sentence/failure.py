"""Sentences about trainings that failed."""

from qtlrun.comparison.comparison import Point
from qtlrun.report.sentence.quantity import count


def errors(point: Point) -> list[str]:
    """Failures of a point: a sentence each, with row, place in the sweep, split, seed, reason."""
    where = f" at {point.place}" if point.keys else ""
    several = len(point.splits) > 1
    lines = []
    for (label, number), reason in point.errors.items():
        split = f", split {number + 1}" if several else ""
        lines.append(f"{label}{where}{split}: error: {reason}")
    for number, rows in enumerate(point.splits):
        split = f", split {number + 1}" if several else ""
        for label, row in rows.items():
            lines += [
                f"{label}{where}{split}, seed {seed}: error: {reason}"
                for seed, reason in row.errors.items()
            ]
    return [line.rstrip(".") + "." for line in lines]


def failures(point: Point, label: str) -> str:
    """Number of failed trainings of a contrast, in words; empty where none failed."""
    numbers = {name: point.failures(name) for name in (point.composed, label)}
    phrases = [
        f"{number} of {count(point.trainings(name), 'training')} of {name}"
        for name, number in numbers.items()
        if number
    ]
    return f"{' and '.join(phrases)} failed" if phrases else ""
