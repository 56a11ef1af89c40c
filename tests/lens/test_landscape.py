"""Landscapes of a small run: centres, planes, paths, and what each row has to say."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from finished import SMALL, train
from scipy.integrate import simpson
from torch.nn.functional import cross_entropy

from qtlrun.compose.command import compose
from qtlrun.compose.finished import take_run
from qtlrun.error import BadValue
from qtlrun.experiment import Experiment
from qtlrun.experiment.session import Silence
from qtlrun.lens.landscape import Landscape
from qtlrun.lens.scene import Scene
from qtlrun.lens.surface import objective, plane, site
from qtlrun.lens.surface.trajectory import repeat_training

VALUES = {
    "points": 7,
    "points_trained": 3,
    "points_large": 3,
    "items": 40,
    "items_large": 20,
    "directions": 3,
    "directions_trained": 2,
    "reach": 1.0,
    "trajectory": True,
    "trainings": 10,
    "trainings_large": 3,
    "seed": 0,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Subjects of a small run by row, of two seeds each."""
    place = tmp_path_factory.mktemp("landscape")
    words = [*SMALL, "splits=1", "compare=[B,C,D,twin,frozen_circuit,logistic]"]
    folder = train(place, *words, "dataset.train=6", "dataset.validation=4")
    words = ["study=interpret", f"run={folder}", "lens=[landscape]", f"home={place / 'home'}"]
    (plan,) = take_run(compose(words))
    experiment = Experiment(str(place / "home"))
    rows = {}
    for subject in experiment.subjects(plan):
        rows.setdefault(subject.row, []).append(subject)
    return rows


@pytest.fixture(scope="module")
def view(run):
    return Landscape(**VALUES).view(Scene(run, "A", Silence()))


def readings(view, row, measure, layer=""):
    return [
        each.value
        for each in view.readings
        if (each.subject.row, each.measure, each.layer) == (row, measure, layer)
    ]


def notes(view):
    return " ".join(note.full for note in view.notes)


def test_the_loss_of_every_training_is_that_of_its_logits(run, view):
    for row, subjects in run.items():
        expected = []
        for subject in subjects:
            split = site.thin(subject.split("train"), 40)
            expected.append(cross_entropy(subject.logits(split).double(), split.labels).item())
        assert readings(view, row, "training loss, nats") == pytest.approx(expected, rel=1e-6)


def test_the_centre_of_every_plane_has_the_loss_of_the_first_training(view):
    planes = view.frames["planes"]
    centres = planes[(planes["x"] == 0) & (planes["y"] == 0)]
    assert set(centres["row"]) == {"A", "B", "C", "D", "twin", "frozen_circuit", "logistic"}
    for line in centres.itertuples():
        expected = readings(view, line.row, "training loss, nats")[0]
        assert line.loss == pytest.approx(expected, rel=1e-5)


def test_points_of_a_plane_are_networks_with_shifted_weights(run):
    for row in ("A", "B"):
        subject = run[row][0]
        whole = site.find_sites(subject, 40)[0]
        axes = whole.axes(0, 2)
        (loss,) = whole.losses(axes, torch.tensor([[0.3, -0.2]], dtype=torch.float64))
        split = whole.objective.split
        network = copy.deepcopy(subject.network)
        weights = dict(network.named_parameters())
        moved = (whole.objective.centre + 0.3 * axes[0] - 0.2 * axes[1]).float()
        sizes = [weight.numel() for weight in whole.objective.weights.values()]
        for name, piece in zip(whole.objective.weights, moved.split(sizes), strict=True):
            weights[name].copy_(piece.view_as(weights[name]))
        expected = cross_entropy(network(subject.items(split))[0].double(), split.labels)
        assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_gradients_of_many_points_are_those_of_each(run):
    subject = run["A"][0]
    split = site.thin(subject.split("train"), 40)
    names = objective.trained_names(subject)
    found = objective.head_objective(subject, split, names, torch.float64)
    points = found.centre + 0.1 * torch.arange(3).double().unsqueeze(1)
    together = found.gradients(points)
    alone = dataclasses.replace(found, batch=1).gradients(points)
    assert torch.allclose(together, alone, atol=1e-12)
    step = 1e-6 * torch.eye(len(found.centre), dtype=torch.float64)[:3]
    slopes = (found.losses(points[1] + step) - found.losses(points[1] - step)) / 2e-6
    assert torch.allclose(slopes, together[1, :3], atol=1e-8)


def test_a_circuit_is_simulated_for_all_points_where_its_logits_stay(run):
    subject = run["A"][0]
    scaled = subject.network.scale(subject.features(subject.split("validation")))
    head = objective.simulate_head(subject, scaled)
    assert head is not subject.head
    assert torch.allclose(head(scaled), subject.head(scaled), atol=1e-6)


