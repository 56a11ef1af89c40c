"""Numbers inside a trained network that dreams make large, on the scale of test items."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.dataset.split import Split
from qtlrun.experiment.subject import FEATURES, Subject
from qtlrun.lens.render.ascent import Layers, Scores

# Of a number over the items; one with less is constant
MIN_DEVIATION = 1e-6

Read = Callable[[Layers], Float[Tensor, "items names"]]


@dataclass(frozen=True)
class Target:
    """Numbers of one layer of one training, each with a name.

    read: the numbers of each item, by the values of the training's layers
    mean, deviation, largest: of each number over test items
    """

    subject: Subject
    layer: str
    names: tuple[str, ...]
    read: Read
    mean: Float[Tensor, " names"]
    deviation: Float[Tensor, " names"]
    largest: Float[Tensor, " names"]

    def standardise(self, layers: Layers) -> Float[Tensor, "items names"]:
        """Numbers of each item, in deviations above the mean of the test items."""
        return (self.read(layers) - self.mean) / self.deviation

    def score(self, layers: Layers) -> Scores:
        """Number of each item by its own place: the first number of the first item, and so on."""
        return self.standardise(layers).diagonal()

    @property
    def excess(self) -> Float[Tensor, " names"]:
        """Largest of the test items, in deviations above their mean."""
        return (self.largest - self.mean) / self.deviation


def find_targets(
    subject: Subject, split: Split, classes: list[int], outputs: int, channels: list[int]
) -> list[Target]:
    """Targets of a training: logits, circuit's outputs, channels of the features, difference.

    split: test items that set the scale
    classes: numbers of those whose logits are read, each less the mean of the others: what all
        logits share changes no probability
    outputs: of the circuit, or of what stands in its place, at most
    channels: of the features
    """
    with torch.no_grad():
        layers = subject.head_layers(subject.features(split))
    names = [subject.classes[number] for number in classes]
    reads: list[tuple[str, list[str], Read]] = [
        ("logits", names, lambda layers: contrast(layers["logits"])[:, classes])
    ]
    if "outputs" in layers:
        count = min(outputs, layers["outputs"].shape[1])
        names = [f"output {number}" for number in range(count)]
        reads.append(("outputs", names, lambda layers: layers["outputs"][:, :count]))
    if has_difference(layers):
        reads.append(("difference", ["difference"], _difference(layers)))
    names = [f"channel {number}" for number in channels]
    reads.append((FEATURES, names, lambda layers: layers[FEATURES][:, channels]))
    return [_scale(subject, layer, names, read, layers) for layer, names, read in reads if names]


def contrast(logits: Float[Tensor, "items classes"]) -> Float[Tensor, "items classes"]:
    """Logit of each class less the mean of the others."""
    classes = logits.shape[1]
    return (logits - logits.mean(1, keepdim=True)) * classes / (classes - 1)


def has_difference(layers: Layers) -> bool:
    """Whether as many numbers come out of the circuit, or of the block, as go in."""
    if "inputs" not in layers or "outputs" not in layers:
        return False
    return layers["inputs"].shape == layers["outputs"].shape


def _difference(items: Layers) -> Read:
    """Root mean square of the difference between a circuit's inputs and its outputs.

    Both in units of their root mean square over the items, as their ranges differ.
    """
    size_in = items["inputs"].square().mean().sqrt().clamp(min=MIN_DEVIATION)
    size_out = items["outputs"].square().mean().sqrt().clamp(min=MIN_DEVIATION)

    def read(layers: Layers) -> Float[Tensor, "items 1"]:
        gap = layers["inputs"] / size_in - layers["outputs"] / size_out
        # The square root has no slope at 0
        return gap.square().mean(1, keepdim=True).clamp(min=MIN_DEVIATION**2).sqrt()

    return read


def _scale(subject: Subject, layer: str, names: list[str], read: Read, items: Layers) -> Target:
    """Target on the scale of the items; a number that is the same for all keeps its unit."""
    values = read(items)
    deviation = values.std(0, correction=0)
    deviation = torch.where(deviation < MIN_DEVIATION, 1, deviation)
    mean = values.mean(0)
    return Target(subject, layer, tuple(names), read, mean, deviation, values.max(0).values)
