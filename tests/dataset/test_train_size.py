from itertools import combinations

import pytest
import torch
from PIL import Image

from qtlrun.dataset.folder import Folder
from qtlrun.dataset.split import Split, draw_stratified, subsample

COUNTS = [(9, 9), (99, 96), (30, 4), (12, 7, 31), (5, 5, 5, 5), (2, 40, 3, 11)]
SEEDS = range(6)
TRAIN = {
    "digits": (24, "3 12, 8 12"),
    "alone": (24, "ants 13, bees 11"),
    "published": (32, "ants 18, bees 14"),
    "hymenoptera": (32, "ants 18, bees 14"),
}  # items of the train split, in all and by class


def split_of(*counts):
    """Items of that many classes, their labels in any order."""
    labels = torch.cat([torch.full((count,), label) for label, count in enumerate(counts)])
    labels = labels[
        torch.randperm(len(labels), generator=torch.Generator().manual_seed(sum(counts)))
    ]
    return Split(torch.zeros(len(labels), 1), labels, tuple(map(str, range(len(labels)))))


def fewest(whole, seed):
    """The smallest size that is not refused."""
    for size in range(1, len(whole) + 1):
        try:
            subsample(whole, size, seed, "abcd")
        except ValueError:
            continue
        return size
    raise AssertionError("every size is refused")


def all_sizes(whole, seed):
    return {
        size: subsample(whole, size, seed, "abcd")
        for size in range(fewest(whole, seed), len(whole) + 1)
    }


@pytest.mark.parametrize("counts", COUNTS)
def test_a_size_takes_that_many_items_in_the_order_in_which_they_lie(counts):
    whole = split_of(*counts)
    for seed in SEEDS:
        for size, part in all_sizes(whole, seed).items():
            places = [int(item) for item in part.items]
            assert len(places) == size and places == sorted(set(places))
            assert torch.equal(part.labels, whole.labels[places])


@pytest.mark.parametrize("counts", COUNTS)
def test_a_larger_size_has_every_item_of_a_smaller_one(counts):
    whole = split_of(*counts)
    for seed in SEEDS:
        sets = [set(part.items) for part in all_sizes(whole, seed).values()]
        assert all(small < large for small, large in combinations(sets, 2))


@pytest.mark.parametrize("counts", COUNTS)
def test_every_class_is_taken_in_step(counts):
    """Item i of n stands at (i + .5) / n, so no class is more than half an item off where a size
    ends.
    """
    whole = split_of(*counts)
    for seed in SEEDS:
        for part in all_sizes(whole, seed).values():
            taken = part.labels.bincount(minlength=len(counts)).tolist()
            for (mine, count), (yours, other) in combinations(zip(taken, counts, strict=True), 2):
                assert abs(mine / count - yours / other) <= 0.5 / count + 0.5 / other + 1e-12


@pytest.mark.parametrize(
    "counts", [counts for counts in COUNTS if len(counts) == 2 or len(set(counts)) == 1]
)
def test_two_classes_and_equal_classes_keep_their_share_within_one_item(counts):
    whole = split_of(*counts)
    for seed in SEEDS:
        for size, part in all_sizes(whole, seed).items():
            for mine, count in zip(part.labels.bincount().tolist(), counts, strict=True):
                assert abs(mine - size * count / len(whole)) < 1


@pytest.mark.parametrize("counts", COUNTS)
def test_a_share_takes_what_its_number_of_items_takes(counts):
    whole = split_of(*counts)
    for seed in SEEDS:
        for share in (0.3, 0.5, 0.75):
            size = round(share * len(whole))
            assert (
                subsample(whole, share, seed, "abcd").items
                == subsample(whole, size, seed, "abcd").items
            )


@pytest.mark.parametrize("counts", COUNTS)
def test_all_items_are_all_that_there_is(counts):
    whole = split_of(*counts)
    for size in (None, 1.0, len(whole)):
        assert subsample(whole, size, 0, "abcd").items == whole.items


def test_one_seed_gives_one_order_and_another_seed_another():
    whole = split_of(99, 96)
    for size in (10, 50, 150):
        taken = [subsample(whole, size, seed, "ab").items for seed in SEEDS]
        assert taken == [subsample(whole, size, seed, "ab").items for seed in SEEDS]
        assert len(set(taken)) == len(SEEDS)


def test_the_order_of_a_class_does_not_depend_on_the_other_classes():
    alone, beside = (torch.tensor([0] * 20 + [1] * count) for count in (20, 5))
    for seed in SEEDS:
        taken = []
        for labels in (alone, beside):
            whole = Split(torch.zeros(len(labels), 1), labels, tuple(map(str, range(len(labels)))))
            parts = all_sizes(whole, seed).values()
            taken.append(
                {tuple(int(item) for item in part.items if int(item) < 20) for part in parts}
            )
        assert taken[0] - {()} >= taken[1] - {()} and len(taken[1]) > 15


