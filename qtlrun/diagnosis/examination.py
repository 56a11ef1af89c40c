"""Examination of a case by all checks."""

from collections.abc import Iterable
from dataclasses import dataclass

from qtlrun.diagnosis.case import Case
from qtlrun.diagnosis.finding import Check, Finding, Severity


@dataclass(frozen=True)
class Examination:
    """Findings of a case, the gravest first.

    name: of the model
    findings: of the checks
    checks: how many were made
    """

    name: str
    findings: list[Finding]
    checks: int

    @property
    def is_sound(self) -> bool:
        """Whether nothing graver than a note was found."""
        return all(finding.check.severity is Severity.NOTE for finding in self.findings)


def examine(case: Case, checks: Iterable[Check]) -> Examination:
    """Examine a case by checks."""
    findings = []
    count = 0
    for each in checks:
        count += 1
        evidence = each.measure(case)
        if evidence is not None:
            findings.append(Finding(each, evidence))
    findings.sort(key=lambda finding: (-finding.check.severity, finding.check.code))
    return Examination(case.name, findings, count)
