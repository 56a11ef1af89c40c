"""Devices of PennyLane's plug-ins by name: where they compute, what brings them, opened."""

from typing import Any

import numpy as np
import pennylane as qml

from qtlrun.device import script
from qtlrun.device.place import installed_names
from qtlrun.error import BadValue, UsageError, nearest

# What brings devices whose names begin so; pennylane.ai/plugins lists them.
PACKAGES = {
    "lightning.gpu": "pennylane-lightning-gpu",
    "lightning.kokkos": "pennylane-lightning-kokkos",
    "lightning.amdgpu": "pennylane-lightning-amdgpu",
    "qiskit.": "'qtlrun[qiskit]'",
    "cirq.": "pennylane-cirq",
    "qulacs.": "pennylane-qulacs",
    "braket.": "amazon-braket-pennylane-plugin",
    "ionq.": "pennylane-ionq",
    "aqt.": "pennylane-aqt",
}
OWN_KEYS = {"wires": "circuit.qubits", "shots": "device.shots", "seed": "device.seed"}
MAX_REASON = 200  # characters of a device's own reason; some list all that they have
SEEDED_NAMES = ("default.", "lightning.")


def check_options(options: dict[str, Any]) -> None:
    """Refuse options that have a key of their own here."""
    for name in options:
        if name in OWN_KEYS:
            raise BadValue("options", options, f"{name} has its own key", f"use {OWN_KEYS[name]}")


def open_device(name: str, wires: int, options: dict[str, Any], seed: int):
    """PennyLane's device of a name; refused with PennyLane's own reason where it does not open."""
    if name.startswith("default.qutrit"):
        raise UsageError(
            "it simulates qutrits, and the circuits here are of qubits",
            "use default.qubit or lightning.qubit",
            key="device.name",
            value=name,
        )
    installed = installed_names()
    seeded = {"seed": seed} if name.startswith(SEEDED_NAMES) else {}
    try:
        return qml.device(name, wires=wires, **options, **seeded)
    except (qml.exceptions.DeviceError, ImportError, RuntimeError, OSError) as error:
        if name not in installed and not isinstance(error, ImportError):
            raise UsageError(
                "PennyLane has no such device here",
                _missing(name, installed),
                key="device.name",
                value=name,
            ) from error
        reason = " ".join(str(error).split()).rstrip(".")
        raise UsageError(
            f"PennyLane knows this device, but it does not load: {reason}",
            key="device.name",
            value=name,
        ) from error
    except (TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:MAX_REASON]
        raise UsageError(
            f"{name} does not take them ({reason})", key="device.options", value=options or None
        ) from error


def check_exact(name: str, device, tape: qml.tape.QuantumScript) -> None:
    """Refuse a device that draws shots of its own where exact values are asked for."""
    if name.startswith(SEEDED_NAMES):
        return
    runs = (qml.execute([tape], device, diff_method=None) for _ in range(2))
    first, again = (script.stack_results(results, 1) for results in runs)
    if not np.array_equal(first, again):
        raise UsageError(
            f"{name} draws shots also where none are asked for",
            "give their number, or device.options with which it is exact",
            key="device.shots",
            value=None,
        )


def _missing(name: str, installed: list[str]) -> str:
    """Words on the package that brings a device, or on the nearest of those installed."""
    package = next((PACKAGES[begin] for begin in PACKAGES if name.startswith(begin)), None)
    return f"pip install {package} brings it" if package else nearest(name, installed)
