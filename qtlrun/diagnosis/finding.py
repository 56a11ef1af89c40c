"""Checks of a model and their findings: stable code, measured number, threshold, remedy."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from qtlrun.diagnosis.case import Case
from qtlrun.diagnosis.circuit_use import CircuitUse


class Severity(IntEnum):
    """Weight of a finding: a note leaves the model sound."""

    NOTE = 0
    WARNING = 1
    FAULT = 2


class Requirement(StrEnum):
    """Part of a case without which a check does not apply."""

    CIRCUIT = "a circuit"
    ITEMS = "a circuit that takes items"
    WEIGHTS = "a circuit whose weights change"
    SLOPES = "a circuit that is differentiated"
    LEARNING = "a circuit that takes items and is differentiated"
    DATA = "the data and recipe of a composed model"
    OPTIMIZER = "an optimizer of torch's"
    GRADIENT = "a model that its gradient trains"

    def find_lack(self, case: Case) -> "Requirement | None":
        """Part that a case lacks: this one, or any circuit; None where it has it."""
        match self:
            case Requirement.DATA:
                is_met = case.composition is not None
            case Requirement.OPTIMIZER:
                is_met = case.optimizer is not None
            case Requirement.GRADIENT:
                is_met = not case.is_solved
            case _:
                is_met = bool(self.select(case))
                if not case.circuits:
                    return Requirement.CIRCUIT
        return None if is_met else self

    def select(self, case: Case) -> list[CircuitUse]:
        """Circuits of a case that meet the requirement; all where it is not about circuits."""
        return [use for use in case.circuits if _SELECTIONS.get(self, _is_any)(use)]


def _is_any(_use: CircuitUse) -> bool:
    return True


_SELECTIONS: dict[Requirement, Callable[[CircuitUse], bool]] = {
    Requirement.ITEMS: lambda use: use.takes_items,
    Requirement.WEIGHTS: lambda use: use.is_differentiated or len(use.weights) > 1,
    Requirement.SLOPES: lambda use: use.is_differentiated,
    Requirement.LEARNING: lambda use: use.takes_items and use.is_differentiated,
}


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
