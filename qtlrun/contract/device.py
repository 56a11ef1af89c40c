"""The user's devices, whose errors name file and line."""

from collections.abc import Callable, Sequence
from typing import Any

from qtlrun.contract.check import optional_members, takes
from qtlrun.error import UsageError
from qtlrun.plan import plugin


class UserDevice:
    """User's device that names its file and line in errors, and checks what it gives."""

    def __init__(self, device, name: str):
        members: dict[str, Any] = optional_members("device", device)
        self.device = device
        self.name = name
        self.exact = bool(members["exact"])
        self.exact_qubits = members["exact_qubits"]
        self.shots = members["shots"]
        self.drawing_each = None  # each of its runs is a program of its own
        self.remote = bool(members["remote"])
        self.allow_remote = bool(members["allow_remote"])
        self._members = members

    def run(self, circuit, entangle: bool = True) -> Callable:
        """Function of inputs and weights that a circuit is here."""
        with plugin.blamed("device", self.name):
            compiled = self.device.run(circuit, entangle)
        absent = [name for name in ("outputs", "reading") if not hasattr(compiled, name)]
        if absent or not callable(compiled):
            raise UsageError(
                f"{self.name}.run gives {type(compiled).__name__}, and a function of inputs and"
                " weights is needed, with outputs (how many numbers) and reading (its gates)",
                key="device",
            )
        return compiled

    def exactly(self) -> "UserDevice":
        """The device without shots or random gradient."""
        with plugin.blamed("device", self.name):
            return UserDevice(self._members["exactly"](), self.name)

    def drawing(self, seed: int) -> "UserDevice":
        """The device whose shots are drawn from a seed."""
        with plugin.blamed("device", self.name):
            return UserDevice(self._members["drawing"](seed), self.name)


def draw_shots(device, seeds: Sequence[int], shots: Sequence[int | None] | None):
    """Device that draws shots for the runs of one program, or for its only run.

    shots: of each run; None: those of the device
    """
    if device.drawing_each is None:
        return device.drawing(seeds[0])
    return device.drawing_each(seeds, shots or [device.shots] * len(seeds))


def adapt_device(device, key: str, target: str) -> UserDevice:
    """User's device in the form that heads call; refused where its members do not fit."""
    if not takes(device.run, 2):
        raise UsageError(f"{target}.run takes other arguments than (circuit, entangle)", key=key)
    members = optional_members("device", device)
    if not members["exact"] and not (callable(members["exactly"]) and callable(members["drawing"])):
        raise UsageError(
            f"{target} is not exact, and lacks exactly() or drawing(seed)",
            "qtlrun.contract.Device says what they give",
            key=key,
        )
    return UserDevice(device, target)
