"""Checks that measure each circuit of a case in turn."""

import functools
from collections.abc import Callable
from dataclasses import replace

from qtlrun.diagnosis.case import Case
from qtlrun.diagnosis.circuit_use import CircuitUse
from qtlrun.diagnosis.finding import Check, Evidence, Requirement, Severity, check

MAX_LISTED_NUMBERS = 8

Measurement = Callable[[CircuitUse], Evidence | None]


def circuit_check(
    code: str,
    name: str,
    severity: Severity,
    *,
    limit: float,
    reason: str,
    need: Requirement = Requirement.CIRCUIT,
) -> Callable[[Measurement], Check]:
    """Decorate the measurement of a circuit; the first one that shows anything is reported.

    Only circuits that meet `need` are measured. Words of a command line are for composed models
    alone.
    """

    def decorate(measure: Measurement) -> Check:
        @functools.wraps(measure)
        def examine(case: Case) -> Evidence | None:
            for use in need.select(case):
                evidence = measure(use)
                if evidence is not None:
                    return evidence if case.composition else replace(evidence, override="")
            return None

        return check(code, name, severity, limit=limit, reason=reason, need=need)(examine)

    return decorate


def list_numbers(numbers: list[int]) -> str:
    """Numbers as words, the first ones where there are many."""
    words = ", ".join(map(str, numbers[:MAX_LISTED_NUMBERS]))
    return f"{words} ..." if len(numbers) > MAX_LISTED_NUMBERS else words
