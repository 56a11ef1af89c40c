"""Catalogue of all checks."""

from qtlrun.diagnosis.check import (
    backward,
    boundary,
    circuit,
    rate,
    repetition,
    schedule,
    training,
    unit,
)
from qtlrun.diagnosis.finding import Check

CHECKS: tuple[Check, ...] = (
    *circuit.CHECKS,
    *backward.CHECKS,
    *boundary.CHECKS,
    *repetition.CHECKS,
    *unit.CHECKS,
    *training.CHECKS,
    *rate.CHECKS,
    *schedule.CHECKS,
)
