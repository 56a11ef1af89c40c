"""Every device of PennyLane's, driven by tapes.

One tape per sample, or one broadcast tape with backprop.
"""

import copy
from typing import Any

import numpy as np
import pennylane as qml
import torch
from jaxtyping import Float
from pennylane.devices import ExecutionConfig
from torch import Tensor

from qtlrun import memory
from qtlrun.device import catalog, channels, script
from qtlrun.device.place import is_elsewhere
from qtlrun.error import BadValue, UsageError, nearest
from qtlrun.layer import generator
from qtlrun.simulator.noise import Noise, read_noise
from qtlrun.simulator.verification import Verification
from qtlrun.tape import measurement, reader
from qtlrun.tape.tape import Reading

TRANSFORMS = {
    "parameter-shift": qml.gradients.param_shift,
    "finite-diff": qml.gradients.finite_diff,
    "spsa": qml.gradients.spsa_grad,
    "hadamard": qml.gradients.hadamard_grad,
}
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
            channels; None: none of ours.
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
        noise: dict | None = None,
    ):
        if shots is not None and shots < 1:
            raise BadValue("shots", shots, "at least one, or null for exact expectation values")
        if seed < 0:
            raise BadValue("seed", seed, "a whole number from 0 up")
        if diff_method not in METHODS:
            raise BadValue("diff_method", diff_method, nearest(diff_method, METHODS))
        catalog.check_options(options or {})
        self.noise = read_noise(noise)
        channels.check_device(name, self.noise)
        self.name = name
        self.shots = shots
        self.diff_method = diff_method
        self.seed = seed
        self.options = options or {}
        self.remote = is_elsewhere(name, remote)
        self.allow_remote = allow_remote

    @property
    def exact(self) -> bool:
        """Whether values and gradients are the same each time."""
        return self.shots is None and self.diff_method != "spsa"

    def exactly(self) -> "PennyLane":
        """This device without chance; one elsewhere, or that always draws, is simulated."""
        if not self.name.startswith(catalog.SEEDED_NAMES):
            exact = "default.qubit" if self.noise.is_silent else channels.EXACT_NAME
            return PennyLane(exact)._changed(noise=self.noise)
        method = "best" if self.diff_method == "spsa" else self.diff_method
        return self._changed(shots=None, diff_method=method, seed=0)

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
        memory.fits(circuit.qubits, mixed=self.name == "default.mixed")
        reading = reader.read(circuit, entangle)
        for process in reading.measurements:
            if not isinstance(process, NUMBER_MEASUREMENTS):
                raise measurement.refusal(process)
        channels.check_readout(self.noise, reading)
        # Hadamard's test needs a wire of its own
        wires = circuit.qubits + (self.diff_method == "hadamard")
        device = catalog.open_device(self.name, wires, self.options, self.seed)
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
            Verification(circuit, entangle, reading, self.shots is None and self.noise.is_silent),
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


