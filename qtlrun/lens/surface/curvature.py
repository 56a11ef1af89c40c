"""Curvature of a loss: eigenvalues and trace of its Hessian, from gradients alone."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from qtlrun.layer import generator

STEP = 1e-4  # length of a central difference
MAX_WHOLE = 1024  # numbers of a point whose Hessian is computed whole
KRYLOV_STEPS = 64
PROBES = 64  # of Hutchinson's trace
NEGLIGIBLE = 1e-3  # of the largest eigenvalue

Gradients = Callable[[Float64[Tensor, "points numbers"]], Float64[Tensor, "points numbers"]]


@dataclass(frozen=True)
class Curvature:
    """Hessian of a loss at a point.

    eigenvalues: from the largest on, all of them or those that Lanczos' method gives
    trace: exact of a whole Hessian, else estimated
    share: of the eigenvalues above 0.001 of the largest; nan where not all are known
    """

    eigenvalues: Float64[np.ndarray, " eigenvalues"]
    trace: float
    share: float


def measure_curvature(
    gradients: Gradients, centre: Float64[Tensor, " numbers"], seed: int
) -> Curvature:
    """Curvature at a point, of gradients in double precision.

    Up to 1024 numbers the whole Hessian is taken; beyond them 64 steps of Lanczos' method, whose
    ends are the largest and smallest eigenvalues. The trace is then that within their space, and
    beside it estimated from 64 draws of the seed (Meyer et al., arXiv:2010.09649).
    """
    if len(centre) <= MAX_WHOLE:
        matrix = hessian(gradients, centre)
        values = torch.linalg.eigvalsh(matrix).flip(0).numpy()
        share = float((values > NEGLIGIBLE * values[0]).mean()) if values[0] > 0 else 0.0
        return Curvature(values, float(matrix.trace()), share)
    basis, matrix = lanczos(gradients, centre, seed, KRYLOV_STEPS)
    values = torch.linalg.eigvalsh(matrix).flip(0).numpy()
    rest = hutchinson(gradients, centre, seed, PROBES, basis)
    return Curvature(values, float(matrix.trace()) + rest, np.nan)


def hessian(
    gradients: Gradients, centre: Float64[Tensor, " numbers"]
) -> Float64[Tensor, "numbers numbers"]:
    """Whole Hessian at a point."""
    matrix = products(gradients, centre, torch.eye(len(centre), dtype=torch.float64))
    return (matrix + matrix.T) / 2


def products(
    gradients: Gradients,
    centre: Float64[Tensor, " numbers"],
    vectors: Float64[Tensor, "vectors numbers"],
) -> Float64[Tensor, "vectors numbers"]:
    """Products of the Hessian with vectors, by central differences of gradients.

    So a circuit whose simulator is differentiable once will do.
    """
    norms = vectors.norm(dim=1, keepdim=True)
    steps = vectors * (STEP / norms)
    ahead, behind = gradients(torch.cat([centre + steps, centre - steps])).chunk(2)
    return (ahead - behind) * (norms / (2 * STEP))


def lanczos(
    gradients: Gradients, centre: Float64[Tensor, " numbers"], seed: int, steps: int
) -> tuple[Float64[Tensor, "vectors numbers"], Float64[Tensor, "vectors vectors"]]:
    """Basis of so many steps of Lanczos' method, at most, and the Hessian in it."""
    draw = generator(seed, "lanczos")
    vector = torch.randn(len(centre), generator=draw, dtype=torch.float64)
    basis = (vector / vector.norm()).unsqueeze(0)
    images = torch.empty(0, len(centre), dtype=torch.float64)
    for _ in range(min(steps, len(centre))):
        images = torch.cat([images, products(gradients, centre, basis[-1:])])
        rest = images[-1:]
        for _ in range(2):  # the second time takes off what rounding left
            rest = remove(rest, basis)
        if rest.norm() <= STEP * images.norm(dim=1).max():
            break
        basis = torch.cat([basis, rest / rest.norm()])
    basis = basis[: len(images)]
    matrix = basis @ images.T
    return basis, (matrix + matrix.T) / 2


def hutchinson(
    gradients: Gradients,
    centre: Float64[Tensor, " numbers"],
    seed: int,
    probes: int,
    basis: Float64[Tensor, "vectors numbers"],
) -> float:
    """Trace beside a space, from random signs (Hutchinson 1990)."""
    draw = generator(seed, "hutchinson")
    signs = torch.randint(0, 2, (probes, len(centre)), generator=draw).double() * 2 - 1
    signs = remove(signs, basis)
    return float((signs * products(gradients, centre, signs)).sum(1).mean())


def remove(
    vectors: Float64[Tensor, "vectors numbers"], basis: Float64[Tensor, "axes numbers"]
) -> Float64[Tensor, "vectors numbers"]:
    """Parts of vectors that are orthogonal to a space."""
    return vectors - (vectors @ basis.T) @ basis
