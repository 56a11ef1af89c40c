"""Activation atlas: a layer in the plane, and a picture of what each part of it stands for.

Carter et al. 2019, Activation Atlas (Distill).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from qtlrun.experiment.subject import FEATURES, Subject
from qtlrun.lens.embedding import embed
from qtlrun.lens.layer import FEWEST_ITEMS, Plane
from qtlrun.lens.render.ascent import (
    GREY,
    Aim,
    Ascent,
    Layers,
    Pictures,
    Scores,
    climb_aims,
    draw_noise,
    find_applicable,
    find_side,
    open_pictures,
    read_pictures,
)
from qtlrun.lens.scene import Scene, choose_items
from qtlrun.lens.view import View
from qtlrun.lens.whitening import Whitening, fit_whitening
from qtlrun.report.figure.atlas import Tile, atlas
from qtlrun.report.sentence import Note

PERPLEXITY = 30
LEAST_COSINE = 0.1  # below which a picture climbs by the dot product alone, as published
KINDS = ("raw", "whitened")

EXPLANATION = (
    "Atlas: a tile is a picture whose values have the direction of the mean of the test items in"
    " its cell; its frame has the colour of the class of most of them."
)

# As in conf/lens/dream.yaml, without the shift: a tile is small
RATE = 0.1
VARIATION = 0.1
FALLOFF = 1.0

Change = Callable[[Tensor], Tensor]  # of a layer's values (items, numbers), to as many


@dataclass(frozen=True)
class Cell:
    """Cell of a grid over the plane, from the top left, with the items in it."""

    line: int
    column: int
    items: Int64[np.ndarray, " items"]


@dataclass(frozen=True, eq=False)
class Chart:
    """Atlas of a layer of one training, raw or whitened.

    labels: of the items that the cells hold
    change: of the layer's values, before they are compared
    goals: mean of each cell's values, so changed
    """

    subject: Subject
    layer: str
    kind: str
    cells: list[Cell]
    labels: Int64[np.ndarray, " items"]
    change: Change
    goals: Float[Tensor, "cells numbers"]

    def score(self, layers: Layers) -> Scores:
        """Dot product with the goal times the cosine, as published.

        A distance would stop at the mean; this goes on in its direction, which shows more of it.
        """
        values = self.change(layers[self.layer])
        products = (values * self.goals).sum(1)
        return products * self.cosine(values).clamp(min=LEAST_COSINE)

    def cosine(self, values: Float[Tensor, "cells numbers"]) -> Scores:
        """Cosine of values with the goals."""
        return torch.cosine_similarity(values, self.goals, dim=1)

    def aim(self, side: int | None, seed: int) -> Aim:
        """Aim of a picture for each cell, from noise."""
        like = open_pictures(self.subject, [0], side).repeat(len(self.cells), 1, 1, 1)
        return Aim(self.subject, self.score, draw_noise(like, seed), torch.full_like(like, GREY))

    @torch.no_grad()
    def describe(self, pictures: Pictures) -> list[dict[str, Any]]:
        """Each cell in a line, with its commonest class and the cosine of its picture."""
        values = self.change(read_pictures(self.subject, pictures)[self.layer])
        cosines = self.cosine(values).tolist()
        lines = []
        for cell, cosine in zip(self.cells, cosines, strict=True):
            counts = np.bincount(self.labels[cell.items])
            lines.append(
                self.subject.keys
                | {
                    "layer": self.layer,
                    "kind": self.kind,
                    "line": cell.line,
                    "column": cell.column,
                    "items": len(cell.items),
                    "class": self.subject.classes[counts.argmax()],
                    "share": counts.max() / len(cell.items),
                    "cosine": cosine,
                }
            )
        return lines

    def show(self, lines: list[dict[str, Any]], pictures: Pictures) -> list[Tile]:
        """Tiles of the cells' pictures."""
        images = pictures.movedim(1, -1).cpu().double().numpy()
        tiles = []
        for line, image in zip(lines, images, strict=True):
            position = line["line"], line["column"]
            tiles.append(
                Tile(self.subject.row, self.layer, self.kind, *position, line["class"], image)
            )
        return tiles


