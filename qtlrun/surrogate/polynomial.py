"""Trigonometric polynomials that are circuits at fixed weights."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from qtlrun.device.statevector import StatevectorCircuit
from qtlrun.surrogate.batch import evaluate
from qtlrun.surrogate.branch import has_few_branches, sum_branches
from qtlrun.surrogate.frequency import (
    Frequencies,
    evaluate_terms,
    find_frequencies,
    fourier,
    grid,
    turn,
)
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
        return evaluate_terms(variables, self.frequencies.degrees)

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

    Exact but for rounding: by branches where these are few, which are less to simulate; else by
    values on a grid of 2 d + 1 points a variable, d its highest frequency, and a discrete Fourier
    transform along each. The circuit's moving gates must be rotations about Pauli words, and it
    must begin in a basis state.
    """
    frequencies = find_frequencies(reading)
    if has_few_branches(reading, frequencies):
        return Polynomial(frequencies, sum_branches(reading, frequencies, weights))
    return Polynomial(frequencies, _transform_grid(reading, frequencies, weights))


def _transform_grid(
    reading: Reading, frequencies: Frequencies, weights: Float[Tensor, "circuits ..."]
) -> Float[Tensor, "circuits terms outputs"]:
    """Coefficients by values on a grid."""
    degrees = frequencies.degrees
    axes = [turn(degree) for degree in degrees]
    run = StatevectorCircuit(frequencies.apply(reading), "auto")
    points = grid(axes).expand(len(weights), -1, -1)
    values = evaluate(run, reading, points, weights)
    values = values.unflatten(1, [len(axis) for axis in axes] or [1])
    for number, degree in enumerate(degrees, 1):
        values = torch.tensordot(values, fourier(degree), ([number], [1])).movedim(-1, number)
    return values.flatten(1, -2)
