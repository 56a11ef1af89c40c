from hashlib import sha256
from itertools import combinations

import numpy as np
import pytest
import torch
from composition import part
from sklearn.datasets import load_iris, make_moons
from sklearn.preprocessing import StandardScaler

from qtlrun.dataset import vector
from qtlrun.plan import build

NAMES = ["spirals", "moons", "square", "iris"]
DRAWN = ["spirals", "moons", "square"]  # those that are drawn by a seed
SIZES = {
    "spirals": [2200, 2200],
    "moons": [1100, 1100],
    "iris": [50, 50, 49],
}  # of the classes; of the square below


def make(name, **values):
    """The dataset of an option's file, but for some values."""
    return build("dataset", part("dataset", name) | values)


def known(name):
    """All vectors and labels of an option, made here."""
    if name == "iris":
        return load_iris(return_X_y=True)
    if name == "moons":
        return make_moons(2200, noise=0.2, random_state=21)
    draw = np.random.RandomState(21)
    if name == "square":
        points = 4 * draw.random_sample((2200, 2)) - 2
        return points + draw.uniform(-0.1, 0.1, (2200, 2)), (abs(points) > 1.2).any(1).astype(int)
    return np.concatenate([spiral(draw), -spiral(draw)]), np.repeat([0, 1], 2200)


def spiral(draw, turns=1.52):
    angle = np.sqrt(draw.random_sample(2200)) * turns * 2 * np.pi
    x = draw.random_sample(2200) * 0.7 - angle * np.cos(angle)
    return np.stack([x, angle * np.sin(angle) + draw.random_sample(2200) * 0.7], axis=1)


def hashed(vectors):
    return [sha256(one.tobytes()).hexdigest() for one in np.ascontiguousarray(vectors)]


def splits(data):
    return data.train, data.validation, data.test


def all_items(data):
    return [item for split in splits(data) for item in split.items]


def counts(split):
    return split.labels.bincount().tolist()


@pytest.mark.parametrize("name", NAMES)
def test_every_item_is_the_hash_of_its_unscaled_vector_and_has_its_label(name):
    vectors, labels = known(name)
    data = make(name)
    told = dict(
        zip(
            all_items(data),
            torch.cat([split.labels for split in splits(data)]).tolist(),
            strict=True,
        )
    )
    assert told == dict(zip(hashed(vectors), labels.tolist(), strict=True))
    assert data.size == len(all_items(data)) == len(told)


