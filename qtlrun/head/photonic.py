"""Photonic network as a head, from the state of one mode to the probability of no photon."""

import math
from typing import Literal

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn

from qtlrun import fock
from qtlrun.error import BadValue
from qtlrun.layer import Start
from qtlrun.plan import facts

MIN_PROBABILITY = 1e-7  # added to one before its logarithm, as published


@facts(title=("photonic",), defects={"lost": "first"})
class PhotonicHead(nn.Module):
    """Trained layers on the amplitudes of one mode, which tell two classes apart.

    The amplitudes are those of backbone=photonic with output=state. The logits are log(1 - p) and
    log p, with p the probability of no photon at the end: the published loss of Mari et al.,
    arXiv:1912.08278, example 5. Of the probability that left the truncated space, `lost` counts
    half for each class ("halved"), all for the first class ("first", as published), or nothing, p
    being divided by what is left ("discarded"). Training finds a use for each of them (an answer of
    one half is better than a wrong one), so a result holds only where a larger cutoff repeats it:
    see `retention`. Each run's layers start normal with standard deviation `spread`. Raises
    ValueError for other features or classes.
    """

    amplitudes = True  # are its features

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
            raise BadValue(
                "features",
                features,
                f"real and imaginary parts of amplitudes, 2 to {fock.MAX_CUTOFF} levels",
                "use backbone=photonic with backbone.modes=1 and backbone.output=state",
            )
        if classes != 2:
            raise BadValue("classes", classes, "no photon or some, which tells 2 classes apart")
        if layers < 0:
            raise BadValue("layers", layers, "trained layers, from 0 up")
        if not (math.isfinite(spread) and spread >= 0):
            raise BadValue("spread", spread, "a standard deviation, 0 or more")
        self.cutoff = features // 2
        self.lost = lost
        self.layers = nn.Parameter(start.normal("layers", (layers, fock.LAYER_WEIGHTS[1]), spread))

    def forward(self, x: Float[Tensor, "runs batch features"]) -> Float[Tensor, "runs batch 2"]:
        chances = fock.probability(self._state(x))
        none = chances[..., 0]
        inside = chances.sum(-1)
        if self.lost == "halved":
            none = none + (1 - inside) / 2
        elif self.lost == "discarded":
            none = none / inside.clamp_min(fock.MIN_NORM)
        none = none.clamp(0, 1)  # which rounding exceeds
        return torch.stack([1 - none, none], -1).add(MIN_PROBABILITY).log()

    def retention(
        self, x: Float[Tensor, "runs batch features"]
    ) -> dict[str, Float[Tensor, "runs batch"]]:
        """Probability that each state still has within the cutoff."""
        return {"norm_kept": fock.probability(self._state(x)).sum(-1)}

    def _state(
        self, x: Float[Tensor, "runs batch features"]
    ) -> Complex[Tensor, "runs batch levels"]:
        """Amplitudes after all layers.

        The layers' matrices are multiplied first: once per run, not per sample.
        """
        matrix = torch.eye(self.cutoff, dtype=torch.complex128, device=x.device).expand(
            len(x), -1, -1
        )
        for layer in fock.one_mode(self.layers, self.cutoff).unbind(1):
            matrix = layer @ matrix
        state = torch.complex(x[..., : self.cutoff], x[..., self.cutoff :])
        return state @ matrix.to(state.dtype).mT
