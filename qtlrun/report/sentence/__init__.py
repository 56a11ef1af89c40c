"""Sentences under a table: conclusions, how to read it, what was held fixed, failures."""

from qtlrun.report.sentence.answer import answer, equivalence, legend, likelihood, needs
from qtlrun.report.sentence.calibration import calibration
from qtlrun.report.sentence.contrast import chance, contrasts, noise, verdict_word
from qtlrun.report.sentence.data import data, described
from qtlrun.report.sentence.failure import errors, failures
from qtlrun.report.sentence.foot import LEAST_NORM, foot, readers, saturated
from qtlrun.report.sentence.generation import generated
from qtlrun.report.sentence.joint import joint
from qtlrun.report.sentence.multiple import corrected
from qtlrun.report.sentence.note import Note, shown, written
from qtlrun.report.sentence.protocol import held_fixed
from qtlrun.report.sentence.quantity import count
from qtlrun.report.sentence.repeat import repeats
from qtlrun.report.sentence.retention import retention
from qtlrun.report.sentence.score import scores
from qtlrun.report.sentence.seal import sealed
from qtlrun.report.sentence.size import both
from qtlrun.report.sentence.surrogate import surrogates

__all__ = [
    "LEAST_NORM",
    "Note",
    "answer",
    "both",
    "calibration",
    "chance",
    "contrasts",
    "corrected",
    "count",
    "data",
    "described",
    "equivalence",
    "errors",
    "failures",
    "foot",
    "generated",
    "held_fixed",
    "joint",
    "legend",
    "likelihood",
    "needs",
    "noise",
    "readers",
    "repeats",
    "retention",
    "saturated",
    "scores",
    "sealed",
    "shown",
    "surrogates",
    "verdict_word",
    "written",
]
