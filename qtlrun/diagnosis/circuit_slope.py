"""Slopes of a circuit's outputs by its inputs and weights, at several points at once."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.derivative.gradient import differentiate_columns
from qtlrun.layer import generator

MAX_OUTPUTS = 16  # of which slopes are taken, each for a pass back
MIXTURES = 2  # random sums of all outputs: what no output depends on has no slope of theirs
MAX_ROUNDING = 1e-10  # of a slope in float64


@dataclass(frozen=True, eq=False)
class Slopes:
    """Slopes of outputs at points.

    outputs: the values themselves
    inputs: slopes by the inputs
    weights: slopes by the weights, of each output, or of some where there are many
    mixed_inputs: slopes of random sums of all outputs by the inputs
    mixed_weights: the same by the weights
    """

    outputs: Float[Tensor, "points outputs"]
    inputs: Float[Tensor, "points some inputs"]
    weights: Float[Tensor, "points some weights"]
    mixed_inputs: Float[Tensor, "points sums inputs"]
    mixed_weights: Float[Tensor, "points sums weights"]

    @property
    def acting_inputs(self) -> list[int]:
        """Inputs that any output depends on at any point."""
        return _find_acting(self.mixed_inputs)

    @property
    def acting_weights(self) -> list[int]:
        """Weights that any output depends on at any point."""
        return _find_acting(self.mixed_weights)


def find_circuit_slopes(
    run: Callable[[Tensor, Tensor], Tensor],
    inputs: Float[Tensor, "points inputs"],
    weights: Float[Tensor, "points weights"],
) -> Slopes:
    """Slopes at points, each of which is a run of its own."""
    with torch.enable_grad():
        x = inputs.detach().clone().requires_grad_()
        w = weights.detach().clone().requires_grad_()
        outputs = run(x.unsqueeze(1), w).squeeze(1)
        step = -(-outputs.shape[1] // MAX_OUTPUTS)
        draw = generator(0, "mixtures")
        factors = torch.randn(MIXTURES, outputs.shape[1], generator=draw, dtype=torch.float64)
        mixtures = outputs @ factors.to(outputs).T
        by_output = differentiate_columns(outputs[:, ::step], (x, w))
        by_mixture = differentiate_columns(mixtures, (x, w))
    slopes = [each.transpose(0, 1) for each in (*by_output, *by_mixture)]  # points first
    return Slopes(outputs.detach(), *slopes)


def _find_acting(slopes: Float[Tensor, "points outputs numbers"]) -> list[int]:
    """Numbers whose largest slope is above rounding."""
    largest = slopes.abs().flatten(0, 1).amax(0)
    return (largest > MAX_ROUNDING).nonzero().flatten().tolist()
