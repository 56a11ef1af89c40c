"""Places of PennyLane's devices: this machine or another, told without loading PennyLane."""

from importlib import metadata

# Names, or how they begin, of devices that compute on this machine, by the plug-ins' manuals.
LOCAL_NAMES = (
    "default.",
    "lightning.",
    "null.qubit",
    "reference.qubit",
    "qiskit.aer",
    "qiskit.basic",
    "cirq.simulator",
    "cirq.mixedsimulator",
    "cirq.qsim",
    "qulacs.",
    "braket.local.",
)


def is_elsewhere(name: str, remote: bool | None) -> bool:
    """Whether a device may send circuits to another machine; `remote` has the say where given.

    Those that are not known to compute here may, but for one that is not installed.
    """
    if remote is not None:
        return remote
    return not name.startswith(LOCAL_NAMES) and name in installed_names()


def installed_names() -> list[str]:
    """Names of the devices of PennyLane and of its plug-ins that are installed."""
    return sorted(each.name for each in metadata.entry_points(group="pennylane.plugins"))
