"""A photonic network as a head: the state of one mode through trained layers, to the probability of
no photon.
"""

import math
from typing import Literal

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn

from qtlrun import fock
from qtlrun.layer import Start

LEAST = 1e-7  # added to a probability before its logarithm, as published


class Photonic(nn.Module):
    """Trained layers on the amplitudes of one mode, as backbone=photonic gives them with
    output=state; two classes.

    The logits are log(1 - p) and log p, with p the probability of no photon at the end: the
    published loss of Mari et al., arXiv:1912.08278, example 5. Of the probability that left the
    truncated space, `lost` counts half for each class ("halved"), all for the first class ("first",
    as published), or nothing, p being divided by what is left ("discarded"). Training finds a use
    for each of them (an answer of one half is better than a wrong one), so a result holds only
    where a larger cutoff repeats it: see `kept`. Each run's layers start normal with standard
    deviation `spread`. Raises ValueError for other features or classes.
    """

    amplitudes = True  # what its features are

    def __init__(
        self,
        features: int,
        classes: int,
        start: Start,
        layers: int = 3,
        spread: float = 0.001,
        lost: Literal["halved", "first", "discarded"] = "halved",
    ):
        super().__init__()
        if features % 2 or not 2 <= features // 2 <= fock.MAX_CUTOFF:
            raise ValueError(
                f"features={features}: real and imaginary parts of amplitudes, 2 to"
                f" {fock.MAX_CUTOFF} levels; use backbone=photonic with backbone.modes=1 and"
                " backbone.output=state."
            )
        if classes != 2:
            raise ValueError(f"classes={classes}: no photon or some, which tells 2 classes apart.")
        if layers < 0:
            raise ValueError(f"layers={layers}: trained layers, from 0 up.")
        if not (math.isfinite(spread) and spread >= 0):
            raise ValueError(f"spread={spread}: a standard deviation, 0 or more.")
        self.cutoff = features // 2
        self.lost = lost
        self.layers = nn.Parameter(start.normal("layers", (layers, fock.LAYER_WEIGHTS[1]), spread))

    def forward(self, x: Float[Tensor, "runs batch features"]) -> Float[Tensor, "runs batch 2"]:
        chances = fock.probability(self._state(x))
        none = chances[..., 0]
        kept = chances.sum(-1)
        if self.lost == "halved":
            none = none + (1 - kept) / 2
        elif self.lost == "discarded":
            none = none / kept.clamp_min(fock.MIN_NORM)
        none = none.clamp(0, 1)  # which rounding exceeds
        return torch.stack([1 - none, none], -1).add(LEAST).log()

    def kept(
        self, x: Float[Tensor, "runs batch features"]
    ) -> dict[str, Float[Tensor, "runs batch"]]:
        """The probability that each state still has within the cutoff."""
        return {"norm_kept": fock.probability(self._state(x)).sum(-1)}

    def _state(
        self, x: Float[Tensor, "runs batch features"]
    ) -> Complex[Tensor, "runs batch levels"]:
        """The amplitudes after all layers, whose matrices are multiplied first: once a run, not a
        sample.
        """
        matrix = torch.eye(self.cutoff, dtype=torch.complex128, device=x.device).expand(
            len(x), -1, -1
        )
        for layer in fock.one_mode(self.layers, self.cutoff).unbind(1):
            matrix = layer @ matrix
        state = torch.complex(x[..., : self.cutoff], x[..., self.cutoff :])
        return state @ matrix.to(state.dtype).mT
