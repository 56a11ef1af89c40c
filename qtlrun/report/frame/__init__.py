"""Rows to data frames; data frames to CSV, Markdown and the cells that a terminal shows."""

from qtlrun.report.frame.calibration import family_line, rate_line, rates_frame, rules_frame
from qtlrun.report.frame.contrast import contrasts_frame
from qtlrun.report.frame.joint import joint_frame
from qtlrun.report.frame.lens import (
    MARK,
    differing,
    readings_frame,
    short_table,
    spread_frame,
    spread_table,
)
from qtlrun.report.frame.prediction import predictions_frame
from qtlrun.report.frame.retention import retention_frame
from qtlrun.report.frame.row import (
    epochs_frame,
    errors_frame,
    rows_frame,
    shots_frame,
    trials_frame,
)
from qtlrun.report.frame.sweep import sweep_table
from qtlrun.report.frame.table import table
from qtlrun.report.frame.text import cells, csv, markdown, read_csv

__all__ = [
    "MARK",
    "cells",
    "contrasts_frame",
    "csv",
    "differing",
    "epochs_frame",
    "errors_frame",
    "family_line",
    "joint_frame",
    "markdown",
    "predictions_frame",
    "rate_line",
    "rates_frame",
    "read_csv",
    "readings_frame",
    "retention_frame",
    "rows_frame",
    "rules_frame",
    "short_table",
    "shots_frame",
    "spread_frame",
    "spread_table",
    "sweep_table",
    "table",
    "trials_frame",
]
