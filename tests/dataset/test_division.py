"""The contract of every dataset that is divided by a seed."""

from itertools import combinations

import pytest
import torch
from divided import DRAWN, all_items, divided
from PIL import Image

from qtlrun.dataset.folder import folder
from qtlrun.dataset.look import Looks
from qtlrun.dataset.splitting import draw_stratified

SEEDS = range(4)
# The digits have counts of scans in the place of shares
SHARES = pytest.mark.parametrize("name", DRAWN, indirect=True)


@pytest.fixture
def refusal(make):
    """The words with which the dataset refuses some values, without the key of its group."""

    def words(**values):
        with pytest.raises(ValueError) as error:
            make(**values)
        return str(error.value).removeprefix("dataset.")

    return words


def counts(split):
    return split.labels.bincount().tolist()


def listed(classes, counts):
    return ", ".join(f"{name} {count}" for name, count in zip(classes, counts, strict=True))


def pooled(data, drawn):
    """Items a class of what a fold is drawn from."""
    parts = [data.train, data.validation, *([data.test] if drawn == "test" else [])]
    return torch.cat([part.labels for part in parts]).bincount().tolist()


def test_no_item_is_in_two_splits_and_all_are_in_one(make):
    data = make()
    assert len(set(all_items(data))) == len(all_items(data)) == data.size
    assert all(0 not in counts(part) for part in data.splits.values())
    assert all(len(counts(part)) == len(data.classes) for part in data.splits.values())


def test_equal_values_make_equal_data_and_another_split_seed_other_splits(make, drawn):
    data, again, other = make(), make(), make(split_seed=1)
    assert data.fingerprint == again.fingerprint != other.fingerprint
    for one, two in zip(data.splits.values(), again.splits.values(), strict=True):
        assert one.items == two.items and torch.equal(one.labels, two.labels)
        if isinstance(one.inputs, torch.Tensor):
            assert torch.equal(one.inputs, two.inputs)
    assert set(all_items(other)) == set(all_items(data))
    assert other.splits[drawn].items != data.splits[drawn].items


@SHARES
@pytest.mark.parametrize("share", [0.1, 0.3])
def test_validation_is_a_share_of_every_class(make, drawn, share):
    data = make(validation=share)
    sizes = pooled(data, drawn)
    assert counts(data.validation) == [max(1, round(share * size)) for size in sizes]


@SHARES
def test_the_test_split_is_the_same_whatever_validation_is(make):
    assert len({make(validation=share).test.items for share in (0.1, 0.5, "test")}) == 1


@SHARES
def test_validation_may_be_the_test_split_itself_and_train_keeps_its_own(make):
    data, sound = (make(validation=validation) for validation in ("test", 0.2))
    assert data.validation is data.test
    assert set(data.train.items) == set(sound.train.items + sound.validation.items)
    small = make(validation="test", train_size=8)
    assert len(small.train) == 8 and small.validation is small.test
    assert small.test.items == data.test.items


@pytest.mark.parametrize("seed", SEEDS)
def test_the_folds_are_the_test_split_or_else_validation_and_leave_nothing_out(make, drawn, seed):
    whole = make(split_seed=seed)
    folds = [make(split_seed=seed, fold=[number, 4]) for number in range(4)]
    taken = [data.splits[drawn] for data in folds]
    assert not any(set(one.items) & set(other.items) for one, other in combinations(taken, 2))
    covered = {item for part in taken for item in part.items}
    rest = set(whole.test.items) if drawn == "validation" else set()
    assert covered == set(all_items(whole)) - rest
    sizes = torch.stack([part.labels.bincount() for part in taken])
    assert (sizes.amax(0) - sizes.amin(0)).max() <= 1
    for data in folds:
        assert len(set(all_items(data))) == len(all_items(data))
        assert (data.size, data.classes) == (whole.size, whole.classes)
        assert drawn == "test" or data.test.items == whole.test.items
    assert len({data.fingerprint for data in (whole, *folds)}) == 5


def test_fold_k_of_one_seed_is_not_that_of_another(make, drawn):
    for number in range(3):
        folds = {make(split_seed=seed, fold=[number, 3]).splits[drawn].items for seed in SEEDS}
        assert len(folds) == len(SEEDS)


@SHARES
def test_the_share_of_what_a_fold_is_is_not_used(make, drawn):
    folds = [make(fold=[0, 4], **{drawn: share}) for share in (0.1, 0.5)]
    assert folds[0].fingerprint == folds[1].fingerprint


@SHARES
def test_a_fold_that_is_the_test_split_may_be_validation_too(make, drawn, refusal):
    if drawn == "test":
        data, fold = make(validation="test", fold=[0, 4]), make(fold=[0, 4])
        assert data.validation is data.test and data.test.items == fold.test.items
        assert set(data.train.items) == set(fold.train.items + fold.validation.items)
    else:
        words = "it would be validation, and validation=test is that already; leave out one."
        assert refusal(validation="test", fold=[0, 5]) == f"fold=[0, 5]: {words}"


