"""Refusals of what the user gave, with the words that lead to what would be right."""

import difflib
import math


class Refused(ValueError):
    """Refusal of what the user gave: what it was, why not, and what would be right."""


class Absent(ValueError):
    """Data or weights that are not on this machine and could not be fetched."""


def nearest(given: object, known) -> str:
    """The right names, the closest first where one is close."""
    known = [str(name) for name in known]
    if not known:
        return "it takes none."
    near = difflib.get_close_matches(str(given), known, n=1, cutoff=0.5)
    listed = ", ".join(known if len(known) <= 24 else [*known[:12], f"{len(known) - 12} more"])
    return f"did you mean {near[0]}? It is one of {listed}." if near else f"it is one of {listed}."


def text(value: object) -> str:
    """A value as a YAML file has it."""
    return (
        {None: "null", True: "true", False: "false"}[value]
        if value is None or type(value) is bool
        else str(value)
    )


def finite(**values: float) -> None:
    """Refuse a value that is no finite number of 0 or more; for constructors."""
    for name, value in values.items():
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name}={value}: a finite number of 0 or more is needed here.")
