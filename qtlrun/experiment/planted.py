"""Planted effects: labels whose truth is known, on real features."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.dataset.split import Split
from qtlrun.experiment.feature import features
from qtlrun.experiment.parts import Parts
from qtlrun.head.squashing import squash
from qtlrun.layer import generator
from qtlrun.tape.tape import inputs_of

# Shares of all items
SPLIT_SHARES = {"train": 0.5, "validation": 0.15, "test": 0.35}
# Of a feature or logit; below it nothing is divided by its deviation
MIN_DEVIATION = 1e-6


@dataclass(frozen=True)
class Plant:
    """Labels drawn from hidden logits of the items' first principal components.

    There is one component per input of the circuit, standardised. The logits are random
    combinations of the outputs of a circuit with uniform angles, or of the components themselves,
    standardised and multiplied by `effect`. All items are divided anew, and the components are the
    features that every row is trained on: few enough that a circuit can be learned from some
    hundred pictures.

    kind: "circuit", or "linear" for the components themselves
    effect: deviation of the logits
    number: seed of the division, the combination and the labels
    """

    kind: str
    effect: float
    number: int

    def __call__(
        self, parts: Parts, features: Float[Tensor, "items features"]
    ) -> dict[str, tuple[Tensor, Tensor]]:
        """Features (items, components) and labels (items,) by split, of all items' features."""
        draw = generator(self.number, "planted", self.kind)
        components = _components(features.cpu().double(), inputs_of(parts.circuit))
        logits = self._outputs(parts, components, draw)
        logits = logits @ torch.randn(
            logits.shape[1], len(parts.dataset.classes), generator=draw, dtype=torch.float64
        )
        logits = self.effect * (logits - logits.mean(0)) / logits.std(0).clamp_min(MIN_DEVIATION)
        labels = torch.multinomial(logits.softmax(-1), 1, generator=draw).squeeze(1)
        order = torch.randperm(len(labels), generator=draw)
        sizes = [round(share * len(labels)) for share in SPLIT_SHARES.values()]
        indices = order.split([*sizes[:-1], len(labels) - sum(sizes[:-1])])
        return {
            name: (components[index], labels[index])
            for name, index in zip(SPLIT_SHARES, indices, strict=True)
        }

    def _outputs(self, parts: Parts, components: Tensor, draw: torch.Generator) -> Tensor:
        """Outputs of the hidden model."""
        if self.kind == "linear":
            return components
        angles = (
            2 * torch.rand(parts.circuit.shape, generator=draw, dtype=torch.float64) - 1
        ) * torch.pi
        return parts.exact_device.run(parts.circuit)(squash(components), angles)


def plant_effect(parts: Parts, plant: Plant) -> Parts:
    """Parts on planted features and labels in place of the dataset's; the features are fixed."""
    by_split = features(parts)
    by_item: dict[str, Tensor] = {}
    for name, split in parts.dataset.splits.items():
        by_item |= dict(zip(split.items, by_split[name], strict=True))
    splits = plant(parts, torch.stack(list(by_item.values())))
    planted = Parts(parts.variant, parts.session)
    planted.planted_features = {}
    planted_splits = {}
    for name, (components, labels) in splits.items():
        items = tuple(f"{name}/{index}" for index in range(len(labels)))
        planted_splits[name] = Split(components, labels, items)
        planted.planted_features[name] = components.to(parts.accelerator, parts.dtype)
    # A sequence would order other items
    planted.dataset = replace(parts.dataset, **planted_splits, sequence=None)
    planted.planted_features["seconds"] = torch.tensor(0.0)
    planted.dataset = replace(planted.dataset, fingerprint=planted.planted_key)
    return planted


def _components(
    features: Float[Tensor, "items features"], count: int
) -> Float[Tensor, "items components"]:
    """The first principal components of standardised features, each of unit deviation."""
    standard = (features - features.mean(0)) / features.std(0).clamp_min(MIN_DEVIATION)
    _, _, axes = torch.linalg.svd(standard, full_matrices=False)
    components = standard @ axes[:count].T
    return components / components.std(0)
