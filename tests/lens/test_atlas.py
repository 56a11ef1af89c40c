import dataclasses

import numpy as np
import pytest
import torch

from qtlrun.lens.render import atlas
from qtlrun.lens.view import View

DRAW = np.random.default_rng(0)
SIZES = {"cells": 4, "items": 6, "steps": 8, "side": None, "seed": 0}


@pytest.fixture
def few(monkeypatch):
    """An atlas of as few items as the small pictures have."""
    monkeypatch.setattr(atlas, "FEWEST_ITEMS", 6)


def test_two_clusters_fill_two_cells_with_their_means():
    clusters = np.array([[0.0, 0.0], [10.0, 10.0]])
    plane = np.repeat(clusters, 5, axis=0) + 0.1 * DRAW.random((10, 2))
    first, second = atlas.fill_cells(plane, 8)
    assert (first.line, first.column) == (7, 0) and (second.line, second.column) == (0, 7)
    assert first.items.tolist() == [0, 1, 2, 3, 4] and second.items.tolist() == [5, 6, 7, 8, 9]


def test_each_item_is_in_one_cell():
    plane = DRAW.normal(size=(200, 2))
    cells = atlas.fill_cells(plane, 5)
    assert sorted(np.concatenate([cell.items for cell in cells])) == list(range(200))
    assert all(0 <= cell.line < 5 and 0 <= cell.column < 5 for cell in cells)


def test_items_in_a_line_or_at_a_point_have_a_grid_too():
    line = np.stack([np.linspace(0, 1, 8), np.zeros(8)], axis=1)
    assert len(atlas.fill_cells(line, 4)) == 4
    assert len(atlas.fill_cells(np.zeros((8, 2)), 4)) == 1


def test_whitened_values_are_centred_and_their_covariance_is_the_identity():
    points = DRAW.normal(size=(20_000, 3)) @ DRAW.normal(size=(3, 3)) + 5
    mean, matrix = atlas.find_whitening(points)
    white = (points - mean) @ matrix
    assert np.allclose(white.mean(0), 0, atol=1e-9)
    assert np.allclose(np.cov(white.T), np.eye(3), atol=0.02)  # all but the shrinkage


def test_whitening_leaves_out_a_number_that_never_changes():
    points = np.zeros((20, 2))
    mean, matrix = atlas.find_whitening(points)
    assert mean.tolist() == [0, 0] and not matrix.any()


def test_an_atlas_has_the_layers_before_and_after_the_circuit_raw_and_whitened(scene, few):
    view = View()
    atlas.draw_atlas(view, scene, **SIZES)
    frame = view.frames["atlas"]
    layers = {row: list(dict.fromkeys(each["layer"])) for row, each in frame.groupby("row")}
    inner = ["inputs", "outputs"]
    outer = ["features", "logits"]
    assert layers == {"A": inner, "twin": inner, "C": outer, "B": outer}
    counts = frame.groupby(["row", "layer", "kind"])["items"].sum()
    assert (counts == 6).all() and len(counts) == 16
    assert frame["cosine"].between(-1.001, 1.001).all() and list(view.figures) == ["atlas"]


def test_pictures_climb_towards_the_values_of_their_cells(scene, few):
    scene = dataclasses.replace(scene, trainings={"C": scene.trainings["C"]})
    cosines = []
    for steps in (0, 16):
        view = View()
        atlas.draw_atlas(view, scene, **SIZES | {"steps": steps})
        frame = view.frames["atlas"]
        cosines.append(frame[frame["kind"] == "whitened"]["cosine"].mean())
    assert cosines[1] > cosines[0] + 0.2


def test_the_goal_of_a_cell_is_the_mean_of_its_items(scene):
    subject = scene.trainings["C"][0]
    charts = atlas._chart(subject, list(range(6)), 3, 0)
    raw = next(chart for chart in charts if (chart.layer, chart.kind) == ("features", "raw"))
    features = subject.features(subject.split("test"))
    for cell, goal in zip(raw.cells, raw.goals, strict=True):
        torch.testing.assert_close(goal, features[cell.items].mean(0))
    assert raw.score({"features": raw.goals}).allclose(raw.goals.square().sum(1))


def test_too_few_items_have_no_atlas_and_a_note(scene):
    view = View()
    atlas.draw_atlas(view, scene, **SIZES)
    assert not view.figures and "10 test items" in view.notes[0].full
