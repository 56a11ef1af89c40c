"""Parts built from their values, checked against their contract and completed."""

from collections.abc import Sequence

from qtlrun.contract.check import check_part, complete_part
from qtlrun.contract.circuit import adapt_circuit
from qtlrun.contract.device import adapt_device
from qtlrun.plan import build, is_plugin, plugin

# Of the user's; heads are checked on a batch, backbones and datasets where they are completed
CHECKED_GROUPS = ("freeze", "recipe", "device", "parametrization", "study", "lens")


def build_part(group: str, part: dict, plugins: Sequence[str] = (), key: str = "", **offered):
    """Build a part; a user's one is checked, and every one has its optional members."""
    built = build(group, part, plugins, key, **offered)
    target = part["_target_"]
    if not is_plugin(target):
        return complete_part(group, built)
    with plugin.blamed(key or group, target):
        if group == "circuit":
            return adapt_circuit(built, key or group, target)
        if group in CHECKED_GROUPS:
            check_part(group, built, key or group, target)
        if group == "device":
            return adapt_device(built, key or group, target)
        return complete_part(group, built)
