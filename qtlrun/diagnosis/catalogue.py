"""Catalogue of all checks."""

from qtlrun.diagnosis.check import backward, circuit, estimate, gate, method, readout
from qtlrun.diagnosis.finding import Check

CHECKS: tuple[Check, ...] = (
    *circuit.CHECKS,
    *gate.CHECKS,
    *readout.CHECKS,
    *estimate.CHECKS,
    *method.CHECKS,
    *backward.CHECKS,
)