def draw_atlas(
    view: View, scene: Scene, *, cells: int, items: int, steps: int, side: int | None, seed: int
) -> None:
    """Add the atlas of the training of each row that figures show, before and after the circuit.

    Without a circuit, and a block in its place, it is that of the features and of the logits.

    cells: on a side of the grid
    items: of the test split at most
    steps: of the ascent that renders a cell
    side: of a cell's picture under a large backbone, in pixels; None: the backbone's own
    seed: of the plane and of the noise that the pictures begin from
    """
    rows = find_applicable(view, scene)
    charts = []
    sides = {}
    for number, label in enumerate(rows):
        subject = scene.firsts[label]
        index = choose_items(subject.dataset, items)
        if len(index) < FEWEST_ITEMS:
            reason = f"An atlas needs {FEWEST_ITEMS} test items: {len(index)} there."
            view.notes.append(Note(reason))
            return
        scene.monitor.step("planes", number + 1, len(rows))
        charts += _chart(view, subject, index, cells, seed)
        sides[subject] = find_side(subject, side)
    if not charts:
        return
    ascent = Ascent(steps, RATE, VARIATION, norm=0, shift=0, falloff=FALLOFF)
    results = climb_aims(
        [chart.aim(sides[chart.subject], seed) for chart in charts],
        ascent,
        seed,
        lambda done, total: scene.monitor.step("atlas", done, total),
    )
    view.notes.append(Note(EXPLANATION, ""))
    lines = []
    tiles = []
    still = []
    for chart, pictures in zip(charts, results, strict=True):
        if count := _count_still(pictures, seed):
            name = f"{chart.subject.row} {chart.layer} {chart.kind}"
            still.append(f"{name} {count} of {len(pictures)}")
        described = chart.describe(pictures)
        lines += described
        tiles += chart.show(described, pictures)
    if still:
        reason = "no step had a better score"
        view.notes.append(Note(f"Atlas, tiles of grey noise: {', '.join(still)}: {reason}.", ""))
    view.frames["atlas"] = pd.DataFrame(lines)
    view.figures["atlas"] = atlas(tiles, cells, scene.dataset.classes)


def _chart(view: View, subject: Subject, index: list[int], count: int, seed: int) -> list[Chart]:
    """Charts of a training's layers before and after the circuit, raw and whitened."""
    split = subject.split("test").subset(index)
    labels = split.labels.numpy()
    with torch.no_grad():
        layers = subject.head_layers(subject.features(split))
    charts = []
    for layer in ("inputs", "outputs") if "outputs" in layers else (FEATURES, "logits"):
        values = layers[layer]
        points = values.cpu().double().numpy()
        cells = fill_cells(embed(points, PERPLEXITY, seed), count)
        changes: dict[str, Change] = {"raw": lambda numbers: numbers}
        if white := fit_whitening(points):
            changes["whitened"] = _whiten(white, values)
        else:
            reason = f"No whitened atlas of the {layer} of {subject.row}, which are alike for all"
            view.notes.append(Note(f"{reason} items."))
        for kind, change in changes.items():
            changed = change(values)
            goals = torch.stack([changed[cell.items].mean(0) for cell in cells])
            charts.append(Chart(subject, layer, kind, cells, labels, change, goals))
    return charts


def _count_still(pictures: Pictures, seed: int) -> int:
    """Pictures that are the noise which they began from."""
    return int((pictures == draw_noise(pictures, seed)).flatten(1).all(1).sum())


def _whiten(white: Whitening, like: Tensor) -> Change:
    """Whitening in the type of a layer's values."""
    centre = like.new_tensor(white.centre)
    matrix = like.new_tensor(white.matrix)
    return lambda values: (values - centre) @ matrix


def fill_cells(plane: Plane, count: int) -> list[Cell]:
    """Cells of a grid of count x count over points in the plane, those without a point left out."""
    low = plane.min(0)
    reach = np.ptp(plane, axis=0)
    places = (
        ((plane - low) / np.where(reach == 0, 1, reach) * count).astype(int).clip(max=count - 1)
    )
    places[:, 1] = count - 1 - places[:, 1]  # the largest y is at the top
    cells = []
    for column, line in np.unique(places, axis=0).tolist():
        inside = (places == (column, line)).all(1)
        cells.append(Cell(line, column, np.flatnonzero(inside)))
    return cells
