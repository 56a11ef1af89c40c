import math

import numpy as np
import pytest
import torch
from composition import part
from scipy import stats

from qtlrun.dataset.gaussian import Gaussian

VALUES = {name: value for name, value in part("dataset", "gaussian").items() if name != "_target_"}
PUBLISHED = {"draw": "mari2019", "validation": "test", "order": "drawn"}
SMALL = {"train": 48, "validation": 10, "test": 16}
FULL = 2 * math.pi


def make(**values):
    return Gaussian(**VALUES | values)


def all_items(data):
    return data.train.items + data.validation.items + data.test.items


def published(batches, seed=1):
    """Labels and items of so many batches, drawn call by call as the publication's program does."""
    generator = np.random.RandomState(seed)
    labels, items = [], []
    for _ in range(batches):
        drawn = generator.randint(2, size=8)
        s = generator.uniform(-0.5, 0.5, [8, 1])
        r1, r2, _ = (generator.uniform(-2 * np.pi, 2 * np.pi, [8, 1]) for _ in range(3))
        for label, *angles in zip(drawn, r1[:, 0], s[:, 0], r2[:, 0], strict=True):
            labels.append(int(label))
            items.append([1, 0, 0, *angles] if label else [0, 1, 0, *angles])
    return labels, np.array(items)


def test_the_published_states_come_from_one_stream_train_before_test():
    data = make(**PUBLISHED)
    labels, items = published(1000)
    assert (
        data.train.labels.tolist() == labels[:4000] and data.test.labels.tolist() == labels[4000:]
    )
    np.testing.assert_allclose(
        torch.cat([data.train.inputs, data.test.inputs]).numpy(), items, rtol=0, atol=1e-14
    )
    assert data.validation is data.test and data.size == 8000


def test_the_published_stream_of_another_seed_or_split_is_another_seeds():
    for values in ({"seed": 6}, {"split_seed": 5}):
        data = make(**PUBLISHED | {"train": 40, "test": 8}, **values)
        labels, items = published(5, 6)
        assert data.train.labels.tolist() == labels
        np.testing.assert_allclose(data.train.inputs.numpy(), items, rtol=0, atol=1e-14)


@pytest.mark.parametrize("draw", [{}, PUBLISHED])
def test_the_first_class_is_displaced_and_the_second_has_one_photon(draw):
    data = make(**SMALL | draw)
    assert (
        data.modes == 1
        and data.classes == ("Gaussian", "non-Gaussian")
        and not hasattr(data, "ceiling")
    )
    for split in (data.train, data.validation, data.test):
        assert split.inputs.shape[1] == 6 and split.inputs.dtype == torch.float64
        prepared = {0: [0, 1, 0], 1: [1, 0, 0]}
        assert split.inputs[:, :3].tolist() == [prepared[label] for label in split.labels.tolist()]


def test_squeezing_and_rotations_are_uniform_and_of_their_own():
    data = make(train=20000)
    drawn = data.train.inputs[:, 3:] / torch.tensor([FULL, 0.5, FULL])
    assert drawn.min() >= -1 and drawn.max() < 1
    for column in (drawn.numpy() + 1).T / 2:
        assert stats.kstest(column, "uniform").pvalue > 1e-3
    together = torch.cat([drawn, data.train.labels[:, None]], 1)
    assert (torch.corrcoef(together.T) - torch.eye(4)).abs().max() < 5 / math.sqrt(20000)


def test_squeezing_is_as_large_as_it_is_said_to_be():
    # Of 4000 draws the largest is within .005 of its bound but once in exp(20) times.
    assert make(squeezing=1.5).train.inputs[:, 4].abs().max() == pytest.approx(1.5, rel=0.005)
    assert not make(**SMALL, squeezing=0).train.inputs[:, 4].any()


