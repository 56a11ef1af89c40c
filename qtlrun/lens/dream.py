"""Dreams of trained rows: pictures that make numbers inside them large."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from math import isnan
from statistics import fmean, median
from typing import Any

import pandas as pd
import torch

from qtlrun.error import BadValue, nearest
from qtlrun.experiment.subject import FEATURES, Subject
from qtlrun.lens.render.ascent import (
    GREY,
    Aim,
    Ascent,
    check_side,
    climb_aims,
    draw_noise,
    find_applicable,
    find_side,
    open_pictures,
)
from qtlrun.lens.render.target import Target, find_targets
from qtlrun.lens.render.transfer import judge_pictures
from qtlrun.lens.render.visualisation import ITEM, NOISE, Visualisation
from qtlrun.lens.scene import Scene, check_counts, check_seed, choose_items, take_items
from qtlrun.lens.view import View
from qtlrun.report.figure.dream import dreams
from qtlrun.report.sentence import Note

MAX_CLASSES = 10  # that are dreamt of, where none is named
# Figures: where their dreams begin, and the layers that these are of
FIGURES = {
    "": (NOISE, ("logits",)),
    "circuit": (NOISE, ("outputs", "difference")),
    FEATURES: (NOISE, (FEATURES,)),
    "item": (ITEM, ("logits", "difference")),
}
EXPLANATION = (
    "Below: the number in deviations (sd) above the mean of test items"
    " (the largest item's in brackets)"
)
JUDGES = {
    "probability": "itself",
    "probability_row": "its row",
    "probability_others": "other rows",
}
BELIEF = ",\nthen the probability of the class by the training, by others of its row, by other rows"

SHARED_JUDGES = Note(
    "What other trainings believe of a dream is not tested between rows: trainings of a row have"
    " their judges in common, and some rows' judges share the backbone that dreamt."
)


@dataclass(frozen=True)
class Dream:
    """Activation maximisation from noise and from a test picture, for each row.

    Erhan et al. 2009; Olah, Mordvintsev and Schubert 2017. Dreams are of logits, of outputs of the
    circuit or of the block in its place, of channels of the features, and of the difference between
    what goes into the circuit and what comes out. Their numbers are in deviations of the same
    number over test items, so that rows stand on one scale. A dream is shown to other trainings
    and other rows: a class that only its own training sees in it is noise.

    ascent: its values are this lens's own
    items: of the test split at most, which set the scale
    classes: names of those that are dreamt of; None: the first ten
    outputs: of a circuit at most
    channels: of the features
    side: of a picture under a large backbone, in pixels; None: the backbone's own
    trainings: of each row whose backbone is frozen or small
    trainings_large: of each row whose large backbone was trained
    seed: of the noise and the shifts
    """

    ascent: Ascent
    items: int
    classes: list[str] | None
    outputs: int
    channels: int
    side: int | None
    trainings: int
    trainings_large: int
    seed: int

    def __post_init__(self):
        check_counts(self, "items", "trainings", "trainings_large")
        for name, value in (("outputs", self.outputs), ("channels", self.channels)):
            if value < 0:
                raise BadValue(name, value, "a number from 0 up")
        check_side(self.side)
        check_seed(self.seed)
        names = self.classes
        if names is not None and (not names or len(set(names)) < len(names)):
            raise BadValue("classes", names, "names of one class or more, each once, or null")

    def check(self, classes: Sequence[str]) -> None:
        """Refuse a class that there is not."""
        for name in self.classes or ():
            if name not in classes:
                raise BadValue("classes", name, "there is no such class", nearest(name, classes))

    def view(self, scene: Scene) -> View:
        """Dreams of the first trainings, and numbers of them all."""
        view = View()
        classes = self._choose_classes(view, scene)
        rows = {}
        chosen = scene.take(self.trainings, self.trainings_large)
        for label in find_applicable(view, scene):
            # In front is the one that figures show, though others may come before it
            subjects = dict.fromkeys([scene.firsts[label], *chosen[label]])
            rows[label] = list(subjects)[: len(chosen[label])]
        if not rows:
            return view
        visualisations = self._dream(scene, rows, classes)
        judged = {each.target.subject: each.pictures for each in visualisations if each.is_judged}
        beliefs = judge_pictures(judged, classes)
        lines = []
        for visualisation in visualisations:
            numbers = visualisation.describe(beliefs[visualisation.target.subject])
            lines.append(numbers)
            _read(view, visualisation, numbers)
        if any(not each.is_tested for each in view.readings):
            view.notes.append(SHARED_JUDGES)
        view.frames["numbers"] = pd.DataFrame(chain.from_iterable(lines))
        _draw(view, visualisations, lines)
        return view

    def _choose_classes(self, view: View, scene: Scene) -> list[int]:
        """Numbers of the classes that are dreamt of."""
        names = scene.dataset.classes
        if self.classes is None and len(names) > MAX_CLASSES:
            view.notes.append(Note(f"Dreams of the first {MAX_CLASSES} of {len(names)} classes."))
        return [names.index(name) for name in self.classes or names[:MAX_CLASSES]]

    def _dream(
        self, scene: Scene, rows: dict[str, list[Subject]], classes: list[int]
    ) -> list[Visualisation]:
        """Dreams of all trainings from noise, and of each row's first from a test item."""
        channels = self._choose_channels(next(iter(rows.values()))[0])
        pairs = []
        aims = []
        backbones = set()
        for subjects in rows.values():
            for number, subject in enumerate(subjects):
                # Rows that share a backbone have the same features
                is_new = number == 0 and id(subject.network.backbone) not in backbones
                backbones.add(id(subject.network.backbone))
                split = take_items(subject, self.items)
                shown = channels if is_new else []
                targets = find_targets(subject, split, classes, self.outputs, shown)
                chosen_pairs = [(target, NOISE) for target in targets]
                if number == 0:
                    layers = FIGURES["item"][1]
                    chosen_pairs += [(target, ITEM) for target in targets if target.layer in layers]
                side = find_side(subject, self.side)
                aims += [self._aim(target, origin, side) for target, origin in chosen_pairs]
                pairs += chosen_pairs
        results = climb_aims(
            aims,
            self.ascent,
            self.seed,
            lambda done, total: scene.monitor.step("dreams", done, total),
        )
        return [
            Visualisation(target, origin, aim.start, result)
            for (target, origin), aim, result in zip(pairs, aims, results, strict=True)
        ]

    def _choose_channels(self, subject: Subject) -> list[int]:
        """Channels of the features that vary most over the test items."""
        deviations = subject.features(take_items(subject, self.items)).std(0, correction=0)
        return deviations.argsort(descending=True, stable=True)[: self.channels].tolist()

    def _aim(self, target: Target, origin: str, side: int | None) -> Aim:
        """Aim of a picture for each number of a target, from noise or from the first test item."""
        subject = target.subject
        first = choose_items(subject.dataset, 1)
        start = open_pictures(subject, first, side).repeat(len(target.names), 1, 1, 1)
        if origin == ITEM:
            return Aim(subject, target.score, start, start)
        return Aim(
            subject, target.score, draw_noise(start, self.seed), torch.full_like(start, GREY)
        )