@pytest.mark.parametrize("values", [{}, {"fold": [0, 3]}], ids=["shares", "fold"])
def test_only_the_train_split_follows_the_size(make, values):
    whole = make(**values)
    total = len(whole.train)
    parts = [make(train_size=size, **values) for size in (len(whole.classes), 7, 0.5, total - 1)]
    sizes = [len(whole.classes), 7, round(0.5 * total), total - 1]
    assert [len(part.train) for part in parts] == sizes == sorted(set(sizes))
    assert len({part.fingerprint for part in (whole, *parts)}) == 5
    for part in parts:
        for name in ("validation", "test"):
            assert part.splits[name].items == whole.splits[name].items
            assert part.splits[name].names == whole.splits[name].names
        assert (part.size, part.classes) == (whole.size, whole.classes)
    nested = [set(part.train.items) for part in (*parts, whole)]
    assert all(small < large for small, large in combinations(nested, 2))


def test_no_size_and_the_whole_size_are_what_was_there_before(make):
    whole = make()
    for size in (None, 1.0, len(whole.train)):
        assert make(train_size=size).fingerprint == whole.fingerprint


def test_a_size_that_the_train_split_does_not_have_is_refused_with_the_counts(make, refusal):
    data = make()
    total, least = len(data.train), len(data.classes)
    there = f"the training split has {total} items ({listed(data.classes, counts(data.train))})"
    for size in (500, total + 1):
        assert refusal(train_size=size) == f"train_size={size}: {there}; use {total} or fewer."
    for size, number in ((1, 1), (0.001, 0), (least - 1, least - 1)):
        assert refusal(train_size=size) == (
            f"train_size={size}: {there}, and {number} would leave a class without any; use"
            f" {least} items or more."
        )


def test_more_folds_than_a_class_has_items_are_refused_with_the_counts(make, drawn, refusal):
    data = make()
    sizes = pooled(data, drawn)
    small = min(range(len(sizes)), key=sizes.__getitem__)
    for folds in (sizes[small] + 1, 1000):
        assert refusal(fold=[0, folds]) == (
            f"fold=[0, {folds}]: class {data.classes[small]} has {sizes[small]} items, too few for"
            f" {folds} folds (items a class: {listed(data.classes, sizes)})."
        )
    assert counts(make(fold=[0, sizes[small]]).splits[drawn])[small] == 1


def test_the_items_of_splits_that_are_numbers_are_not_decoded(make, name):
    data = make()
    if isinstance(data.train.inputs, torch.Tensor):
        assert data.verify(pytest.fail) == Looks()
    else:
        steps = []
        assert data.verify(lambda *step: steps.append(step)).contents == {}
        assert steps == [(done, data.size) for done in range(1, data.size + 1)]


@pytest.mark.parametrize("seed", SEEDS)
def test_of_a_folder_test_is_drawn_before_validation_from_all_pictures(painted, seed):
    data = divided(folder, str(painted / "alone"), validation=0.3, test=0.1, split_seed=seed)
    names = sorted(data.train.names + data.validation.names + data.test.names)
    drawn = draw_stratified(torch.tensor([0] * 23 + [1] * 17), [0.1, 0.3], seed)
    assert [part.names for part in (data.test, data.validation, data.train)] == [
        tuple(names[i] for i in part) for part in drawn
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_validation_and_train_are_drawn_from_what_the_fold_leaves(painted, seed):
    root = str(painted / "alone")
    data = divided(folder, root, validation=0.3, split_seed=seed, fold=[1, 4])
    left = sorted(data.train.names + data.validation.names)
    labels = torch.tensor([name.startswith("bees") for name in left]).long()
    validation, train = draw_stratified(labels, [0.3], seed)
    assert data.validation.names == tuple(left[i] for i in validation)
    assert data.train.names == tuple(left[i] for i in train)
    assert data.size == len(all_items(data)) == 40


def test_a_fold_of_three_given_parts_is_refused(painted):
    for validation in (0.2, "test"):
        with pytest.raises(ValueError) as error:
            divided(folder, str(painted / "three"), validation=validation, fold=[0, 5])
        sentence = "root holds train, val and test, so no split is left to draw; use fold=null."
        assert str(error.value) == f"fold=[0, 5]: {sentence}"


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
        divided(folder, str(tmp_path), fold=[0, 2])
    sentence = (
        "class ants has 1 items, too few for parts of 1 + a rest (items a class: ants 1, bees 1)."
    )
    assert str(error.value) == f"root={tmp_path}: with fold=[0, 2], {sentence}"


def test_verify_decodes_also_what_the_size_leaves_out(tmp_path):
    for number in range(20):
        path = tmp_path / ("ants", "bees")[number % 2] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.effect_noise((50 + number, 50), 90).save(path)
    data = divided(folder, str(tmp_path), train_size=2)
    used = data.train.names + data.validation.names + data.test.names
    left_out, *_ = {name for name in divided(folder, str(tmp_path)).train.names if name not in used}
    (tmp_path / left_out).write_bytes((tmp_path / left_out).read_bytes()[:900])
    data = divided(folder, str(tmp_path), train_size=2)
    assert data.size == 20
    with pytest.raises(ValueError, match=rf"^root={tmp_path}: {left_out} is damaged or cut off"):
        data.verify()
