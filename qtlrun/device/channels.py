"""Which of PennyLane's devices take noise, the device under it, and what is refused."""

from typing import Any

from qtlrun.device import aer, catalog
from qtlrun.error import BadValue, UsageError
from qtlrun.simulator.noise import Noise, read_noise
from qtlrun.tape import measurement
from qtlrun.tape.measurement import Value
from qtlrun.tape.tape import Reading

EXACT_NAME = "default.mixed"
# A density matrix of more, for many items and with its gradient, takes GiB and minutes
EXACT_QUBITS = 8
# PennyLane's devices whose state is a density matrix
DENSITY_NAMES = (EXACT_NAME, "cirq.mixedsimulator")
# Those that take channels as operations
NAMES = (*DENSITY_NAMES, aer.NAME)


def read_source(name: str, noise: dict | str | None) -> tuple[Noise, str | None]:
    """Noise by strengths, and the name of the processor that has noise of its own, on a device."""
    if not isinstance(noise, str):
        strengths = read_noise(noise)
        check_device(name, strengths)
        return strengths, None
    if name != aer.NAME:
        raise BadValue(
            "noise",
            noise,
            f"{name} has no noise models of processors",
            f"device={aer.NAME} has; other devices take strengths, as {{depolarizing: 0.01}}",
        )
    return Noise(), noise


def check_device(name: str, noise: Noise) -> None:
    """Refuse noise on a device that has no channels; over-rotation alone needs none."""
    if not (noise.has_channels or noise.has_flips) or name in NAMES:
        return
    *names, last = NAMES
    raise BadValue(
        "noise",
        noise.values,
        f"{name} has no noise channels",
        f"device=mixed and device={last} have, and so have device=pennylane with"
        f" device.name={' or '.join(names)}",
    )


def is_noisy_aer(name: str, noise: Noise, processor: str | None) -> bool:
    """Whether a device is Aer with noise that PennyLane's plug-in does not take."""
    return name == aer.NAME and (noise.has_channels or noise.has_flips or processor is not None)


def has_density_matrix(name: str, noise: Noise, processor: str | None) -> bool:
    """Whether a device holds a density matrix."""
    return name in DENSITY_NAMES or is_noisy_aer(name, noise, processor)


def open_device(
    name: str,
    wires: int,
    options: dict[str, Any],
    seed: int,
    noise: Noise,
    processor: str | None,
):
    """Device of PennyLane's under noise, or without."""
    if is_noisy_aer(name, noise, processor):
        return aer.open_aer(wires, processor, seed, options)
    return catalog.open_device(name, wires, options, seed)


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
