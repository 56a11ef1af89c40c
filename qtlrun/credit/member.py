"""Parts of a head that can be trained or held at their start, and coalitions of them."""

from dataclasses import dataclass

from qtlrun.error import UsageError
from qtlrun.experiment.parts import Parts
from qtlrun.plan import Variant

FEWEST_MEMBERS = 2
MAX_MEMBERS = 6  # 64 coalitions
NAMES = {"angles": "circuit", "middle": "block"}  # of parts, by the value of the head
PLACES = {"pre": 0, "post": 2}  # along the way of the data; others are between
NONE = "none"  # name of the coalition without a part


@dataclass(frozen=True)
class Member:
    """Part of a head that is trained, and may be held.

    key: value of the head that says so, `head.key`
    numbers: trained numbers that it has
    """

    key: str
    numbers: int

    @property
    def name(self) -> str:
        """Name in tables."""
        return NAMES.get(self.key, self.key)


def list_members(parts: Parts) -> list[Member]:
    """Parts of a head with numbers that are trained, from the input on; none of a solved head."""
    variant = parts.variant
    keys = [key for key in variant.head_parts if variant.head[key] == "trained"]
    keys.sort(key=lambda key: PLACES.get(key, 1))
    whole = _count_trained(parts) if keys else 0
    members = []
    for key in keys:
        try:
            held = Parts(variant.changed({f"head.{key}": "frozen"}), parts.session)
            numbers = whole - _count_trained(held)
        except UsageError:  # this head has no such part
            continue
        if numbers:
            members.append(Member(key, numbers))
    return members


def name_coalition(members: list[Member], coalition: int) -> str:
    """Names of the parts in a coalition."""
    names = [member.name for number, member in enumerate(members) if coalition >> number & 1]
    return " + ".join(names) or NONE


def hold_others(variant: Variant, members: list[Member], coalition: int) -> Variant:
    """Variant of which the parts in a coalition are trained alone."""
    changes = {}
    for number, member in enumerate(members):
        changes[f"head.{member.key}"] = "trained" if coalition >> number & 1 else "frozen"
    return variant.changed(changes)


def _count_trained(parts: Parts) -> int:
    """Trained numbers of a head."""
    head = parts.head(parts.bare.features, [0])
    return sum(weight.numel() for weight in head.parameters() if weight.requires_grad)
