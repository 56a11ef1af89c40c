import json
import math
import os
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest

from qtlrun import disk, store, temporary
from qtlrun.store import Entry, Store

SAID = {
    "recipe": {"lr": 0.01, "epochs": 60, "augment": False, "schedule": None},
    "circuit": {"qubits": 4, "depth": 6},
    "backbone": {"mean": [0.485, 0.456, 0.406]},
    "seed": 0,
    "dtype": "float32",
}


@pytest.fixture
def kept(tmp_path):
    return Store(tmp_path)


def entry(number):
    return Entry({"number": number}, {"array": np.full((3, 4), float(number))})


def test_an_entry_comes_back_as_it_was(kept):
    values = {
        "seconds": 0.1,
        "best_epoch": 7,
        "curves": [{"nll": 1e-300, "name": "é"}],
        "none": None,
        "yes": True,
    }
    arrays = {
        "weights/head.weight": np.random.default_rng(0).standard_normal((3, 4, 2)),
        "weights/head.bias": np.float32([0.1, -0.0]),
        "weights/steps": np.array(2**40 + 1),
        "weights/scale": np.array(0.5, dtype=np.float32),
        "labels": np.arange(5),
        "mask": np.array([True, False]),
        "empty": np.zeros((0, 4)),
        "columns first": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        "every other": np.arange(10)[::2],
    }
    kept.put("row", "key", Entry(values, arrays))
    found = kept.get("row", "key")
    assert found.values == values and found.arrays.keys() == arrays.keys()
    for name, array in arrays.items():
        assert (
            found.arrays[name].dtype == array.dtype and found.arrays[name].shape == array.shape
        ), name
        assert found.arrays[name].tobytes() == array.tobytes(), name
    assert found.arrays["weights/steps"].shape == ()


