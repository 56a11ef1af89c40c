"""Seals: what is sealed comes back as it was, and what differs is named."""

import copy
import hashlib
import json

import composition
import pytest
import yaml

from qtlrun.plan.seal import (
    FILE,
    MAX_DIFFERENCES,
    Seal,
    describe_differences,
    find_changes,
    find_differences,
    load_seal,
    parse_seal,
    sealed_command,
    sealed_values,
)

WORDS = ("compare=[C,twin]", "seeds=3")


def seal(*points):
    return Seal(
        date="2025-11-29T10:20:00+0100",
        command=["qtlrun", *WORDS],
        metric="test_nll",
        declared=["twin"],
        margin=0.05,
        readers={"items": 0, "pool": 3},
        fingerprints=[{"data of the composed model": "d" * 64} for _ in points],
        plans=[sealed_values(values) for values in points],
    )


@pytest.fixture
def values():
    return composition.values(*WORDS)


def keys(sealed, values):
    return [each.key for each in find_differences(sealed_values(sealed), values)]


@pytest.mark.parametrize("option", composition.options("experiment"))
def test_a_preset_comes_back_from_the_file_as_it_was_sealed(option):
    made = seal(composition.values(f"experiment={option}"))
    back = load_seal(parse_seal(made.file.encode()))
    assert back == made and back.hash == made.hash
    assert find_differences(back.plans[0], composition.values(f"experiment={option}")) == []


def test_the_hash_is_that_of_the_json_of_all_but_itself(values):
    made = seal(values)
    parts = yaml.safe_load(made.file)
    digest = parts.pop("hash")
    text = json.dumps(parts, sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest() == digest == made.hash


@pytest.mark.parametrize(
    "change",
    [
        {"date": "2025-11-28T10:20:00+0100"},
        {"declared": ["C"]},
        {"margin": 0.1},
        {"readers": {"items": 0, "pool": 0}},
        {"fingerprints": [{"data of the composed model": "e" * 64}]},
        {"command": ["qtlrun"]},
        {"metric": "test_accuracy"},
    ],
    ids=str,
)
def test_a_change_of_any_part_breaks_the_hash_and_is_named(values, change):
    made = seal(values)
    parts = yaml.safe_load(made.file) | change
    with pytest.raises(ValueError, match="changed after it was sealed"):
        load_seal(parts)
    (difference,) = find_changes(made, parts)
    assert difference.key.startswith(next(iter(change)))


def test_a_change_of_a_plan_in_the_file_is_named_by_its_point(values):
    made = seal(values, values)
    parts = yaml.safe_load(made.file)
    parts["plans"][1]["recipe"]["lr"] = 0.7
    (difference,) = find_changes(made, parts)
    assert (difference.key, difference.after) == ("plans.2.recipe.lr", "0.7")


@pytest.mark.parametrize("content", [b"{", b"", b"[1]", b"hash: 1\n", b"\xff", b"a: !!python/x 1"])
def test_what_is_no_seal_is_said_to_be_none(content):
    with pytest.raises(ValueError):
        load_seal(parse_seal(content))


@pytest.mark.parametrize(
    "key", ["home", "outputs", "fresh", "name", "command", "overrides", "study", "seal"]
)
def test_what_changes_no_figure_is_not_sealed(values, key):
    assert keys(values, values | {key: "another"}) == [] and key not in sealed_values(values)


@pytest.mark.parametrize(
    "word, key",
    [
        ("seeds=4", "seeds"),
        ("recipe.lr=0.5", "recipe.lr"),
        ("tune=4", "tune"),
        ("dtype=float64", "dtype"),
        ("dataset.split_seed=1", "dataset.split_seed"),
        ("head.spread=1", "head.spread"),  # a whole number where there was none
        ("recipe.space.lr=[0.1,0.2]", "recipe.space.lr"),
        ("head=classical", "head"),  # another option is one difference
    ],
)
def test_a_value_that_differs_is_named(values, word, key):
    assert keys(values, composition.values(*WORDS, word)) == [key]


def test_a_value_that_is_new_or_gone_is_named(values):
    other = copy.deepcopy(values)
    other["recipe"]["novel"] = 1
    assert keys(values, other) == keys(other, values) == ["recipe.novel"]


def test_references_may_be_added_and_not_taken_away_or_changed(values):
    more = composition.values("compare=[twin,C,svm]", "seeds=3")
    assert keys(values, more) == [] and keys(more, values) == ["compare.svm"]
    changed = copy.deepcopy(more)
    changed["compare"]["twin"]["isolates"] = "another claim"
    assert keys(values, changed) == ["compare.twin.isolates"]


def test_a_path_may_be_another_and_a_name_may_not():
    """What it leads to is compared by its hash."""
    before = {
        "backbone": {"weights": "/a/file.pth"},
        "dataset": {"root": "a/b"},
        "plugins": ["x.py"],
    }
    moved = {
        "backbone": {"weights": "/b/file.pth"},
        "dataset": {"root": "/b"},
        "plugins": ["y/x.py"],
    }
    assert keys(before, moved) == []
    named = {"backbone": {"weights": "none"}, "dataset": {"root": "a/b"}, "plugins": ["x.py"]}
    assert keys(before, named) == ["backbone.weights"]


def test_many_differences_are_the_first_few_and_a_count(values):
    other = copy.deepcopy(values)
    for name in list(other["recipe"])[1 : MAX_DIFFERENCES + 4]:
        other["recipe"][name] = "x" * 100
    differences = find_differences(sealed_values(values), other)
    words = describe_differences(differences)
    assert len(differences) == MAX_DIFFERENCES + 3 and words.endswith(", and 3 more")
    assert words.count("(sealed: ") == MAX_DIFFERENCES and "x" * 61 not in words
    assert differences[0].key in words and differences[-1].key not in words


def test_the_command_of_a_seal_is_without_its_study_and_its_folders():
    words = ["-m", "study=preregister", "study.contrasts=[twin]", "home=x", "outputs=y", "tune=1,2"]
    assert sealed_command([*words, "study.margin=0.1"]) == ["-m", "tune=1,2", "study.margin=0.1"]
    assert sealed_command(["lens=[tsne]", "lens.tsne.items=3", "seeds=2"]) == ["seeds=2"]
    assert FILE.endswith(".yaml")
