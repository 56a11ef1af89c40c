"""Rows to plots: matplotlib figures, drawn without a display."""

from qtlrun.report.figure.circuit import drawing
from qtlrun.report.figure.study import (
    detection,
    power,
    retention,
    sizes,
    specification_curve,
    trend,
)
from qtlrun.report.figure.style import encode
from qtlrun.report.figure.sweep import sweep
from qtlrun.report.figure.table import accuracy, confusion, learning_curves, patterns, shots, tuning

__all__ = [
    "accuracy",
    "confusion",
    "detection",
    "drawing",
    "encode",
    "learning_curves",
    "patterns",
    "power",
    "retention",
    "shots",
    "sizes",
    "specification_curve",
    "sweep",
    "trend",
    "tuning",
]