def test_the_order_is_not_the_draw_of_the_splits():
    whole = split_of(40, 40)
    for seed in SEEDS:
        drawn = {
            str(i): int(whole.labels[i])
            for i in draw_stratified(whole.labels, [20], seed)[0].tolist()
        }
        first = subsample(whole, 40, seed, "ab").items
        both = [drawn[item] for item in first if item in drawn]
        assert (
            0 < both.count(0) < 20 and 0 < both.count(1) < 20
        )  # twice half of a class: ten in both by chance


def test_each_class_has_an_order_of_its_own():
    labels = torch.tensor([0] * 40 + [1] * 40)
    whole = Split(torch.zeros(80, 1), labels, tuple(map(str, range(80))))
    for seed in SEEDS:
        first = [int(item) for item in subsample(whole, 20, seed, "ab").items]
        assert first[:10] != [item - 40 for item in first[10:]]


@pytest.mark.parametrize("seed", SEEDS)
def test_only_the_train_split_follows_the_size(make, seed):
    whole = make(split_seed=seed)
    total = len(whole.train)
    parts = [make(split_seed=seed, train_size=size) for size in (2, 7, 0.5, total - 1)]
    assert [len(part.train) for part in parts] == [2, 7, round(0.5 * total), total - 1]
    assert len({part.fingerprint for part in (whole, *parts)}) == 5
    for part in parts:
        assert set(part.train.items) < set(whole.train.items)
        assert (part.test.items, part.validation.items) == (
            whole.test.items,
            whole.validation.items,
        )
        assert (part.test.names, part.validation.names) == (
            whole.test.names,
            whole.validation.names,
        )
        assert (part.size, part.classes) == (whole.size, whole.classes)
    assert all(
        set(small.train.items) < set(large.train.items) for small, large in combinations(parts, 2)
    )


def test_no_size_and_the_whole_size_are_what_was_there_before(make):
    whole = make()
    for size in (None, 1.0, len(whole.train)):
        assert make(train_size=size).fingerprint == whole.fingerprint


@pytest.mark.parametrize("layout", ["alone", "published", "hymenoptera"], indirect=True)
def test_train_alone_is_cut_where_the_test_split_is_validation(make):
    whole, part = (make(validation="test", train_size=size) for size in (None, 8))
    assert (
        len(part.train) == 8
        and part.validation is part.test
        and part.test.items == whole.test.items
    )


def test_a_size_beyond_what_is_there_is_refused_with_the_counts(refusal, layout):
    total, listed = TRAIN[layout]
    there = f"train_size=500: the training split has {total} items ({listed})"
    assert refusal(train_size=500) == f"{there}; use {total} or fewer."
    assert refusal(train_size=total + 1).endswith(f"; use {total} or fewer.")


@pytest.mark.parametrize("size, number", [(1, 1), (0.01, 0)])
def test_a_size_that_leaves_a_class_without_an_item_is_refused_with_the_counts(
    refusal, layout, size, number
):
    total, listed = TRAIN[layout]
    there = f"train_size={size}: the training split has {total} items ({listed})"
    assert (
        refusal(train_size=size)
        == f"{there}, and {number} would leave a class without any; use 2 items or more."
    )


@pytest.mark.parametrize(
    "counts, least", [((30, 4), 5), ((4, 30), 5), ((9, 9, 9), 3), ((100, 10), 6), ((40, 2, 3), 12)]
)
def test_the_least_size_is_the_one_named_also_where_classes_are_far_from_equal(counts, least):
    """A class of n comes in at .5 / n, where a class of m has round(.5 m / n) items, all it has
    before that place.
    """
    whole = split_of(*counts)
    for seed in SEEDS:
        assert fewest(whole, seed) == least
        assert subsample(whole, least, seed, "abc").labels.bincount().min() == 1
        words = rf"and {least - 1} would leave a class without any; use {least} items or more\.$"
        with pytest.raises(ValueError, match=words):
            subsample(whole, least - 1, seed, "abc")


@pytest.mark.parametrize("size", [0, -3, True, False, 0.0, -0.5, 1.5, float("nan"), float("inf")])
def test_a_size_that_cannot_be_is_refused_before_any_file_is_looked_at(early_refusals, size):
    mend = "give a number of items from 1 up, or a share above 0, at most 1.0."
    assert early_refusals(train_size=size) == [f"train_size={size}: {mend}"] * 3


def test_verify_decodes_also_what_the_size_leaves_out(tmp_path):
    for number in range(20):
        path = tmp_path / ("ants", "bees")[number % 2] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.effect_noise((50 + number, 50), 90).save(path)
    data = Folder(str(tmp_path), train_size=2)
    used = data.train.names + data.validation.names + data.test.names
    left_out, *_ = {name for name in Folder(str(tmp_path)).train.names if name not in used}
    (tmp_path / left_out).write_bytes((tmp_path / left_out).read_bytes()[:900])
    data = Folder(str(tmp_path), train_size=2)
    assert data.size == 20
    with pytest.raises(ValueError, match=rf"^root={tmp_path}: {left_out} is damaged or cut off"):
        data.verify()
