"""Checks of a model and their findings: stable code, measured number, threshold, remedy."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from qtlrun.diagnosis.case import Case


class Severity(IntEnum):
    """Weight of a finding: a note leaves the model sound."""

    NOTE = 0
    WARNING = 1
    FAULT = 2


@dataclass(frozen=True)
class Evidence:
    """Measurement that a check reports.

    value: the measured number, beyond the check's threshold
    sentence: what was measured, and where
    fix: what to change
    override: words on the command line that change it; empty where none do
    """

    value: float
    sentence: str
    fix: str
    override: str = ""


@dataclass(frozen=True)
class Check:
    """Check of a model.

    code: Q and three digits, never used again for another check
    name: in capitals
    severity: of its finding
    limit: threshold of its number
    reason: for that threshold
    measure: evidence against a model; None where it is sound or the check does not apply
    """

    code: str
    name: str
    severity: Severity
    limit: float
    reason: str
    measure: Callable[[Case], Evidence | None]


@dataclass(frozen=True)
class Finding:
    """Evidence of a check against a model."""

    check: Check
    evidence: Evidence

    def describe(self) -> dict[str, object]:
        """Plain values by the names that a report has for them."""
        return {
            "code": self.check.code,
            "name": self.check.name,
            "severity": self.check.severity.name.lower(),
            "value": float(self.evidence.value),
            "limit": float(self.check.limit),
            "finding": self.evidence.sentence,
            "reason": self.check.reason,
            "fix": self.evidence.fix,
            "override": self.evidence.override,
        }


def check(
    code: str, name: str, severity: Severity, *, limit: float, reason: str
) -> Callable[[Callable[[Case], Evidence | None]], Check]:
    """Decorate the measurement of a check."""
    return lambda measure: Check(code, name, severity, limit, reason, measure)
