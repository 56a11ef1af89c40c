"""Trained network with items and the logits that it gave, for whoever takes it away."""

from dataclasses import dataclass

import torch
from torch import Tensor

from qtlrun.experiment.finished import FinishedRow, FinishedTraining, scaling_statistics
from qtlrun.experiment.network import Network
from qtlrun.experiment.restoration import restore_network, without_shots

RANDOM_ITEMS = 16  # of a training whose own items may be gone
RANDOM_SIDE = 64  # pixels of these, where pictures differ


@dataclass(frozen=True)
class Trained:
    """Trained network, and items with the logits that it gives without shots.

    title: row and seed
    items: as the network takes them
    labels: of the items, where they are a test split
    about: classes, items before they are prepared, origin
    has_shots: whether it was trained with shots
    """

    title: str
    network: Network
    items: Tensor
    logits: Tensor
    labels: Tensor | None
    about: dict[str, object]
    has_shots: bool


def on_random_items(row: FinishedRow, training: FinishedTraining) -> Trained:
    """Training of a finished run on random pictures, or vectors spread as those of its training."""
    items = training.prepare(_random_items(row, training))
    network = training.network
    has_shots = not training.parts.exact
    if has_shots:
        parts = without_shots(training.parts)
        network = restore_network(parts, training.seed, training.weights)
    logits = compute_logits(network, items)
    about = describe(row.classes, row.item.shape, training.scaling, row.about, training.seed)
    title = f"{row.label}, seed {training.seed}"
    return Trained(title, network, items, logits, None, about, has_shots)


def compute_logits(network: Network, items: Tensor) -> Tensor:
    """Logits of prepared items, (items, classes)."""
    with torch.no_grad():
        return network(items).squeeze(0).cpu().double()


def describe(
    classes: tuple[str, ...],
    shape: tuple[int | None, ...],
    scaling: dict[str, list[float]] | None,
    row: str,
    seed: int,
) -> dict[str, object]:
    """Classes of a training, an item of it before it is prepared, and its origin."""
    return {
        "classes": list(classes),
        "channels": shape[0] if len(shape) == 3 else None,
        "scaling": scaling,
        "row": row,
        "seed": seed,
    }


def _random_items(row: FinishedRow, training: FinishedTraining) -> Tensor:
    draw = torch.Generator().manual_seed(0)
    sides = tuple(RANDOM_SIDE if side is None else side for side in row.item.shape)
    shape = (RANDOM_ITEMS, *sides)
    if row.item.kind == "pictures":
        return torch.randint(256, shape, generator=draw, dtype=torch.uint8)
    items = torch.randn(shape, generator=draw, dtype=torch.float64)
    if training.scaling is None:
        return items
    mean, deviation = scaling_statistics(training.scaling)
    return items * deviation + mean
