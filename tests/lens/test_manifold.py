import inspect

import numpy as np
import pandas as pd
import pytest
from finished import SMALL, train

from qtlrun.error import UsageError
from qtlrun.lens import manifold as module
from qtlrun.lens.manifold import Manifold
from qtlrun.lens.scene import choose_items
from qtlrun.report.figure import manifold

VALUES = {"items": 60, "neighbours": 5, "circuit_items": 8, "lines": 2, "cells": 2, "steps": 2}
WORDS = [f"lens.manifold.{key}={value}" for key, value in VALUES.items()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folder of what the lens says of a run of A, C and twin, a split for each seed."""
    place = tmp_path_factory.mktemp("manifold")
    run = train(place, *SMALL, "compare=[C,twin]")
    return train(place, "study=interpret", f"run={run}", "lens=[manifold]", *WORDS)


def read(folder, name):
    return pd.read_csv(folder / f"{name}.csv", keep_default_na=False)


def test_each_layer_of_each_training_has_its_numbers(folder):
    numbers = read(folder, "manifold")
    layers = numbers[numbers["measure"] == "separability"].groupby("row")["layer"].agg(set)
    assert layers["C"] < layers["A"] == layers["twin"]
    assert layers["A"] - layers["C"] == {"inputs", "outputs"}
    values = numbers[numbers["measure"] == "separability"]["value"].astype(float)
    assert values.between(0, 1).all()
    ratio = numbers[(numbers["measure"] == "participation ratio") & (numbers["layer"] == "outputs")]
    assert ratio["value"].astype(float).between(1, 2).all()  # of two qubits


def test_the_shares_of_the_components_of_a_layer_add_up_to_one(folder):
    sums = read(folder, "manifold_spectra").groupby(["row", "seed", "layer"])["share"].sum()
    assert np.allclose(sums, 1)


def test_a_frozen_backbone_s_features_are_alike_in_all_rows_of_a_seed(folder):
    pairs = read(folder, "manifold_similarity")
    features = pairs[(pairs["pair"] == "rows") & (pairs["layer"] == "features")]
    assert len(features) == 6 and np.allclose(features["cka"], 1)  # 3 pairs of rows, 2 seeds
    assert set(pairs["pair"]) == {"layers", "rows", "rows and seeds", "seeds"}


def test_only_a_circuit_has_states_and_a_fourier_series(folder):
    states = read(folder, "manifold_states")
    assert set(states["row"]) == {"A"}
    embedding = states[(states["state"] == "embedding") & (states["quantity"] == "entanglement Q")]
    assert (embedding["mean"] == 0).all()  # RY on each wire alone
    series = read(folder, "manifold_fourier")
    assert (series[series["frequency"] > 1]["size"] == 0).all()
    assert (series[series["frequency"] == 1]["size"] > 0).all()
    assert "C, twin: no circuit between two layers" in (folder / "table.md").read_text()


def test_an_atlas_has_a_picture_for_each_part_of_a_layer(folder):
    cells = read(folder, "manifold_atlas")
    assert set(cells["row"]) == {"A", "C", "twin"}
    assert "(figures/manifold_atlas.png)" in (folder / "table.md").read_text()


@pytest.mark.parametrize(
    "key, value",
    [
        ("items", 0),
        ("neighbours", 1),
        ("circuit_items", 0),
        ("lines", -1),
        ("cells", 0),
        ("steps", -1),
        ("seed", -1),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_its_name(key, value):
    values = dict.fromkeys(inspect.signature(Manifold).parameters, 1) | {"neighbours": 2}
    values |= {"atlas": True, key: value}
    with pytest.raises(UsageError) as caught:
        Manifold(**values)
    assert (caught.value.key, caught.value.value) == (key, value)


def test_layers_stand_from_the_input_on_whichever_row_has_them():
    lines = [("B", name) for name in ("conv", "features", "logits")]
    lines += [("A", name) for name in ("features", "inputs", "outputs", "logits")]
    frame = pd.DataFrame(lines, columns=["row", "layer"])
    expected = ["conv", "features", "inputs", "outputs", "logits"]
    assert manifold.order_layers(frame) == expected


def lens(**values):
    """The lens on layers alone."""
    counts = dict.fromkeys(inspect.signature(Manifold).parameters, 2)
    return Manifold(**(counts | {"items": 40, "atlas": False} | values))


def test_rows_and_seeds_are_compared_on_test_items_of_all_trainings(pictures, monkeypatch):
    read = []
    original = module.read_items

    def record(each, items, stages):
        read.append((each, items))
        return original(each, items, stages)

    monkeypatch.setattr(module, "read_items", record)
    view = lens().view(pictures)
    assert len(read) == 10 and len({tuple(items) for _, items in read}) == 1
    assert all({*items} <= {*each.split("test").items} for each, items in read)
    assert f"CKA is of {len(read[0][1])} items" in "".join(note.full for note in view.notes)


def test_items_that_a_training_learned_from_are_counted_in_a_note(pictures, monkeypatch):
    monkeypatch.setattr(module, "find_common", lambda subjects: set())
    notes = [note.full for note in lens().view(pictures).notes]
    first, second = pictures.trainings["A"]
    split = first.split("test")
    chosen = {split.items[index] for index in choose_items(first.dataset, 40)}
    seen = len(chosen - {*second.split("test").items})
    assert (
        seen and sum(f"up to {seen} are train or validation items" in note for note in notes) == 1
    )
