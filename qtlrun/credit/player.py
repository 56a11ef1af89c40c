"""Parts of a head that can be trained or held at their start, and coalitions of them."""

from dataclasses import dataclass

from qtlrun.error import UsageError
from qtlrun.experiment.parts import Parts
from qtlrun.plan import Variant

FEWEST_PLAYERS = 2
MAX_PLAYERS = 6  # 64 coalitions
NAMES = {"angles": "circuit", "middle": "block"}  # of players, by the value of the head
PLACES = {"pre": 0, "post": 2}  # along the way of the data; others are between
NONE = "none"  # name of the coalition without a player
PLUS = " + "  # between the names of players in a coalition


@dataclass(frozen=True)
class Player:
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


def list_players(parts: Parts) -> list[Player]:
    """Parts of a head with numbers that are trained, from the input on; none of a solved head."""
    variant = parts.variant
    keys = [key for key in variant.head_parts if variant.head[key] == "trained"]
    keys.sort(key=lambda key: PLACES.get(key, 1))
    whole = _count_trained(parts) if keys else 0
    players = []
    for key in keys:
        try:
            held = Parts(variant.changed({f"head.{key}": "frozen"}), parts.session)
            numbers = whole - _count_trained(held)
        except UsageError:  # this head has no such part
            continue
        if numbers:
            players.append(Player(key, numbers))
    return players


def name_coalition(players: list[Player], coalition: int) -> str:
    """Names of the players in a coalition."""
    names = [player.name for number, player in enumerate(players) if coalition >> number & 1]
    return PLUS.join(names) or NONE


def hold_others(variant: Variant, players: list[Player], coalition: int) -> Variant:
    """Variant of which the players in a coalition are trained alone."""
    changes = {}
    for number, player in enumerate(players):
        changes[f"head.{player.key}"] = "trained" if coalition >> number & 1 else "frozen"
    return variant.changed(changes)


def _count_trained(parts: Parts) -> int:
    """Trained numbers of a head."""
    head = parts.head(parts.bare.features, [0])
    return sum(weight.numel() for weight in head.parameters() if weight.requires_grad)
