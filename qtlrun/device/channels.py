"""Which of PennyLane's devices take noise as channels, and what is refused of the others."""

from qtlrun.error import BadValue, UsageError
from qtlrun.simulator.noise import Noise
from qtlrun.tape import measurement
from qtlrun.tape.measurement import Value
from qtlrun.tape.tape import Reading

EXACT_NAME = "default.mixed"
# A density matrix of more, for many items and with its gradient, takes GiB and minutes
EXACT_QUBITS = 8
# PennyLane's devices of density matrices that take channels as operations, or how they begin
NAMES = (EXACT_NAME, "cirq.mixedsimulator")


def check_device(name: str, noise: Noise) -> None:
    """Refuse noise on a device that has no channels; over-rotation alone needs none."""
    if not (noise.has_channels or noise.has_flips) or name in NAMES:
        return
    names = " or ".join(NAMES)
    raise BadValue(
        "noise",
        noise.values,
        f"{name} has no noise channels",
        f"device=mixed has, and so have device=pennylane with device.name={names}",
    )


def check_readout(noise: Noise, reading: Reading) -> None:
    """Refuse errors of the readout where X or Y is measured, in a basis of its own."""
    if not noise.has_flips:
        return
    outcomes = measurement.read(reading.measurements, reading.qubits, reading.qubits)
    words = [word for each in outcomes if isinstance(each, Value) for _, word in each.terms]
    if any(set(word) & set("XY") for word in words):
        raise UsageError(
            "PennyLane's devices take errors of the readout of Z alone, and the circuit measures X"
            " or Y",
            "use device=mixed",
            key="device.noise",
            value=noise.values,
        )
