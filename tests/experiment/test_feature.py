"""The pool of features: kept by picture, added to where a picture is new."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from composition import variants

from qtlrun import store
from qtlrun.backbone import perceptron, stage
from qtlrun.backbone.efficientnet import EfficientnetLite0
from qtlrun.experiment import feature
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.session import Session
from qtlrun.layer import without_values

SMALL = (
    "backbone.weights=none",
    "backbone.width=4",
    "dataset.classes=[6,7]",
    "dataset.train=5",
    "dataset.validation=4",
)


def features(home, *words, session=None):
    """The features of a row by picture."""
    parts = Parts(variants(*SMALL, *words)["composed"], session or Session(str(home)))
    known = feature.features(parts)
    return {
        item: known[name][place]
        for name in feature.SPLITS
        for place, item in enumerate(getattr(parts.dataset, name).items)
    }


@pytest.mark.parametrize(
    "words", [(), ("backbone.width=7", "backbone.size=16"), ("dtype=float64",)]
)
def test_a_picture_has_the_very_features_that_it_has_among_all_others_wherever_it_was_added(
    home, tmp_path, computed, words
):
    whole = features(home, "dataset.share=[0.0,1.0]", *words)
    for share in ("[0.0,0.5]", "[0.0,0.502]", "[0.25,0.9]", "[0.0,1.0]"):
        grown = features(tmp_path / "elsewhere", f"dataset.share={share}", *words)
    assert len(computed) == 5 and sum(computed[1:]) == computed[0] == len(whole)
    assert (
        computed[2] == 1
    )  # convolutions of one picture alone are rounded otherwise than in company
    assert whole.keys() == grown.keys() and all(
        torch.equal(value, grown[item]) for item, value in whole.items()
    )
    assert len({value.numpy().tobytes() for value in whole.values()}) > len(whole) - 3


def test_a_large_backbone_gives_a_picture_the_same_features_in_any_company(home, tmp_path):
    words = (
        "backbone=torchvision",
        "backbone.name=resnet18",
        "backbone.weights=none",
        "backbone.size=32",
    )
    few = [word for word in SMALL if word.startswith("dataset")]

    def of(place, share):
        parts = Parts(
            variants(*words, *few, f"dataset.share={share}")["composed"], Session(str(place))
        )
        known = feature.features(parts)
        return {
            item: known[name][at]
            for name in feature.SPLITS
            for at, item in enumerate(getattr(parts.dataset, name).items)
        }

    whole = of(home, "[0.0,0.4]")
    for share in ("[0.0,0.1]", "[0.0,0.4]"):
        grown = of(tmp_path / "elsewhere", share)
    assert whole.keys() == grown.keys() and all(
        torch.equal(value, grown[item]) for item, value in whole.items()
    )


def test_a_lesser_training_split_another_division_and_folds_compute_nothing_anew(home, computed):
    whole = features(home)
    assert len(computed) == 1
    for words in (
        ("dataset.train_size=5",),
        ("dataset.train_size=0.5",),
        ("dataset.split_seed=3",),
        ("dataset.fold=[1,3]",),
        ("dataset.train=9",),
    ):
        part = features(home, *words)
        assert all(torch.equal(value, whole[item]) for item, value in part.items())
    assert len(computed) == 1


def test_what_a_feature_depends_on_makes_another_pool(home, computed):
    for words in (
        (),
        ("backbone.layer=layer1",),
        ("backbone.seed=1",),
        ("dtype=float64",),
        ("backbone.size=16",),
    ):
        features(home, *words)
        assert len(list((home / "store/features").glob("*/values.json"))) == len(computed)
    assert len(computed) == 5


def test_a_pool_keeps_a_line_a_picture_and_adds_up_its_seconds(home):
    features(home, "dataset.share=[0.0,0.5]")
    (path,) = (home / "store/features").glob("*/values.json")
    first = store.Store(str(home)).get("features", path.parent.name)
    features(home)
    second = store.Store(str(home)).get("features", path.parent.name)
    count = len(first.values["items"])
    assert second.values["items"][:count] == first.values["items"] and len(
        set(second.values["items"])
    ) == len(second.arrays["features"])
    assert np.array_equal(second.arrays["features"][:count], first.arrays["features"])
    assert second.values["seconds"] > first.values["seconds"] > 0


def test_a_row_waits_for_its_own_pictures_share_of_the_pool_s_seconds(home):
    parts = [
        Parts(variants(*SMALL, f"dataset.share={share}")["composed"], Session(str(home)))
        for share in ("[0.0,1.0]", "[0.0,0.5]")
    ]
    whole, half = (float(feature.features(one)["seconds"]) for one in parts)
    assert half / whole == pytest.approx(
        parts[1].dataset.size / parts[0].dataset.size, rel=1e-5
    )  # float32


def test_a_pool_that_is_damaged_is_computed_anew(home, computed):
    first = features(home)
    (path,) = (home / "store/features").glob("*/arrays.safetensors")
    path.write_bytes(path.read_bytes()[:-8])
    second = features(home)
    assert len(computed) == 2 and all(
        torch.equal(value, second[item]) for item, value in first.items()
    )


def test_each_draw_is_scaled_by_its_own_training_split(home):
    """Two divisions of the same pictures share features and not their mean."""
    means = []
    for seed in (0, 1):
        parts = Parts(
            variants(*SMALL, f"dataset.split_seed={seed}")["composed"], Session(str(home))
        )
        known = feature.features(parts)["train"]
        plain, scaled = feature.scalings(["none", "standard"], lambda: known)(known)
        assert torch.equal(plain, known)
        moving = known.std(0) > 1e-5
        torch.testing.assert_close(
            scaled.mean(0)[moving], torch.zeros(int(moving.sum())), rtol=0, atol=1e-4
        )
        means.append(known.mean(0))
    assert not torch.equal(*means)


@pytest.mark.parametrize("after", [1, 3, 6])
def test_features_that_were_half_computed_go_on_where_they_were_kept_with_the_same_bits(
    home, tmp_path, monkeypatch, computed, after
):
    whole = features(tmp_path / "elsewhere")
    monkeypatch.setattr(feature, "POOL_INTERVAL_S", 0)
    monkeypatch.setattr(feature, "POOL_INTERVAL_PER_WRITE", 0)
    monkeypatch.setattr(feature, "chunk", lambda backbone: 32)
    session = Session(str(home))

    def stop(stage, done, total):
        if stage.startswith("features") and done >= 32 * after:
            raise KeyboardInterrupt

    session.progress.step = stop
    with pytest.raises(KeyboardInterrupt):
        features(home, session=session)
    grown = features(home)
    assert computed == [len(whole), len(whole), len(whole) - 32 * (after - 1)]
    small = features(tmp_path / "third")  # in chunks of 32 from beginning to end
    assert grown.keys() == small.keys() and all(
        torch.equal(value, grown[item]) for item, value in small.items()
    )


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from composition import variants
from qtlrun.experiment import feature
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.session import Session
feature.POOL_INTERVAL_S = feature.POOL_INTERVAL_PER_WRITE = 0
feature.chunk = lambda backbone: 32
session = Session(sys.argv[1])
def step(stage, done, total):
    if done >= int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
session.step = step
feature.features(Parts(variants(*sys.argv[4:])["composed"], session))
"""


