import math

import numpy as np
import pytest
import torch
from composition import part
from scipy import stats

from qtlrun.error import UsageError
from qtlrun.plan import build

PUBLISHED = {"draw": "mari2019", "validation": "test", "order": "drawn"}
SMALL = {"train": 12, "validation": 5, "test": 8}
# The displacements of the two modes, class by class, in units of the amplitude (arXiv:1912.08278,
# example 4).
ALPHA, BETA = np.array([1, -1, 1, -1, 1j, -1j, 1j]), np.array([1, 1, -1, -1, 1j, 1j, -1j])


def make(**values):
    return build("dataset", part("dataset", "coherent") | values)


def displacement(items):
    """Of both modes, as complex numbers."""
    items = items.numpy()
    return items[:, 1] + 1j * items[:, 2], items[:, 7] + 1j * items[:, 8]


def published(batches, seed=100):
    """The displacements of so many batches, each drawn by four calls as the publication's program
    does.
    """
    generator = np.random.RandomState(seed)
    alpha, beta = [], []
    for _ in range(batches):
        re_alpha, im_alpha, re_beta, im_beta = (
            generator.normal(scale=0.6, size=7) for _ in range(4)
        )
        alpha.append(1.4 * ALPHA + re_alpha + 1j * im_alpha)
        beta.append(1.4 * BETA + re_beta + 1j * im_beta)
    return np.concatenate(alpha), np.concatenate(beta)


def test_the_published_states_come_from_one_stream_train_before_test():
    data = make(**PUBLISHED)
    wanted = published(2000)
    for mine, theirs in zip(displacement(data.train.inputs), wanted, strict=True):
        np.testing.assert_allclose(mine, theirs[:7000], rtol=0, atol=1e-15)
    for mine, theirs in zip(displacement(data.test.inputs), wanted, strict=True):
        np.testing.assert_allclose(mine, theirs[7000:], rtol=0, atol=1e-15)
    assert data.validation is data.test and data.size == 14000
    assert data.train.labels.tolist() == list(range(7)) * 1000 == data.test.labels.tolist()


def test_the_published_stream_of_another_seed_or_split_is_another_seeds():
    for values in ({"seed": 103}, {"split_seed": 3}):
        mine = displacement(make(**PUBLISHED | {"train": 20, "test": 5}, **values).train.inputs)
        np.testing.assert_allclose(mine, np.array(published(20, 103)), rtol=0, atol=1e-15)


def test_an_item_is_a_displaced_vacuum_in_each_mode():
    data = make(**SMALL)
    assert data.modes == 2 and len(data.classes) == 7
    for split in (data.train, data.validation, data.test):
        assert split.inputs.shape[1] == 12 and split.inputs.dtype == torch.float64
        assert not split.inputs[:, [0, 3, 4, 5, 6, 9, 10, 11]].any()


def test_the_centres_are_the_states_without_noise():
    for amplitude in (1.4, 0.3):
        data = make(**SMALL, amplitude=amplitude)
        alpha, beta = displacement(data.centres)
        assert data.centres.shape == (7, 12)
        assert np.array_equal(alpha, amplitude * ALPHA) and np.array_equal(beta, amplitude * BETA)


def test_the_ceiling_is_the_nearest_centres_accuracy():
    """A decision that knows the displacement has .958 over 7000 states, of standard error .0024."""
    for values in ({}, {"seed": 3}, PUBLISHED):
        assert make(**values).ceiling == pytest.approx(0.958, abs=0.005)
    # The union bound: an error is at most the sum over the other centres of Q(distance / 2 sd).
    ends = np.stack([ALPHA.real, ALPHA.imag, BETA.real, BETA.imag], 1) * 1.4
    gaps = np.linalg.norm(ends[:, None] - ends[None], axis=-1)
    bound = 1 - stats.norm.sf(gaps[gaps > 0] / 1.2).sum() / 7
    assert make(test=30000).ceiling > bound - 0.002 > 0.94  # .002 is over four standard errors
    assert make(noise=0.01, test=10).ceiling == 1
    assert make(noise=1e6).ceiling == pytest.approx(1 / 7, abs=0.02)  # blind: 4.8 standard errors


def test_the_noise_is_normal_and_of_its_own_in_every_quadrature():
    data = make(train=4000)
    noise = (data.train.inputs - data.centres[data.train.labels])[:, [1, 2, 7, 8]]
    count = len(noise)
    assert noise.mean(0).abs().max() < 5 * 0.6 / math.sqrt(count)
    assert (noise.std(0) - 0.6).abs().max() < 5 * 0.6 / math.sqrt(2 * count)
    assert (torch.corrcoef(noise.T) - torch.eye(4)).abs().max() < 5 / math.sqrt(count)
    assert stats.kstest(noise.flatten().numpy() / 0.6, "norm").pvalue > 1e-3


def test_the_drawn_order_is_one_of_each_class_a_batch_in_every_epoch():
    data = make(**SMALL, order="drawn")
    for epoch in (0, 5):
        batches = data.train.labels[data.sequence(epoch)].split(7)
        assert len(batches) == 12
        assert all(sorted(batch.tolist()) == list(range(7)) for batch in batches)


@pytest.mark.parametrize(
    "values, sentence",
    [
        ({"amplitude": -1.0}, "amplitude=-1.0: a finite number of 0 or more is needed here."),
        ({"noise": math.nan}, "noise=nan: a finite number of 0 or more is needed here."),
        ({"amplitude": 0}, "amplitude=0: all classes would be one; give a number above 0."),
        (
            {"noise": 0.0},
            (
                "noise=0: all states of a class would be one, in train as in test; give a number"
                " above 0."
            ),
        ),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(values, sentence):
    with pytest.raises(UsageError) as error:
        make(**values)
    assert str(error.value) == f"dataset.{sentence}"
