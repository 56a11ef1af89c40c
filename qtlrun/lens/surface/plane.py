"""Planes through trained weights: filter-normalised directions, and the axes of a path."""

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from qtlrun.layer import generator
from qtlrun.parametrization.generated import HEAD


def draw_direction(
    weights: dict[str, Tensor], seed: int, name: tuple[int, ...], angles: Collection[str] = ()
) -> Float64[Tensor, " numbers"]:
    """Filter-normalised random direction of weights (Li et al., arXiv:1712.09913, section 4).

    Each filter, or row of a matrix, has the norm of the weights' own. Weights of one axis, as
    biases and scales of norms, stay where they are. Angles of a circuit have no filters, and a norm
    near 0 would hold them still: theirs is 1 radian an angle in the root mean square. The draw
    depends on the seed, the name of the direction, and a weight's name and shape alone.
    """
    pieces = []
    for key, weight in weights.items():
        weight = (weight[0] if key.startswith(HEAD) else weight).detach().cpu().double()
        draw = generator(seed, "direction", *name, key)
        direction = torch.randn(weight.shape, generator=draw, dtype=torch.float64)
        if key in angles:
            direction = direction * math.sqrt(direction.numel()) / direction.norm()
        elif weight.dim() < 2:
            direction = torch.zeros_like(direction)
        else:
            direction = _normalise(direction, weight)
        pieces.append(direction.flatten())
    return torch.cat(pieces)


def grid(reach: float, count: int) -> tuple[Float64[Tensor, " points"], Float64[Tensor, "grid 2"]]:
    """Ticks from -reach to reach, 0 among them exactly, and the points of the square over them."""
    half = count // 2
    ticks = torch.arange(-half, half + 1, dtype=torch.float64) * (reach / half)
    return ticks, torch.cartesian_prod(ticks, ticks)


@dataclass(frozen=True)
class PathPlane:
    """Plane of a path's two principal axes, through its kept point.

    axes: of unit length, one of zeros where the path is straight
    coordinates: of the path's points
    explained: share of the squared distances from the kept point along each axis
    """

    axes: Float64[Tensor, "2 numbers"]
    coordinates: Float64[Tensor, "points 2"]
    explained: tuple[float, float]


def path_plane(path: Float[Tensor, "points numbers"], at: int) -> PathPlane:
    """Principal axes of the steps from the point `at` to all others (Li et al., section 7)."""
    steps = (path - path[at]).double().cpu()
    _, sizes, axes = torch.linalg.svd(steps, full_matrices=False)
    squares = sizes.square()
    axes = torch.nn.functional.pad(axes[:2], (0, 0, 0, max(0, 2 - len(axes))))
    squares = torch.nn.functional.pad(squares, (0, max(0, 2 - len(squares))))
    whole = float(squares.sum()) or 1.0
    shares = float(squares[0]) / whole, float(squares[1]) / whole
    return PathPlane(axes, steps @ axes.T, shares)


def mean_height(
    ticks: Float64[Tensor, " points"], heights: Float64[np.ndarray, " points"]
) -> float:
    """Mean of a curve over its ticks, by Simpson's rule, so that coarse ticks give it too."""
    from scipy.integrate import simpson

    return float(simpson(heights, x=ticks.numpy()) / (ticks[-1] - ticks[0]))


def _normalise(direction: Tensor, weight: Tensor) -> Tensor:
    """Direction whose filters have the norms of the weight's."""
    flat = direction.flatten(1)
    norms = weight.flatten(1).norm(dim=1, keepdim=True)
    return (flat * norms / flat.norm(dim=1, keepdim=True)).view(weight.shape)
