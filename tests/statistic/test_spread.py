"""Differences between rows beside the spread between trainings of one row."""

import math

import numpy as np
import pytest
from scipy import stats

from qtlrun.statistic import deviation, spread

DRAWS = 2000
ERROR = math.sqrt(0.05 * 0.95 / DRAWS)  # of a share of draws near 5 %


def pairs(count, number=0, gap=0.0, common=0.5):
    """Numbers of two rows in so many trainings, whose seeds share a part of the noise."""
    draw = np.random.default_rng(number)
    shared = common * draw.standard_normal(count)
    return shared + draw.standard_normal(count) + gap, shared + draw.standard_normal(count)


@pytest.mark.parametrize("count", [3, 4, 10])
def test_interval_and_p_are_those_of_a_paired_t_test(count):
    first, second = pairs(count, gap=0.7)
    found = spread(first, second)
    oracle = stats.ttest_rel(first, second)
    interval = oracle.confidence_interval(0.95)
    assert np.allclose([found.low, found.high], [interval.low, interval.high], rtol=1e-9)
    assert np.isclose(found.p, oracle.pvalue, rtol=1e-9)
    assert np.isclose(found.difference, (first - second).mean()) and found.pairs == count
    assert np.isclose(found.noise, max(first.std(ddof=1), second.std(ddof=1)))


@pytest.mark.parametrize("count", [3, 10])
def test_the_interval_covers_the_true_difference_in_95_of_100_draws(count):
    draws = [spread(*pairs(count, number, gap=0.3)) for number in range(DRAWS)]
    covered = np.mean([each.low <= 0.3 <= each.high for each in draws])
    assert abs(covered - 0.95) < 3 * ERROR


@pytest.mark.parametrize("common", [0.0, 3.0])
@pytest.mark.parametrize("count", [3, 5, 10])
def test_rows_with_equal_means_are_called_different_in_5_of_100_draws_at_most(count, common):
    draws = [spread(*pairs(count, number, common=common)) for number in range(DRAWS)]
    assert np.mean([each.exceeds_noise(each.p) for each in draws]) <= 0.05


def test_a_difference_of_three_deviations_is_seen_and_one_within_the_noise_is_not():
    seen = [spread(*pairs(10, number, gap=3.0)) for number in range(200)]
    assert np.mean([each.exceeds_noise(each.p) for each in seen]) > 0.95
    # Seeds move both rows alike, so that the pairs differ surely, yet by less than the seeds do
    first = np.arange(10.0)
    within = spread(first + 1 + 0.01 * np.sin(first), first)
    assert within.p < 1e-6 and not within.exceeds_noise(within.p)


def test_pairs_with_a_number_that_is_none_are_left_out():
    first, second = pairs(5)
    holed = np.append(first, [np.nan, 1.0]), np.append(second, [1.0, np.inf])
    assert spread(*holed) == spread(first, second)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_pairs_give_no_test(count):
    found = spread(*pairs(count))
    assert found.pairs == count and math.isnan(found.p) and math.isnan(found.low)
    assert math.isnan(found.difference) == (count == 0) and math.isnan(found.noise) == (count < 2)
    assert not found.exceeds_noise(found.p)


def test_rows_whose_numbers_do_not_vary_are_not_told_apart():
    """They are one value each, as of a frozen backbone on one split, and no sample."""
    same = np.full(4, 0.5)
    shifted = spread(same + 0.25, same)
    assert shifted.difference == 0.25 and shifted.noise == 0
    assert math.isnan(shifted.p) and not shifted.exceeds_noise(shifted.p)


def test_numbers_that_rows_share_are_no_test():
    values = np.array([0.1, 0.4, 0.3])
    assert spread(values, values).difference == 0 and math.isnan(spread(values, values).p)


def test_a_difference_that_is_the_same_in_every_pair_is_certain():
    values = np.array([0.0, 0.25, 0.5])
    shifted = spread(values + 2, values)
    assert (shifted.p, shifted.low, shifted.high) == (0, 2, 2) and shifted.exceeds_noise(shifted.p)


def test_the_deviation_of_one_training_is_not_known():
    assert math.isnan(deviation(np.array([1.0]))) and deviation(np.array([1.0, 3.0])) == 2**0.5
