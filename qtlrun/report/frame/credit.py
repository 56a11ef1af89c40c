"""Frames of study=credit: figures of all coalitions, and what follows from them."""

from qtlrun.report.column import Schema, columns
from qtlrun.report.schema import ROW

COALITIONS = Schema(
    (
        ROW,
        *columns(
            ("trained", "text", "", "parts that are trained, the others at their start values"),
            ("numbers", "int64", "", "trained numbers"),
            ("nll", "float64", "nats", "test NLL, mean over trainings; nan where none finished"),
            ("nll_low", "float64", "nats", "low end of its 95 % interval"),
            ("nll_high", "float64", "nats", "high end"),
            ("accuracy", "float64", "share", "of the test items"),
            ("accuracy_low", "float64", "share", "low end of its 95 % interval"),
            ("accuracy_high", "float64", "share", "high end"),
            ("trainings", "int64", "", "that finished"),
            ("failed", "int64", "", "trainings that failed"),
        ),
    )
)
CREDITS = Schema(
    (
        ROW,
        *columns(
            ("kind", "text", "", "gain, share, alone, last, interaction, dividend or difference"),
            ("parts", "text", "", "parts of the head that it is about"),
            ("metric", "text", "", "test_nll, a fall in nats, or test_accuracy, a rise"),
            ("value", "float64", "", "mean over trainings and items"),
            ("low", "float64", "", "low end of its 95 % interval; nan of one training"),
            ("high", "float64", "", "high end"),
            ("training", "float64", "", "standard error by training alone"),
            ("pictures", "float64", "", "standard error by test items alone"),
            ("p", "float64", "", "of shares, interactions and differences; nan where not judged"),
            ("p_holm", "float64", "", "by Holm's correction over all of these of a metric"),
        ),
    )
)
