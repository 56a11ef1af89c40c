"""Processors: seconds and joules of preparations under stated assumptions."""

import math
from dataclasses import dataclass

from qtlrun.error import BadValue
from qtlrun.tape.tape import Reading

MICROSECONDS = 1e6  # of a second
KILOWATT = 1e3  # watts


@dataclass(frozen=True)
class Processor:
    """Times of a processor's operations, and its power.

    single: microseconds of a gate on one wire
    double: of a gate on two; one on more counts as one on two, which is too little
    parallel: whether gates on different wires are applied at once
    readout: microseconds of a measurement of all wires
    reset: of what passes before the next preparation
    power: kilowatts of the whole machine
    """

    single: float
    double: float
    parallel: bool
    readout: float
    reset: float
    power: float

    def __post_init__(self):
        for name in ("single", "double", "readout", "reset", "power"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                unit = "kilowatts" if name == "power" else "microseconds"
                raise BadValue(name, value, f"{unit}, 0 or more")
        if self.readout + self.reset <= 0:
            raise BadValue("reset", self.reset, "readout or reset takes time, above 0")

    def seconds(self, reading: Reading) -> float:
        """Seconds of one preparation of a circuit and its measurement."""
        return (self._gates(reading) + self.readout + self.reset) / MICROSECONDS

    def joules(self, seconds: float) -> float:
        """Joules that it takes in so many seconds."""
        return self.power * KILOWATT * seconds

    def _gates(self, reading: Reading) -> float:
        """Microseconds of a circuit's gates: those of its longest path, or of all in turn."""
        ends = dict.fromkeys(range(reading.qubits), 0.0)
        for gate in reading.gates:
            wires = gate.wires if self.parallel else tuple(ends)
            end = max(ends[wire] for wire in wires)
            end += self.single if len(gate.wires) == 1 else self.double
            ends |= dict.fromkeys(wires, end)
        return max(ends.values())


def count_gates(reading: Reading) -> tuple[int, int]:
    """Gates on one wire of a circuit, and those on more."""
    single = sum(len(gate.wires) == 1 for gate in reading.gates)
    return single, len(reading.gates) - single
