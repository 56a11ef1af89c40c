"""Cases of composed models."""

import functools
import json

import torch
from torch import Tensor, nn

from qtlrun.device.statevector import StatevectorCircuit
from qtlrun.diagnosis.case import Case
from qtlrun.diagnosis.circuit_use import CircuitUse
from qtlrun.diagnosis.composition import Composition
from qtlrun.error import UsageError
from qtlrun.experiment.ensemble import Ensemble, Training, build_ensemble
from qtlrun.experiment.network import Module
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.restoration import without_shots
from qtlrun.layer import generator
from qtlrun.recipe import Recipe

BATCH_ITEMS = 32


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


def compose_case(name: str, parts: Parts, margin: float, seed: int = 0, *, seeds: int = 0) -> Case:
    """Case of a composed model, from a seed, with a batch of its training items.

    `seeds` counts those of its plan.
    """
    ensemble = build_ensemble([Training(parts, seed)])
    model = ComposedModel(ensemble)
    train = parts.dataset.train
    order = torch.randperm(len(train), generator=generator(seed, "diagnosis"))[:BATCH_ITEMS]
    variant = parts.variant
    values = [variant.backbone, variant.dtype, variant.accelerator, parts.dataset.fingerprint, seed]
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
        if id(weight) not in trained or not weight.requires_grad
    )
    return Case(
        name,
        model,
        items,
        train.labels[order].to(items.device),
        len(parts.dataset.classes),
        None if parts.solved else _optimizer(ensemble, parts.recipe),
        frozen,
        functools.partial(compose_case, name, parts, margin, seeds=seeds),
        _find_circuits,
        Composition(parts, ensemble, margin, seeds),
        seed,
    )


def _optimizer(ensemble: Ensemble, recipe: Recipe) -> torch.optim.Optimizer | None:
    """Torch's optimizer of a recipe; None where nothing is trained."""
    inside: set[int] = set()
    if ensemble.backbone is not None:
        inside = {id(weight) for stage in ensemble.backbone.stages for weight in stage.parameters}
    trained = [weight for weight in ensemble.whole.parameters() if weight.requires_grad]
    groups = []
    for is_inside, rate in ((False, recipe.lr), (True, recipe.backbone_lr)):
        weights = [weight for weight in trained if (id(weight) in inside) == is_inside]
        if weights:
            groups.append({"params": weights, "lr": rate})
    if not groups:
        return None
    decay = recipe.weight_decay
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, momentum=recipe.momentum, weight_decay=decay)
    kind = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, eps=recipe.eps, weight_decay=decay)


def _find_circuits(case: Case) -> list[CircuitUse]:
    """The circuit of the head, where it stands between two layers."""
    assert case.composition is not None
    parts = case.composition.parts
    head: Module = case.composition.ensemble.head
    if head.encode is None or head.run is None:
        return []
    model: Module = case.model.eval()
    with torch.no_grad():
        inputs = head.encode(model.features(case.items))
        weights = head.angles if head.circuit_weights is None else head.circuit_weights
        outputs = head.run(inputs, weights)
    shape = tuple(weights.shape[1:])

    def run(x: Tensor, w: Tensor) -> Tensor:
        return head.run(x, w.reshape(len(w), *shape))

    exact = _simulate(head, parts)
    return [
        CircuitUse(
            "head",
            inputs,
            weights.detach().flatten(1),
            outputs,
            lambda x, w: exact(x, w.reshape(len(w), *shape)),
            head.run.reading,
            len(inputs) * inputs.shape[1],
            parts.variant.device.get("diff_method", ""),
            parts.variant.device.get("name", "statevector"),
            parts.device.shots,
            run,
            tuple(name for name, weight in case.trained.items() if weight is head.angles),
            functools.partial(_cut, case, outputs),
            shape=shape,
        )
    ]


def _simulate(head: Module, parts: Parts) -> Module:
    """The head's circuit without shots, on the statevector simulator where that reads it."""
    try:
        return StatevectorCircuit(head.run.reading, "auto")
    except UsageError:
        return without_shots(parts).head(parts.backbone.features, [0]).run


def _cut(case: Case, outputs: Tensor) -> Tensor:
    """Logits with the outputs of the head's circuit replaced by their mean over the batch."""
    assert case.composition is not None
    head: Module = case.composition.ensemble.head
    run = head.run
    head.run = lambda *_: outputs.mean(1, keepdim=True).expand_as(outputs)
    try:
        with torch.no_grad():
            return case.model.eval()(case.items)
    finally:
        head.run = run
