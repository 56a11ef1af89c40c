"""The saliency lens on a finished run: what its numbers say of which rows, and what it refuses."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from finished import SMALL, train

from qtlrun.compose import main
from qtlrun.error import BadValue
from qtlrun.lens.map import drawing
from qtlrun.lens.map.explanation import remove_parts
from qtlrun.lens.saliency import Saliency
from qtlrun.lens.view import View

METHODS = ["gradient", "guided", "deconvolution", "smoothgrad", "integrated", "gradcam"]
QUICK = (
    "lens.saliency.items=4",
    "lens.saliency.pictures=2",
    "lens.saliency.draws=2",
    "lens.saliency.steps=2",
    "lens.saliency.levels=4",
    "lens.saliency.orders=1",
)
VALUES = {"methods": METHODS, "target": "label", "pictures": 4, "items": 4, "items_large": 2}
VALUES |= {"draws": 2, "noise": 0.1, "steps": 2, "levels": 2, "orders": 1, "seed": 0}
VALUES |= {"shuffled_labels": True, "trainings": 2, "trainings_large": 2}


@pytest.fixture
def lens():
    return Saliency(**VALUES)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Place of a run of the default pictures, with a trained backbone among its rows."""
    place = tmp_path_factory.mktemp("saliency")
    train(place, *SMALL, "compare=[B,twin,pixels]", "splits=1").rename(place / "run")
    return place


@pytest.fixture(scope="module")
def folder(place):
    return train(place, "study=interpret", f"run={place / 'run'}", "lens=[saliency]", *QUICK)


def readings(folder):
    frame = pd.read_csv(folder / "saliency.csv")
    return frame.set_index(["measure", "layer", "row", "seed"])["value"]


def test_every_row_and_seed_has_the_numbers_of_the_methods_that_apply(folder):
    numbers = readings(folder)
    for measure in ("agreement, head random", "insertion less random"):
        for row in ("A", "B", "twin"):
            layers = numbers.loc[measure, :, row].index.get_level_values("layer")
            assert set(layers) == set(METHODS)
        pixels = numbers.loc[measure, :, "pixels"].index.get_level_values("layer")
        assert set(pixels) == {"gradient", "smoothgrad", "integrated"}
    # A map of Grad-CAM is empty where all that it weighs speaks against the class
    assert np.isfinite(numbers.drop("gradcam", level="layer")).all()


def test_a_method_that_does_not_apply_to_a_row_is_named_with_the_row_and_the_reason(folder):
    text = " ".join((folder / "table.md").read_text().split())
    assert "guided does not apply to pixels: there is no ReLU between item and logit." in text
    assert "gradcam does not apply to pixels: items are no pictures to this backbone." in text


def test_random_layers_change_the_map(folder):
    checks = pd.read_csv(folder / "saliency_checks.csv").set_index(["row", "method", "random"])
    for row in ("A", "B", "twin"):
        for layers in ("head", "all layers"):
            assert (checks.loc[(row, "gradient", layers), "correlation"] < 0.999).all()


def test_rows_are_compared_by_random_heads_and_not_by_layers_of_unlike_heads(folder):
    numbers = readings(folder)
    random = [name for name in set(numbers.index.get_level_values(0)) if name.endswith("random")]
    assert {name for name in random if name.startswith("agreement")} == {
        "agreement, head random",
        "agreement, all layers random",
    }
    heads = numbers.loc["agreement, head random"].index.get_level_values("row")
    assert set(heads) == {"A", "B", "twin", "pixels"}
    checks = pd.read_csv(folder / "saliency_checks.csv").groupby("row")["random"].agg(set)
    assert "logits layer" in checks["A"] and checks["pixels"] == {"head", "shuffled labels"}


def test_heads_are_trained_on_shuffled_labels_where_the_backbone_is_frozen(folder):
    numbers = readings(folder)
    rows = numbers.loc["agreement, shuffled labels"].index.get_level_values("row")
    assert set(rows) == {"A", "twin", "pixels"}


def test_the_composed_rows_own_seeds_stand_beside_its_agreement_with_other_rows(folder):
    numbers = readings(folder)
    own = numbers.loc["agreement, other seeds", :, "A"]
    assert own.equals(numbers.loc["agreement, A of other seeds", :, "A"])
    assert "A" not in numbers.loc["agreement, A of the same seed"].index.get_level_values("row")
    assert set(numbers.loc["agreement, A of the same seed"].index.get_level_values("row")) == {
        "B",
        "twin",
        "pixels",
    }


