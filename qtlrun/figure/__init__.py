"""Rows to plots: matplotlib figures, drawn without a display."""
from qtlrun.figure.style import encode
from qtlrun.figure.study import detection, power, sizes, specification_curve
from qtlrun.figure.sweep import sweep
from qtlrun.figure.table import confusion, learning_curves, tuning

__all__ = ["confusion", "detection", "encode", "learning_curves", "power", "sizes", "specification_curve", "sweep", "tuning"]
