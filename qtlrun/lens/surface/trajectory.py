"""Path of a row's weights through its training, which is repeated to see it."""

import copy
from collections.abc import Collection
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun import train
from qtlrun.experiment.ensemble import Training, build_ensemble
from qtlrun.experiment.subject import Subject
from qtlrun.parametrization.generated import HEAD

TOLERANCE = 1e-5  # between the weights of the run and those of its repetition


@dataclass(frozen=True)
class Trajectory:
    """Weights of a head by epoch.

    path: at the start and after each epoch
    best: place in it of the epoch that was kept
    gap: largest distance of a kept weight from that of the run, in units of the larger of it and 1
    """

    path: Float[Tensor, "points numbers"]
    best: int
    gap: float


def find_obstacle(subject: Subject) -> str | None:
    """Reason for which a training is not repeated; None: it can be."""
    parts = subject.training.parts
    if not subject.is_frozen:
        return "its backbone was trained too"
    if parts.solved:
        return "it was solved for, without epochs"
    if not parts.exact:
        return "it was trained with shots"
    if parts.generated:
        return "its weights are generated"
    return None


def repeat_training(subject: Subject, names: Collection[str]) -> Trajectory:
    """Train a head again from its seed, by its recipe, on its features; follow these weights."""
    parts = copy.copy(subject.training.parts)
    parts.dataset = subject.dataset
    ensemble = build_ensemble([Training(parts, subject.seed)])

    def read(head) -> Float[Tensor, " numbers"]:
        weights = dict(head.named_parameters())
        return torch.cat([weights[name.removeprefix(HEAD)].flatten() for name in names]).detach()

    path = [read(ensemble.head).clone()]
    best = 0
    with ensemble.threads():
        records = train.fit(
            ensemble.whole,
            ensemble.backbone,
            [parts.recipe],
            parts.freeze,
            ensemble.data["train"],
            ensemble.data["validation"],
            ensemble.seeds,
        )
        for record in records:
            path.append(read(ensemble.head).clone())
            best = record.best[0] + 1
    end = read(subject.head)
    gap = ((path[best] - end).abs() / end.abs().clamp_min(1)).max()
    return Trajectory(torch.stack(path), best, float(gap))
