"""Noise of a device as values: channels after gates, flips at the readout, over-rotation."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property, reduce
from typing import Any

import numpy as np
from jaxtyping import Float64

from qtlrun.error import BadValue, nearest
from qtlrun.simulator.word import transfer_matrix
from qtlrun.tape.tape import Gate

# PennyLane's channels by name, in the order in which they act on a wire
CHANNELS = {
    "depolarizing": "DepolarizingChannel",
    "bit_flip": "BitFlip",
    "phase_flip": "PhaseFlip",
    "phase_damping": "PhaseDamping",
    "amplitude_damping": "AmplitudeDamping",
}
FLIPS = ("readout_0", "readout_1")
STRENGTHS = (*CHANNELS, *FLIPS, "over_rotation")
PLACES = GATES, ENTANGLERS, INPUTS = ("gates", "entanglers", "inputs")
NOISE = "noise"


@dataclass(frozen=True)
class Noise:
    """Channels on each wire of a gate after it, errors of angles and of the readout.

    A gate is one of the tape's: a rotation about a Pauli word, or a constant matrix. Channels and
    their strengths are PennyLane's.

    Arguments:
        depolarizing: probability of X, Y or Z, a third each.
        bit_flip: probability of X.
        phase_flip: probability of Z.
        phase_damping: probability that the phase is lost; 1 leaves no coherence.
        amplitude_damping: probability that 1 decays to 0.
        readout_0: probability that a wire in 0 is read as 1, in whatever basis it is measured.
        readout_1: probability that a wire in 1 is read as 0.
        over_rotation: share by which each rotation turns too far, above -1.
        after: gates that channels stand behind: all gates, those on several wires (entanglers), or
            those that an input moves (inputs).
    """

    depolarizing: float = 0.0
    bit_flip: float = 0.0
    phase_flip: float = 0.0
    phase_damping: float = 0.0
    amplitude_damping: float = 0.0
    readout_0: float = 0.0
    readout_1: float = 0.0
    over_rotation: float = 0.0
    after: str = GATES

    def __post_init__(self):
        for name in (*CHANNELS, *FLIPS):
            if not 0 <= getattr(self, name) <= 1:
                raise BadValue(f"{NOISE}.{name}", getattr(self, name), "a probability from 0 to 1")
        if not -1 < self.over_rotation < math.inf:
            reason = "the share of an angle that is added to it, above -1"
            raise BadValue(f"{NOISE}.over_rotation", self.over_rotation, reason)
        if self.after not in PLACES:
            raise BadValue(f"{NOISE}.after", self.after, nearest(str(self.after), PLACES))

    @property
    def has_channels(self) -> bool:
        """Whether any channel acts."""
        return any(getattr(self, name) for name in CHANNELS)

    @property
    def has_flips(self) -> bool:
        """Whether the readout errs."""
        return bool(self.readout_0 or self.readout_1)

    @property
    def is_silent(self) -> bool:
        """Whether nothing of it acts."""
        return not any(getattr(self, name) for name in STRENGTHS)

    @property
    def channels(self) -> dict[str, float]:
        """Strengths of the channels that act, by name, in their order."""
        return {name: getattr(self, name) for name in CHANNELS if getattr(self, name)}

    @property
    def values(self) -> dict[str, float]:
        """Strengths that act, by name."""
        return {name: getattr(self, name) for name in STRENGTHS if getattr(self, name)}

    @cached_property
    def transfer(self) -> Float64[np.ndarray, "4 4"]:
        """Channels of a wire on expectation values of I, X, Y, Z: from columns to rows."""
        maps = [transfer_matrix(kraus(name, value)) for name, value in self.channels.items()]
        return reduce(lambda total, each: each @ total, maps, np.eye(4))

    @property
    def reading(self) -> tuple[float, float]:
        """Factor and constant by which the readout changes an expectation value of one wire."""
        return 1 - self.readout_0 - self.readout_1, self.readout_1 - self.readout_0


def read_noise(values: Mapping[str, object] | None) -> Noise:
    """Noise of values by name; none without. Refuses a name or a type that it does not have."""
    names = [field.name for field in fields(Noise)]
    for name, value in (values or {}).items():
        if name not in names:
            raise BadValue(f"{NOISE}.{name}", value, nearest(name, names))
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if name != "after" and not is_number:
            raise BadValue(f"{NOISE}.{name}", value, "a number")
    strengths: dict[str, Any] = dict(values or {})
    return Noise(**strengths)


def kraus(name: str, strength: float) -> list[np.ndarray]:
    """Kraus matrices of a channel on one wire, as PennyLane has them."""
    import pennylane as qml

    matrices = getattr(qml, CHANNELS[name]).compute_kraus_matrices(strength)
    return [np.asarray(matrix, dtype=complex) for matrix in matrices]


def stands_behind(noise: Noise, gate: Gate, fed: frozenset[int]) -> bool:
    """Whether channels stand behind a gate."""
    if not noise.has_channels:
        return False
    if noise.after == ENTANGLERS:
        return len(gate.wires) > 1
    return noise.after != INPUTS or gate.angle in fed
