from itertools import combinations

import pytest
import torch

from qtlrun.dataset.digits import Digits
from qtlrun.dataset.folder import Folder
from qtlrun.dataset.split import Split, draw_stratified, take_fold

COUNTS = [(9, 9), (99, 96), (30, 4), (12, 7, 31), (5, 5, 5, 5)]
SEEDS = range(6)
DRAWN = {
    "digits": "test",
    "alone": "test",
    "published": "validation",
    "hymenoptera": "validation",
}  # what a fold is


def split_of(*counts):
    """Items of that many classes, their labels in any order."""
    labels = torch.cat([torch.full((count,), label) for label, count in enumerate(counts)])
    labels = labels[
        torch.randperm(len(labels), generator=torch.Generator().manual_seed(sum(counts)))
    ]
    return Split(torch.zeros(len(labels), 1), labels, tuple(map(str, range(len(labels)))))


def folds_of(whole, parts, seed):
    return [take_fold(whole, [part, parts], seed, "abcd") for part in range(parts)]


def all_items(data):
    return data.train.items + data.validation.items + data.test.items


@pytest.mark.parametrize("parts", [2, 3, 4])
@pytest.mark.parametrize("counts", COUNTS)
def test_the_folds_are_disjoint_and_leave_nothing_out(counts, parts):
    whole = split_of(*counts)
    for seed in SEEDS:
        folds = folds_of(whole, parts, seed)
        assert sorted(item for fold, _ in folds for item in fold.items) == sorted(whole.items)
        for fold, rest in folds:
            assert sorted(fold.items + rest.items) == sorted(whole.items)
            for part in (fold, rest):
                places = [int(item) for item in part.items]
                assert places == sorted(places) and torch.equal(part.labels, whole.labels[places])


@pytest.mark.parametrize("parts", [2, 3, 4])
@pytest.mark.parametrize("counts", COUNTS)
def test_the_folds_are_equal_within_one_item_in_every_class_and_in_all(counts, parts):
    whole = split_of(*counts)
    for seed in SEEDS:
        taken = torch.stack(
            [
                fold.labels.bincount(minlength=len(counts))
                for fold, _ in folds_of(whole, parts, seed)
            ]
        )
        assert taken.sum(0).tolist() == list(counts)
        assert (taken.amax(0) - taken.amin(0)).max() <= 1
        assert taken.sum(1).max() - taken.sum(1).min() <= 1


def test_as_many_folds_as_a_class_has_items_leave_one_of_it_in_each():
    assert all(fold.labels.bincount()[1] == 1 for fold, _ in folds_of(split_of(30, 4), 4, 0))


def test_one_seed_gives_one_fold_and_another_seed_another():
    whole = split_of(30, 40)
    for part in range(5):
        folds = [take_fold(whole, [part, 5], seed, "ab")[0].items for seed in SEEDS]
        assert folds == [take_fold(whole, [part, 5], seed, "ab")[0].items for seed in SEEDS]
        assert len(set(folds)) == len(SEEDS)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_folds_of_a_dataset_are_its_test_split_or_else_its_validation(make, layout, seed):
    name = DRAWN[layout]
    whole, folds = (
        make(split_seed=seed),
        [make(split_seed=seed, fold=[part, 5]) for part in range(5)],
    )
    taken = [getattr(data, name) for data in folds]
    assert not any(set(one.items) & set(other.items) for one, other in combinations(taken, 2))
    covered = {item for part in taken for item in part.items}
    assert covered == set(all_items(whole)) - (
        set(whole.test.items) if name == "validation" else set()
    )
    counts = torch.stack([part.labels.bincount() for part in taken])
    assert (counts.amax(0) - counts.amin(0)).max() <= 1
    for data in folds:
        assert len(set(all_items(data))) == len(all_items(data))
        assert (data.size, data.classes) == (whole.size, whole.classes)
        assert name == "test" or data.test.items == whole.test.items
    assert len({data.fingerprint for data in (whole, *folds)}) == 6


def test_fold_k_of_one_seed_is_not_that_of_another(make, layout):
    for part in range(3):
        folds = {
            getattr(make(split_seed=seed, fold=[part, 3]), DRAWN[layout]).items for seed in SEEDS
        }
        assert len(folds) == len(SEEDS)


@pytest.mark.parametrize("seed", SEEDS)
def test_validation_and_train_are_drawn_from_what_the_fold_leaves(painted, seed):
    data = Folder(str(painted / "alone"), 0.3, split_seed=seed, fold=[1, 4])
    left = sorted(data.train.names + data.validation.names)
    labels = torch.tensor([name.startswith("bees") for name in left]).long()
    validation, train = draw_stratified(labels, [0.3], seed)
    assert data.validation.names == tuple(left[i] for i in validation)
    assert data.train.names == tuple(left[i] for i in train)
    assert data.size == len(all_items(data)) == 40


def test_the_share_for_test_is_not_used_where_the_fold_is_the_test_split(painted):
    prints = {
        Folder(str(painted / "alone"), test=share, fold=[0, 4]).fingerprint for share in (0.1, 0.5)
    }
    assert len(prints) == 1


@pytest.mark.parametrize("layout", ["published", "hymenoptera"], indirect=True)
def test_the_share_for_validation_is_not_used_where_the_fold_is_validation(make):
    folds = [make(validation=share, fold=[0, 4]) for share in (0.1, 0.5)]
    assert folds[0].fingerprint == folds[1].fingerprint
    assert len(folds[0].train) + len(folds[0].validation) == 40


