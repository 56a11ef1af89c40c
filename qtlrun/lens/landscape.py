"""Loss landscapes: planes around trained weights, the path of a training, curvature."""

import math
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from qtlrun.error import BadValue
from qtlrun.experiment.subject import Subject
from qtlrun.lens.scene import Scene, check_counts, check_seed
from qtlrun.lens.surface import explanation, objective, plane, site
from qtlrun.lens.surface.curvature import measure_curvature
from qtlrun.lens.surface.site import Mismatch, Site
from qtlrun.lens.surface.trajectory import TOLERANCE, find_obstacle, repeat_training
from qtlrun.lens.view import View
from qtlrun.parametrization.generated import HEAD
from qtlrun.report.figure import landscape as figure
from qtlrun.report.sentence import Note, count

MAX_EIGENVALUES = 10  # in the frame
MAX_POINTS = 501  # of an axis
MARGIN = 0.2  # of a path's extent, around it

Frames = defaultdict[str, list[pd.DataFrame]]


@dataclass(frozen=True)
class Landscape:
    """Training loss around the trained weights of each row (Li et al., arXiv:1712.09913).

    The loss is the mean negative log-likelihood of training items, in nats, in evaluation mode,
    whatever else the recipe adds to it. Directions are random and filter-normalised: each training
    has its own, the same for rows with weights of the same names and shapes. A circuit's angles,
    and the block in its place, have planes of their own. Biases stay where they are, and scales of
    norms. Figures show the first training; numbers are of all: how far the loss rises along a line,
    and the eigenvalues and trace of its Hessian by the weights of the head. A row whose loss is not
    that of the run is left out.

    Arguments:
        points: of an axis, on features that are computed once.
        points_trained: the same where a small backbone was trained, or a head has no axis of runs.
        points_large: the same where a large backbone was trained.
        items: of the training split at most.
        items_large: the same where a large backbone was trained.
        directions: of a training, over which the rise of its loss is averaged.
        directions_trained: the same where points are evaluated one by one.
        reach: end of the axes, in norms of a filter; a circuit's end at half a turn.
        trajectory: whether rows on unchanging features are trained once more, to see their path.
        trainings: of each row whose backbone is frozen or small.
        trainings_large: of each row whose large backbone was trained.
        seed: of the directions, and of what estimates the curvature of many weights.
    """

    points: int
    points_trained: int
    points_large: int
    items: int
    items_large: int
    directions: int
    directions_trained: int
    reach: float
    trajectory: bool
    trainings: int
    trainings_large: int
    seed: int

    def __post_init__(self):
        check_counts(self, "items", "items_large", "trainings", "trainings_large")
        check_counts(self, "directions", "directions_trained")
        points = {
            "points": self.points,
            "points_trained": self.points_trained,
            "points_large": self.points_large,
        }
        for name, value in points.items():
            if not 3 <= value <= MAX_POINTS or value % 2 == 0:
                reason = f"an odd number, 3 to {MAX_POINTS}; trained weights are one of the points"
                raise BadValue(name, value, reason)
        if not 0 < self.reach < math.inf:
            raise BadValue("reach", self.reach, "a number of filter norms above 0")
        check_seed(self.seed)

    def view(self, scene: Scene) -> View:
        """Numbers of all trainings, figures of the first ones."""
        view = View()
        frames: Frames = defaultdict(list)
        rows = {}
        items = self._shared_items(scene)
        for label, subjects in scene.take(self.trainings, self.trainings_large).items():
            row = View()
            try:
                pieces = self._view_row(scene, label, subjects, items, row)
            except Mismatch as mismatch:
                view.notes.append(Note(f"{label} has no landscape: {mismatch}."))
                continue
            view.readings += row.readings
            view.notes += row.notes
            for name, parts in pieces.items():
                frames[name] += parts
            if pieces:
                rows[label] = scene.firsts[label]
        for name, parts in frames.items():
            view.frames[name] = pd.concat(parts, ignore_index=True)
        if rows:
            _draw(view)
            view.notes += self._explain(items, rows, view)
        return view

    def _view_row(
        self, scene: Scene, label: str, subjects: list[Subject], items: int, view: View
    ) -> Frames:
        """Read a row's trainings; frames of them, and of the planes of its first."""
        frames: Frames = defaultdict(list)
        first = scene.firsts[label]
        sites = site.find_sites(first, self._own_items(first))
        if not sites:
            view.notes.append(Note(f"{label} has no landscape: nothing was trained."))
            return frames
        for number, subject in enumerate(subjects):
            site.check_validation(subject)
            self._measure(subject, items, view, frames)
            scene.monitor.step(f"{label}, curvature", number + 1, len(subjects))
        scene.monitor.step(f"{label}, loss planes", 0, 1)
        self._add_planes(sites, frames)
        if self.trajectory:
            self._add_path(sites[0], view, frames)
        scene.monitor.step(f"{label}, loss planes", 1, 1)
        return frames

    def _shared_items(self, scene: Scene) -> int:
        """Training items that the numbers of all rows are read on."""
        is_light = all(subject.is_light for subject in scene.firsts.values())
        return self.items if is_light else min(self.items, self.items_large)

    def _own_items(self, subject: Subject) -> int:
        """Training items of a row's planes."""
        return self.items if subject.is_light else min(self.items, self.items_large)

    def _measure(self, subject: Subject, items: int, view: View, frames: Frames) -> None:
        """Read a training's line and curvature."""
        for each in site.find_sites(subject, items):
            ticks, _ = self._grid(each)
            directions = self.directions if each.is_batched else self.directions_trained
            rises = []
            for number, axis in enumerate(each.axes(self.seed, directions)):
                losses = each.losses(axis.unsqueeze(0), ticks.unsqueeze(1)).numpy()
                rises.append(plane.mean_height(ticks, losses) - each.direct_loss)
                line = {"direction": number + 1, "unit": each.unit, "x": ticks.numpy()}
                frames["lines"].append(_frame(each, **line, loss=losses))
            if each.layer == site.WHOLE:
                view.read(subject, "training loss, nats", each.direct_loss)
            view.read(subject, "loss rise, nats", np.mean(rises), each.layer)
            self._add_curvature(each, view, frames)

    def _add_curvature(self, each: Site, view: View, frames: Frames) -> None:
        """Read the curvature by a site's weights of the head, in double precision on the CPU."""
        subject = each.subject
        names = [name for name in each.objective.weights if name.startswith(HEAD)]
        layer = "head" if each.layer == site.WHOLE else each.layer
        loss = objective.head_objective(subject, each.objective.split, names, torch.float64)
        curvature = measure_curvature(loss.gradients, loss.centre, self.seed)
        values = curvature.eigenvalues
        view.read(subject, "top eigenvalue", values[0], layer)
        if each.layer == site.WHOLE:
            view.read(subject, "least eigenvalue", values[-1], layer)
            view.read(subject, "trace", curvature.trace, layer)
            if not np.isnan(curvature.share):
                view.read(subject, "rank share", curvature.share, layer)
        values = values[:MAX_EIGENVALUES]
        frame = _frame(each, number=np.arange(len(values)) + 1, eigenvalue=values)
        frames["eigenvalues"].append(frame.assign(layer=layer))

    def _add_planes(self, sites: list[Site], frames: Frames) -> None:
        """Losses over the planes of a training."""
        for each in sites:
            _, points = self._grid(each)
            losses = each.losses(each.axes(self.seed, 2), points)
            x, y = points.T.numpy()
            frames["planes"].append(_frame(each, unit=each.unit, x=x, y=y, loss=losses.numpy()))

    def _add_path(self, each: Site, view: View, frames: Frames) -> None:
        """Losses over the plane of a training's path."""
        subject = each.subject
        obstacle = find_obstacle(subject)
        if obstacle:
            view.notes.append(Note(f"{subject.row} has no trajectory: {obstacle}."))
            return
        training = repeat_training(subject, list(each.objective.weights))
        if training.gap > TOLERANCE:
            view.notes.append(
                Note(
                    f"{subject.row} has no trajectory: trained again its weights are"
                    f" {training.gap:.1g} from those of the run, as on another machine."
                )
            )
            return
        path = plane.path_plane(training.path, training.best)
        ticks = [_span(axis, self._count(each)) for axis in path.coordinates.T]
        points = torch.cartesian_prod(*ticks)
        losses = each.objective.along(path.axes, points).numpy()
        x, y = points.T.numpy()
        frames["path_planes"].append(_frame(each, x=x, y=y, loss=losses))
        x, y = path.coordinates.T.numpy()
        epochs = np.arange(len(x))
        values = {"loss": each.objective.losses(training.path).numpy(), "best": training.best}
        shares = dict(zip(("share_x", "share_y"), path.explained, strict=True))
        frames["paths"].append(_frame(each, epoch=epochs, x=x, y=y, **values, **shares))

    def _count(self, each: Site) -> int:
        """Points of an axis."""
        if each.is_batched:
            return self.points
        return self.points_trained if each.subject.is_light else self.points_large

    def _grid(self, each: Site) -> tuple[Tensor, Tensor]:
        """Ticks of an axis, and points of a plane."""
        return plane.grid(site.HALF_TURN if each.is_circuit else self.reach, self._count(each))

    def _explain(self, items: int, rows: dict[str, Subject], view: View) -> list[Note]:
        """Sentences on what was evaluated, and on what is coarser or trained again."""
        axis = f"{self.points_trained} x {self.points_trained}"
        large = f"{self.points_large} x {self.points_large}"
        exceptions = (
            (
                lambda subject: not subject.is_frozen,
                f"the backbone was trained, and its weights move too, over {axis} points"
                f" ({large} of a large one).",
            ),
            (
                lambda subject: not objective.has_runs(subject),
                f"the head takes points one by one, and its planes have {axis}.",
            ),
            (
                lambda subject: not subject.is_light,
                f"planes are of at most {count(self.items_large, 'training item')}.",
            ),
            (
                lambda subject: not subject.training.parts.exact,
                "trained with shots and seen without: the loss is not held against the run's.",
            ),
            (
                lambda subject: bool(subject.training.parts.generated),
                "the plane is over the generated weights, not over their generator's.",
            ),
        )
        notes = explanation.explain_numbers(items, self.directions, self.directions_trained)
        for applies, words in exceptions:
            labels = [label for label, subject in rows.items() if applies(subject)]
            if labels:
                notes.append(Note(f"{', '.join(labels)}: {words}"))
        if "paths" in view.frames:
            notes.append(explanation.explain_paths(view.frames["paths"]))
        return notes


def _frame(each: Site, **values: object) -> pd.DataFrame:
    """Lines of a frame on a site."""
    return pd.DataFrame(each.subject.keys | {"layer": each.layer} | values)


def _span(values: Tensor, count: int) -> Tensor:
    """Ticks from before the least to behind the largest of values."""
    low = float(values.min())
    high = float(values.max())
    margin = MARGIN * (high - low) or 1.0
    return torch.linspace(low - margin, high + margin, count, dtype=torch.float64)


def _draw(view: View) -> None:
    """Draw the figures of the frames."""
    view.figures[""] = figure.planes(view.frames["planes"])
    view.figures["surface"] = figure.surfaces(view.frames["planes"])
    view.figures["lines"] = figure.lines(view.frames["lines"])
    if "paths" in view.frames:
        paths = view.frames["paths"], view.frames["path_planes"]
        view.figures["trajectory"] = figure.paths(*paths)
