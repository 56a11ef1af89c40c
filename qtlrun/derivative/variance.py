"""Derivatives of two observables by a circuit's angles, at many random starts."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64
from torch import Tensor

from qtlrun.circuit.observed import Observed
from qtlrun.derivative.gradient import differentiate_columns
from qtlrun.device.statevector import Statevector
from qtlrun.layer import generator
from qtlrun.tape.tape import inputs_of, is_direct

LOCAL = "Z of wire 0"
GLOBAL = "Z of all wires"
SMALL = "small"  # normal, with the head's spread
UNIFORM = "uniform"  # within half a turn either way
OBSERVABLES = (LOCAL, GLOBAL)
STARTS = (SMALL, UNIFORM)
# Largest of a derivative that is rounding in float32
ROUNDING = 1e-5
MAX_AMPLITUDES = 2**26  # of all gates of the starts that are differentiated at once: 512 MiB

Gradients = Float64[np.ndarray, "starts weights"]


@dataclass(frozen=True)
class Sample:
    """Derivatives of an observable from a kind of start, of the weights that can move it.

    observable: of OBSERVABLES
    start: of STARTS
    gradients: by start and weight
    places: of these weights among all of the circuit
    weights: how many the circuit has
    """

    observable: str
    start: str
    gradients: Gradients
    places: Int64[np.ndarray, " weights"]
    weights: int


def sample_gradients(
    circuit, *, spread: float, starts: int, seed: int, entangle: bool = True
) -> list[Sample]:
    """Derivatives of both observables from both kinds of start, all starts in one program.

    Each start has an item of its own: angles uniform within a right angle either way, which is
    where a head's squashing puts them; amplitudes of normal numbers. Both kinds have the same. A
    weight counts where it moves the observable from any uniform start.

    spread: deviation of the small start, in radians
    """
    observed = Observed(circuit, inputs_of(circuit), is_direct(circuit))
    run = Statevector().run(observed, entangle)
    values = draw_starts(circuit, spread=spread, starts=starts, seed=seed)
    count = max(1, MAX_AMPLITUDES // (2**circuit.qubits * max(1, len(run.reading.gates))))
    pieces = [_differentiate(run, piece, observed.inputs) for piece in values.split(count)]
    gradients = torch.cat(pieces, 1)
    samples = []
    for observable, gradient in zip(OBSERVABLES, gradients, strict=True):
        slopes = gradient[:, observed.fed :].double().numpy()
        places = np.flatnonzero(np.abs(slopes[starts:]).max(axis=0) > ROUNDING)
        for start, rows in zip(STARTS, np.split(slopes, 2), strict=True):
            samples.append(Sample(observable, start, rows[:, places], places, slopes.shape[1]))
    return samples


def _differentiate(
    run, values: Float32[Tensor, "runs numbers"], inputs: int
) -> Float32[Tensor, "observables runs weights"]:
    """Gradient of each observable by the weights, which stand behind the inputs."""
    items, weights = values.tensor_split([inputs], dim=1)
    weights.requires_grad_()
    with torch.enable_grad():
        outputs = run(items.unsqueeze(1), weights)[:, 0]
        (gradients,) = differentiate_columns(outputs, [weights])
    return gradients


def draw_starts(
    circuit, *, spread: float, starts: int, seed: int
) -> Float32[Tensor, "runs numbers"]:
    """Items and weights of small starts, then of uniform ones."""
    draw = generator(seed, "trainability", circuit.qubits)
    items = draw_items(circuit, starts, draw)
    shape = starts, math.prod(circuit.shape)
    small = spread * torch.randn(shape, generator=draw)
    uniform = math.pi * (2 * torch.rand(shape, generator=draw) - 1)
    return torch.cat([torch.cat([items, weights], 1) for weights in (small, uniform)])


def draw_items(circuit, count: int, draw: torch.Generator) -> Float32[Tensor, "items inputs"]:
    """Inputs of random items: angles within a right angle either way, or normal amplitudes."""
    shape = count, inputs_of(circuit)
    if is_direct(circuit):
        return torch.randn(shape, generator=draw)
    return math.pi / 2 * (2 * torch.rand(shape, generator=draw) - 1)


def mean_variance(gradients: Gradients) -> float:
    """Variance of a derivative over starts, mean over weights; nan without any."""
    if not gradients.shape[1]:
        return math.nan
    return float(gradients.var(axis=0, ddof=1).mean())


def resample_variance(gradients: Gradients, draws: int, seed: int) -> Float64[np.ndarray, " draws"]:
    """Bootstrap over starts of the mean variance."""
    starts = len(gradients)
    chances = np.full(starts, 1 / starts)
    shares = np.random.default_rng(seed).multinomial(starts, chances, draws) / starts
    variances = shares @ gradients**2 - (shares @ gradients) ** 2
    return variances.mean(axis=1) * starts / (starts - 1)
