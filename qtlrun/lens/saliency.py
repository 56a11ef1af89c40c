"""Saliency maps of trained rows through their circuits, with sanity checks in numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from qtlrun.dataset.split import Split
from qtlrun.error import BadValue, nearest
from qtlrun.experiment.feature import chunk
from qtlrun.experiment.network import Network
from qtlrun.experiment.subject import Subject
from qtlrun.lens.map import drawing
from qtlrun.lens.map.agreement import correlate, rank_maps
from qtlrun.lens.map.attribution import METHODS, Model, Question, build_model, check_rules
from qtlrun.lens.map.explanation import (
    Explanation,
    Explanations,
    attribute,
    average_items,
    choose_split,
    read_agreement,
    read_removals,
    remove_parts,
    shape_item,
)
from qtlrun.lens.map.randomisation import ALL, HEAD, randomise, train_on_shuffled_labels
from qtlrun.lens.scene import Scene, check_counts, check_seed, find_common
from qtlrun.lens.view import View
from qtlrun.report.figure import saliency as figure
from qtlrun.report.sentence import Note

LABEL = "label"  # targets that depend on the item
PREDICTED = "predicted"
TARGETS = {LABEL: "each item's class", PREDICTED: "the class that each network predicts"}
SHUFFLED = "shuffled labels"
MAX_GRADIENT_CHUNK = 256  # items at once


@dataclass(frozen=True)
class Saliency:
    """Numbers of an item that move a logit, through backbone and circuit, by several methods.

    A map by itself proves nothing, so numbers stand beside it. Its rank correlation with the maps
    of the same network with random layers and of a head that was trained on shuffled labels tells
    whether it shows what was learned (Adebayo et al., arXiv:1810.03292); that with the maps of
    other seeds and rows, whether rows look elsewhere than trainings of one row do; the areas under
    deletion and insertion curves, less those of random orders, whether the network needs what the
    map marks (Petsiuk et al., arXiv:1806.07421).

    methods: of attribution
    target: class whose logit is explained: `label`, `predicted` or a class's name (7 is a number)
    pictures: items in the figures
    items: test items that numbers are averaged over; items_large: where a backbone is large
    draws, noise: of SmoothGrad: copies, and their deviation as a share of the item's range
    steps: on the way of integrated gradients
    levels, orders: of the curves: steps, and random orders beside them
    shuffled_labels: whether heads are trained on shuffled labels, where the backbone is frozen
    trainings, trainings_large: of each row; the latter where each has a large backbone of its own;
        random layers and shuffled labels are tried on the first alone where a backbone is large
    seed: of every draw
    """

    methods: list[str]
    target: str | int
    pictures: int
    items: int
    items_large: int
    draws: int
    noise: float
    steps: int
    levels: int
    orders: int
    shuffled_labels: bool
    trainings: int
    trainings_large: int
    seed: int

    def __post_init__(self):
        for name in self.methods:
            if name not in METHODS:
                raise BadValue("methods", name, nearest(name, METHODS))
        if not self.methods or len(set(self.methods)) < len(self.methods):
            raise BadValue("methods", self.methods, "one method or more, each once")
        check_counts(self, "pictures", "items", "items_large", "draws", "steps", "levels")
        check_counts(self, "orders", "trainings", "trainings_large")
        if not 0 < self.noise < np.inf:
            raise BadValue("noise", self.noise, "a share of the item's range above 0")
        check_seed(self.seed)

    def check(self, classes: Sequence[str]) -> None:
        """Refuse a target that is no class."""
        names = [LABEL, PREDICTED, *classes]
        if str(self.target) not in names:
            raise BadValue("target", self.target, nearest(self.target, names))

    def view(self, scene: Scene) -> View:
        """Numbers of the maps of all trainings, and the maps of the first ones."""
        view = View()
        dataset = scene.dataset
        if dataset.kind == "states":
            view.notes.append(
                Note("saliency does not apply to states of light: they have no places.")
            )
            return view
        explained, checks = self._explain_rows(scene, view)
        for row in explained.values():
            for each in row:
                read_agreement(view, each, row, explained.get(scene.composed, []))
                read_removals(view, each)
        self._draw(scene, view)
        view.frames["checks"] = pd.DataFrame(checks)
        view.figures["checks"] = figure.checks(view.frames["checks"])
        curves = drawing.average_curves(explained)
        if len(curves):
            view.frames["curves"] = curves
            view.figures["curves"] = figure.curves(curves)
        target = TARGETS.get(str(self.target), str(self.target))
        view.notes += drawing.write_notes(explained, target)
        view.notes += self._note_trained(explained)
        return view

    def _draw(self, scene: Scene, view: View) -> None:
        """Draw maps of the first trainings, all of the same items."""
        subjects = list(scene.firsts.values())
        common = find_common(subjects)
        shown = []
        for subject in subjects:
            with subject.threads():
                shown.append(self._explain(subject, choose_split(subject, common, self.pictures)))
        drawing.draw(view, shown)

    def _explain_rows(self, scene: Scene, view: View) -> tuple[Explanations, list[dict]]:
        """Explanations of the trainings of each row, and lines on how maps fare under checks."""
        chosen = scene.take(self.trainings, self.trainings_large)
        everyone = [subject for subjects in chosen.values() for subject in subjects]
        common = find_common(everyone)
        if not common:
            view.notes.append(
                Note("No item is a test item of all trainings: their maps are not compared.")
            )
        is_any_large = any(subject.is_large for subject in everyone)
        count = self.items_large if is_any_large else self.items
        explained: Explanations = {}
        checks = []
        for label, subjects in chosen.items():
            explained[label] = []
            for number, subject in enumerate(subjects):
                scene.monitor.step(f"{label}, saliency", number, len(subjects))
                with subject.threads():
                    each = self._explain(subject, choose_split(subject, common, count))
                    check_rules(each.model, each.question)
                    remove_parts(each, self.levels, self.orders)
                    explained[label].append(each)
            scene.monitor.step(f"{label}, saliency", len(subjects), len(subjects))
            checks += self._check_row(view, explained[label], scene.firsts[label])
        return explained, checks

    def _check_row(self, view: View, row: list[Explanation], first: Subject) -> list[dict]:
        """Lines on the agreement of a row's maps with those of random layers and labels."""
        checked = row
        if first.is_large:
            checked = [each for each in row if each.subject is first] or row[:1]
        lines = []
        for each in checked:
            with first.threads():
                lines += self._randomise(view, each)
        if self.shuffled_labels and first.is_frozen:
            lines += self._shuffle(view, checked)
        return lines

    def _note_trained(self, explained: Explanations) -> list[Note]:
        """Sentence on the rows that are not trained on shuffled labels; none without any."""
        trained = [label for label, row in explained.items() if not row[0].subject.is_frozen]
        if not trained or not self.shuffled_labels:
            return []
        return [
            Note(
                f"Shuffled labels are not tried on {', '.join(trained)}: their backbones are"
                " trained too, and that would take as long as the run."
            )
        ]

    def _explain(self, subject: Subject, split: Split) -> Explanation:
        """Maps of a training by every method."""
        model, question = self._ask(subject, split)
        shape = shape_item(subject, question.items)
        maps, absent = attribute(model, question, self.methods, shape)
        return Explanation(subject, split, model, question, shape, maps, absent)

    def _ask(self, subject: Subject, split: Split) -> tuple[Model, Question]:
        """Network of a training, and the items and classes whose logits are attributed."""
        model = build_model(
            subject.network, min(MAX_GRADIENT_CHUNK, chunk(subject.network.backbone))
        )
        items = subject.items(split)
        if self.target == LABEL:
            targets = split.labels
        elif self.target == PREDICTED:
            with torch.no_grad():
                targets = torch.cat(
                    [model.fast(each)[0] for each in items.split(model.chunk)]
                ).argmax(-1)
        else:
            targets = torch.full_like(split.labels, subject.classes.index(str(self.target)))
        baseline = average_items(subject)
        values = self.draws, self.noise, self.steps, self.seed
        return model, Question(items, targets.to(items.device), baseline, *values)

    def _randomise(self, view: View, each: Explanation) -> list[dict]:
        """Read the agreement of a training's maps with those of random layers."""
        lines = []
        for layers, network in randomise(each.subject, self.seed):
            for method, value in self._agree(each, network).items():
                lines.append(_line(each, layers, method, value))
                if layers in (HEAD, ALL):
                    view.read(each.subject, f"agreement, {layers} random", value, method)
        return lines

    def _shuffle(self, view: View, row: list[Explanation]) -> list[dict]:
        """Read the agreement of a row's maps with those of heads trained on shuffled labels."""
        lines = []
        networks = train_on_shuffled_labels([each.subject for each in row], self.seed)
        for each, network in zip(row, networks, strict=True):
            if network is None:
                view.notes.append(
                    Note(
                        f"{each.subject.row}, seed {each.subject.seed}:"
                        " training on shuffled labels failed."
                    )
                )
                continue
            with each.subject.threads():
                for method, value in self._agree(each, network).items():
                    lines.append(_line(each, SHUFFLED, method, value))
                    view.read(each.subject, f"agreement, {SHUFFLED}", value, method)
        return lines

    def _agree(self, each: Explanation, network: Network) -> dict[str, float]:
        """Rank correlation of a training's maps with those of another network, by method."""
        model = build_model(network, each.model.chunk)
        maps, _ = attribute(model, each.question, list(each.maps), each.shape)
        return {
            method: correlate(each.ranks[method], rank_maps(values))
            for method, values in maps.items()
        }


def _line(each: Explanation, layers: str, method: str, value: float) -> dict[str, object]:
    """Line of the frame of checks."""
    return each.subject.keys | {"method": method, "random": layers, "correlation": value}
