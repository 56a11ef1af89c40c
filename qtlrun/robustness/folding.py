"""Zero-noise extrapolation: circuits folded to be noisier, values extrapolated back."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from qtlrun.error import BadValue
from qtlrun.tape.angle import Affine, Chosen
from qtlrun.tape.tape import Gate, Reading

LINEAR = "linear"
POLYNOMIAL = "polynomial"
EXPONENTIAL = "exponential"
LEAST_SIZE = 1e-6  # of a value whose logarithm is extrapolated, as PennyLane has it


def check_factors(factors: Sequence[int]) -> None:
    """Refuse factors that no global folding has, and fewer than two."""
    is_odd = [isinstance(factor, int) and factor > 0 and factor % 2 for factor in factors]
    if not all(is_odd) or sorted(set(factors)) != list(factors) or factors[:1] != [1]:
        reason = "ascending odd whole numbers from 1 on: a fold adds the circuit twice"
        raise BadValue("factors", list(factors), reason, "use [1, 3, 5]")
    if len(factors) < 2:
        raise BadValue("factors", list(factors), "two or more, to extrapolate", "use [1, 3, 5]")


def fold(reading: Reading, factor: int) -> Reading:
    """Circuit followed (factor - 1) / 2 times by its inverse and itself; the same without noise."""
    count = len(reading.affine.rest)
    inverse = [_invert(gate, count) for gate in reversed(reading.gates)]
    folds = (factor - 1) // 2
    return dataclasses.replace(
        reading,
        gates=reading.gates + folds * (inverse + reading.gates),
        affine=_mirror(reading.affine),
        fed=_double(reading.fed, count),
        trained=_double(reading.trained, count),
    )


def _double(angles: frozenset[int], count: int) -> frozenset[int]:
    """Numbers of angles and of their negatives."""
    return angles | {number + count for number in angles}


def _invert(gate: Gate, count: int) -> Gate:
    """Inverse of a gate; its angle stands `count` places behind."""
    if gate.angle is not None:
        return dataclasses.replace(gate, angle=gate.angle + count)
    return dataclasses.replace(gate, matrix=gate.matrix.mH.resolve_conj())


def _mirror(affine: Affine | Chosen) -> Affine | Chosen:
    """Angles, and behind them their negatives."""
    if isinstance(affine, Affine):
        tables = affine.by_input, affine.by_weight, affine.rest
        return Affine(*(torch.cat([table, -table]) for table in tables))
    factor, rest = (torch.cat([table, -table]) for table in (affine.factor, affine.rest))
    return Chosen(torch.cat([affine.index] * 2), factor, rest, affine.weights)


def extrapolation_weights(factors: Sequence[int], form: str) -> np.ndarray:
    """Weights of the values at each factor in the value at 0, of a polynomial's least squares.

    The polynomial goes through all points but for the linear one. The variance of a value from
    shots grows by the sum of their squares.
    """
    degree = len(factors) - 1 if form == POLYNOMIAL else 1
    powers = np.vander(np.asarray(factors, dtype=float), degree + 1, increasing=True)
    return np.linalg.pinv(powers)[0]


def extrapolate(values: Sequence[Tensor], factors: Sequence[int], form: str) -> Tensor:
    """Values without noise, of those at each factor; the exponential form decays to 0."""
    weights = extrapolation_weights(factors, form)
    if form != EXPONENTIAL:
        return sum(
            (float(weight) * each for weight, each in zip(weights, values, strict=True)),
            torch.zeros(()),
        )
    logs = [each.abs().clamp_min(LEAST_SIZE).log() for each in values]
    total = sum(
        (float(weight) * each for weight, each in zip(weights, logs, strict=True)), torch.zeros(())
    )
    return values[0].sign() * total.exp()
