"""Circuits on PennyLane's devices: one tape per sample, or one broadcast tape with backprop."""

from typing import Any

import numpy as np
import pennylane as qml
import torch
from jaxtyping import Float
from pennylane.devices import ExecutionConfig
from torch import Tensor

from qtlrun.device import script
from qtlrun.simulator.noise import Noise
from qtlrun.simulator.verification import Verification
from qtlrun.tape.tape import Reading

TRANSFORMS = {
    "parameter-shift": qml.gradients.param_shift,
    "finite-diff": qml.gradients.finite_diff,
    "spsa": qml.gradients.spsa_grad,
    "hadamard": qml.gradients.hadamard_grad,
}


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
