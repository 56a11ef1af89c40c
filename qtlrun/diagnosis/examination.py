"""Examination of a case by all checks."""

import functools
from collections.abc import Iterable
from dataclasses import dataclass

from qtlrun.diagnosis.attempt import attempt
from qtlrun.diagnosis.case import Case
from qtlrun.diagnosis.finding import Check, Finding, Requirement, Severity


@dataclass(frozen=True)
class Examination:
    """Findings of a case, the gravest first.

    name: of the model
    findings: of the checks
    checks: how many were made
    unable: codes of those that an error kept from looking
    idle: codes of those that do not apply, by what they lack
    """

    name: str
    findings: list[Finding]
    checks: int
    unable: list[str]
    idle: dict[Requirement, list[str]]

    @property
    def lines(self) -> list[dict[str, object]]:
        """Each finding as plain values."""
        return [finding.describe() for finding in self.findings]

    @property
    def is_sound(self) -> bool:
        """Whether nothing graver than a note was found."""
        return all(finding.check.severity is Severity.NOTE for finding in self.findings)


def examine(case: Case, checks: Iterable[Check]) -> Examination:
    """Examine a case by checks; code of the user's that fails in one costs that one."""
    findings = []
    unable = []
    idle: dict[Requirement, list[str]] = {}
    count = 0
    for each in checks:
        lack = None if each.need is None else each.need.find_lack(case)
        if lack is not None:
            idle.setdefault(lack, []).append(each.code)
            continue
        evidence, error = attempt(functools.partial(each.measure, case))
        count += error is None
        if error is not None:
            unable.append(each.code)
        elif evidence is not None:
            findings.append(Finding(each, evidence))
    findings.sort(key=lambda finding: (-finding.check.severity, finding.check.code))
    return Examination(case.name, findings, count, unable, idle)