def test_a_device_with_other_values_is_asked_for_every_point(run):
    subject = dataclasses.replace(run["A"][0])
    network = copy.deepcopy(run["A"][0].network)
    exact = network.head.run
    network.head.run = lambda inputs, weights: 0.9 * exact(inputs, weights)
    vars(subject)["network"] = network
    scaled = network.scale(subject.features(subject.split("validation")))
    assert objective.simulate_head(subject, scaled) is network.head


@pytest.mark.parametrize(
    ("row", "middle"),
    [
        ("A", ["head.angles"]),
        ("D", ["head.angles"]),
        ("twin", ["head.middle.weight", "head.middle.bias"]),
        ("C", []),
        ("frozen_circuit", []),
        ("logistic", []),
    ],
)
def test_what_stands_in_the_middle_is_the_circuit_or_its_block(run, row, middle):
    assert objective.middle_names(run[row][0]) == middle


def test_weights_that_training_left_alone_are_in_no_plane(run):
    assert "head.angles" not in objective.trained_names(run["frozen_circuit"][0])
    assert all(name.startswith("head.") for name in objective.trained_names(run["A"][0]))
    network = dict(run["B"][0].network.named_parameters())
    assert set(objective.trained_names(run["B"][0])) == set(network)


def test_rows_with_a_trained_backbone_have_a_coarser_plane(view):
    sizes = view.frames["planes"].groupby(["row", "layer"]).size()
    assert sizes["A", "trained weights"] == sizes["A", "circuit"] == 7**2
    assert sizes["B", "trained weights"] == sizes["D", "trained weights"] == 3**2
    assert sizes["D", "circuit"] == 7**2
    assert "B, D: the backbone was trained" in notes(view)


def test_a_training_is_repeated_to_the_weights_of_the_run(run):
    for row in ("A", "C", "twin"):
        for subject in run[row]:
            names = objective.trained_names(subject)
            trajectory = repeat_training(subject, names)
            assert trajectory.gap <= 1e-5
            assert len(trajectory.path) == 1 + subject.training.parts.recipe.epochs
            assert not torch.equal(trajectory.path[0], trajectory.path[-1])


def test_the_path_ends_in_the_loss_of_the_run(view):
    paths = view.frames["paths"]
    assert set(paths["row"]) == {"A", "C", "twin", "frozen_circuit"}
    for row, path in paths.groupby("row"):
        (best,) = set(path["best"])
        expected = readings(view, row, "training loss, nats")[0]
        assert path.set_index("epoch")["loss"][best] == pytest.approx(expected, rel=1e-5)
        assert path["share_x"].iloc[0] >= path["share_y"].iloc[0]


def test_a_training_that_ends_elsewhere_has_no_path(run):
    subject = shifted(run["A"][0], "angles", 0.01)
    names = objective.trained_names(subject)
    assert repeat_training(subject, names).gap == pytest.approx(0.01, rel=1e-3)


def test_rows_without_a_path_say_why(view):
    assert "B has no trajectory: its backbone was trained too." in notes(view)
    assert "logistic has no trajectory: it was solved for, without epochs." in notes(view)


def test_weights_other_than_those_of_the_run_leave_out_their_row_alone(run):
    subject = shifted(run["A"][1], "post.bias", [0, 0.1, 0.2, 0.3])
    site.check_validation(run["A"][0])
    with pytest.raises(site.Mismatch, match="its weights give a validation loss"):
        site.check_validation(subject)
    rows = {"A": [run["A"][0], subject], "C": run["C"]}
    found = Landscape(**VALUES).view(Scene(rows, "A", Silence()))
    assert "A has no landscape: with seed 1 its weights give a validation loss" in notes(found)
    assert {each.subject.row for each in found.readings} == {"C"}
    for frame in found.frames.values():
        assert set(frame["row"]) == {"C"}
    assert found.figures[""].axes[0].get_title() == "C: trained weights"


def test_a_centre_that_is_not_the_network_leaves_out_its_row(run, monkeypatch):
    whole = site.find_sites(run["A"][0], 40)[0]
    weights = {name: 1.1 * weight for name, weight in whole.objective.weights.items()}
    moved = dataclasses.replace(
        whole, objective=dataclasses.replace(whole.objective, weights=weights)
    )
    _, points = plane.grid(1.0, 3)
    with pytest.raises(site.Mismatch, match="the loss at the centre"):
        moved.losses(whole.axes(0, 2), points)
    monkeypatch.setattr(site, "find_sites", lambda subject, items: [moved])
    found = Landscape(**VALUES).view(Scene({"A": run["A"]}, "A", Silence()))
    assert "A has no landscape: with seed 0 the loss at the centre" in notes(found)
    assert not found.readings and not found.figures and len(found.notes) == 1


