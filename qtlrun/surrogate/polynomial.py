"""Trigonometric polynomials that are circuits at fixed weights."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from qtlrun.device.statevector import StatevectorCircuit
from qtlrun.surrogate.batch import evaluate
from qtlrun.surrogate.frequency import Frequencies, find_frequencies, functions, grid
from qtlrun.tape.tape import Reading

ZERO = 1e-10  # coefficients of at most this size are rounding; outputs lie in [-1, 1]
NUMBERS_AT_ONCE = 2**20  # of terms by items


@dataclass(frozen=True)
class Polynomial:
    """Coefficients of a circuit's outputs, one polynomial for each of several weights.

    coefficients: of all products of the functions of each variable, the last variable moving first
    """

    frequencies: Frequencies
    coefficients: Float[Tensor, "circuits terms outputs"]

    def __call__(
        self, variables: Float[Tensor, "circuits items variables"]
    ) -> Float[Tensor, "circuits items outputs"]:
        """Outputs of items."""
        size = max(1, NUMBERS_AT_ONCE // self.coefficients[..., 0].numel())
        pieces = [self.terms(each) @ self.coefficients for each in variables.split(size, 1)]
        return torch.cat(pieces, 1)

    def terms(
        self, variables: Float[Tensor, "circuits items variables"]
    ) -> Float[Tensor, "circuits items terms"]:
        """Values of all terms."""
        factors = functions(variables, max(self.frequencies.degrees, default=0))
        values = variables.new_ones(*variables.shape[:2], 1)
        for number, degree in enumerate(self.frequencies.degrees):
            factor = factors[:, :, number, : 2 * degree + 1]
            values = (values.unsqueeze(-1) * factor.unsqueeze(-2)).flatten(-2)
        return values

    @property
    def index(self) -> Int[Tensor, "terms variables"]:
        """Function of each variable in each term, as `products` has them."""
        return grid([torch.arange(2 * degree + 1) for degree in self.frequencies.degrees]).long()

    @property
    def present(self) -> Bool[Tensor, "circuits terms"]:
        """Whether a term is in the polynomial of each circuit."""
        return self.coefficients.abs().amax(-1) > ZERO


def expand(reading: Reading, weights: Float[Tensor, "circuits ..."]) -> Polynomial:
    """The polynomial that a circuit is, at each of several weights, in float64.

    Values on a grid of 2 d + 1 points a variable, d its highest frequency, and a discrete Fourier
    transform along each: exact but for rounding. The circuit's moving gates must be rotations about
    Pauli words, and it must begin in a basis state.
    """
    frequencies = find_frequencies(reading)
    axes = [_turn(degree) for degree in frequencies.degrees]
    run = StatevectorCircuit(frequencies.apply(reading), "auto")
    points = grid(axes).expand(len(weights), -1, -1)
    values = evaluate(run, reading, points, weights)
    values = values.unflatten(1, [len(axis) for axis in axes] or [1])
    for number, axis in enumerate(axes, 1):
        values = torch.tensordot(values, _transform(axis), ([number], [1])).movedim(-1, number)
    return Polynomial(frequencies, values.flatten(1, -2))


def _turn(degree: int) -> Float[Tensor, " points"]:
    """Points over a turn that tell frequencies up to a degree apart."""
    points = 2 * degree + 1
    return torch.arange(points, dtype=torch.float64) * (2 * math.pi / points)


def _transform(turn: Float[Tensor, " points"]) -> Float[Tensor, "functions points"]:
    """Coefficients of the functions of one variable, of values at points over a turn."""
    waves = functions(turn, len(turn) // 2).T
    return waves / waves.square().sum(1, keepdim=True)
