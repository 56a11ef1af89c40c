"""Circuit as a model calls it on a batch."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.diagnosis.circuit_slope import Slopes, find_circuit_slopes
from qtlrun.layer import generator
from qtlrun.tape.tape import Reading

Simulate = Callable[[Tensor, Tensor], Tensor]
MAX_POINTS = 32  # random ones, and items of the batch, at which slopes are taken
MIN_POINTS = 4
MAX_AMPLITUDES = 2**15  # of all points together, but for the fewest
FAITHFUL_DEVICES = ("statevector", "default.qubit", "lightning.", "reference.qubit")  # no noise


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
    run: as `exact`, but as the model calls it, with its shots and gradient method; None where it
        cannot be called again
    parameters: names of the trained weights of the model that its weights come from
    cut: logits of the batch with the outputs replaced by their mean over it
    is_batched: whether a call is of several items
    shape: of a circuit's weights, as its reading takes them; None: as they are here
    is_differentiated: whether training takes its gradient; else its weights are fixed, of each of
        the circuits side by side
    spread: key of the deviation of its weights' start; empty where there is none
    training: words on the command line that train its weights; empty where none do
    idle: numbers of weights that are known to act on nothing
    share: of the variance of the weights that it generates, as `cut` is of the logits
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
    run: Simulate | None = None
    parameters: tuple[str, ...] = ()
    cut: Callable[[], Any] | None = None
    is_batched: bool = True
    shape: tuple[int, ...] | None = None
    is_differentiated: bool = True
    spread: str = ""
    training: str = ""
    idle: frozenset[int] = frozenset()
    share: Callable[[], float] | None = None

    @cached_property
    def slopes(self) -> Slopes | None:
        """Slopes at random points; None where the circuit cannot be read."""
        if self.exact is None or self.reading is None:
            return None
        points = self._points
        return find_circuit_slopes(
            self.exact, self.draw_inputs(points, 1)[:, 0], self.draw_weights(points)
        )

    @cached_property
    def start_slopes(self) -> Slopes | None:
        """Slopes at items of the batch and the model's weights; None where it cannot be read."""
        if self.exact is None or self.reading is None:
            return None
        batch = max(1, self._points // len(self.inputs))
        inputs = self.inputs[:, :batch].detach().cpu().double()
        weights = self.weights.detach().cpu().double()
        weights = weights.repeat_interleave(inputs.shape[1], 0)
        return find_circuit_slopes(self.exact, inputs.flatten(0, 1), weights)

    @cached_property
    def exact_outputs(self) -> Float[Tensor, "circuits batch outputs"] | None:
        """Outputs without shots in float64; None where the circuit cannot be read."""
        if self.exact is None:
            return None
        with torch.no_grad():
            return self.exact(self.inputs.cpu().double(), self.weights.cpu().double())

    def angles(
        self, inputs: Float[Tensor, "runs batch inputs"], weights: Float[Tensor, "runs weights"]
    ) -> Float[Tensor, "runs batch angles"]:
        """Angles of all rotations of a circuit that can be read."""
        assert self.reading is not None
        shape = weights.shape[1:] if self.shape is None else self.shape
        return self.reading.angles(inputs, weights.reshape(len(weights), *shape))

    @property
    def takes_items(self) -> bool:
        """Whether it takes numbers of items; else it generates weights, say."""
        return self.inputs.shape[2] > 0

    @property
    def is_trained(self) -> bool:
        """Whether training moves its weights."""
        return bool(self.parameters)

    @property
    def is_faithful(self) -> bool:
        """Whether its device is known to add no noise of its own."""
        return self.device.startswith(FAITHFUL_DEVICES)

    @property
    def _points(self) -> int:
        """Points that are simulated at once."""
        assert self.reading is not None
        return min(MAX_POINTS, max(MIN_POINTS, MAX_AMPLITUDES >> self.reading.qubits))

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
