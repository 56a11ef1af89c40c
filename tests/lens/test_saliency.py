"""The saliency lens on a finished run: what its numbers say of which rows, and what it refuses."""

import numpy as np
import pandas as pd
import pytest
from finished import SMALL, train

from qtlrun.compose import main
from qtlrun.error import BadValue
from qtlrun.lens.saliency import Saliency

METHODS = ["gradient", "guided", "deconvolution", "smoothgrad", "integrated", "gradcam"]
QUICK = (
    "lens.saliency.items=4",
    "lens.saliency.pictures=2",
    "lens.saliency.draws=2",
    "lens.saliency.steps=2",
    "lens.saliency.levels=4",
    "lens.saliency.orders=1",
)


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
    for measure in ("agreement, all layers random", "insertion less random"):
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
        for layers in ("logits layer", "all layers"):
            assert (checks.loc[(row, "gradient", layers), "correlation"] < 0.999).all()


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


def test_maps_of_the_same_pictures_stand_in_a_frame(folder):
    maps = pd.read_csv(folder / "saliency_maps.csv")
    assert (maps.groupby(["row", "method", "item"]).size() == 64).all()
    assert set(maps["item"]) == {0, 1}
    assert (maps["value"] >= 0).all()


def test_curves_begin_and_end_alike_whatever_the_order(folder):
    curves = pd.read_csv(folder / "saliency_curves.csv").set_index("share")
    ends = curves.groupby(["row", "curve"])["probability"]
    for share in (0, 1):
        assert np.allclose(ends.apply(lambda each, at=share: np.ptp(each.loc[[at]])), 0, atol=1e-6)


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
    values = {"methods": METHODS, "target": "label", "pictures": 4, "items": 4, "items_large": 2}
    values |= {"draws": 2, "noise": 0.1, "steps": 2, "levels": 2, "orders": 1, "seed": 0}
    values |= {"shuffled_labels": True, "trainings": 2, "trainings_large": 2}
    with pytest.raises(BadValue) as caught:
        Saliency(**(values | {name: value}))
    assert caught.value.key == name