def test_what_comes_back_may_be_handed_to_torch(kept):
    import torch

    kept.put("row", "key", entry(1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # torch warns of an array that is not writable
        tensor = torch.from_numpy(kept.get("row", "key").arrays["array"])
    assert tensor.add_(1).eq(2).all()


def test_what_was_never_kept_is_absent(kept):
    assert kept.get("row", "key") is None
    kept.put("row", "key", entry(1))
    assert kept.get("row", "other") is None and kept.get("features", "key") is None


def test_the_last_entry_of_a_key_stays(kept):
    for number in (1, 2):
        kept.put("row", "key", entry(number))
    assert kept.get("row", "key").values == {"number": 2}
    assert os.listdir(kept.folder / "row") == ["key"]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_is_no_number_is_refused_and_the_old_entry_stays(kept, value):
    kept.put("row", "key", entry(1))
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        kept.put("row", "key", Entry({"nll": [{"deep": value}]}))
    assert kept.get("row", "key").values == {"number": 1} and os.listdir(kept.folder / "row") == [
        "key"
    ]


def test_logits_may_be_infinite_for_they_are_no_json(kept):
    kept.put("row", "key", Entry({}, {"logits": np.array([np.inf, np.nan])}))
    np.testing.assert_array_equal(kept.get("row", "key").arrays["logits"], [np.inf, np.nan])


@pytest.mark.parametrize("name", ["values.json", "arrays.safetensors", disk.MANIFEST])
def test_a_damaged_entry_is_absent_until_it_is_kept_anew(kept, name):
    kept.put("row", "key", entry(1))
    file = kept.folder / "row" / "key" / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert kept.get("row", "key") is None
    kept.put("row", "key", entry(2))
    assert kept.get("row", "key").values == {"number": 2}


def test_no_pickle_is_kept(kept):
    kept.put("row", "key", entry(1))
    assert sorted(os.listdir(kept.folder / "row" / "key")) == [
        "arrays.safetensors",
        disk.MANIFEST,
        "values.json",
    ]
    with pytest.raises(Exception, match='Unknown dtype "object"'):
        kept.put("row", "other", Entry({}, {"array": np.array([object()])}))
    assert kept.get("row", "other") is None


def test_the_next_start_cleans_up_after_a_killed_one(tmp_path, kept):
    kept.put("row", "key", entry(1))
    for name in (".new-folder/new/values.json", ".new-file", "gone.lock"):
        path = kept.folder / "row" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    long_ago = time.time() - temporary.ABANDONED_S - 10
    for name in (".new-folder", ".new-file"):
        os.utime(kept.folder / "row" / name, (long_ago, long_ago))
    (kept.folder / "row" / ".new-now").write_text("")
    assert Store(tmp_path).get("row", "key").values == {"number": 1}
    assert sorted(os.listdir(kept.folder / "row")) == [".new-now", "key"]


def test_a_tilde_is_the_home_folder_and_a_store_makes_nothing_before_it_keeps_something(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    kept = Store("~/mine")
    assert kept.get("row", "key") is None and os.listdir(tmp_path) == []
    kept.put("row", "key", entry(1))
    assert (tmp_path / "mine" / "store" / "row" / "key").is_dir()


COLD = """
import os, sys
import numpy as np
from qtlrun.store import Entry, Store

kept, locked, children = Store(sys.argv[1]), sys.argv[2] == "locked", []

def make(key):
    with open(sys.argv[1] + "/made", "a") as file:
        file.write(key + "\\n")
    return Entry({"who": os.getpid()}, {"array": np.full(1000, float(os.getpid()))})

def get(key):
    entry = kept.get("features", key)
    if entry is None:
        if not locked:
            kept.put("features", key, make(key))
            return
        with kept.lock("features", key):
            if kept.get("features", key) is None:
                kept.put("features", key, make(key))

for _ in range(8):
    child = os.fork()
    if child == 0:
        for key in range(50):
            get(str(key))
            entry = kept.get("features", str(key))
            if locked or entry is not None:  # without a lock another one may be replacing it
                assert (entry.arrays["array"] == entry.values["who"]).all()
        os._exit(0)
    children.append(child)
sys.exit(any(os.waitpid(child, 0)[1] for child in children))
"""


@pytest.mark.parametrize("how", ["locked", "free"])
def test_eight_processes_on_one_cold_key_make_one_entry(tmp_path, how):
    run = subprocess.run(
        [sys.executable, "-c", COLD, str(tmp_path), how], capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr
    made = (tmp_path / "made").read_text().splitlines()
    assert len(made) >= 50 and (how == "free" or len(made) == 50)  # a lock lets one do the work
    kept = Store(tmp_path)
    assert sorted(os.listdir(kept.folder / "features"), key=int) == [str(key) for key in range(50)]
    for key in range(50):
        found = kept.get("features", str(key))
        assert (found.arrays["array"] == found.values["who"]).all()


def test_a_key_does_not_depend_on_the_order_of_what_is_said():
    turned = {
        name: dict(reversed(value.items())) if isinstance(value, dict) else value
        for name, value in reversed(SAID.items())
    }
    assert list(turned) != list(SAID) and store.key(**turned) == store.key(**SAID)
    assert store.key(mean=(1, 2)) == store.key(mean=[1, 2])
    assert len(store.key(**SAID)) == 64


def leaves(said, path=()):
    for name, value in said.items() if isinstance(said, dict) else enumerate(said):
        if isinstance(value, (dict, list)):
            yield from leaves(value, (*path, name))
        else:
            yield (*path, name), value


def test_any_changed_value_changes_the_key():
    keys = {store.key(**SAID)}
    changes = 0
    for path, value in leaves(SAID):
        for other in (1.5, 7, "other", True, None, "float64", [value]):
            if other == value:
                continue
            said = json.loads(json.dumps(SAID))
            place = said
            for name in path[:-1]:
                place = place[name]
            place[path[-1]] = other
            keys.add(store.key(**said))
            changes += 1
    assert changes > 60 and len(keys) == changes + 1


@pytest.mark.parametrize(
    "other",
    [
        {"seed": "0"},
        {"seed": False},
        {"circuit": {"qubits": 46}},
        {"backbone": {"mean": [0.456, 0.485, 0.406]}},
        {"recipe": SAID["recipe"] | {"lr": np.nextafter(0.01, 1)}},
        {"extra": None},
    ],
)
def test_what_looks_alike_has_another_key(other):
    assert store.key(**SAID | other) != store.key(**SAID)


def test_what_has_no_canonical_text_is_refused():
    for value in (object(), {1, 2}, b"bytes", np.int64(3)):
        with pytest.raises(TypeError, match="not JSON serializable"):
            store.key(value=value)