@pytest.mark.parametrize("values", [{}, {"train_size": 0.3}, {"fold": [1, 4]}], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_vectors_are_scaled_by_mean_and_deviation_of_train_alone(name, values):
    vectors = dict(zip(hashed(known(name)[0]), known(name)[0], strict=True))
    data = make(name, **values)
    scaler = StandardScaler().fit([vectors[item] for item in data.train.items])
    for split in splits(data):
        wanted = scaler.transform([vectors[item] for item in split.items])
        assert split.inputs.dtype == torch.float64
        np.testing.assert_allclose(
            split.inputs.numpy(), wanted, rtol=0, atol=1e-12
        )  # rounding of numbers below 10
    np.testing.assert_allclose(data.train.inputs.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(data.train.inputs.std(0, correction=0), 1, atol=1e-12)
    assert (
        data.test.inputs.mean(0).abs() > 1e-5
    ).all()  # as train's would be only if it had had a part in the scaling


@pytest.mark.parametrize("name", NAMES)
def test_a_share_is_of_every_class_and_no_item_is_in_two_splits(name):
    data = make(name, test=0.3, validation=0.1)
    sizes = SIZES.get(name) or np.bincount(known(name)[1]).tolist()
    assert counts(data.test) == [round(0.3 * size) for size in sizes]
    assert counts(data.validation) == [round(0.1 * size) for size in sizes]
    assert len(set(all_items(data))) == sum(sizes) and len(data.classes) == len(
        set(data.classes)
    ) == len(sizes)


@pytest.mark.parametrize("name", NAMES)
def test_the_test_split_is_the_same_whatever_validation_is(name):
    assert len({make(name, validation=share).test.items for share in (0.1, 0.5, "test")}) == 1


@pytest.mark.parametrize("values", [{}, {"fold": [0, 3]}], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_validation_may_be_the_test_split_itself_and_train_keeps_its_own(name, values):
    data, sound = (make(name, validation=validation, **values) for validation in ("test", 0.2))
    assert data.validation is data.test
    assert set(data.train.items) == set(sound.train.items + sound.validation.items)


@pytest.mark.parametrize("name", NAMES)
def test_the_folds_are_disjoint_test_splits_that_leave_nothing_out(name):
    shares = (0.1, 0.2, 0.5)  # which are not used
    folds = [make(name, fold=[part, 3], test=share) for part, share in enumerate(shares)]
    tests = [data.test.items for data in folds]
    assert not any(set(one) & set(other) for one, other in combinations(tests, 2))
    assert set().union(*tests) == set(all_items(folds[0])) and folds[0].size == sum(map(len, tests))
    assert len({data.fingerprint for data in folds}) == 3


@pytest.mark.parametrize("name", NAMES)
def test_a_smaller_train_split_has_a_scaling_of_its_own_and_the_same_test_items(name):
    data, small = make(name), make(name, train_size=20)
    assert len(small.train) == 20 and set(small.train.items) < set(data.train.items)
    assert small.test.items == data.test.items and not torch.equal(
        small.test.inputs, data.test.inputs
    )
    assert small.fingerprint != data.fingerprint and small.size == data.size


@pytest.mark.parametrize("name", NAMES)
def test_equal_values_make_equal_data_and_another_split_seed_other_splits(name):
    data, again, other = make(name), make(name), make(name, split_seed=1)
    assert data.fingerprint == again.fingerprint
    for one, two in zip(splits(data), splits(again), strict=False):
        assert (
            torch.equal(one.inputs, two.inputs)
            and torch.equal(one.labels, two.labels)
            and one.items == two.items
        )
    assert set(all_items(other)) == set(all_items(data)) and other.test.items != data.test.items
    assert other.fingerprint != data.fingerprint


@pytest.mark.parametrize("name", DRAWN)
def test_another_seed_draws_other_points(name):
    assert not set(all_items(make(name))) & set(all_items(make(name, seed=22)))


def test_equal_items_under_another_scaling_have_another_fingerprint():
    rows = {
        "train": [[1.0, 2.0], [3.0, 5.0]],
        "validation": [[0.0, 1.0], [4.0, 4.0]],
        "test": [[6.0, 7.0], [8.0, 8.0]],
    }
    parts = {name: vector.as_split(np.array(two), np.array([0, 1])) for name, two in rows.items()}
    prints = [
        vector.scale_splits(parts, by=parts[name]).fingerprint
        for name in ("train", "test", "train")
    ]
    assert prints[0] == prints[2] != prints[1]


def test_a_feature_that_is_constant_in_train_is_centred_and_nothing_else():
    """Three times 5.1 has a mean that is rounded, so its deviation is not quite 0."""
    train = vector.as_split(np.array([[5.1, 1.0], [5.1, 2.0], [5.1, 3.0]]), np.array([0, 1, 1]))
    test = vector.as_split(np.array([[6.1, 2.0]]), np.array([0]))
    made = vector.scale_splits({"train": train, "validation": test, "test": test}, by=train)
    torch.testing.assert_close(
        made.train.inputs[:, 0], torch.zeros(3, dtype=torch.float64), rtol=0, atol=1e-14
    )
    torch.testing.assert_close(
        made.test.inputs, torch.tensor([[1.0, 0.0]], dtype=torch.float64), rtol=0, atol=1e-14
    )
    assert made.validation is made.test and made.train.items == train.items


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_left_to_verify(name):
    make(name).verify(pytest.fail)
