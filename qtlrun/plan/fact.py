"""Facts that a part tells of itself: its title, its published defects, what it stands for."""

import string
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from qtlrun.error import text

Part = dict[str, Any]  # values of one part by name, with the `_target_` of its class


@dataclass(frozen=True)
class Facts:
    """Facts of a part that its values do not show.

    title: its name in a table, in pieces: a template of its values, left out where one of them is
        null, or (key, value, template), left out where the key has another value; None is the name
        of its class
    defects: value of each key that keeps a published defect
    idle: of a defect's key, the values of others with which it changes nothing
    linear: of a head, whether it is one linear layer
    fixed: of a head, whether its circuit is never trained
    simulates: of a backbone, whether it simulates a circuit itself
    entangles: of a circuit, whether any gate is on several wires
    product: of a circuit, the values with which it is the product circuit of its size, so that a
        head which puts that one in its place changes nothing; empty: it is none
    code: key of the value that names a class or function of the user's, as FILE.py:NAME
    widths: of a circuit, the values that its numbers of inputs and outputs depend on; empty: on all
    """

    title: tuple[str | tuple[str, object, str], ...] | None = None
    defects: dict[str, object] = field(default_factory=dict)
    idle: dict[str, dict[str, tuple]] = field(default_factory=dict)
    linear: bool = False
    fixed: bool = False
    simulates: bool = False
    entangles: bool = True
    product: dict[str, object] = field(default_factory=dict)
    code: str = ""
    widths: tuple[str, ...] = ()

    def joined(self, other: "Facts") -> "Facts":
        """These facts with those of another declaration, which has the say where both have one."""
        return Facts(
            self.title if other.title is None else other.title,
            self.defects | other.defects,
            self.idle | other.idle,
            self.linear or other.linear,
            self.fixed or other.fixed,
            self.simulates or other.simulates,
            self.entangles and other.entangles,
            self.product | other.product,
            other.code or self.code,
            self.widths + other.widths,
        )

    def is_product(self, part: Part) -> bool:
        """Whether a circuit with these values is the product circuit of its size."""
        return bool(self.product) and self.product.items() <= part.items()

    def kept_defects(self, part: Part) -> list[str]:
        """Keys by which a part's values keep a published defect."""
        keys = []
        for key, value in self.defects.items():
            idle = self.idle.get(key, {})
            acts = not any(part.get(other) in values for other, values in idle.items())
            if acts and part.get(key) == value:
                keys.append(key)
        return keys


def facts(**values: Any) -> Callable:
    """Declare the facts of a part, a class or a function.

    They are read from source, before anything heavy loads: literals, in a decorator of this name,
    which leaves the part as it is.
    """
    Facts(**values)
    return lambda part: part


def title(declared: Facts, part: Part, **offered: object) -> str:
    """Title of a part with these values, and those offered to its templates."""
    if declared.title is None:
        return part["_target_"].rpartition(".")[2].lower()
    values = part | offered
    pieces = []
    for piece in declared.title:
        if isinstance(piece, tuple):
            key, value, piece = piece
            if part.get(key) != value:
                continue
        names = [name for _, name, _, _ in string.Formatter().parse(piece) if name]
        if all(values.get(name) is not None for name in names):
            pieces.append(_Titles().format(piece, **values))
    return "".join(pieces)


class _Titles(string.Formatter):
    """Templates in which `{shots:outcome}` is `1 outcome` or `100 outcomes`."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, list):
            return "all" if value == ["*"] else ",".join(map(text, value))
        if not format_spec:
            return text(value)
        return f"{value} {format_spec}{'s' * (value != 1)}"
