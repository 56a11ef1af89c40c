"""Circuit as a model calls it on a batch."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.layer import generator
from qtlrun.tape.tape import Reading

Simulate = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class CircuitUse:
    """Circuit as a model calls it on a batch; circuits side by side have an axis of their own.

    name: of the part of the model
    inputs: what the model feeds it
    weights: as the model holds them, flat for each circuit
    outputs: what the model gets
    exact: the same circuit without shots: inputs (runs, batch, inputs) and weights (runs, weights)
        to (runs, batch, outputs), differentiable; None where the circuit cannot be read
    reading: its gates and measurements; None where it cannot be read
    calls: executions that the model asks for in one forward pass
    method: gradient method, by PennyLane's name; empty for an engine of qtlrun
    device: name of the device
    shots: measurements of each execution; None without
    """

    name: str
    inputs: Float[Tensor, "circuits batch inputs"]
    weights: Float[Tensor, "circuits weights"]
    outputs: Float[Tensor, "circuits batch outputs"]
    exact: Simulate | None
    reading: Reading | None
    calls: int
    method: str
    device: str
    shots: int | None

    def draw_weights(self, count: int) -> Float[Tensor, "count weights"]:
        """Uniform weights in (-pi, pi), of a fixed seed."""
        numbers = torch.rand(
            (count, self.weights.shape[1]), generator=generator(0, "weights"), dtype=torch.float64
        )
        return (2 * numbers - 1) * torch.pi

    def draw_inputs(self, count: int, batch: int) -> Float[Tensor, "count batch inputs"]:
        """Uniform inputs in (-pi, pi), of a fixed seed."""
        numbers = torch.rand(
            (count, batch, self.inputs.shape[2]),
            generator=generator(0, "inputs"),
            dtype=torch.float64,
        )
        return (2 * numbers - 1) * torch.pi