@pytest.mark.slow
@pytest.mark.parametrize("done", [32, 100, 200])
def test_features_survive_a_kill_of_their_process(home, tmp_path, monkeypatch, computed, done):
    monkeypatch.setattr(feature, "chunk", lambda backbone: 32)
    whole = features(tmp_path / "elsewhere")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(home), str(Path(__file__).parents[1]), str(done), *SMALL]
    )
    assert killed.returncode == -signal.SIGKILL
    grown = features(home)
    assert computed == [len(whole), len(whole) - 32 * ((done + 31) // 32 - 1)]
    assert whole.keys() == grown.keys() and all(
        torch.equal(value, grown[item]) for item, value in whole.items()
    )
    pool = store.Store(str(home))
    (path,) = (home / "store/features").glob("*/values.json")
    entry = pool.get("features", path.parent.name)
    assert (
        len(set(entry.values["items"]))
        == len(entry.values["items"])
        == len(entry.arrays["features"])
    )


def test_a_large_backbone_takes_fewer_pictures_at_once_the_larger_they_are():
    with without_values():
        meta = EfficientnetLite0("none")
    small = EfficientnetLite0("none", layer="stem")
    large = EfficientnetLite0("none", size=96)
    assert feature.chunk(small) > feature.chunk(large) == feature.chunk(meta) == 32
    large.preprocess = replace(large.preprocess, size=224)
    assert feature.chunk(large) == 8 and feature.chunk(large, side=64) == 32
    assert feature.chunk(large, side=10_000) == 1


def test_a_backbone_that_reads_numbers_while_it_is_built_is_built_in_memory(home, monkeypatch):
    """As drop rates of torch.linspace by `.item()`: without memory they have no values."""
    rates = []

    def split(network):
        rates.extend(rate.item() for rate in torch.linspace(0, 1, 3))
        return stage.split(network)

    monkeypatch.setattr(perceptron, "stage", SimpleNamespace(split=split))
    plan = variants("dataset=spirals", "backbone=perceptron")["composed"]
    bare = Parts(plan, Session(str(home))).bare
    assert bare.features == 8 and rates == [0, 0.5, 1]
