"""Trainings of a finished run with their items: what they computed when they were trained."""

import dataclasses
import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from finished import SMALL, draw_pictures, train
from scenes import plan_of
from torch import nn

from qtlrun.compose import main
from qtlrun.error import UsageError
from qtlrun.experiment import Experiment, subject
from qtlrun.experiment.subject import FEATURES, find_subjects


@pytest.fixture(params=["pictures", "vectors", "states"])
def opened(request):
    """Folder and scene of each of the small runs."""
    return request.getfixturevalue(f"{request.param}_run"), request.getfixturevalue(request.param)


def all_subjects(scene):
    return [each for subjects in scene.trainings.values() for each in subjects]


def test_each_training_gives_its_test_items_the_probabilities_that_were_written(opened):
    folder, scene = opened
    written = pd.read_csv(folder / "predictions.csv").set_index(["row", "seed"])
    assert set(written.index) == {(each.row, each.seed) for each in all_subjects(scene)}
    for each in all_subjects(scene):
        found = each.logits(each.split("test")).double().softmax(-1).numpy()
        expected = written.loc[(each.row, each.seed)].filter(regex=r"^p\(").to_numpy()
        # Batches of another size are rounded otherwise, in float32
        assert np.abs(found - expected).max() < 2e-6


def test_activations_end_in_the_logits_of_the_network(opened):
    for each in all_subjects(opened[1]):
        split = each.split("test").subset(range(5))
        layers = each.activations(each.features(split))
        network = each.network(each.items(split))[0]
        assert torch.allclose(layers["logits"], network, atol=1e-5)
        assert [*layers][-1] == "logits" and all(len(values) == 5 for values in layers.values())
        assert {"inputs", "outputs"} <= set(layers) or not each.runs_circuit


def test_features_are_those_that_the_rows_were_trained_on(pictures_run, pictures):
    """As a training of the same plan has them, of each split."""
    from qtlrun.experiment import feature
    from qtlrun.experiment.parts import Parts

    plan = plan_of(pictures_run)
    experiment = Experiment(plan.settings.home)
    each = pictures.trainings["A"][1]
    change = plan.redraws[each.number].change
    trained = feature.features(Parts(plan.model.redrawn(change), experiment.session))
    for name in ("train", "validation", "test"):
        assert torch.allclose(each.features(each.split(name)), trained[name], atol=1e-5)


def test_a_stage_is_recorded_before_a_rectifier_writes_over_it():
    layers = nn.Sequential(nn.Linear(2, 2), nn.ReLU(inplace=True))
    layers[0].load_state_dict({"weight": torch.eye(2), "bias": torch.zeros(2)})
    layers.stages = [SimpleNamespace(modules=[layers[0]])]
    items = torch.tensor([[-2.0, 1.0]])
    values = subject.record_stages(layers, items)
    assert torch.equal(values["0"], items)
    assert torch.equal(values[FEATURES], torch.tensor([[0.0, 1.0]]))


def test_an_item_is_computed_once_for_all_trainings_that_share_a_backbone(pictures, monkeypatch):
    computed = []
    record = subject.record_stages

    def count(backbone, items):
        computed.append(len(items))
        return record(backbone, items)

    monkeypatch.setattr(subject, "record_stages", count)
    split = pictures.dataset.test.subset(range(12))
    for label in ("A", "C", "twin"):
        for each in pictures.trainings[label]:
            each.features(split)
    assert sum(computed) == 12
    for each in pictures.trainings["B"]:  # each has a backbone of its own
        each.features(split)
    assert sum(computed) == 36


def test_layers_are_the_stages_of_the_backbone_and_its_features_last(pictures):
    each = pictures.trainings["A"][0]
    layers = each.layers(each.split("test").subset(range(3)))
    assert [*layers] == ["stem", "layer1", "layer2", "layer3", FEATURES]
    assert all(values.shape[0] == 3 and values.dim() == 2 for values in layers.values())
    assert torch.allclose(layers["layer3"], layers[FEATURES])  # its means over the places


def test_no_weight_asks_for_a_gradient_and_a_frozen_row_shares_its_backbone(pictures):
    for each in all_subjects(pictures):
        assert not any(weight.requires_grad for weight in each.network.parameters())
    first, second = pictures.trainings["A"]
    assert first.network.backbone is second.network.backbone and first.is_frozen
    first, second = pictures.trainings["D"]
    assert first.network.backbone is not second.network.backbone and not first.is_frozen


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    """Place of a run whose pictures were moved to `copies`."""
    place = tmp_path_factory.mktemp("moved")
    root = draw_pictures(place / "pictures")
    words = (f"dataset.root={root}", *SMALL, "recipe.epochs=1", "head=classical", "compare=[]")
    train(place, "dataset=folder", *words)
    root.rename(place / "copies")
    return place


def look(place, *words):
    """Exit code of a look into the only run of a place."""
    (run,) = place.glob("outputs/*/*")
    words = (f"run={run}", f"home={place / 'home'}", f"outputs={place / 'looks'}", *words)
    return main(["study=interpret", *words])


def test_pictures_that_were_moved_are_asked_for_and_named(moved, capsys):
    assert look(moved) == 2
    said = capsys.readouterr().err
    assert f"dataset.root={moved / 'pictures'}: the run's items cannot be read there" in said
    assert "name its place with dataset.root=... beside run=" in said
    assert not (moved / "looks").exists()


def test_pictures_that_were_moved_are_found_where_the_command_line_says(moved):
    assert look(moved, f"dataset.root={moved / 'copies'}", "lens.tsne.items=5") == 0


def test_other_pictures_than_those_of_the_training_are_refused(moved, tmp_path, capsys):
    other = shutil.copytree(moved / "copies", tmp_path / "other")
    shutil.copy(other / "brick/1.png", other / "brick/0.png")
    assert look(moved, f"dataset.root={other}") == 2
    assert "are not those that C was trained on" in capsys.readouterr().err


def test_a_run_that_names_no_data_is_taken_and_one_of_other_data_refused(pictures_run, pictures):
    """Runs of an earlier version have no fingerprint."""
    plan = plan_of(pictures_run)
    row = Experiment(plan.settings.home).finished(plan).rows["A"]
    dataset = pictures.trainings["A"][0].dataset

    def find(fingerprint):
        training = dataclasses.replace(row.trainings[0], data=fingerprint)
        return find_subjects({"A": dataclasses.replace(row, trainings=[training])}, [dataset])

    assert [each.row for each in find(None)] == ["A"] and find(dataset.fingerprint)
    with pytest.raises(UsageError) as error:
        find("another")
    assert error.value.key == "run" and "A was trained on" in error.value.reason