def _read(view: View, visualisation: Visualisation, numbers: list[dict[str, Any]]) -> None:
    """Add numbers of a training: medians over the dreams of a layer, and means over classes."""
    target = visualisation.target
    if visualisation.origin != NOISE or target.layer == FEATURES:
        return
    reached = median(line["reached"] for line in numbers)
    view.read(target.subject, "dream (sd)", reached, target.layer)
    beyond = median(line["reached"] - line["largest"] for line in numbers)
    view.read(target.subject, "above items (sd)", beyond, target.layer)
    if visualisation.is_judged:
        for key, judge in JUDGES.items():
            chance = fmean(line[key] for line in numbers)
            if not isnan(chance):
                view.read(
                    target.subject,
                    f"believed: {judge}",
                    chance,
                    target.layer,
                    is_tested=key == "probability",
                )


def _draw(
    view: View, visualisations: list[Visualisation], lines: list[list[dict[str, Any]]]
) -> None:
    """Add the figures, of the first training of each row, and their pixels."""
    firsts: dict[str, Subject] = {}
    for visualisation in visualisations:
        firsts.setdefault(visualisation.target.subject.row, visualisation.target.subject)
    sharing: dict[int, list[str]] = {}
    for label, subject in firsts.items():
        sharing.setdefault(id(subject.network.backbone), []).append(label)
    pixels = []
    for name, (origin, layers) in FIGURES.items():
        panels = []
        for visualisation, numbers in zip(visualisations, lines, strict=True):
            subject = visualisation.target.subject
            if subject is not firsts[subject.row]:
                continue
            if visualisation.origin == origin and visualisation.target.layer in layers:
                rows = sharing[id(subject.network.backbone)] if name == FEATURES else [subject.row]
                panels += visualisation.show(", ".join(rows), numbers)
                pixels.append(visualisation.tabulate())
        if panels:
            view.figures[name] = dreams(panels, EXPLANATION + (BELIEF if not name else "") + ".")
    view.frames["pixels"] = pd.concat(pixels, ignore_index=True)
