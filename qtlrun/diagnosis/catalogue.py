"""Catalogue of all checks."""

from qtlrun.diagnosis.check import backward, circuit
from qtlrun.diagnosis.finding import Check

CHECKS: tuple[Check, ...] = (*circuit.CHECKS, *backward.CHECKS)
