"""Cases of composed models."""

import functools
import json

import torch
from torch import Tensor, nn

from qtlrun import statistic
from qtlrun.diagnosis.case import Case
from qtlrun.diagnosis.composed_circuit import find_circuits
from qtlrun.diagnosis.composition import Composition
from qtlrun.experiment import feature
from qtlrun.experiment.ensemble import Ensemble, Training, build_ensemble
from qtlrun.experiment.local import local_parts
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.training import solve_head
from qtlrun.layer import generator
from qtlrun.recipe import Recipe

BATCH_ITEMS = 32
BATCH_ITEMS_LARGE = 16  # of a large backbone that is trained, which each pass runs again
SOLVED_ITEMS = 1000  # of a split, for which a head is solved


class ComposedModel(nn.Module):
    """Composed model as training has it, from preprocessed items to logits (batch, classes).

    A frozen backbone is in it too; the features of the batch are those that training has.
    """

    def __init__(self, ensemble: Ensemble):
        super().__init__()
        parts = ensemble.parts
        self.freeze = parts.freeze
        self.is_fixed = parts.fixed
        self.scale = ensemble.scalings[0]
        self.whole = ensemble.whole
        self.batch: Tensor | None = None
        self.batch_features: Tensor | None = None
        self.backbone = parts.backbone if parts.fixed else ensemble.backbone
        self.train()

    def train(self, mode: bool = True) -> "ComposedModel":
        super().train(mode)
        if mode:
            self.freeze.apply(self.backbone, 0)
        return self

    def remember(self, items: Tensor, features: Tensor) -> None:
        """Take the features (1, batch, features) of a batch as they are."""
        self.batch = items
        self.batch_features = features

    def features(self, items: Tensor) -> Tensor:
        """Features as the head sees them, (1, batch, features)."""
        if items is self.batch:
            return self.batch_features
        if self.is_fixed:
            return self.scale(self.backbone(items))
        return self.whole.features(items)

    def forward(self, items: Tensor) -> Tensor:
        logits = self.whole(self.features(items)) if self.is_fixed else self.whole(items)
        return logits.squeeze(0)


def compose_case(
    name: str,
    parts: Parts,
    margin: statistic.Margin | float,
    seed: int = 0,
    *,
    seeds: int = 0,
    solves: bool = True,
) -> Case:
    """Case of a composed model, from a seed, with a batch of its training items.

    seeds: count of those of its plan
    solves: whether a head that is solved for is, for some of the items
    """
    parts = local_parts(parts)
    ensemble = build_ensemble([Training(parts, seed)])
    if parts.solved and solves:
        solve_head(ensemble, SOLVED_ITEMS)
    model = ComposedModel(ensemble)
    train = parts.dataset.train
    is_slow = not parts.fixed and feature.is_large(parts.backbone)
    count = BATCH_ITEMS_LARGE if is_slow else BATCH_ITEMS
    order = torch.randperm(len(train), generator=generator(seed, "diagnosis"))[:count]
    variant = parts.variant
    values = [variant.backbone, variant.dtype, variant.accelerator, parts.dataset.key, seed]
    items = parts.session.once(
        f"diagnosed items {json.dumps(values)}",
        lambda: parts.to_accelerator(train.batch(order, model.backbone.preprocess)),
    )
    if parts.fixed:
        model.remember(items, ensemble.features("train", order).unsqueeze(0))
    trained = set(map(id, ensemble.whole.parameters()))
    frozen = frozenset(
        weight_name
        for weight_name, weight in model.named_parameters()
        if id(weight) not in trained or not weight.requires_grad or parts.solved
    )
    return Case(
        name,
        model,
        items,
        train.labels[order].to(items.device),
        len(parts.dataset.classes),
        None if parts.solved else _optimizer(ensemble, parts.recipe),
        frozen,
        functools.partial(compose_case, name, parts, margin, seeds=seeds, solves=solves),
        find_circuits,
        Composition(parts, ensemble, margin, seeds),
        seed,
    )


def _optimizer(ensemble: Ensemble, recipe: Recipe) -> torch.optim.Optimizer | None:
    """Torch's optimizer of a recipe; None where nothing is trained, or torch has none such."""
    inside: set[int] = set()
    if ensemble.backbone is not None:
        inside = {id(weight) for stage in ensemble.backbone.stages for weight in stage.parameters}
    trained = [weight for weight in ensemble.whole.parameters() if weight.requires_grad]
    groups = []
    for is_inside, rate in ((False, recipe.lr), (True, recipe.backbone_lr)):
        weights = [weight for weight in trained if (id(weight) in inside) == is_inside]
        if weights:
            groups.append({"params": weights, "lr": rate})
    if not groups or recipe.optimizer == "pennylane_adam":
        return None
    decay = recipe.weight_decay
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, momentum=recipe.momentum, weight_decay=decay)
    kind = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, eps=recipe.eps, weight_decay=decay)