def test_rows_are_not_tested_by_values_that_depend_on_one_another(folder):
    tested = pd.read_csv(folder / "saliency.csv").groupby("measure")["tested"].agg(["all", "any"])
    between = tested.index.str.contains(" seeds?$")
    assert between.sum() == 3
    assert not tested.loc[between, "any"].any()
    assert tested.loc[~between, "all"].all()
    assert "rows are not tested by it" in " ".join((folder / "table.md").read_text().split())


def test_maps_of_the_same_pictures_stand_in_a_frame(folder):
    maps = pd.read_csv(folder / "saliency_maps.csv")
    assert (maps.groupby(["row", "method", "item"]).size() == 64).all()
    assert set(maps["item"]) == {0, 1}
    assert (maps["value"] >= 0).all()


def test_curves_begin_and_end_as_those_of_random_orders_of_the_same_items(folder):
    curves = pd.read_csv(folder / "saliency_curves.csv")
    ends = curves[curves["share"].isin([0, 1])]
    assert np.allclose(ends["probability"], ends["random"], atol=1e-6)
    assert not np.allclose(curves["probability"], curves["random"], atol=1e-3)


def test_empty_maps_are_counted_by_method_and_left_out_of_the_curves(pictures, lens):
    row = pictures.trainings["A"]
    explained = {"A": [lens._explain(each, each.split("test").subset(range(4))) for each in row]}
    for number, each in enumerate(explained["A"]):
        each.maps["gradcam"] = torch.ones(4, 8, 8).double()
        each.maps["gradcam"][: 2 * number, 0, 0] = 2
        remove_parts(each, 4, 1)
    curves = drawing.average_curves(explained).set_index(["method", "curve"])
    assert (curves.loc["gradcam", "maps"] == 2).all() and (
        curves.loc["gradient", "maps"] == 8
    ).all()
    second = explained["A"][1]
    shown = second.removals["gradcam"].deletion[:2].mean(0)
    assert np.allclose(curves.loc[("gradcam", "deletion"), "probability"], shown)
    shown = second.random[0].insertion[:2].mean(0)
    assert np.allclose(curves.loc[("gradcam", "insertion"), "random"], shown)
    *_, note = drawing.write_notes(explained, "6")
    assert "A 6 of 8 by gradcam. Grad-CAM's" in note.full
    first = explained["A"][0]
    removals = {"gradcam": first.removals["gradcam"]}
    assert drawing.average_curves({"A": [dataclasses.replace(first, removals=removals)]}).empty


def test_maps_are_of_the_first_training_that_all_rows_have(pictures, lens):
    trainings = {row: pictures.trainings[row] for row in ("A", "twin")}
    trainings["twin"] = trainings["twin"][1:]  # whose first seed failed
    view = View()
    lens._draw(dataclasses.replace(pictures, trainings=trainings), view)
    assert set(view.frames["maps"]["row"]) == {"A", "twin"}
    assert set(view.frames["maps"]["seed"]) == {1}


def test_rows_that_are_not_trained_on_shuffled_labels_are_named(folder):
    text = " ".join((folder / "table.md").read_text().split())
    assert "Shuffled labels are not tried on B: their backbones are trained too" in text


def test_points_of_the_plane_have_a_field_and_shares(tmp_path):
    words = ("experiment=spirals", "dataset.points=100", "circuit.depth=1", "recipe.epochs=1")
    folder = train(tmp_path, *words, "seeds=1", "compare=[C]", "lens=[saliency]", *QUICK)
    field = pd.read_csv(folder / "saliency_field.csv")
    assert (field["margin"] >= 0).all()
    assert set(field["row"]) == set(pd.read_csv(folder / "saliency_shares.csv")["row"])
    shares = pd.read_csv(folder / "saliency_shares.csv").groupby(["row", "method"])["share"].sum()
    assert np.allclose(shares, 1)


def test_a_class_that_is_not_there_is_refused(place, capsys):
    words = ["study=interpret", f"run={place / 'run'}", "lens=[saliency]"]
    homes = [f"home={place / 'home'}", f"outputs={place / 'outputs'}"]
    assert main([*words, *homes, "lens.saliency.target=3"]) == 2
    assert "lens.saliency.target=3: it is one of label, predicted, 6" in " ".join(
        capsys.readouterr().err.split()
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("methods", []),
        ("methods", ["gradient", "gradient"]),
        ("methods", ["gradients"]),
        ("items", 0),
        ("noise", 0.0),
        ("noise", float("nan")),
        ("steps", -1),
        ("orders", 0),
    ],
)
def test_values_that_cannot_be_are_refused_by_their_name(name, value):
    with pytest.raises(BadValue) as caught:
        Saliency(**(VALUES | {name: value}))
    assert caught.value.key == name
