"""Devices of PennyLane that are installed here, and the gradient methods that each has."""

import math
import warnings
from dataclasses import dataclass
from importlib import metadata

import pennylane as qml
from pennylane.devices import ExecutionConfig

from qtlrun.device.execution import TRANSFORMS

ANGLE = 0.3  # radians, of the circuit that each device is tried on
NATIVE_METHODS = ("backprop", "adjoint")


@dataclass(frozen=True)
class InstalledDevice:
    """Device that a package brings.

    methods: gradient methods of an expectation value, by `device.diff_method`; empty where it
        cannot be used
    reason: why it cannot be used
    """

    name: str
    package: str
    methods: tuple[str, ...] = ()
    reason: str = ""


def list_devices() -> list[InstalledDevice]:
    """Devices that installed packages name, each tried on one qubit."""
    sources = {}
    for plugin in metadata.entry_points(group="pennylane.plugins"):
        sources[plugin.name] = f"{plugin.dist.name} {plugin.dist.version}"
    return [try_device(name, sources[name]) for name in sorted(sources)]


def try_device(name: str, source: str) -> InstalledDevice:
    """Device tried on cos of an angle; whatever it raises is the reason why it cannot be used."""
    tape = qml.tape.QuantumScript([qml.RY(ANGLE, 0)], [qml.expval(qml.PauliZ(0))])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            device = qml.device(name, wires=1)
            (value,) = qml.execute([tape], device)
            native = [
                method
                for method in NATIVE_METHODS
                if device.supports_derivatives(ExecutionConfig(gradient_method=method), tape)
            ]
    except Exception as error:  # of somebody else's package
        reason = " ".join(str(error).split()) or type(error).__name__
        return InstalledDevice(name, source, reason=reason)
    if not math.isclose(float(value), math.cos(ANGLE), abs_tol=1e-6):
        return InstalledDevice(name, source, reason="it computes no circuits of qubits")
    return InstalledDevice(name, source, (*native, *TRANSFORMS))
