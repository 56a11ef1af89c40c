"""Truncated Fock space: gates of one and two modes, prepared states, layers of gates.

As in Killoran et al., arXiv:1806.06871, with hbar = 2: D(alpha) = exp(alpha adag - alpha* a),
R(phi) = exp(i phi n), S(z) = exp((z* a a - z adag adag) / 2), K(kappa) = exp(i kappa n n), V(gamma)
= exp(i gamma x^3 / 6) with x = a + adag, BS(theta, phi) = exp(theta (e^{i phi} a bdag - e^{-i phi}
adag b)). A gate's matrix is the exact one of infinitely many levels, cut to `cutoff` of them; V
alone is made from the x that was cut, as published. So what a gate moves above the cutoff is lost,
and a state's squared norm is the probability that was kept.

Gates are double precision and differentiable. They may have leading axes (runs, or items); a state
has the axis of its batch after those.
"""

import functools

import numpy as np
import torch
from jaxtyping import Complex, Float, Num
from torch import Tensor

from qtlrun.error import UsageError

# Levels of a mode. A product of cut matrices loses a bit every second level, and at these half of
# the 53 are left.
MAX_CUTOFF = 60
MIN_NORM = 1e-12  # as a divisor, so that slopes stay finite where nothing is left in the cutoff
MODE_NUMBERS = 6  # of an item: photons, Re alpha, Im alpha, rotation, squeezing, rotation
LAYER_WEIGHTS = {1: 6, 2: 16}  # by modes


def prepare(
    items: Float[Tensor, "batch numbers"], cutoff: int
) -> Complex[Tensor, " batch *levels"]:
    """Prepare states R(r2) S(s) R(r1) D(alpha) |n>.

    Each mode has six numbers of an item: n, Re alpha, Im alpha, r1, s, r2.
    """
    photons, real, imaginary, first, squeeze, last = (
        items.double().unflatten(-1, (-1, MODE_NUMBERS)).unbind(-1)
    )
    levels = torch.arange(cutoff, dtype=torch.double, device=items.device)
    # (batch, modes, levels, 1)
    state = (photons.unsqueeze(-1) == levels).to(torch.complex128).unsqueeze(-1)
    state = displacement(torch.complex(real, imaginary), cutoff) @ state
    state = squeezing(squeeze, torch.zeros_like(squeeze), cutoff) @ (
        rotation(first, cutoff).unsqueeze(-1) * state
    )
    modes = (rotation(last, cutoff) * state.squeeze(-1)).unbind(1)
    return modes[0] if len(modes) == 1 else modes[0].unsqueeze(2) * modes[1].unsqueeze(1)


def check(items: Tensor, modes: int) -> None:
    """Refuse a backbone's items that do not say how a state of so many modes is prepared."""
    if items.dim() != 2 or items.shape[1] != MODE_NUMBERS * modes:
        kind = f"{items.shape[1]} numbers" if items.dim() == 2 else "pictures"
        raise UsageError(
            (
                f"an item is {MODE_NUMBERS * modes} numbers that prepare a state, and"
                f" these are {kind}"
            ),
            "use dataset=coherent with 2 modes, or dataset=gaussian with 1",
            key="backbone.modes",
            value=modes,
        )


def one_mode(
    weights: Float[Tensor, "*runs 6"], cutoff: int, squeezed: bool = True
) -> Complex[Tensor, "*runs levels levels"]:
    """Matrix of a layer V(cubic) R(r3) D(displacement) R(r2) S(squeeze) R(r1).

    The weights are squeeze, displacement, r1, r2, r3, cubic; all but the angles are clipped to +-1.
    `squeezed=False` leaves S out.
    """
    squeeze, displace, first, second, third, gamma = weights.double().unbind(-1)
    turns = [rotation(angle, cutoff).diag_embed() for angle in (first, second, third)]
    gates = [
        turns[0],
        squeezing(_clip(squeeze), None, cutoff),
        turns[1],
        displacement(_clip(displace), cutoff),
        turns[2],
        cubic_phase(_clip(gamma), cutoff),
    ]
    if not squeezed:
        del gates[1]
    # Products of matrices alone, and real sizes: a product or quotient of complex numbers place by
    # place is rounded by its place, so by the other runs.
    return functools.reduce(lambda product, gate: gate @ product, gates)


