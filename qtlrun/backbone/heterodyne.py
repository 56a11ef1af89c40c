"""Heterodyne outcomes of a prepared state: an optical table without a quantum network."""

import numpy as np
import torch
from jaxtyping import Float
from scipy.special import gammaincinv
from torch import Tensor, nn

from qtlrun import fock
from qtlrun.backbone.stage import Stage
from qtlrun.error import BadValue, UsageError
from qtlrun.layer import generator
from qtlrun.plan import facts

MAX_SHOTS = 1_000_000  # per state, that memory allows
MAX_ORDER = 8  # a mean of higher powers is noise
BATCH_OUTCOMES = 2**20  # at once


@facts(title=("heterodyne, {shots:outcome}",))
class Heterodyne(nn.Module):
    """Moments of heterodyne outcomes, the classical rival of a photonic network.

    Each mode is measured on arrival. A mode's outcome b is drawn from its Husimi function
    |<b|psi>|^2 / pi, of states that began with no photon or one. Features are the means, over
    `shots` outcomes, of all monomials of Re b and Im b up to `order`, mode by mode; with shots=1,
    order=1 they are the outcome itself. Chance comes from `seed` and the item's numbers alone, so
    equal items have equal outcomes. `modes` None is as many as the dataset's items have, of
    `numbers` each. Raises ValueError for counts that cannot be.
    """

    takes = ("states",)
    folded = False
    fingerprint = "none"

    def __init__(
        self, modes: int | None, shots: int, order: int, seed: int = 0, numbers: int | None = None
    ):
        super().__init__()
        if modes is None:
            modes = 2 if numbers == 2 * fock.MODE_NUMBERS else 1
        if modes not in fock.LAYER_WEIGHTS:
            raise BadValue("modes", modes, "photonic datasets have 1 mode or 2")
        if not 1 <= shots <= MAX_SHOTS:
            raise BadValue("shots", shots, f"outcomes a state, from 1 to {MAX_SHOTS}")
        if not 1 <= order <= MAX_ORDER:
            raise BadValue(
                "order", order, f"the highest power of the outcomes, from 1 to {MAX_ORDER}"
            )
        self.modes = modes
        self.shots = shots
        self.seed = seed
        self.powers = [
            (real, total - real) for total in range(1, order + 1) for real in range(total, -1, -1)
        ]
        self.features = modes * len(self.powers)
        self.stages: list[Stage] = []

    def preprocess(self, item: Tensor, generator=None) -> Tensor:
        """Return an item as it is."""
        return item

    def forward(self, items: Tensor) -> Float[Tensor, "batch features"]:
        """Features in the precision of the items (batch, 6 modes)."""
        fock.check(items, self.modes)
        batch = max(1, BATCH_OUTCOMES // self.shots)
        moments = [self._moments(self.outcomes(part)) for part in items.split(batch)]
        return torch.cat(moments).to(items)

    def outcomes(
        self, items: Float[Tensor, "batch numbers"]
    ) -> Float[Tensor, "batch modes shots 2"]:
        """Re b and Im b of each outcome."""
        draws = [generator(self.seed, "heterodyne", content) for content in _contents(items)]
        size = (self.modes, self.shots, 3)
        chances = torch.stack(
            [torch.rand(size, dtype=torch.double, device="cpu", generator=draw) for draw in draws]
        )
        photons, real, imaginary, first, squeeze, last = (
            items.cpu().double().unflatten(1, (-1, fock.MODE_NUMBERS)).unbind(2)
        )
        if (photons > 1).any():
            raise UsageError(
                (
                    f"an item begins with {int(photons.max())} photons, and heterodyne"
                    " outcomes are known here for 0 and 1"
                ),
                key="dataset",
            )
        centred = _centred_outcomes(photons, squeeze, chances)
        # S(s) R(r1) D(alpha) |n> is S(s) |n>, displaced: by alpha turned, then squeezed.
        real, imaginary = _rotate(real, imaginary, first)
        centre = torch.stack([real * (-squeeze).exp(), imaginary * squeeze.exp()], -1)
        outcomes = centred + centre.unsqueeze(2)
        return torch.stack(_rotate(outcomes[..., 0], outcomes[..., 1], last.unsqueeze(2)), -1)

    def _moments(self, outcomes: Tensor) -> Tensor:
        real, imaginary = outcomes.unbind(-1)
        moments = [(real**first * imaginary**second).mean(-1) for first, second in self.powers]
        return torch.stack(moments, -1).flatten(1)


def _rotate(real: Tensor, imaginary: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    return (
        real * angle.cos() - imaginary * angle.sin(),
        real * angle.sin() + imaginary * angle.cos(),
    )


def _contents(items: Tensor) -> list[str]:
    """Numbers of each item as text.

    They are rounded to single precision, so that every dtype has the same chances.
    """
    # With 0, as -0 is the same state.
    return [item.tobytes().hex() for item in (items.cpu().float() + 0).numpy()]


def _centred_outcomes(
    photons: Float[Tensor, "batch modes"],
    squeeze: Float[Tensor, "batch modes"],
    chances: Float[Tensor, "batch modes shots 3"],
) -> Float[Tensor, "batch modes shots 2"]:
    """Outcomes of S(s) |0> and S(s) |1>.

    The Husimi function of the first is a Gaussian; that of the second is the same Gaussian times
    |b|^2: a mixture in which either quadrature, in proportion to its variance, has the density of
    x^2 times its Gaussian, so that |x| is chi-distributed with three degrees of freedom.
    """
    deviations = ((torch.stack([-2 * squeeze, 2 * squeeze], -1).exp() + 1).sqrt() / 2).unsqueeze(2)
    normal = torch.special.ndtri(chances[..., 1:].clamp_min(2**-54))
    if not photons.any():
        return normal * deviations
    chance = 2 * chances[..., 1:] - 1
    chi = torch.from_numpy(np.sqrt(2 * gammaincinv(1.5, chance.abs().numpy()))) * chance.sign()
    shares = deviations.square().cumsum(-1)
    first = chances[..., 0] * shares[..., 1] < shares[..., 0]
    excited = torch.stack([first, ~first], -1) & (photons == 1)[..., None, None]
    return torch.where(excited, chi, normal) * deviations
