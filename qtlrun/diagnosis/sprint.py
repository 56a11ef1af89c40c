"""Sprint: a training of the head on features that are there, for two seconds."""

import math
import time
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from qtlrun import train
from qtlrun.experiment.ensemble import Ensemble, Training, build_ensemble
from qtlrun.experiment.parts import Parts

MAX_SECONDS = 2.0
MIN_STEPS = 100
MAX_ITEMS = 1000  # of the validation split


@dataclass(frozen=True, eq=False)
class Sprint:
    """Head that was trained for two seconds.

    ensemble: as the last epoch left it
    epochs: that were trained
    features: of validation items, (items, features)
    labels: of these items
    """

    ensemble: Ensemble
    epochs: int
    features: Float[Tensor, "items features"]
    labels: Int64[Tensor, " items"]

    @torch.no_grad()
    def find_logits(self) -> Float[Tensor, "items classes"]:
        """Logits of the validation items."""
        return self.ensemble.whole.eval()(self.features.unsqueeze(0))[0]


def run_sprint(parts: Parts, seed: int) -> Sprint | None:
    """Train the head from a seed, by its recipe.

    None where features move, where a device draws shots, where validation items are the test items,
    and where 2 s are not enough for 100 steps.
    """
    dataset = parts.dataset
    is_blind = dataset.validation is not dataset.test
    if not (parts.fixed and parts.exact and is_blind) or parts.solved:
        return None
    ensemble = build_ensemble([Training(parts, seed)])
    data = ensemble.data["train"]
    steps = math.ceil(data.count / parts.recipe.batch_size)
    with ensemble.threads():
        pace = train.pace(ensemble.whole, parts.recipe, data, 1)
        if pace * max(steps, MIN_STEPS) > MAX_SECONDS:
            return None
        epochs = _fit(ensemble, seed)
    validation = ensemble.data["validation"]
    index = torch.arange(validation.count)[:MAX_ITEMS]
    features = ensemble.features("validation", index)
    return Sprint(ensemble, epochs, features, validation.labels[0][index])


def _fit(ensemble: Ensemble, seed: int) -> int:
    """Train within the time of the processor, which other programs do not take; count epochs."""
    began = time.process_time()
    parts = ensemble.parts
    data = ensemble.data
    epochs = 0
    for _ in train.fit(
        ensemble.whole,
        None,
        [parts.recipe],
        parts.freeze,
        data["train"],
        data["validation"],
        [seed],
    ):
        epochs += 1
        spent = time.process_time() - began
        if spent * (1 + 1 / epochs) > MAX_SECONDS:
            break
    return epochs
