import math
from hashlib import sha256

import numpy as np
import pytest
import torch
from composition import part
from divided import divided

from qtlrun.dataset.spirals import spirals
from qtlrun.error import UsageError
from qtlrun.plan import build

PUBLISHED = {
    "points": 2200,
    "turns": 1.52,
    "noise": 0.7,
    "seed": 21,
    "mirrored": True,
    "scaled_by": "all",
    "draw": "mari2019",
    "order": "after_classical",
    "validation": "test",
}
SOUND = PUBLISHED | {
    "mirrored": False,
    "scaled_by": "train",
    "draw": "stratified",
    "order": None,
    "validation": 0.2,
}


def refusal(**values):
    with pytest.raises(UsageError) as error:
        build("dataset", part("dataset", "spirals") | values)
    return str(error.value)


def raw(turns, mirrored=True):
    """All points of the first class, then those of the second: their mirror images, or points of
    its own.
    """
    draw = np.random.RandomState(21)
    first = spiral(draw, turns)
    return np.concatenate([first, -first if mirrored else -spiral(draw, turns)])


def spiral(draw, turns):
    angle = np.sqrt(draw.rand(2200, 1)) * turns * 2 * np.pi
    x = -np.cos(angle) * angle + draw.rand(2200, 1) * 0.7
    return np.hstack([x, np.sin(angle) * angle + draw.rand(2200, 1) * 0.7])


def hashed(vectors):
    return [sha256(one.tobytes()).hexdigest() for one in np.ascontiguousarray(vectors)]


@pytest.mark.parametrize(
    "turns, first, deviation",
    [
        (1.52, (1.4701565827, 2.1310355695), (5.0506434573, 4.677899856)),
        (2.0, (2.9795216556, 1.3171863057), (6.2811703375, 6.1436222763)),
    ],
)
def test_the_published_points_are_among_the_items(turns, first, deviation):
    vectors = raw(turns)
    np.testing.assert_allclose(vectors[0], first, rtol=0, atol=1e-10)
    np.testing.assert_allclose(vectors.std(0), deviation, rtol=0, atol=1e-10)
    data = divided(spirals, **PUBLISHED | {"turns": turns, "draw": "stratified", "order": None})
    assert set(data.train.items + data.test.items) == set(hashed(vectors)) and data.size == 4400


def test_the_published_points_are_scaled_and_divided_as_published():
    data, wide = (divided(spirals, **PUBLISHED | {"turns": turns}) for turns in (1.52, 2.0))
    np.testing.assert_allclose(raw(1.52)[4399], (-0.0995144069, 4.6230152431), rtol=0, atol=1e-10)
    np.testing.assert_allclose(
        data.train.inputs[0], (0.3415181989, 0.9587653243), rtol=0, atol=1e-10
    )
    np.testing.assert_allclose(
        data.test.inputs[0], (0.5400602489, 0.3181191254), rtol=0, atol=1e-10
    )
    np.testing.assert_allclose(
        wide.train.inputs[0], (0.9648661192, -0.4650431681), rtol=0, atol=1e-10
    )
    assert data.test.labels[0] == 0 and data.train.labels[:10].tolist() == [
        1,
        0,
        0,
        0,
        1,
        1,
        0,
        0,
        1,
        0,
    ]
    assert (len(data.train), data.test.labels.bincount().tolist(), data.size) == (
        2000,
        [100, 100],
        4400,
    )
    assert data.validation is data.test and not set(data.train.items) & set(data.test.items)


@pytest.mark.parametrize(
    "values, share, count",
    [
        ({"draw": "stratified", "order": None, "test": 200 / 4400}, 4200 / 4400, 200),
        ({}, 2000 / 4400, 200),
        ({"mirrored": False}, 0, 200),
        ({"mirrored": False, "draw": "stratified", "order": None}, 0, 880),
    ],
)
def test_mirror_images_of_test_points_are_in_train_in_the_published_form_alone(
    values, share, count
):
    """Of the 4200 as of the 2000 that are used, as many as fall there by chance."""
    data = divided(spirals, **PUBLISHED | values)
    points = raw(1.52, values.get("mirrored", True))
    image = dict(zip(hashed(points), hashed(-points), strict=True))
    assert len(data.test) == count and not set(data.train.items) & set(data.test.items)
    found = np.mean([image[item] in set(data.train.items) for item in data.test.items])
    assert abs(found - share) <= 3 * math.sqrt(share * (1 - share) / count)