def test_logistic_regression_has_no_direction_that_falls(view):
    for least in readings(view, "logistic", "least eigenvalue", "head"):
        assert least > -1e-8
    tops = readings(view, "logistic", "top eigenvalue", "head")
    traces = readings(view, "logistic", "trace", "head")
    assert all(0 < top < trace for top, trace in zip(tops, traces, strict=True))


def test_the_loss_along_a_line_is_that_of_the_plane(view):
    planes = view.frames["planes"]
    lines = view.frames["lines"]
    for row in ("A", "B"):
        plane_line = planes[(planes["row"] == row) & (planes["y"] == 0)]
        plane_line = plane_line[plane_line["layer"] == site.WHOLE].sort_values("x")
        line = lines[(lines["row"] == row) & (lines["seed"] == 0)]
        line = line[(line["layer"] == site.WHOLE) & (line["direction"] == 1)]
        assert np.allclose(line["loss"], plane_line["loss"], rtol=1e-5)


def test_the_rise_of_a_loss_is_its_mean_over_directions(run, view):
    lines = view.frames["lines"]
    for row, directions in (("A", 3), ("B", 2)):
        line = lines[(lines["row"] == row) & (lines["layer"] == site.WHOLE)]
        for number, subject in enumerate(run[row]):
            own = line[line["seed"] == subject.seed]
            rises = []
            for _, each in own.groupby("direction"):
                centre = each.loc[each["x"] == 0, "loss"].item()
                rises.append(simpson(each["loss"], x=each["x"]) / 2 - centre)
            assert len(rises) == directions
            found = readings(view, row, "loss rise, nats", site.WHOLE)[number]
            assert found == pytest.approx(np.mean(rises), rel=1e-4)


def test_directions_are_of_a_training_and_the_same_across_rows(run):
    first, second = (site.find_sites(subject, 20)[-1] for subject in run["A"])
    assert torch.pdist(torch.cat([first.axes(0, 2), second.axes(0, 2)])).min() > 0.1
    other = site.find_sites(run["D"][1], 20)[-1]
    assert torch.equal(second.axes(0, 2), other.axes(0, 2))


def test_notes_say_that_biases_of_a_trained_backbone_stay(view):
    assert "Biases and scales of norms stay where they are." in notes(view)
    assert "all weights that moved" not in notes(view)
    assert all(note.full.count(". ") == 0 for note in view.notes)


def test_every_figure_has_a_panel_for_each_row_and_layer(view):
    titles = {
        name: [axis.get_title() for axis in figure.axes] for name, figure in view.figures.items()
    }
    assert set(titles) == {"", "surface", "lines", "trajectory"}
    for name in ("", "surface", "lines"):
        assert {"A: trained weights", "A: circuit", "B: trained weights", "twin: block"} <= {
            *titles[name]
        }
    assert [title for title in titles["trajectory"] if title] == [
        f"{row}: trained weights" for row in ("A", "C", "twin", "frozen_circuit")
    ]


def test_losses_beyond_all_numbers_are_drawn_as_the_highest(view):
    from qtlrun.report.figure import landscape as figure

    planes = view.frames["planes"].copy()
    planes.loc[planes.index[:9], "loss"] = [np.nan, np.inf, *[1e30] * 7]
    for draw in (figure.planes, figure.surfaces):
        assert "≥ 50" in [label.get_text() for label in draw(planes).axes[-1].get_yticklabels()]


def test_a_row_without_trained_weights_has_no_landscape(run, monkeypatch):
    monkeypatch.setattr(objective, "trained_names", lambda subject: [])
    empty = Landscape(**VALUES).view(Scene({"C": run["C"]}, "C", Silence()))
    assert "C has no landscape: nothing was trained." in notes(empty)
    assert not empty.readings and not empty.figures


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("points", 50),
        ("points", 1),
        ("points", 503),
        ("points_trained", 0),
        ("points_large", 4),
        ("items", 0),
        ("items_large", -1),
        ("reach", 0.0),
        ("reach", float("inf")),
        ("trainings", 0),
        ("directions", 0),
        ("directions_trained", 0),
    ],
)
def test_a_value_that_cannot_be_names_itself(name, value):
    with pytest.raises(BadValue) as error:
        Landscape(**VALUES | {name: value})
    assert error.value.key == name


def shifted(subject, name, change):
    """A subject with one weight of its head changed."""
    weights = dict(subject.training.weights)
    weights[f"head.{name}"] = weights[f"head.{name}"] + np.array(change, dtype=np.float32)
    return dataclasses.replace(
        subject, training=dataclasses.replace(subject.training, weights=weights)
    )
