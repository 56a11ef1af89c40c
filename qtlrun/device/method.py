"""Ways to differentiate a circuit on this machine: engines and PennyLane's methods."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pennylane as qml

from qtlrun.device import script, statevector
from qtlrun.device.execution import TRANSFORMS, PennyLaneCircuit
from qtlrun.device.installed import NATIVE_METHODS, try_device
from qtlrun.device.place import installed_names, is_elsewhere
from qtlrun.device.statevector import StatevectorCircuit
from qtlrun.plan import Part
from qtlrun.simulator.shot import Shots
from qtlrun.tape import measurement

STATEVECTOR = "statevector"
ENGINES = tuple(name for name in statevector.METHODS if name != "auto")
ENGINE_TARGET = "qtlrun.device.statevector.Statevector"
PENNYLANE_METHODS = (*NATIVE_METHODS, *TRANSFORMS)
PENNYLANE_TARGET = "qtlrun.device.pennylane.PennyLane"
PARAMETER_SHIFT = "parameter-shift"
REASON_LENGTH = 160  # characters; devices may list all that they have
TRIAL_ANGLE = 0.1  # radians
ELSEWHERE = "it may compute on another machine, and is never tried here"
# Executions beside that of the values, by the angles of a circuit; to build their tapes takes long
SHIFTED = {
    "parameter-shift": lambda angles: 2 * angles,
    "finite-diff": lambda angles: angles + 1,
    "spsa": lambda angles: 2,
    "hadamard": lambda angles: angles,
}
# Raised by PennyLane for a method that a device does not have for a circuit
REFUSALS = (
    qml.exceptions.QuantumFunctionError,
    qml.exceptions.DeviceError,
    qml.exceptions.WireError,
    NotImplementedError,
    ValueError,
)


@dataclass(frozen=True)
class Method:
    """Device with a way to differentiate a circuit on it.

    device: `statevector`, or PennyLane's name
    name: engine of the statevector, or PennyLane's gradient method; empty for a device that cannot
        be used, with its `reason`
    part: values of the device, as those of the group `device`
    exact: whether values and gradients are the same each time
    reason: why the device cannot be used
    """

    device: str
    name: str = ""
    part: Part = field(default_factory=dict)
    exact: bool = True
    reason: str = ""

    @property
    def title(self) -> str:
        """Name in a sentence."""
        return f"{self.device} {self.name}".rstrip()

    @property
    def shifts(self) -> bool:
        """Whether its gradient is that of PennyLane's executions at other angles."""
        return self.name in TRANSFORMS

    @property
    def is_broadcast(self) -> bool:
        """Whether all items of a batch go through PennyLane's simulator at once."""
        return self.name == "backprop"

    @property
    def first(self) -> "Method":
        """PennyLane's parameter-shift rule on the same device."""
        part = self.part | {"diff_method": PARAMETER_SHIFT}
        return replace(self, name=PARAMETER_SHIFT, part=part)

    @property
    def is_wider(self) -> bool:
        """Whether it needs a wire of its own."""
        return self.name == "hadamard"


def list_methods(shots: int | None, seed: int, options: dict[str, dict | None]) -> list[Method]:
    """Methods of the statevector and of the installed devices that compute on this machine.

    shots: measurements of each execution; None: exact values
    seed: of the shots, and of spsa's directions
    options: of PennyLane's devices, by device
    """
    drawn: Part = {"shots": shots, "seed": seed}
    methods = []
    for name in ENGINES:
        part: Part = {"_target_": ENGINE_TARGET, "method": name} | drawn
        methods.append(Method(STATEVECTOR, name, part, shots is None))
    for device in installed_names():
        reason = ELSEWHERE if is_elsewhere(device, None) else try_device(device, "").reason
        if reason:
            methods.append(Method(device, reason=shorten(reason)))
            continue
        for name in PENNYLANE_METHODS:
            part = {
                "_target_": PENNYLANE_TARGET,
                "name": device,
                "diff_method": name,
                "options": options.get(device),
            } | drawn
            methods.append(Method(device, name, part, shots is None and name != "spsa"))
    return methods


def auto_method(part: Part) -> Method:
    """The statevector with the engine that it chooses itself, with the shots of a device."""
    shots = part.get("shots")
    drawn = {"shots": shots, "seed": part.get("seed", 0)}
    engine = {"_target_": ENGINE_TARGET, "method": "auto"} | drawn
    return Method(STATEVECTOR, "auto", engine, shots is None)


def describe_composed(compiled: Callable, part: Part, exact: bool) -> Method:
    """Method of a compiled circuit of the composed device; of a user's device its class."""
    if isinstance(compiled, PennyLaneCircuit):
        return Method(part["name"], compiled.method, part, exact)
    if isinstance(compiled, StatevectorCircuit):
        return Method(STATEVECTOR, compiled.method, part, exact)
    return Method(part["_target_"].rpartition(".")[2], "its own", part, exact)


def count_executions(compiled: Callable) -> int:
    """Circuits that are executed for values and gradient of one item.

    A simulator that differentiates through itself executes one.
    """
    if isinstance(compiled, PennyLaneCircuit) and compiled.method in TRANSFORMS:
        angles = script.count_angles(compiled.reading)
        return 1 + bool(angles) * SHIFTED[compiled.method](angles)
    if isinstance(compiled, StatevectorCircuit) and isinstance(compiled.simulate, Shots):
        reading = compiled.reading
        bases = measurement.count_bases(reading.measurements, reading.qubits)
        return bases * (1 + 2 * len(reading.fed | reading.trained))
    return 1


def with_transform(compiled: PennyLaneCircuit, method: Method) -> PennyLaneCircuit:
    """Compiled circuit of a device under another gradient method of its executions."""
    seed = method.part["seed"]
    return PennyLaneCircuit(
        compiled.reading,
        compiled.device,
        compiled.shots,
        method.name,
        seed,
        compiled.verification,
        compiled.noise,
    )


def native_dtype(compiled: Callable) -> str:
    """Dtype of the numbers that PennyLane's device returns, before they are cast; else empty."""
    if not isinstance(compiled, PennyLaneCircuit) or compiled.reading.moving:
        return ""
    (results,) = qml.execute([_build_tape(compiled)], compiled.device, diff_method=None)
    return str(script.stack_results([results], 1).dtype)


def explain(method: Method, compiled: Callable) -> str:
    """PennyLane's sentence on a gradient method that a device does not have for a circuit.

    Empty where it has it. `compiled` is the circuit on the same device by another method.
    """
    if not isinstance(compiled, PennyLaneCircuit):
        return ""
    try:
        qml.execute([_build_tape(compiled)], compiled.device, diff_method=method.name)
    except REFUSALS as error:
        return shorten(str(error))
    return ""


def _build_tape(compiled: PennyLaneCircuit) -> qml.tape.QuantumScript:
    """Tape of a compiled circuit at equal angles."""
    angles = [TRIAL_ANGLE] * script.count_angles(compiled.reading)
    return script.build_tape(compiled.reading, angles, compiled.shots, noise=compiled.noise)


def shorten(reason: str) -> str:
    """Reason on one line, cut where it is long."""
    line = re.sub(r" at 0x[0-9a-f]+", "", " ".join(reason.split()))
    return line if len(line) <= REASON_LENGTH else f"{line[: REASON_LENGTH - 1]}…"
