import math

import numpy as np
import pytest
import torch
from composition import part
from scipy import stats

from qtlrun.error import UsageError
from qtlrun.plan import build

PUBLISHED = {"draw": "mari2019", "validation": "test", "order": "drawn"}
SMALL = {"train": 48, "validation": 10, "test": 16}
FULL = 2 * math.pi


def make(**values):
    return build("dataset", part("dataset", "gaussian") | values)


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
    assert data.modes == 1 and data.classes == ("Gaussian", "non-Gaussian") and data.ceiling is None
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


def test_the_classes_are_balanced():
    data = make(**SMALL | {"test": 17})
    counts = [
        split.labels.bincount().tolist() for split in (data.train, data.validation, data.test)
    ]
    assert counts == [[24, 24], [5, 5], [9, 8]]
    published = make(**PUBLISHED)
    assert len({*published.train.items, *published.test.items}) == 8000
    # A fair coin: five standard deviations of 4000 tosses.
    assert abs(int(published.train.labels.sum()) - 2000) < 5 * math.sqrt(1000)


@pytest.mark.parametrize(
    "values, sentence",
    [
        ({"squeezing": -0.5}, "squeezing=-0.5: a finite number of 0 or more is needed here."),
        ({"squeezing": math.inf}, "squeezing=inf: a finite number of 0 or more is needed here."),
        ({"train": 1}, "train=1: states, both classes together, from 2 up."),
        (
            PUBLISHED | {"train": 4001},
            "train=4001: draw=mari2019 draws batches of 8; give a multiple of 8.",
        ),
        (
            PUBLISHED | {"test": 12},
            "test=12: draw=mari2019 draws batches of 8; give a multiple of 8.",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(values, sentence):
    with pytest.raises(UsageError) as error:
        make(**values)
    assert str(error.value) == f"dataset.{sentence}"
