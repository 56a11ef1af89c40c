import dataclasses

import numpy as np
import pytest
import torch
from composition import part

from qtlrun.lens.render import atlas
from qtlrun.lens.scene import choose_items
from qtlrun.lens.view import View
from qtlrun.lens.whitening import fit_whitening

DRAW = np.random.default_rng(0)
SIZES = {"cells": 4, "items": 6, "steps": 8, "side": None, "seed": 0}


@pytest.fixture
def few(monkeypatch):
    """An atlas of as few items as the small pictures have."""
    monkeypatch.setattr(atlas, "FEWEST_ITEMS", 6)


def test_an_atlas_climbs_as_a_dream_does():
    dream = part("lens", "dream")
    numbers = {"rate": atlas.RATE, "variation": atlas.VARIATION, "falloff": atlas.FALLOFF}
    assert {name: dream[name] for name in numbers} == numbers


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


def test_tiles_that_never_left_the_noise_are_counted(scene, few):
    still, moved = View(), View()
    atlas.draw_atlas(still, scene, **(SIZES | {"steps": 0}))
    atlas.draw_atlas(moved, scene, **SIZES)
    cells = still.frames["atlas"].groupby(["row", "layer", "kind"]).size()
    words = still.notes[-1].full
    for (row, layer, kind), count in cells.items():
        assert f"{row} {layer} {kind} {count} of {count}" in words
    assert not any("noise" in note.full for note in moved.notes)


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
    charts = atlas._chart(View(), subject, list(range(6)), 3, 0)
    raw = next(chart for chart in charts if (chart.layer, chart.kind) == ("features", "raw"))
    features = subject.features(subject.split("test"))
    for cell, goal in zip(raw.cells, raw.goals, strict=True):
        torch.testing.assert_close(goal, features[cell.items].mean(0))
    assert raw.score({"features": raw.goals}).allclose(raw.goals.square().sum(1))


def test_too_few_items_have_no_atlas_and_a_note(scene):
    view = View()
    atlas.draw_atlas(view, scene, **SIZES)
    assert not view.figures and "10 test items" in view.notes[0].full


def test_the_whitened_goals_of_all_items_are_the_items_whitened(scene):
    subject = scene.trainings["C"][0]
    charts = atlas._chart(View(), subject, list(range(6)), 3, 0)
    white = next(each for each in charts if (each.layer, each.kind) == ("features", "whitened"))
    points = subject.features(subject.split("test")).double().numpy()
    expected = fit_whitening(points)(points)
    for cell, goal in zip(white.cells, white.goals, strict=True):
        assert np.allclose(goal.numpy(), expected[cell.items].mean(0), atol=1e-3)


def test_a_layer_in_which_items_do_not_differ_has_no_whitened_atlas_and_a_note(scene, monkeypatch):
    monkeypatch.setattr(atlas, "fit_whitening", lambda points: None)
    view = View()
    charts = atlas._chart(view, scene.trainings["C"][0], list(range(6)), 3, 0)
    assert {chart.kind for chart in charts} == {"raw"}
    assert "features of C" in view.notes[0].full


def test_each_training_s_atlas_is_of_its_own_items_and_of_the_trainings_that_figures_show(
    scene, few
):
    """Where the composed row lacks the others' first training, and their splits differ."""
    first, second = scene.trainings["C"]
    test = first.dataset.test
    turned = dataclasses.replace(first.dataset, test=test.subset([5, 4, 3, 2, 1, 0]))
    moved = dataclasses.replace(second, dataset=turned)
    only = dataclasses.replace(scene.trainings["A"][1])
    scene = dataclasses.replace(scene, trainings={"A": [only], "C": [first, moved]})
    view = View()
    atlas.draw_atlas(view, scene, **SIZES)
    frame = view.frames["atlas"]
    assert set(frame["seed"]) == {only.seed}
    cells = frame[(frame["row"] == "C") & (frame["layer"] == "features") & (frame["kind"] == "raw")]
    index = choose_items(turned, 6)
    chart = atlas._chart(View(), moved, index, 4, 0)[0]
    labels = turned.test.labels.numpy()[index]
    counts = [np.bincount(labels[cell.items]) for cell in chart.cells]
    assert cells["class"].tolist() == [turned.classes[each.argmax()] for each in counts]
