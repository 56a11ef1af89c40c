"""The draws of splits: stratified parts, folds, a smaller train split; and a Splitting's checks."""

from itertools import combinations

import pytest
import torch

from qtlrun.dataset.split import Split
from qtlrun.dataset.splitting import Splitting, draw_stratified, subsample, take_fold
from qtlrun.error import text

COUNTS = [(9, 9), (99, 96), (30, 4), (12, 7, 31), (5, 5, 5, 5), (2, 40, 3, 11)]
FOLDED = [counts for counts in COUNTS if min(counts) > 3]  # enough of each for four folds
SEEDS = range(6)
LABELS = torch.tensor([0] * 20 + [1] * 50 + [2] * 30)[
    torch.randperm(100, generator=torch.Generator().manual_seed(1))
]


def split_of(*counts):
    """Items of that many classes, their labels in any order."""
    labels = torch.cat([torch.full((count,), label) for label, count in enumerate(counts)])
    labels = labels[
        torch.randperm(len(labels), generator=torch.Generator().manual_seed(sum(counts)))
    ]
    return Split(torch.zeros(len(labels), 1), labels, tuple(map(str, range(len(labels)))))


def folds_of(whole, parts, seed):
    return [take_fold(whole, [part, parts], seed, "abcd") for part in range(parts)]


@pytest.mark.parametrize("parts", [2, 3, 4])
@pytest.mark.parametrize("counts", FOLDED)
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
@pytest.mark.parametrize("counts", FOLDED)
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


@pytest.mark.parametrize("counts", [[5, 10], [0.2, 0.3], [0.2], [4, 0.5], []])
def test_the_parts_are_disjoint_sorted_and_leave_nothing_out(counts):
    parts = draw_stratified(LABELS, counts, 0)
    assert len(parts) == len(counts) + 1
    assert torch.equal(torch.cat(parts).sort().values, torch.arange(100))
    assert all(torch.equal(part, part.sort().values) for part in parts)


def test_whole_numbers_take_that_many_of_every_class():
    test, validation, train = draw_stratified(LABELS, [5, 10], 0)
    assert LABELS[test].bincount().tolist() == [5, 5, 5]
    assert LABELS[validation].bincount().tolist() == [10, 10, 10]
    assert LABELS[train].bincount().tolist() == [5, 35, 15]


def test_whole_numbers_may_take_everything():
    assert [len(part) for part in draw_stratified(LABELS[LABELS == 0], [5, 15], 0)] == [5, 15, 0]


def test_shares_take_the_same_share_of_every_class():
    test, train = draw_stratified(LABELS, [0.3], 0)
    assert LABELS[test].bincount().tolist() == [6, 15, 9]
    assert LABELS[train].bincount().tolist() == [14, 35, 21]


def test_a_share_takes_at_least_one_of_every_class():
    test, validation, train = draw_stratified(torch.tensor([0, 1, 0, 1, 0, 1]), [0.01, 0.01], 0)
    assert [len(part) for part in (test, validation, train)] == [2, 2, 2]


def test_one_seed_gives_one_division_and_another_seed_another():
    first, second, other = (draw_stratified(LABELS, [0.2], seed)[0] for seed in (7, 7, 8))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_the_first_part_does_not_depend_on_the_later_ones():
    assert torch.equal(
        draw_stratified(LABELS, [0.2, 0.1], 3)[0], draw_stratified(LABELS, [0.2, 0.4], 3)[0]
    )


@pytest.mark.parametrize(
    "counts, sentence",
    [
        (
            [0.2, 0.2],
            (
                "class bees has 2 items, too few for parts of 1 + 1 + a rest (items a class: ants"
                " 5, bees 2)."
            ),
        ),
        (
            [2, 1],
            "class bees has 2 items, too few for parts of 2 + 1 (items a class: ants 5, bees 2).",
        ),
    ],
)
def test_a_class_too_small_is_refused_with_the_counts(counts, sentence):
    labels = torch.tensor([0, 0, 0, 0, 0, 1, 1])
    with pytest.raises(ValueError) as error:
        draw_stratified(labels, counts, 0, names=("ants", "bees"))
    assert str(error.value) == sentence
    with pytest.raises(ValueError, match=r"^class 1 has 2 items.*\(items a class: 0 5, 1 2\)\.$"):
        draw_stratified(labels, counts, 0)


def test_of_many_classes_the_refusal_lists_twelve():
    with pytest.raises(ValueError, match=r"0 1, .*, 11 1, \.\.\.\)\.$"):
        draw_stratified(torch.arange(40), [0.5], 0)


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


def refusal(**values):
    with pytest.raises(ValueError) as error:
        Splitting(**values)
    return str(error.value)


@pytest.mark.parametrize("share", [0, 0.0, 1.0, 1, -0.2, 2.0, float("nan"), "val", "tset"])
def test_a_share_that_cannot_be_is_refused(share):
    words = "give a share of every class between 0 and 1, such as 0.2 or 'test'."
    assert refusal(validation=share) == f"validation={share}: {words}"


@pytest.mark.parametrize(
    "fold", [[0, 1], [0, 0], [0, -2], [3, 2], [2, 2], [-1, 5], [], [1], [0, 1, 2], [False, 2]]
)
def test_a_fold_that_cannot_be_is_refused(fold):
    words = "give [k, K], part k of K: K from 2 up, k from 0 to K - 1; null draws none."
    assert refusal(fold=fold) == f"fold={fold}: {words}".replace("False", "false")


@pytest.mark.parametrize("size", [0, -3, True, False, 0.0, -0.5, 1.5, float("nan"), float("inf")])
def test_a_size_that_cannot_be_is_refused(size):
    words = "give a number of items from 1 up, or a share above 0, at most 1.0."
    assert refusal(train_size=size) == f"train_size={text(size)}: {words}"
