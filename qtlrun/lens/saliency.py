"""Saliency maps of trained rows through their circuits, with sanity checks in numbers."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from qtlrun.dataset.split import Split
from qtlrun.error import BadValue, nearest
from qtlrun.experiment.network import Network
from qtlrun.experiment.subject import Subject
from qtlrun.lens.map import portrait
from qtlrun.lens.map.agreement import correlate, rank_maps
from qtlrun.lens.map.attribution import METHODS, Model, Question, build_model, check_rules
from qtlrun.lens.map.randomisation import ALL, LOGITS, randomise, train_on_shuffled_labels
from qtlrun.lens.map.survey import (
    Survey,
    Surveys,
    attribute,
    average_items,
    choose_split,
    find_common,
    read_agreement,
    read_removals,
    remove_parts,
    shape_item,
)
from qtlrun.lens.scene import Scene, check_counts
from qtlrun.lens.view import View
from qtlrun.report.figure import saliency as figure
from qtlrun.report.sentence import Note

LABEL = "label"  # targets that depend on the item
PREDICTED = "predicted"
TARGETS = {LABEL: "each item's class", PREDICTED: "the class that each network predicts"}
SHUFFLED = "shuffled labels"
GRADIENT_CHUNK = {True: 16, False: 256}  # items at once of a large backbone, and of another


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
    trainings, trainings_large: of each row; the latter where its backbone is large, and then
        random layers and shuffled labels are tried on the first alone
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

    def view(self, scene: Scene) -> View:
        """Numbers of the maps of all trainings, and the maps of the first ones."""
        view = View()
        dataset = scene.dataset
        if str(self.target) not in (LABEL, PREDICTED, *dataset.classes):
            names = [LABEL, PREDICTED, *dataset.classes]
            raise BadValue("target", self.target, nearest(self.target, names))
        if dataset.kind == "states":
            view.notes.append(
                Note("saliency does not apply to states of light: they have no places.")
            )
            return view
        surveys, checks = self._survey_rows(scene, view)
        for row in surveys.values():
            for each in row:
                read_agreement(view, each, row, surveys.get(scene.composed, []))
                read_removals(view, each)
        self._draw(view, surveys)
        view.frames["checks"] = pd.DataFrame(checks)
        view.figures["checks"] = figure.checks(view.frames["checks"])
        view.frames["curves"] = portrait.average_curves(surveys)
        view.figures["curves"] = figure.curves(view.frames["curves"])
        view.notes += portrait.explain(surveys, TARGETS.get(str(self.target), str(self.target)))
        return view

    def _draw(self, view: View, surveys: Surveys) -> None:
        """Draw maps of the first trainings, all of the same items."""
        subjects = [row[0].subject for row in surveys.values()]
        common = find_common(subjects)
        asked = []
        for subject in subjects:
            with subject.threads():
                split = choose_split(subject, common, self.pictures)
                model, question = self._ask(subject, split)
                shape = shape_item(subject, question.items)
                maps, _ = attribute(model, question, self.methods, shape)
                asked.append(portrait.Sitting(subject, split, model, question, shape, maps))
        portrait.draw(view, asked)

    def _survey_rows(self, scene: Scene, view: View) -> tuple[Surveys, list[dict]]:
        """Surveys of the trainings of each row, and lines on how the maps fare under checks."""
        chosen = {}
        for label, subjects in scene.trainings.items():
            most = self.trainings_large if subjects[0].is_large else self.trainings
            chosen[label] = subjects[:most]
        everyone = [subject for subjects in chosen.values() for subject in subjects]
        common = find_common(everyone)
        if not common:
            view.notes.append(
                Note("No item is a test item of all trainings: their maps are not compared.")
            )
        is_any_large = any(subject.is_large for subject in everyone)
        count = self.items_large if is_any_large else self.items
        surveys: Surveys = {}
        checks = []
        for label, subjects in chosen.items():
            surveys[label] = []
            for number, subject in enumerate(subjects):
                scene.monitor.step(f"{label}, saliency", number, len(subjects))
                with subject.threads():
                    split = choose_split(subject, common, count)
                    surveys[label].append(self._survey(subject, split))
            scene.monitor.step(f"{label}, saliency", len(subjects), len(subjects))
            checks += self._check_row(view, surveys[label])
        return surveys, checks

    def _check_row(self, view: View, row: list[Survey]) -> list[dict]:
        """Lines on the agreement of a row's maps with those of random layers and labels."""
        first = row[0].subject
        checked = row[:1] if first.is_large else row
        lines = []
        for each in checked:
            with first.threads():
                lines += self._randomise(view, each)
        if self.shuffled_labels and first.is_frozen:
            lines += self._shuffle(view, checked)
        return lines

    def _survey(self, subject: Subject, split: Split) -> Survey:
        """Maps of a training, and the curves by them."""
        model, question = self._ask(subject, split)
        shape = shape_item(subject, question.items)
        check_rules(model, question)
        maps, absent = attribute(model, question, self.methods, shape)
        ranks = {method: rank_maps(values) for method, values in maps.items()}
        each = Survey(subject, split.items, model, question, shape, ranks, absent)
        remove_parts(each, maps, self.levels, self.orders)
        return each

    def _ask(self, subject: Subject, split: Split) -> tuple[Model, Question]:
        """Network of a training, and the items and classes whose logits are attributed."""
        model = build_model(subject.network, GRADIENT_CHUNK[subject.is_large])
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

    def _randomise(self, view: View, each: Survey) -> list[dict]:
        """Read the agreement of a training's maps with those of random layers."""
        lines = []
        for layers, network in randomise(each.subject, self.seed):
            for method, value in self._agree(each, network).items():
                lines.append(_line(each, layers, method, value))
                if layers in (LOGITS, ALL):
                    view.read(each.subject, f"agreement, {layers} random", value, method)
        return lines

    def _shuffle(self, view: View, surveys: list[Survey]) -> list[dict]:
        """Read the agreement of a row's maps with those of heads trained on shuffled labels."""
        lines = []
        networks = train_on_shuffled_labels([each.subject for each in surveys], self.seed)
        for each, network in zip(surveys, networks, strict=True):
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

    def _agree(self, each: Survey, network: Network) -> dict[str, float]:
        """Rank correlation of a training's maps with those of another network, by method."""
        model = build_model(network, each.model.chunk)
        maps, _ = attribute(model, each.question, list(each.ranks), each.shape)
        return {
            method: correlate(each.ranks[method], rank_maps(values))
            for method, values in maps.items()
        }


def _line(each: Survey, layers: str, method: str, value: float) -> dict[str, object]:
    """Line of the frame of checks."""
    subject = each.subject
    keys = {"row": subject.row, "split": subject.number, "seed": subject.seed}
    return keys | {"method": method, "random": layers, "correlation": value}
