"""Checks of a model and their findings: stable code, measured number, threshold, remedy."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from qtlrun.diagnosis.case import Case


class Severity(IntEnum):
    """Weight of a finding: a note leaves the model sound."""

    NOTE = 0
    WARNING = 1
    FAULT = 2


class Requirement(StrEnum):
    """Part of a case without which a check does not apply."""

    CIRCUIT = "a circuit"
    DATA = "the data and recipe of a composed model"
    OPTIMIZER = "an optimizer"

    def is_met(self, case: Case) -> bool:
        """Whether a case has it."""
        if self is Requirement.CIRCUIT:
            return bool(case.circuits)
        return (case.composition if self is Requirement.DATA else case.optimizer) is not None


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
    measure: evidence against a model; None where it is sound
    need: what a case must have for it; None where any will do
    """

    code: str
    name: str
    severity: Severity
    limit: float
    reason: str
    measure: Callable[[Case], Evidence | None]
    need: Requirement | None = None


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
    code: str,
    name: str,
    severity: Severity,
    *,
    limit: float,
    reason: str,
    need: Requirement | None = None,
) -> Callable[[Callable[[Case], Evidence | None]], Check]:
    """Decorate the measurement of a check."""
    return lambda measure: Check(code, name, severity, limit, reason, measure, need)
