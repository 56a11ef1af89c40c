"""Labels whose truth is known, on real features."""

from dataclasses import dataclass

import torch
from torch import Tensor

from qtlrun.head.dressed import squash
from qtlrun.layer import generator
from qtlrun.tape.tape import inputs_of

SHARES = {"train": 0.5, "validation": 0.15, "test": 0.35}  # shares of all pictures


@dataclass(frozen=True)
class Plant:
    """Labels drawn from hidden logits of the pictures' first principal components, one an input of
    the circuit, standardised.

    The logits are random combinations of the outputs of a circuit with uniform angles ("circuit"),
    or of the components themselves ("linear"), standardised and multiplied by `effect`. All
    pictures are divided anew, and the components are the features that every row is trained on: few
    enough that a circuit can be learned from some hundred pictures.
    """

    kind: str
    effect: float
    number: int

    def __call__(self, parts, known: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """Features and labels of each split, from those of all pictures (items, features)."""
        draw = generator(self.number, "planted", self.kind)
        components = _components(known.cpu().double(), inputs_of(parts.circuit))
        logits = self._outputs(parts, components, draw)
        logits = logits @ torch.randn(
            logits.shape[1], len(parts.dataset.classes), generator=draw, dtype=torch.float64
        )
        logits = self.effect * (logits - logits.mean(0)) / logits.std(0).clamp_min(1e-6)
        labels = torch.multinomial(logits.softmax(-1), 1, generator=draw).squeeze(1)
        order = torch.randperm(len(labels), generator=draw)
        sizes = [round(share * len(labels)) for share in SHARES.values()]
        places = order.split([*sizes[:-1], len(labels) - sum(sizes[:-1])])
        return {
            name: (components[place], labels[place])
            for name, place in zip(SHARES, places, strict=True)
        }

    def _outputs(self, parts, components: Tensor, draw: torch.Generator) -> Tensor:
        if self.kind == "linear":
            return components
        angles = (
            2 * torch.rand(parts.circuit.shape, generator=draw, dtype=torch.float64) - 1
        ) * torch.pi
        return parts.ready.run(parts.circuit)(squash(components), angles)


def _components(known: Tensor, count: int) -> Tensor:
    """The first principal components of standardised features, each of unit deviation."""
    standard = (known - known.mean(0)) / known.std(0).clamp_min(1e-6)
    _, _, axes = torch.linalg.svd(standard, full_matrices=False)
    components = standard @ axes[:count].T
    return components / components.std(0)