class PennyLaneCircuit:
    """Compiled circuit: inputs (runs, batch, features), weights (runs, *shape) to its values."""

    def __init__(
        self,
        reading: Reading,
        device,
        shots: int | None,
        method: str,
        seed: int,
        verification: Verification,
        noise: Noise = script.SILENCE,
    ):
        self.reading = reading
        self.noise = noise
        self.verification = verification
        self.device = device
        self.shots = shots
        self.method = method
        self.sizes = [script.size(process, reading.qubits) for process in reading.measurements]
        self.outputs = sum(self.sizes)
        options: dict[str, dict[str, Any]] = {
            "hadamard": {"aux_wire": reading.qubits},
            "spsa": {"sampler_rng": np.random.default_rng(seed)},
        }
        self.options = options.get(method, {})

    def __call__(
        self, inputs: Float[Tensor, "*runs batch features"], weights: Float[Tensor, "..."]
    ) -> Float[Tensor, "*runs batch outputs"]:
        if inputs.dim() == 2:
            return self(inputs.unsqueeze(0), weights.unsqueeze(0)).squeeze(0)
        x, w, *matrices = self.reading.prepare(inputs, weights)
        angles = self.reading.affine(x, w).flatten(0, 1) * (1 + self.noise.over_rotation)
        if self.method == "backprop":
            values = self._broadcast(
                angles.cpu().double(), [matrix.flatten(0, 1).cpu() for matrix in matrices]
            )
        else:
            values = _Tapes.apply(angles.cpu().double(), self)
        values = values.to(inputs).unflatten(0, inputs.shape[:2])
        if self.verification.wanted(weights):
            self.verification.check(inputs, weights, values)
        return values

    def _broadcast(self, angles: Tensor, matrices: list[Tensor]) -> Tensor:
        matrices = [matrix.to(torch.complex128) for matrix in matrices]
        tape = script.build_tape(self.reading, list(angles.T), None, matrices, self.noise)
        (values,) = qml.execute([tape], self.device, diff_method="backprop")
        values = values if isinstance(values, (tuple, list)) else [values]
        columns = [
            torch.as_tensor(value).reshape(-1, size).expand(len(angles), size)
            for value, size in zip(values, self.sizes, strict=True)
        ]
        return torch.cat(columns, dim=1)

    def values(self, angles: np.ndarray) -> np.ndarray:
        """Values (samples, outputs) of angles (samples, angles)."""
        tapes = self._build_tapes(angles)
        return script.stack_results(qml.execute(tapes, self.device, diff_method=None), len(tapes))

    def derivatives(self, angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values, and the derivative of each by each angle (samples, outputs, angles)."""
        tapes = self._build_tapes(angles)
        if self.method == "adjoint":
            config = self.device.setup_execution_config(
                ExecutionConfig(gradient_method="adjoint"), tapes[0]
            )
            batch, restore = self.device.preprocess_transforms(config)(tapes)
            values, slopes = self.device.execute_and_compute_derivatives(batch, config)
            values = script.stack_results(restore(values), len(tapes))
            return values, np.stack([self._slopes(derivative) for derivative in slopes])
        batches = [TRANSFORMS[self.method](tape, **self.options) for tape in tapes]
        shifted = [tape for batch, _ in batches for tape in batch]
        results = qml.execute(shifted, self.device, diff_method=None)
        slopes = []
        first = 0
        for batch, combine in batches:
            slopes.append(self._slopes(combine(results[first : first + len(batch)])))
            first += len(batch)
        return self.values(angles), np.stack(slopes)

    def _build_tapes(self, angles: np.ndarray) -> list[qml.tape.QuantumScript]:
        """A tape for each sample."""
        build = script.build_tape
        return [build(self.reading, list(row), self.shots, noise=self.noise) for row in angles]

    def _slopes(self, derivative) -> np.ndarray:
        """The derivative of each output by each angle, (outputs, angles).

        PennyLane gives tuples of measurements and angles.
        """
        measurements = derivative if len(self.sizes) > 1 else (derivative,)
        return np.concatenate(
            [
                np.asarray(by_angle, float).reshape(-1, size).T
                for by_angle, size in zip(measurements, self.sizes, strict=True)
            ]
        )


class _Tapes(torch.autograd.Function):
    """Execution of one tape per sample, with derivatives where they will be asked for."""

    @staticmethod
    def forward(ctx, angles: Tensor, circuit: PennyLaneCircuit) -> Tensor:
        ctx.set_materialize_grads(False)
        if not ctx.needs_input_grad[0] or not angles.shape[1]:
            return torch.from_numpy(circuit.values(angles.detach().numpy()))
        values, slopes = circuit.derivatives(angles.detach().numpy())
        ctx.save_for_backward(torch.from_numpy(slopes))
        return torch.from_numpy(values)

    @staticmethod
    def backward(ctx, upstream: Tensor) -> tuple[Tensor, None]:
        if not ctx.saved_tensors:
            return None, None  # there is no angle
        (slopes,) = ctx.saved_tensors
        return torch.einsum("so,soa->sa", upstream, slopes), None
