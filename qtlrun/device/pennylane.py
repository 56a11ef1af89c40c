"""Every device of PennyLane's, driven by tapes."""

import copy

import numpy as np
import pennylane as qml
from pennylane.devices import ExecutionConfig

from qtlrun import memory
from qtlrun.device import catalog, channels, script
from qtlrun.device.execution import TRANSFORMS, PennyLaneCircuit
from qtlrun.device.place import is_elsewhere
from qtlrun.error import BadValue, UsageError, nearest
from qtlrun.layer import generator
from qtlrun.simulator.verification import Verification
from qtlrun.tape import measurement, reader
from qtlrun.tape.tape import Reading

METHODS = ("best", "backprop", "adjoint", *TRANSFORMS)
TRIAL_ANGLE = 0.7  # radians; a circuit's outcomes are uncertain there
NUMBER_MEASUREMENTS = (
    qml.measurements.ExpectationMP,
    qml.measurements.VarianceMP,
    qml.measurements.ProbabilityMP,
)


class PennyLane:
    """Device of PennyLane's, or of an installed plug-in's, by its name.

    Values keep the dtype of the inputs: the tapes are float64 whatever torch's default dtype is.

    Arguments:
        name: as `qml.device` takes it.
        shots: measurements of each circuit; None: exact expectation values.
        diff_method: PennyLane's; `best` is backprop on a device that differentiates through itself,
            else adjoint, and parameter-shift with shots.
        seed: of the shots and of spsa's directions.
        options: of the device's own constructor, by name.
        remote: whether it sends circuits to a machine elsewhere; None: unless it is known not to.
        allow_remote: whether it may.
        noise: strengths by name, as `qtlrun.simulator.noise.Noise` has them, on a device that takes
            channels; or on qiskit.aer the name of a processor, as `fake_manila`, whose noise model
            acts on the circuit transpiled to its gates; None: none of ours.
    """

    def __init__(
        self,
        name: str,
        shots: int | None = None,
        diff_method: str = "best",
        seed: int = 0,
        options: dict | None = None,
        remote: bool | None = None,
        allow_remote: bool = False,
        noise: dict | str | None = None,
    ):
        if shots is not None and shots < 1:
            raise BadValue("shots", shots, "at least one, or null for exact expectation values")
        if seed < 0:
            raise BadValue("seed", seed, "a whole number from 0 up")
        if diff_method not in METHODS:
            raise BadValue("diff_method", diff_method, nearest(diff_method, METHODS))
        catalog.check_options(options or {})
        self.noise, self.processor = channels.read_source(name, noise)
        self.name = name
        self.shots = shots
        self.diff_method = diff_method
        self.seed = seed
        self.options = options or {}
        self.remote = is_elsewhere(name, remote)
        self.allow_remote = allow_remote

    @property
    def exact(self) -> bool:
        """Whether values and gradients are the same each time; elsewhere that is not known."""
        return self.shots is None and self.diff_method != "spsa" and not self.remote

    @property
    def is_noiseless(self) -> bool:
        """Whether no noise of ours acts."""
        return self.noise.is_silent and self.processor is None

    def exactly(self) -> "PennyLane":
        """This device without chance; one elsewhere, or that always draws, is simulated."""
        if not (self.name.startswith(catalog.SEEDED_NAMES) or self.processor):
            exact = "default.qubit" if self.noise.is_silent else channels.EXACT_NAME
            return PennyLane(exact)._changed(noise=self.noise)
        method = "best" if self.diff_method == "spsa" else self.diff_method
        return self._changed(shots=None, diff_method=method, seed=0, remote=False)

    @property
    def exact_qubits(self) -> int | None:
        """Qubits of the largest circuit whose density matrix is computed; None: of any circuit."""
        return channels.EXACT_QUBITS if self.exactly().name in channels.NAMES else None

    def drawing(self, seed: int) -> "PennyLane":
        """This device with its shots drawn for one seed of an experiment."""
        return self._changed(seed=generator(self.seed, "shots", seed).initial_seed() % 2**32)

    def _changed(self, **values) -> "PennyLane":
        """Copy with other values."""
        other = copy.copy(self)
        vars(other).update(values)
        return other

    def run(self, circuit, entangle: bool = True) -> "PennyLaneCircuit":
        """The circuit as a batched function of inputs and weights.

        Raises ValueError for a device that PennyLane does not know, for a gradient method that the
        device does not have for this circuit, for an output that is not one number, and for a state
        that this machine cannot hold.
        """
        mixed = channels.has_density_matrix(self.name, self.noise, self.processor)
        memory.fits(circuit.qubits, mixed=mixed)
        reading = reader.read(circuit, entangle)
        for process in reading.measurements:
            if not isinstance(process, NUMBER_MEASUREMENTS):
                raise measurement.refusal(process)
        channels.check_readout(self.noise, reading)
        # Hadamard's test needs a wire of its own
        wires = circuit.qubits + (self.diff_method == "hadamard")
        device = channels.open_device(
            self.name, wires, self.options, self.seed, self.noise, self.processor
        )
        method = self._method(device, reading)
        if self.shots is None and not (self.remote or reading.moving):
            angles = [TRIAL_ANGLE] * script.count_angles(reading)
            tape = script.build_tape(reading, angles, None, noise=self.noise)
            catalog.check_exact(self.name, device, tape)
        return PennyLaneCircuit(
            reading,
            device,
            self.shots,
            method,
            self.seed,
            Verification(circuit, entangle, reading, self.shots is None and self.is_noiseless),
            self.noise,
        )

    def _method(self, device, reading: Reading) -> str:
        """The gradient method, resolved and found possible for a tape of this circuit."""
        matrices = [
            np.eye(2 ** len(gate.wires)) for gate in reading.gates if gate.moving is not None
        ]
        angles = [0.1] * script.count_angles(reading)
        tape = script.build_tape(reading, angles, self.shots, matrices, self.noise)
        # Adjoint takes no others
        values = all(
            isinstance(process, qml.measurements.ExpectationMP) for process in reading.measurements
        )

        def can(method: str) -> bool:
            if reading.moving and method != "backprop":
                return False  # it is no angle that moves
            if method in TRANSFORMS:
                return True
            if self.shots is not None or (method != "backprop" and not values):
                return False
            return device.supports_derivatives(ExecutionConfig(gradient_method=method), tape)

        methods = (
            [self.diff_method]
            if self.diff_method != "best"
            else ["backprop", "adjoint", "parameter-shift"]
        )
        chosen = next(filter(can, methods), None)
        if chosen is not None:
            return chosen
        if reading.moving:
            raise UsageError(
                (
                    f"the matrix of the circuit's {reading.moving} depends on inputs or"
                    " weights, which only backprop differentiates"
                ),
                "use device=statevector or default.qubit, without shots",
                key="device.name",
                value=self.name,
            )
        others = [method for method in ("backprop", "adjoint", *TRANSFORMS) if can(method)]
        shots = f" with shots={self.shots}" if self.shots is not None else ""
        raise UsageError(
            f"{self.name}{shots} cannot differentiate this circuit so",
            f"use best, {', '.join(others)}",
            key="device.diff_method",
            value=self.diff_method,
        )
