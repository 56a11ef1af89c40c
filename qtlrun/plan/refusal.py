"""Refusals of what the user asks for, worded so that the mistake can be mended."""

import difflib
import math


class Refused(ValueError):
    """Refusal of what the user asks for: key and value, why not, and what would be right."""


class Absent(ValueError):
    """Data or weights that are not on this machine and could not be fetched."""


def nearest(value: object, names) -> str:
    """Words on the right names, the closest first where one is close."""
    names = [str(name) for name in names]
    if not names:
        return "it takes none."
    near = difflib.get_close_matches(str(value), names, n=1, cutoff=0.5)
    listed = ", ".join(names if len(names) <= 24 else [*names[:12], f"{len(names) - 12} more"])
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
