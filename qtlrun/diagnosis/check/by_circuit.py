"""Measurement of each circuit of a case in turn."""

import functools
from collections.abc import Callable
from dataclasses import replace

from qtlrun.diagnosis.case import Case
from qtlrun.diagnosis.circuit_use import CircuitUse
from qtlrun.diagnosis.finding import Evidence

MAX_LISTED_NUMBERS = 8


def by_circuit(
    measure: Callable[[CircuitUse], Evidence | None],
) -> Callable[[Case], Evidence | None]:
    """Measurement of a case by its circuits: the evidence against the first that shows any.

    Words of a command line are for composed models alone.
    """

    @functools.wraps(measure)
    def examine(case: Case) -> Evidence | None:
        for use in case.circuits:
            evidence = measure(use)
            if evidence is not None:
                return evidence if case.composition else replace(evidence, override="")
        return None

    return examine


def list_numbers(numbers: list[int]) -> str:
    """Numbers as words, the first ones where there are many."""
    words = ", ".join(map(str, numbers[:MAX_LISTED_NUMBERS]))
    return f"{words} ..." if len(numbers) > MAX_LISTED_NUMBERS else words