def test_the_scaling_by_all_points_has_the_same_items_and_another_fingerprint():
    train, every = (divided(spirals, **SOUND | {"scaled_by": by}) for by in ("train", "all"))
    assert every.test.items == train.test.items and every.fingerprint != train.fingerprint
    inputs = torch.cat([every.train.inputs, every.validation.inputs, every.test.inputs])
    torch.testing.assert_close(
        inputs.mean(0), torch.zeros(2, dtype=torch.float64), rtol=0, atol=1e-12
    )
    torch.testing.assert_close(
        inputs.std(0, correction=0), torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-12
    )
    assert (every.train.inputs.mean(0).abs() > 1e-6).all()


def test_the_published_division_has_its_size_whatever_the_points_are():
    data = divided(spirals, **PUBLISHED | {"points": 1100})
    assert (len(data.train), len(data.test), data.size) == (2000, 200, 2200)


def test_the_first_order_shuffles_after_each_epoch_what_the_one_before_had_left():
    data = divided(spirals, **PUBLISHED | {"order": "first"})
    assert data.sequence(0).tolist() == list(range(2000))
    assert data.sequence(1)[:6].tolist() == [1855, 1361, 1253, 1937, 975, 1074]
    draw, wanted = np.random.RandomState(150), np.arange(2000)
    for epoch in range(1, 7):
        shuffled = np.arange(2000)
        draw.shuffle(shuffled)
        wanted = wanted[shuffled]
        assert data.sequence(epoch).tolist() == wanted.tolist()


def test_the_second_order_begins_in_the_last_of_the_first_and_takes_the_same_permutations():
    first, second = (
        divided(spirals, **PUBLISHED | {"order": order}).sequence
        for order in ("first", "after_classical")
    )
    assert torch.equal(second(0), first(4))
    assert torch.equal(second(3), first(4)[first(3)])


def test_an_epochs_order_does_not_depend_on_which_was_asked_before():
    one, two = (divided(spirals, **PUBLISHED).sequence for _ in range(2))
    wanted = [one(epoch) for epoch in range(6)]
    assert all(torch.equal(two(epoch), wanted[epoch]) for epoch in (5, 0, 3, 5))


def test_without_an_order_there_is_no_sequence_and_each_order_has_a_fingerprint():
    made = [
        divided(spirals, **PUBLISHED | {"order": order})
        for order in (None, "first", "after_classical")
    ]
    assert made[0].sequence is None and len({data.fingerprint for data in made}) == 3
    assert len({data.train.items for data in made}) == 1


@pytest.mark.parametrize("turns", [-1.0, float("nan"), float("inf")])
def test_turns_that_are_no_number_of_turns_are_refused(turns):
    assert (
        refusal(turns=turns)
        == f"dataset.turns={turns}: a finite number of 0 or more is needed here."
    )


def test_a_spiral_that_does_not_wind_is_refused():
    assert (
        refusal(turns=0)
        == "dataset.turns=0: a spiral winds about its centre more than 0 times; 1.52 is published."
    )


def test_the_published_division_refuses_what_it_has_no_room_for():
    said = "draw=mari2019 has no split for it; use test, or draw=stratified."
    assert refusal(draw="mari2019") == f"dataset.validation=0.2: {said}"
    published = {"draw": "mari2019", "validation": "test"}
    said = "draw=mari2019 fixes the training split; use null, or draw=stratified."
    assert refusal(**published, train_size=100) == f"dataset.train_size=100: {said}"
    said = "draw=mari2019 fixes the test split; use null, or draw=stratified."
    assert refusal(**published, fold=[0, 5]) == f"dataset.fold=[0, 5]: {said}"
    assert refusal(**published, test=0.5) == f"dataset.test=0.5: {said}"
    said = "draw=mari2019 takes 2000 points for training and 200 for the test"
    mend = "give 1100 or more a class, or use draw=stratified."
    assert refusal(**published, points=1099) == f"dataset.points=1099: {said}; {mend}"


@pytest.mark.parametrize("order", ["first", "after_classical"])
def test_an_order_of_another_division_is_refused(order):
    said = "it is the order of draw=mari2019 alone; use that draw, or order=null."
    assert refusal(order=order) == f"dataset.order={order}: {said}"


@pytest.mark.parametrize(
    "name, value, words",
    [
        ("draw", "mari", "did you mean mari2019?"),
        ("scaled_by", "tran", "did you mean train?"),
    ],
)
def test_a_misspelt_word_is_refused_with_the_right_one(name, value, words):
    assert refusal(**{name: value}).startswith(f"dataset.{name}={value}: {words}")
