"""The contract of the datasets whose items are states of light, drawn here."""

import pytest
import torch
from composition import part
from divided import all_items

from qtlrun.error import UsageError
from qtlrun.plan import build

NAMES = ["coherent", "gaussian"]
# Counts as they are given, and the items that they make of one split's count
SMALL = {
    "coherent": {"train": 12, "validation": 5, "test": 8},
    "gaussian": {"train": 48, "validation": 10, "test": 16},
}
ITEMS = {"coherent": 7, "gaussian": 1}
LISTED = {
    "coherent": "84 items (L 12, O 12, T 12, I 12, S 12, J 12, Z 12)",
    "gaussian": "48 items (Gaussian 24, non-Gaussian 24)",
}
COUNTED = {
    "coherent": "states a class, from 1 up.",
    "gaussian": "states, both classes together, from 2 up.",
}
PUBLISHED = {"draw": "mari2019", "validation": "test", "order": "drawn"}


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.fixture
def make(name):
    """Makes the dataset of an option's file, but for some values and few states."""
    return lambda **values: build("dataset", part("dataset", name) | SMALL[name] | values)


@pytest.fixture
def refusal(make):
    def words(**values):
        with pytest.raises(UsageError) as error:
            make(**values)
        return str(error.value)

    return words


@pytest.mark.parametrize("values", [{}, PUBLISHED], ids=["apart", "mari2019"])
def test_every_split_has_its_states_and_none_is_drawn_twice(name, make, values):
    data, counts = make(**values), SMALL[name]
    blind = values.get("validation") != "test"
    sizes = [counts["train"], counts["validation" if blind else "test"], counts["test"]]
    assert [len(part) for part in data.splits.values()] == [ITEMS[name] * size for size in sizes]
    assert (data.validation is data.test) != blind
    for split in data.splits.values() if blind else ():
        classes = split.labels.bincount()
        assert len(classes) == len(data.classes) and classes.max() - classes.min() <= 1
    states = set(all_items(data))
    assert len(states) == data.size == ITEMS[name] * (sum(sizes) if blind else sizes[0] + sizes[2])


def test_a_split_does_not_feel_the_size_of_another(name, make):
    data = make()
    for split, size in (("train", 30), ("validation", 2), ("test", 3), ("validation", "test")):
        other = make(**{split: size})
        for each in {"train", "validation", "test"} - {split}:
            assert other.splits[each].items == data.splits[each].items
    count = len(data.train)
    assert make(train=80).train.items[:count] == data.train.items


def test_each_seed_each_split_seed_and_each_split_draws_states_of_its_own(make):
    found = [make(seed=seed, split_seed=split) for seed in (0, 1) for split in (0, 1)]
    assert len({item for data in found for item in all_items(data)}) == 4 * found[0].size
    again = make(seed=0, split_seed=0)
    assert again.fingerprint == found[0].fingerprint
    assert torch.equal(again.test.inputs, found[0].test.inputs)
    assert len({data.fingerprint for data in found}) == 4
    assert all(data.independent for data in found)


@pytest.mark.parametrize("values", [{}, PUBLISHED], ids=["apart", "mari2019"])
def test_the_drawn_order_is_that_of_the_states_in_every_epoch(make, values):
    data, unordered = make(**values | {"order": "drawn"}), make(**values | {"order": None})
    assert unordered.sequence is None and unordered.train.items == data.train.items
    assert unordered.fingerprint != data.fingerprint
    count = len(data.train)
    assert data.sequence(0).tolist() == list(range(count)) == data.sequence(5).tolist()
    assert data.sequence(0).dtype == torch.int64


@pytest.mark.parametrize("size, count", [(30, 30), (0.25, None)])
def test_a_train_size_keeps_every_class_and_the_drawn_order(make, size, count):
    data, whole = make(order="drawn", train_size=size), make()
    count = count or round(size * len(whole.train))
    places = [whole.train.items.index(item) for item in data.train.items]
    assert places == sorted(places) and len(places) == count
    taken = data.train.labels.bincount()
    assert len(taken) == len(data.classes) and taken.max() - taken.min() <= 1
    assert data.sequence(0).tolist() == list(range(count)) and data.size == whole.size
    assert data.test.items == whole.test.items and data.fingerprint != whole.fingerprint
    assert set(data.train.items) < set(make(train_size=40).train.items)


def test_the_largest_seeds_are_taken(make):
    for draw in ({}, PUBLISHED):
        assert make(**draw, seed=2**31 - 1, split_seed=2**31 - 1).train


@pytest.mark.parametrize("key", ["seed", "split_seed"])
@pytest.mark.parametrize("seed", [-1, 2**31, 2**40])
def test_a_seed_beyond_32_bits_is_refused(refusal, key, seed):
    words = "a whole number from 0 to 2147483647."
    assert refusal(**{key: seed}) == f"dataset.{key}={seed}: {words}"


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize("count", [0, -3])
def test_too_few_states_are_refused(name, refusal, split, count):
    assert refusal(**{split: count}) == f"dataset.{split}={count}: {COUNTED[name]}"


def test_the_published_draw_has_no_third_split(name, refusal):
    assert refusal(draw="mari2019") == (
        f"dataset.validation={SMALL[name]['validation']}: draw=mari2019 has train and test states"
        " alone; give validation=test, or draw=apart."
    )


@pytest.mark.parametrize("size", [0, 2.0])
def test_a_size_that_cannot_be_is_refused(refusal, size):
    words = "give a number of items from 1 up, or a share above 0, at most 1.0."
    assert refusal(train_size=size) == f"dataset.train_size={size}: {words}"


def test_a_size_that_the_train_split_does_not_have_is_refused_with_the_counts(name, refusal):
    count, classes = SMALL[name]["train"] * ITEMS[name], 7 if name == "coherent" else 2
    there = f"the training split has {LISTED[name]}"
    large, small = count + 1, classes - 1
    assert (
        refusal(train_size=large) == f"dataset.train_size={large}: {there}; use {count} or fewer."
    )
    assert refusal(train_size=small) == (
        f"dataset.train_size={small}: {there}, and {small} would leave a class without any; use"
        f" {classes} items or more."
    )