def two_modes(
    weights: Float[Tensor, "*runs 16"], state: Complex[Tensor, "*runs batch levels levels"]
) -> Complex[Tensor, "*runs batch levels levels"]:
    """Apply a layer on two modes to states.

    Its gates are BS, R on the first mode, S on each, BS, R on the first, D on each, K on each. The
    weights are r1, r2, theta1, phi1, theta2, phi2, then size and phase of S on the first and
    second mode, of D the same, then both kappa. Sizes and kappas are clipped to +-1. The result has
    the state's precision.
    """
    cutoff = state.shape[-1]
    turns, splitters, squeezes, shifts, kappas = weights.double().split([2, 4, 4, 4, 2], -1)
    turns = rotation(turns, cutoff).unsqueeze(-2)
    squeezes = squeezing(_clip(squeezes[..., ::2]), squeezes[..., 1::2], cutoff)
    shifts = displacement(_clip(shifts[..., ::2]) * _phase(shifts[..., 1::2]), cutoff)
    shifts = kerr(_clip(kappas), cutoff).unsqueeze(-1) * shifts
    for number, gates in enumerate((squeezes, shifts)):
        state = beamsplitter(splitters[..., 2 * number], splitters[..., 2 * number + 1], state)
        first, second = gates.unbind(-3)
        state = _on_each(first * turns[..., number, :, :], second, state)
    return state


def probability(amplitude: Complex[Tensor, "*levels"]) -> Float[Tensor, "*levels"]:
    """Probability of each amplitude."""
    return amplitude.real.square() + amplitude.imag.square()


def rotation(phi: Float[Tensor, "*more"], cutoff: int) -> Complex[Tensor, "*more levels"]:
    """Diagonal of R(phi)."""
    return _phase(phi.unsqueeze(-1) * torch.arange(cutoff, dtype=torch.double, device=phi.device))


def kerr(kappa: Float[Tensor, "*more"], cutoff: int) -> Complex[Tensor, "*more levels"]:
    """Diagonal of K(kappa)."""
    return _phase(
        kappa.unsqueeze(-1) * torch.arange(cutoff, dtype=torch.double, device=kappa.device).square()
    )


def displacement(
    alpha: Num[Tensor, "*more"], cutoff: int
) -> Complex[Tensor, "*more levels levels"]:
    """D(alpha), in normal order e^{-|alpha|^2 / 2} e^{alpha adag} e^{-alpha* a}."""
    square = probability(alpha) if alpha.is_complex() else alpha.square()
    vacuum = (-square / 2).exp().unsqueeze(-1)
    return _normal_order(alpha, vacuum.expand(*alpha.shape, cutoff), 1)


def squeezing(
    r: Float[Tensor, "*more"], phi: Float[Tensor, "*more"] | None, cutoff: int
) -> Complex[Tensor, "*more levels levels"]:
    """S(r e^{i phi}), in normal order; None is a phase of 0.

    That is e^{-t adag adag / 2} sech(r)^{n + 1/2} e^{t* a a / 2} with t = e^{i phi} tanh r.
    """
    narrow = 2 / (r.exp() + (-r).exp())  # 1 / cosh, which is rounded by its place
    size = -r.tanh() / 2
    factor = size if phi is None else size * _phase(phi)
    return _normal_order(factor, narrow.sqrt().unsqueeze(-1) * _powers(narrow, cutoff), 2)


def cubic_phase(
    gamma: Float[Tensor, "*more"], cutoff: int
) -> Complex[Tensor, "*more levels levels"]:
    """V(gamma) of the truncated x, which is unitary on the levels inside the cutoff.

    It is not the exact matrix, which has no closed form.
    """
    positions, vectors = (each.to(gamma.device) for each in _position(cutoff))
    phases = _phase(gamma.unsqueeze(-1) * positions**3 / 6)
    return (vectors * phases.unsqueeze(-2)) @ vectors.mT.to(phases.dtype)


def beamsplitter(
    theta: Float[Tensor, "*runs"],
    phi: Float[Tensor, "*runs"],
    state: Complex[Tensor, "*runs batch levels levels"],
) -> Complex[Tensor, "*runs batch levels levels"]:
    """Apply BS(theta, phi) to a state.

    It is orthogonal within each total of photons, between rotations of the first mode.
    """
    cutoff = state.shape[-1]
    values, vectors, there, back = (each.to(state.device) for each in _antidiagonals(cutoff))
    turn = rotation(phi, cutoff).unsqueeze(-1).unsqueeze(-3).to(state.dtype)
    turned = vectors * _phase(-theta[..., None, None, None] * values.unsqueeze(-2))
    blocks = (turned @ vectors.mH).real.to(state.dtype)
    lines = (turn * state).flatten(-2)[..., there]  # (*runs, batch, photons, entries)
    mixed = torch.einsum("...nij,...bnj->...bni", blocks, lines)
    return turn.conj() * mixed.flatten(-2)[..., back]


