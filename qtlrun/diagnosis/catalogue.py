"""Catalogue of all checks."""

from qtlrun.diagnosis.check import backward, circuit, data, outcome, split
from qtlrun.diagnosis.finding import Check

CHECKS: tuple[Check, ...] = (
    *circuit.CHECKS,
    *backward.CHECKS,
    *data.CHECKS,
    *split.CHECKS,
    *outcome.CHECKS,
)
