from hashlib import sha256

import numpy as np
import pytest
import torch
from composition import part
from divided import all_items
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


def counts(split):
    return split.labels.bincount().tolist()


@pytest.mark.parametrize("name", NAMES)
def test_every_item_is_the_hash_of_its_unscaled_vector_and_has_its_label(name):
    vectors, labels = known(name)
    data = make(name)
    told = dict(
        zip(
            all_items(data),
            torch.cat([split.labels for split in data.splits.values()]).tolist(),
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
    for split in data.splits.values():
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
def test_a_smaller_train_split_has_a_scaling_of_its_own_and_the_same_test_items(name):
    data, small = make(name), make(name, train_size=20)
    assert len(small.train) == 20 and set(small.train.items) < set(data.train.items)
    assert small.test.items == data.test.items and not torch.equal(
        small.test.inputs, data.test.inputs
    )
    assert small.fingerprint != data.fingerprint and small.size == data.size


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
        vector.scale(parts, "ab", by=parts[name], size=6).fingerprint
        for name in ("train", "test", "train")
    ]
    assert prints[0] == prints[2] != prints[1]


def test_a_feature_that_is_constant_in_train_is_centred_and_nothing_else():
    """Three times 5.1 has a mean that is rounded, so its deviation is not quite 0."""
    train = vector.as_split(np.array([[5.1, 1.0], [5.1, 2.0], [5.1, 3.0]]), np.array([0, 1, 1]))
    test = vector.as_split(np.array([[6.1, 2.0]]), np.array([0]))
    made = vector.scale({"train": train, "validation": test, "test": test}, "ab", by=train, size=4)
    torch.testing.assert_close(
        made.train.inputs[:, 0], torch.zeros(3, dtype=torch.float64), rtol=0, atol=1e-14
    )
    torch.testing.assert_close(
        made.test.inputs, torch.tensor([[1.0, 0.0]], dtype=torch.float64), rtol=0, atol=1e-14
    )
    assert made.validation is made.test and made.train.items == train.items
