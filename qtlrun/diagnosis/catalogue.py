"""Catalogue of all checks."""

from qtlrun.diagnosis.check import backward, boundary, circuit, rate, schedule, training, unit
from qtlrun.diagnosis.finding import Check

CHECKS: tuple[Check, ...] = (
    *circuit.CHECKS,
    *backward.CHECKS,
    *boundary.CHECKS,
    *unit.CHECKS,
    *training.CHECKS,
    *rate.CHECKS,
    *schedule.CHECKS,
)
