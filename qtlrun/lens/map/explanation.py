"""Explanation of a training: saliency maps of items, and curves of deletion and insertion."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from qtlrun.dataset.split import Split
from qtlrun.experiment.subject import Subject
from qtlrun.layer import generator
from qtlrun.lens.map import removal
from qtlrun.lens.map.agreement import Ranks, correlate, rank_maps
from qtlrun.lens.map.attribution import METHODS, Model, NotApplicable, Question
from qtlrun.lens.map.removal import Removal
from qtlrun.lens.scene import choose_items
from qtlrun.lens.view import View

BASELINE_ITEMS = 64  # of the training split, whose mean is the baseline

Maps = dict[str, Tensor]  # by method, (items, height, width) or (items, numbers)


@dataclass(frozen=True, eq=False)
class Explanation:
    """Saliency maps of a training.

    split: items that are explained
    shape: of an item as it is drawn: channels, height and width, or numbers
    maps: by method
    absent: why a method does not apply, by method
    removals: curves by method
    random: curves in random orders
    """

    subject: Subject
    split: Split
    model: Model
    question: Question
    shape: tuple[int, ...]
    maps: Maps
    absent: dict[str, str]
    removals: dict[str, Removal] = field(default_factory=dict)
    random: list[Removal] = field(default_factory=list)

    @cached_property
    def ranks(self) -> dict[str, Ranks]:
        """Ranks of the maps' places by method."""
        return {method: rank_maps(values) for method, values in self.maps.items()}

    def empty(self, method: str) -> Bool[np.ndarray, " items"]:
        """Which maps of a method are the same everywhere, so that they rank nothing."""
        return np.isnan(self.ranks[method]).any(1)

    def agree(self, method: str, other: "Explanation") -> float:
        """Rank correlation with another training's maps; nan where the items are others."""
        if method not in other.ranks or other.split.items != self.split.items:
            return np.nan
        return correlate(self.ranks[method], other.ranks[method])


Explanations = dict[str, list[Explanation]]  # by row


def shape_item(subject: Subject, items: Tensor) -> tuple[int, ...]:
    """Shape of an item as it is drawn; pixels in a row are a picture again."""
    shape = tuple(items.shape[1:])
    if subject.dataset.kind == "pictures" and len(shape) == 1:
        picture = subject.split("test").inputs[0]
        if picture.numel() == shape[0]:
            return tuple(picture.shape)
    return shape


def average_items(subject: Subject) -> Tensor:
    """Item without content, in the network's scale: the mean of training items.

    Of pictures their mean colour, the same at all places.
    """
    train = subject.split("train")
    count = min(BASELINE_ITEMS, len(train))
    index = np.linspace(0, len(train) - 1, count).astype(int).tolist()
    items = subject.items(train, index)
    shape = shape_item(subject, items)
    mean = items.mean(0).reshape(shape)
    if len(shape) == 3:
        mean = mean.mean((1, 2), keepdim=True).expand(shape)
    return mean.reshape(items.shape[1:])


def attribute(
    model: Model, question: Question, methods: list[str], shape: tuple[int, ...]
) -> tuple[Maps, dict[str, str]]:
    """Maps by method, and why a method does not apply.

    A map has the absolute values, summed over the channels.
    """
    maps = {}
    absent = {}
    for method in methods:
        try:
            values = METHODS[method](model, question)
        except NotApplicable as error:
            absent[method] = str(error)
            continue
        parts = (len(values), -1, *shape[1:]) if len(shape) == 3 else (len(values), 1, -1)
        maps[method] = values.reshape(parts).abs().sum(1).double().cpu()
    return maps, absent


def remove_parts(each: Explanation, levels: int, orders: int) -> None:
    """Add the curves of deletion and insertion by each map, and in so many random orders.

    Each split and seed has orders of its own, which rows share.
    """
    question = each.question
    items = question.items.reshape(-1, *each.shape)
    baseline = question.baseline.reshape(each.shape)

    def probability(items: Tensor, targets: Tensor) -> Tensor:
        pieces = []
        whole = items.reshape(-1, *question.items.shape[1:])
        batches = whole.split(each.model.chunk), targets.split(each.model.chunk)
        with torch.no_grad():
            for batch, classes in zip(*batches, strict=True):
                chances = each.model.fast(batch)[0].softmax(-1)
                pieces.append(chances.gather(1, classes.unsqueeze(1)).squeeze(1))
        return torch.cat(pieces)

    ranked = [removal.rank_parts(values) for values in each.maps.values()]
    first = removal.rank_parts(torch.zeros(len(items), *each.shape[-2:]))
    for number in range(orders):
        draw = generator(question.seed, "random order", *each.subject.name, number)
        ranked.append(torch.rand(first.shape, generator=draw).argsort(1))
    removals = removal.remove(
        probability,
        items,
        question.targets,
        baseline,
        [order.to(items.device) for order in ranked],
        levels,
    )
    count = len(each.maps)
    each.removals.update(zip(each.maps, removals[:count], strict=True))
    each.random.extend(removals[count:])


def choose_split(subject: Subject, common: set[str], count: int) -> Split:
    """So many test items, the classes in turn, out of the common ones where there are some."""
    test = subject.split("test")
    # Trainings on other splits have the items in another order
    test = test.subset(sorted(range(len(test)), key=lambda number: test.items[number]))
    return test.subset(choose_items(replace(subject.dataset, test=test), count, common or None))


def read_agreement(
    view: View, each: Explanation, row: list[Explanation], composed: list[Explanation]
) -> None:
    """Read how a training's maps agree with those of other seeds and of the composed row.

    Beside the same seed of the composed row, whose start values are alike, stand its other seeds:
    by that number the composed row itself tells how much its own trainings differ. Each value is a
    mean over pairs, which share trainings, so rows are not tested by them.
    """
    partners = {"other seeds": [other for other in row if other is not each]}
    if composed:
        label = composed[0].subject.row
        name = each.subject.name
        same = [other for other in composed if other.subject.name == name]
        if each not in same:
            partners[f"{label} of the same seed"] = same
        partners[f"{label} of other seeds"] = [each for each in composed if each not in same]
    for words, others in partners.items():
        for method in each.maps:
            values = np.array([each.agree(method, other) for other in others])
            values = values[np.isfinite(values)]
            if len(values):
                measure = f"agreement, {words}"
                view.read(each.subject, measure, values.mean(), method, is_tested=False)


def read_removals(view: View, each: Explanation) -> None:
    """Read the areas under the curves of deletion and insertion, less those of random orders."""
    random = np.array([curves.areas for curves in each.random]).mean(0)  # (curves, items)
    for method, curves in each.removals.items():
        gains = (np.array(curves.areas) - random)[:, ~each.empty(method)]
        if not gains.size:
            continue
        deletion, insertion = gains.mean(1)
        view.read(each.subject, "deletion less random", deletion, method)
        view.read(each.subject, "insertion less random", insertion, method)
