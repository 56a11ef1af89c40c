"""Frequencies of a circuit's outputs in the angles that encode an item."""

import dataclasses
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from qtlrun.error import UsageError
from qtlrun.tape import reader
from qtlrun.tape.angle import Affine
from qtlrun.tape.tape import QuantumFunction, Reading

MAX_TERMS = 3**8  # of a surrogate
TOLERANCE = 1e-9  # relative; slopes are proved by autograd and rounded in float64


@dataclass(frozen=True)
class Frequencies:
    """Variables of a trigonometric polynomial: directions of inputs, in radians.

    Each encoding angle is a whole multiple of one variable, but for what the weights add.

    directions: of each variable in what a reading prepares of an item
    multiples: of each variable in each angle of the circuit
    """

    directions: Float[Tensor, "variables prepared"]
    multiples: Float[Tensor, "angles variables"]

    @cached_property
    def degrees(self) -> tuple[int, ...]:
        """Highest frequency that there can be in each variable."""
        return tuple(int(each) for each in self.multiples.abs().sum(0).round())

    @property
    def terms(self) -> int:
        """Count of all products of one sine, cosine or 1 in each variable."""
        return math.prod(2 * degree + 1 for degree in self.degrees)

    def variables(
        self, prepared: Float[Tensor, "circuits items prepared"]
    ) -> Float[Tensor, "circuits items variables"]:
        """Variables of items, in radians."""
        return prepared @ self.directions.to(prepared).T

    def apply(self, reading: Reading) -> Reading:
        """The circuit with these variables as its inputs."""

        def prepare(x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
            nothing = x.new_zeros(len(x), 1, reading.features)
            return x, reading.prepare(nothing, w)[1]

        affine = Affine(self.multiples, reading.affine.by_weight, reading.affine.rest)
        return dataclasses.replace(
            reading, features=len(self.directions), prepare=prepare, affine=affine
        )


def find_frequencies(reading: Reading) -> Frequencies:
    """Variables of a circuit whose moving gates are rotations about Pauli words.

    Where its angles are proved affine in the inputs, a variable is an input, or a sum of several,
    and uploads of the same one share it; else it is a whole encoding angle. A circuit of such gates
    is a polynomial of degree 1 in sine and cosine of each angle (Schuld, Sweke and Meyer,
    arXiv:2008.08605).
    """
    slopes = reading.affine.by_input
    groups: list[tuple[Tensor, dict[int, float]]] = []
    for number in slopes.any(1).nonzero().flatten().tolist():
        direction, size = _split(slopes[number])
        for other, sizes in groups:
            if torch.allclose(direction, other, rtol=0, atol=TOLERANCE):
                sizes[number] = size
                break
        else:
            groups.append((direction, {number: size}))
    directions: list[Tensor] = []
    columns: list[Tensor] = []
    for direction, sizes in groups:
        for unit, numbers in _units(sizes):
            column = slopes.new_zeros(len(slopes))
            column[numbers] = torch.tensor([round(sizes[each] / unit) for each in numbers]).to(
                slopes
            )
            directions.append(unit * direction)
            columns.append(column)
    if not directions:
        return Frequencies(slopes.new_zeros(0, slopes.shape[1]), slopes.new_zeros(len(slopes), 0))
    return Frequencies(torch.stack(directions), torch.stack(columns, 1))


def read_frequencies(circuit: QuantumFunction) -> Frequencies:
    """Frequencies of a circuit in its inputs, whatever its weights are.

    Raises UsageError where its inputs enter otherwise than as affine angles of rotations.
    """
    reading = reader.read(circuit, embed=True)
    if not reading.proved or reading.starts or reading.moving is not None:
        raise UsageError(
            "its inputs do not enter as angles of fixed slopes, so it has no fixed frequencies",
            "use another circuit, as circuit=dressed, or leave the polynomial out",
            key="circuit",
        )
    return find_frequencies(reading)


def products(degrees: Sequence[int], locality: int) -> Int[Tensor, "terms variables"]:
    """Terms on up to `locality` variables, those on fewer first.

    By the function of each variable: 0 is 1; 2k - 1 and 2k are cosine and sine of k times it.
    """
    blocks = [torch.zeros(1, len(degrees), dtype=torch.long)]
    for count in range(1, min(locality, len(degrees)) + 1):
        for places in itertools.combinations(range(len(degrees)), count):
            kinds = [torch.arange(1, 2 * degrees[place] + 1) for place in places]
            block = torch.zeros(math.prod(map(len, kinds)), len(degrees), dtype=torch.long)
            block[:, places] = grid(kinds)
            blocks.append(block)
    return torch.cat(blocks)


def count_products(degrees: Sequence[int], locality: int) -> int:
    """Count of the terms on up to `locality` variables."""
    counts = [1] + [0] * locality  # by variables
    for degree in degrees:
        pairs = zip(counts[1:], counts[:-1], strict=True)
        counts = [1, *(count + 2 * degree * fewer for count, fewer in pairs)]
    return sum(counts)


def grid(axes: Sequence[Tensor]) -> Tensor:
    """All points of a grid, (points, axes), the last axis moving first; one point without axes."""
    if not axes:
        return torch.zeros(1, 0, dtype=torch.float64)
    return torch.cartesian_prod(*axes).reshape(-1, len(axes))


def functions(
    variables: Float[Tensor, "*runs variables"], degree: int
) -> Float[Tensor, "*runs variables functions"]:
    """1, then cosine and sine of each multiple of the variables up to a degree."""
    multiples = torch.arange(1, degree + 1).to(variables)
    angles = variables.unsqueeze(-1) * multiples
    waves = torch.stack([angles.cos(), angles.sin()], -1).flatten(-2)
    return torch.cat([torch.ones_like(variables).unsqueeze(-1), waves], -1)


def turn(degree: int) -> Float[Tensor, " points"]:
    """Points over a turn that tell frequencies up to a degree apart."""
    points = 2 * degree + 1
    return torch.arange(points, dtype=torch.float64) * (2 * math.pi / points)


def fourier(degree: int) -> Float[Tensor, "functions points"]:
    """Coefficients of the functions of one variable, of values at the points of a turn."""
    waves = functions(turn(degree), degree).T
    return waves / waves.square().sum(1, keepdim=True)


def evaluate_terms(
    variables: Float[Tensor, "*runs variables"], degrees: Sequence[int]
) -> Float[Tensor, "*runs terms"]:
    """Values of all products of one function of each variable, the last variable moving first."""
    factors = functions(variables, max(degrees, default=0))
    values = variables.new_ones(*variables.shape[:-1], 1)
    for number, degree in enumerate(degrees):
        factor = factors[..., number, : 2 * degree + 1]
        values = (values.unsqueeze(-1) * factor.unsqueeze(-2)).flatten(-2)
    return values


def _split(slope: Tensor) -> tuple[Tensor, float]:
    """Direction of a slope, its largest entry being 1, and its signed size."""
    largest = slope[slope.abs().argmax()]
    return slope / largest, float(largest)


def _units(sizes: dict[int, float]) -> list[tuple[float, list[int]]]:
    """Units of the sizes of one direction, with the angles that are multiples of each.

    One unit for all, or one for each size, whichever has fewer terms.
    """
    magnitudes = {number: abs(size) for number, size in sizes.items()}
    unit = _common_unit(list(magnitudes.values()))
    apart: list[tuple[float, list[int]]] = []
    for number, size in magnitudes.items():
        for other, numbers in apart:
            if math.isclose(size, other, rel_tol=TOLERANCE):
                numbers.append(number)
                break
        else:
            apart.append((size, [number]))
    together = 1 + 2 * sum(round(size / unit) for size in magnitudes.values())
    if together <= math.prod(1 + 2 * len(numbers) for _, numbers in apart):
        return [(unit, list(magnitudes))]
    return apart


def _common_unit(sizes: list[float]) -> float:
    """Largest number of which all sizes are multiples, by Euclid's algorithm."""
    tolerance = TOLERANCE * max(sizes)
    unit = sizes[0]
    for size in sizes[1:]:
        rest = size
        while rest > tolerance:
            unit, rest = rest, abs(math.remainder(unit, rest))
    return unit