def test_the_classes_are_balanced_and_no_state_is_drawn_twice():
    data = make(**SMALL | {"test": 17})
    counts = [
        split.labels.bincount().tolist() for split in (data.train, data.validation, data.test)
    ]
    assert counts == [[24, 24], [5, 5], [9, 8]]
    assert len(set(all_items(data))) == data.size == 75
    published = make(**PUBLISHED)
    assert len({*published.train.items, *published.test.items}) == 8000
    # A fair coin: five standard deviations of 4000 tosses.
    assert abs(int(published.train.labels.sum()) - 2000) < 5 * math.sqrt(1000)


def test_a_split_does_not_feel_the_size_of_another():
    data = make(**SMALL)
    for name, size in (("train", 80), ("validation", 3), ("test", 5), ("validation", "test")):
        other = make(**SMALL | {name: size})
        for split in {"train", "validation", "test"} - {name}:
            assert getattr(other, split).items == getattr(data, split).items
    assert make(**SMALL | {"train": 80}).train.items[:48] == data.train.items


def test_each_seed_and_each_split_seed_draws_states_of_its_own():
    found = [make(**SMALL, seed=seed, split_seed=split) for seed in (0, 1) for split in (0, 1)]
    assert len({item for data in found for item in all_items(data)}) == 4 * 74
    assert make(**SMALL, seed=0).fingerprint == found[0].fingerprint
    assert len({data.fingerprint for data in found}) == 4


def test_the_drawn_order_is_that_of_the_states_in_every_epoch():
    data = make(**SMALL | PUBLISHED)
    assert data.sequence(0).tolist() == list(range(48)) == data.sequence(3).tolist()
    unordered = make(**SMALL | PUBLISHED | {"order": None})
    assert unordered.sequence is None and unordered.fingerprint != data.fingerprint


def test_a_train_size_takes_both_classes_in_the_drawn_order():
    data, whole = make(**SMALL, train_size=0.25), make(**SMALL)
    places = [whole.train.items.index(item) for item in data.train.items]
    assert places == sorted(places) and data.train.labels.bincount().tolist() == [6, 6]
    assert data.test.items == whole.test.items and data.fingerprint != whole.fingerprint


def test_there_is_nothing_to_verify():
    steps = []
    make(**SMALL).verify(lambda *step: steps.append(step))
    assert steps == []


@pytest.mark.parametrize(
    "values, sentence",
    [
        ({"squeezing": -0.5}, "squeezing=-0.5: a finite number of 0 or more is needed here."),
        ({"squeezing": math.inf}, "squeezing=inf: a finite number of 0 or more is needed here."),
        ({"train": 1}, "train=1: states, both classes together, from 2 up."),
        ({"validation": 0}, "validation=0: states, both classes together, from 2 up."),
        ({"test": -8}, "test=-8: states, both classes together, from 2 up."),
        ({"seed": -1}, "seed=-1: a whole number from 0 to 2147483647."),
        ({"split_seed": 2**40}, "split_seed=1099511627776: a whole number from 0 to 2147483647."),
        (
            {"draw": "mari2019"},
            (
                "validation=800: draw=mari2019 has train and test states alone; give"
                " validation=test, or draw=apart."
            ),
        ),
        (
            PUBLISHED | {"train": 4001},
            "train=4001: draw=mari2019 draws batches of 8; give a multiple of 8.",
        ),
        (
            PUBLISHED | {"test": 12},
            "test=12: draw=mari2019 draws batches of 8; give a multiple of 8.",
        ),
        (
            {"train_size": 2.0},
            "train_size=2.0: give a number of items from 1 up, or a share above 0, at most 1.0.",
        ),
        (
            SMALL | {"train_size": 49},
            (
                "train_size=49: the training split has 48 items (Gaussian 24, non-Gaussian 24); use"
                " 48 or fewer."
            ),
        ),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(values, sentence):
    with pytest.raises(ValueError) as error:
        make(**values)
    assert str(error.value) == sentence
