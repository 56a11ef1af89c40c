"""t-SNE by layer: its numbers on clouds whose neighbours are known."""

import numpy as np
import pytest
from sklearn.manifold import trustworthiness

from qtlrun.lens.tsne import Tsne, embed, neighbour_accuracy


def clouds(apart, count=30, dimensions=5):
    """Two Gaussian clouds so many deviations apart, and their labels."""
    draw = np.random.default_rng(0)
    labels = np.arange(2 * count) % 2
    return draw.standard_normal((2 * count, dimensions)) + apart * labels[:, None], labels


def lens(**values):
    sizes = {"items": 40, "perplexity": 5, "neighbours": 5, "trainings": 9, "trainings_large": 1}
    return Tsne(**(sizes | {"seed": 0} | values))


def test_two_clusters_have_neighbours_of_their_own_class_and_a_plane_that_keeps_them():
    points, labels = clouds(30)
    assert neighbour_accuracy(points, labels, 5) == 1
    plane = embed(points, 10, 0)
    assert neighbour_accuracy(plane, labels, 5) == 1
    far, near = (plane[labels == label].mean(0) for label in (0, 1))
    assert np.linalg.norm(far - near) > plane[labels == 0].std(0).max()
    assert trustworthiness(points, plane, n_neighbors=5) > 0.8


def test_clouds_in_one_place_have_neighbours_by_chance():
    points, labels = clouds(0, count=500)
    # Three standard errors of a share of 1000 items, which share neighbours
    assert abs(neighbour_accuracy(points, labels, 5) - 0.5) < 0.06


def test_points_and_a_line_that_are_in_a_plane_by_themselves_stay_as_they_are():
    line = np.arange(12.0)[:, None]
    assert np.array_equal(embed(line, 5, 0)[:, 0], line[:, 0])
    same = np.ones((12, 4))
    plane = embed(same, 5, 0)
    assert plane.shape == (12, 2) and np.ptp(plane) <= 1
    assert neighbour_accuracy(same, np.zeros(12, int), 5) == 1


def test_a_plane_is_that_of_its_seed():
    points, _ = clouds(3)
    assert np.array_equal(embed(points, 10, 3), embed(points, 10, 3))


@pytest.mark.parametrize("count", [2, 3, 10])
def test_more_neighbours_and_perplexity_than_there_are_items_are_cut(count):
    points, labels = clouds(9, count=5)
    assert embed(points[:count], 1000, 0).shape == (count, 2)
    assert 0 <= neighbour_accuracy(points[:count], labels[:count], 50) <= 1


def test_a_view_has_a_plane_for_each_row_and_layer_with_its_numbers(pictures):
    view = lens().view(pictures)
    points = view.frames["points"]
    assert set(points["row"]) == {"A", "B", "C", "D", "twin"} and not view.notes
    layers = points.groupby("row", sort=False)["layer"].unique()
    assert [*layers["A"]][-4:] == ["features", "inputs", "outputs", "logits"]
    assert [*layers["C"]][-2:] == ["features", "logits"]
    assert (points.groupby(["row", "layer"]).size() == 40).all()
    read = {(each.subject.row, each.subject.seed) for each in view.readings}
    assert len(read) == 5 * 2 and [*view.figures] == [""]
    frozen = [points[(points["row"] == row) & (points["layer"] == "features")] for row in "AC"]
    assert np.array_equal(frozen[0]["x"], frozen[1]["x"])  # the very same backbone


def test_large_backbones_are_read_in_fewer_trainings(pictures, monkeypatch):
    from qtlrun.experiment import feature

    monkeypatch.setattr(feature, "is_large", lambda backbone: True)
    read = {(each.subject.row, each.subject.seed) for each in lens().view(pictures).readings}
    assert sorted(row for row, _ in read) == ["A", "A", "B", "C", "C", "D", "twin", "twin"]


@pytest.mark.parametrize("items", [1, 9])
def test_a_few_items_have_no_neighbours_to_speak_of(pictures, items):
    view = lens(items=items).view(pictures)
    assert not view.readings and not view.figures
    assert view.notes[0].full == f"t-SNE needs 10 test items, and there are {items}."


@pytest.mark.parametrize("kind", ["vectors", "states"])
def test_points_and_states_of_light_have_planes_too(request, kind):
    view = lens(items=12).view(request.getfixturevalue(kind))
    numbers = view.frames["points"][["x", "y", "trustworthiness", "accuracy"]]
    assert np.isfinite(numbers.to_numpy()).all()