def _on_each(first: Tensor, second: Tensor, state: Tensor) -> Tensor:
    """Apply a gate to the first mode and one to the second."""
    return first.to(state.dtype).unsqueeze(-3) @ state @ second.to(state.dtype).mT.unsqueeze(-3)


def _normal_order(
    x: Num[Tensor, "*more"], middle: Float[Tensor, "*more levels"], step: int
) -> Complex[Tensor, "*more levels levels"]:
    """Matrix e^{x adag^step} diag(middle) e^{-x* a^step}.

    Its factors are triangles, so their product is cut where they are.
    """
    factors, power = (each.to(x.device) for each in _triangle(middle.shape[-1], step))
    lower = factors * _powers(x, middle.shape[-1])[..., power]
    upper = (lower.conj() * (1 - 2 * (power % 2))).mT
    return lower.to(torch.complex128) @ (middle.unsqueeze(-1) * upper).to(torch.complex128)


def _powers(x: Tensor, count: int) -> Tensor:
    """Powers x^0 to x^{count - 1}, by products, whose gradient at 0 is right."""
    x = x.unsqueeze(-1)
    return torch.cat([torch.ones_like(x), x.expand(*x.shape[:-1], count - 1)], -1).cumprod(-1)


def _phase(angle: Tensor) -> Tensor:
    return torch.complex(angle.cos(), angle.sin())


def _clip(x: Tensor) -> Tensor:
    return x.clamp(-1, 1)


# Constants come from numpy and outside inference mode, so that none belongs to the mode or device
# of its first use.


@functools.cache
@torch.inference_mode(False)
def _triangle(cutoff: int, step: int) -> tuple[Tensor, Tensor]:
    """Factor and power of x in each entry of e^{x adag^step}."""
    row, column = np.indices((cutoff, cutoff))
    power = (row - column).clip(0) // step
    factorial = np.concatenate([[0], np.log(np.arange(1, cutoff)).cumsum()])  # its logarithm
    factors = np.exp((factorial[row] - factorial[column]) / 2 - factorial[power])
    factors[(row < column) | ((row - column) % step > 0)] = 0
    return torch.from_numpy(factors), torch.from_numpy(power)


@functools.cache
@torch.inference_mode(False)
def _position(cutoff: int) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors of the truncated x."""
    root = np.sqrt(np.arange(1, cutoff))
    values, vectors = np.linalg.eigh(np.diag(root, 1) + np.diag(root, -1))
    return torch.from_numpy(values), torch.from_numpy(vectors)


@functools.cache
@torch.inference_mode(False)
def _antidiagonals(cutoff: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Eigensystem of i (a bdag - adag b) for each total of photons, with indices of entries.

    The eigenvalues, and the entries of the eigenvectors within the cutoff; then the index of a
    state's antidiagonals among its entries, and that of its entries on the antidiagonals.
    """
    totals = 2 * cutoff - 1
    values = np.zeros((totals, totals))
    vectors = np.zeros((totals, cutoff, totals), complex)
    first = (np.arange(totals) - cutoff + 1).clip(0)  # the fewest photons in the first mode
    for photons in range(totals):
        n = np.arange(1, photons + 1)
        root = 1j * np.sqrt(n * (photons - n + 1))
        system = np.linalg.eigh(np.diag(root, 1) + np.diag(-root, -1))
        inside = slice(first[photons], min(photons, cutoff - 1) + 1)
        # photons, photons - 2, ... -photons
        values[photons, : photons + 1] = system.eigenvalues.round()
        vectors[photons, : inside.stop - inside.start, : photons + 1] = system.eigenvectors[inside]
    here = (first[:, None] + np.arange(cutoff)).clip(
        max=np.arange(totals).clip(max=cutoff - 1)[:, None]
    )
    there = here * cutoff + np.arange(totals)[:, None] - here
    row, column = np.indices((cutoff, cutoff))
    back = (row + column) * cutoff + row - first[row + column]
    return (
        torch.from_numpy(values),
        torch.from_numpy(vectors),
        torch.from_numpy(there),
        torch.from_numpy(back),
    )
