"""Simulators here for devices elsewhere, which are sent trainings and their tests alone."""

import copy
import dataclasses

from qtlrun.experiment.parts import Parts
from qtlrun.plan import Variant

LOCAL_DEVICE = {"_target_": "qtlrun.device.statevector.Statevector"}
# What parts build from their device
DEVICE_MEMBERS = ("device", "exact_device", "parametrization")


def local_variant(variant: Variant) -> Variant:
    """Variant on a simulator of ours, which sends no circuit elsewhere."""
    return dataclasses.replace(variant, device=LOCAL_DEVICE)


def is_remote(parts: Parts) -> bool:
    """Whether the circuits of the parts are sent to a machine elsewhere."""
    return "device" in parts.variant.identity and parts.device.remote


def local_parts(parts: Parts) -> Parts:
    """The same parts, with a device elsewhere replaced by a simulator here, which is said once."""
    if not is_remote(parts):
        return parts
    name = parts.variant.device.get("name", parts.variant.target("device"))
    session = parts.session
    session.once(
        f"simulated here {name}",
        lambda: session.progress.say(f"{name} is elsewhere; its circuits are simulated here."),
    )
    return with_simulator(parts)


def with_simulator(parts: Parts) -> Parts:
    """The same parts, their circuits on a simulator of ours."""
    local = copy.copy(parts)
    local.variant = local_variant(parts.variant)
    for name in DEVICE_MEMBERS:
        vars(local).pop(name, None)
    return local