@pytest.mark.parametrize("layout", ["alone"], indirect=True)
def test_a_fold_that_is_the_test_split_may_be_validation_too(make):
    data = make(validation="test", fold=[0, 4])
    assert data.validation is data.test and len(data.train) + len(data.test) == 40
    assert data.test.items == make(fold=[0, 4]).test.items


def test_of_the_digits_what_neither_train_nor_validation_takes_is_left_out():
    values = {"classes": [3, 8], "share": [0.0, 0.2]}
    whole = Digits(**values, train=12, validation=6)
    total = len(all_items(whole))
    assert total == whole.size == 72  # .2 of 183 and of 174 scans: 37 and 35
    data = Digits(**values, train=12, validation=6, fold=[2, 6])
    assert [len(part) for part in (data.train, data.validation, data.test)] == [
        24,
        12,
        12,
    ] and data.size == 72
    assert set(all_items(data)) < set(all_items(whole))
    shares = Digits(**values, train=0.5, validation=0.25, fold=[2, 6])
    rest = (whole.test.labels.bincount() + 18 - shares.test.labels.bincount()).tolist()
    assert shares.train.labels.bincount().tolist() == [round(0.5 * count) for count in rest]
    assert shares.validation.labels.bincount().tolist() == [round(0.25 * count) for count in rest]
    assert shares.test.items == data.test.items


def test_the_digits_may_use_all_that_a_fold_leaves():
    data = Digits([0, 1], [0.0, 0.1], train=10, validation=2, fold=[0, 3])  # 18 scans of either
    assert [len(part) for part in (data.train, data.validation, data.test)] == [20, 4, 12]
    assert len(set(all_items(data))) == data.size == 36


def test_a_size_is_of_the_train_split_that_the_fold_leaves(make, layout):
    whole = make(fold=[0, 3])
    parts = [make(fold=[0, 3], train_size=size) for size in (4, 9, 0.9)]
    assert [len(part.train) for part in parts] == [4, 9, round(0.9 * len(whole.train))]
    for part in parts:
        assert (part.validation.items, part.test.items) == (
            whole.validation.items,
            whole.test.items,
        )
    assert (
        set(parts[0].train.items)
        < set(parts[1].train.items)
        < set(parts[2].train.items)
        < set(whole.train.items)
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_without_a_fold_the_splits_are_drawn_from_all_items_at_once(painted, seed):
    data, again = (
        Folder(str(painted / "alone"), 0.3, 0.1, seed, **values) for values in ({}, {"fold": None})
    )
    names = sorted(data.train.names + data.validation.names + data.test.names)
    drawn = draw_stratified(torch.tensor([0] * 23 + [1] * 17), [0.1, 0.3], seed)
    assert [part.names for part in (data.test, data.validation, data.train)] == [
        tuple(names[i] for i in part) for part in drawn
    ]
    assert again.fingerprint == data.fingerprint


@pytest.mark.parametrize(
    "fold", [[0, 1], [0, 0], [0, -2], [3, 2], [2, 2], [-1, 5], [], [1], [0, 1, 2], [False, 2]]
)
def test_a_fold_that_cannot_be_is_refused_before_any_file_is_looked_at(early_refusals, fold):
    mend = "give [k, K], part k of K: K from 2 up, k from 0 to K - 1; null draws none."
    assert early_refusals(fold=fold) == [f"fold={fold}: {mend}"] * 3


def test_more_folds_than_a_class_has_items_are_refused_with_the_counts(refusal, layout):
    small, listed = ("8", "3 37, 8 35") if layout == "digits" else ("bees", "ants 23, bees 17")
    count = listed.split()[-1]
    sentence = f"class {small} has {count} items, too few for 38 folds (items a class: {listed})."
    assert refusal(fold=[0, 38]) == f"fold=[0, 38]: {sentence}"
    assert refusal(fold=[0, int(count) + 1]).startswith(
        f"fold=[0, {int(count) + 1}]: class {small} has {count} items"
    )


@pytest.mark.parametrize("layout", ["published", "hymenoptera"], indirect=True)
def test_a_fold_beside_validation_test_is_refused_where_it_would_be_validation(refusal):
    sentence = "it would be validation, and validation=test is that already; leave out one."
    assert refusal(validation="test", fold=[0, 5]) == f"fold=[0, 5]: {sentence}"


def test_a_fold_of_three_given_parts_is_refused(painted):
    for validation in (0.2, "test"):
        with pytest.raises(ValueError) as error:
            Folder(str(painted / "three"), validation, fold=[0, 5])
        sentence = "root holds train, val and test, so no split is left to draw; use fold=null."
        assert str(error.value) == f"fold=[0, 5]: {sentence}"


@pytest.mark.parametrize("layout", ["digits"], indirect=True)
def test_digits_too_few_for_train_and_validation_beside_the_fold_are_refused_with_the_fold(refusal):
    sentence = "class 8 has 17 items, too few for parts of 12 + 6 (items a class: 3 19, 8 17)."
    assert refusal(fold=[1, 2]) == f"train=12, validation=6, fold=[1, 2]: {sentence}"


def test_a_class_too_small_for_validation_beside_the_fold_is_refused_with_the_fold(
    painted, tmp_path
):
    for name in ("ants", "bees"):
        (tmp_path / name).mkdir()
        for number in range(2):
            (tmp_path / name / f"{number}.png").symlink_to(
                painted / f"alone/{name}/{number:02}.png"
            )
    with pytest.raises(ValueError) as error:
        Folder(str(tmp_path), fold=[0, 2])
    sentence = (
        "class ants has 1 items, too few for parts of 1 + a rest (items a class: ants 1, bees 1)."
    )
    assert str(error.value) == f"root={tmp_path}: fold=[0, 2]: {sentence}"
