"""Fourier spectrum of a circuit's outputs in its inputs."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from qtlrun.layer import generator
from qtlrun.tape.tape import Reading

SPARE_FREQUENCIES = 2  # sampled beyond the highest that there can be
MAX_FREQUENCY = 256  # that a line is sampled for
TOLERANCE = 1e-9  # of a slope, proved by autograd and rounded in float64
DIGITS = 12  # of a coefficient; outputs are rounded beyond
SMALLEST_SIZE = 1e-6  # of a coefficient that counts


class NoSeries(Exception):
    """A circuit has no Fourier series that can be taken; says why."""


@dataclass(frozen=True)
class Fourier:
    """Fourier coefficients of the outputs along each input, by frequency from 0.

    sizes: absolute values, means over inputs, outputs and lines
    squares: squared absolute values, likewise
    largest: largest absolute value of each frequency
    """

    sizes: Float64[np.ndarray, " frequencies"]
    squares: Float64[np.ndarray, " frequencies"]
    largest: Float64[np.ndarray, " frequencies"]

    @property
    def highest(self) -> int:
        """Highest frequency with a coefficient above SMALLEST_SIZE; 0 where nothing varies."""
        return int(np.nonzero(self.largest > SMALLEST_SIZE)[0].max(initial=0))

    @property
    def beyond_first(self) -> float:
        """Share of the power, without that of frequency 0, beyond frequency 1."""
        power = float(self.squares[1:].sum())
        return float(self.squares[2:].sum()) / power if power > SMALLEST_SIZE**2 else math.nan


def transform(
    run: Callable[[Tensor, Tensor], Tensor],
    reading: Reading,
    weights: Tensor,
    lines: int,
    seed: int,
) -> Fourier:
    """Fourier transform of a circuit; raises NoSeries where there is none.

    Along each input over a turn, the others at angles drawn uniformly, so many times. A circuit
    whose gates turn by whole multiples of an input is a Fourier series in it, whose highest
    frequency is at most the sum of the multiples (Schuld, Sweke and Meyer, arXiv:2008.08605).
    Angles have to be proved affine, for sample points do not tell x from x + sin(2 pi x).

    weights: (circuits, *shape), in float64
    """
    if reading.starts or reading.moving:
        raise NoSeries("it takes its inputs as amplitudes or in matrices, not as angles")
    frequencies = _highest_frequency(reading) + SPARE_FREQUENCIES
    if frequencies > MAX_FREQUENCY:
        raise NoSeries(f"it may have frequencies beyond {MAX_FREQUENCY}")
    draw = generator(seed, "fourier")
    anchors = (
        2 * torch.rand(lines, reading.features, generator=draw, dtype=torch.float64) - 1
    ) * math.pi
    anchors = anchors.to(weights.device)
    points = 2 * frequencies + 1
    turn = torch.arange(points, dtype=torch.float64, device=weights.device) * 2 * math.pi / points
    spectra = []
    for number in range(reading.features):
        values = run(_line(anchors, number, turn).expand(len(weights), -1, -1), weights)
        values = values.unflatten(1, (lines, points))
        spectra.append(torch.fft.rfft(values, dim=2, norm="forward").abs().movedim(2, 0).flatten(1))
    sizes = torch.cat(spectra, 1).cpu().numpy().round(DIGITS)
    return Fourier(sizes.mean(1), (sizes**2).mean(1), sizes.max(1))


def _line(anchors: Tensor, number: int, turn: Tensor) -> Tensor:
    """Points of lines through anchors along an input, (1, lines times points, inputs)."""
    points = anchors.unsqueeze(1).repeat(1, len(turn), 1)
    points[..., number] = turn
    return points.flatten(0, 1).unsqueeze(0)


def _highest_frequency(reading: Reading) -> int:
    """Highest frequency that there can be along any input."""
    slopes = reading.affine.by_input
    multiples = slopes.round()
    if not reading.proved or ((slopes - multiples).abs() > TOLERANCE).any():
        raise NoSeries("its angles are no whole multiples of an input, so a turn is no period")
    return int(multiples.abs().sum(0).max()) if multiples.numel() else 0
