"""Rows to data frames; data frames to CSV, Markdown and the cells that a terminal shows."""

from qtlrun.report.frame.contrast import contrasts_frame
from qtlrun.report.frame.prediction import predictions_frame
from qtlrun.report.frame.row import errors_frame, rows_frame, shots_frame, trials_frame
from qtlrun.report.frame.sweep import sweep_table
from qtlrun.report.frame.table import table
from qtlrun.report.frame.text import cells, csv, markdown

__all__ = [
    "cells",
    "contrasts_frame",
    "csv",
    "errors_frame",
    "markdown",
    "predictions_frame",
    "rows_frame",
    "shots_frame",
    "sweep_table",
    "table",
    "trials_frame",
]
