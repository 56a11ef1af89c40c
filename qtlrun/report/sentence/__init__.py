"""Sentences under a table: conclusions, how to read it, what was held fixed, failures."""

from qtlrun.report.sentence.contrast import both, chance, contrasts, difference, noise
from qtlrun.report.sentence.data import data, described
from qtlrun.report.sentence.failure import errors, failures
from qtlrun.report.sentence.foot import LEAST_NORM, foot, readers
from qtlrun.report.sentence.generation import generated
from qtlrun.report.sentence.protocol import held_fixed
from qtlrun.report.sentence.quantity import count

__all__ = [
    "LEAST_NORM",
    "both",
    "chance",
    "contrasts",
    "count",
    "data",
    "described",
    "difference",
    "errors",
    "failures",
    "foot",
    "generated",
    "held_fixed",
    "noise",
    "readers",
]
