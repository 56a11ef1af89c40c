"""The digits, whose splits are counts of scans, beyond the contract of divided datasets."""

import pytest
from divided import all_items

from qtlrun.dataset.digits import digits

VALUES = {"classes": [3, 8], "share": [0.0, 0.2]}


def test_of_the_digits_what_neither_train_nor_validation_takes_is_left_out():
    whole = digits(**VALUES, train=12, validation=6)
    total = len(all_items(whole))
    assert total == whole.size == 72  # .2 of 183 and of 174 scans: 37 and 35
    data = digits(**VALUES, train=12, validation=6, fold=[2, 6])
    assert [len(part) for part in (data.train, data.validation, data.test)] == [
        24,
        12,
        12,
    ] and data.size == 72
    assert set(all_items(data)) < set(all_items(whole))
    shares = digits(**VALUES, train=0.5, validation=0.25, fold=[2, 6])
    rest = (whole.test.labels.bincount() + 18 - shares.test.labels.bincount()).tolist()
    assert shares.train.labels.bincount().tolist() == [round(0.5 * count) for count in rest]
    assert shares.validation.labels.bincount().tolist() == [round(0.25 * count) for count in rest]
    assert shares.test.items == data.test.items


def test_the_digits_may_use_all_that_a_fold_leaves():
    data = digits([0, 1], [0.0, 0.1], train=10, validation=2, fold=[0, 3])  # 18 scans of either
    assert [len(part) for part in (data.train, data.validation, data.test)] == [20, 4, 12]
    assert len(set(all_items(data))) == data.size == 36


def refusal(**values):
    with pytest.raises(ValueError) as error:
        digits(**VALUES | {"train": 12, "validation": 6} | values)
    return str(error.value)


def test_too_few_scans_for_train_and_validation_beside_the_fold_are_refused_with_the_fold():
    sentence = "class 8 has 17 items, too few for parts of 12 + 6 (items a class: 3 19, 8 17)."
    assert refusal(fold=[1, 2]) == f"train=12: with validation=6, fold=[1, 2], {sentence}"


def test_a_fold_and_a_size_that_cannot_be_are_refused():
    words = "give [k, K], part k of K: K from 2 up, k from 0 to K - 1; null draws none."
    assert refusal(fold=[2, 2]) == f"fold=[2, 2]: {words}"
    words = "give a number of items from 1 up, or a share above 0, at most 1.0."
    assert refusal(train_size=0) == f"train_size=0: {words}"
