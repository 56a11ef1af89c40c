"""Rules of publications: what they claim, against scipy, and how often without reason."""

import numpy as np
import pytest
from scipy import stats

from qtlrun.statistic import rule

DRAW = np.random.default_rng(0)


@pytest.mark.parametrize("seeds", [5, 8])
def test_the_signed_rank_test_is_scipy_s_in_the_better_direction(seeds):
    for _ in range(50):
        model, other = DRAW.normal(0.4, 1, (2, seeds))
        tails = [
            stats.wilcoxon(model, other, alternative=side).pvalue for side in ("less", "greater")
        ]
        assert rule.signed_rank(model, other) == (min(tails) < 0.05)


def test_five_seeds_claim_a_difference_where_all_have_one_sign():
    gaps = np.arange(1, 6) / 100
    assert rule.signed_rank(gaps, np.zeros(5)) and rule.signed_rank(-gaps, np.zeros(5))
    assert not rule.signed_rank(gaps - 0.015, np.zeros(5))
    assert not rule.signed_rank(gaps, gaps)


def test_the_t_test_is_scipy_s():
    for _ in range(50):
        model, other = DRAW.normal(0.5, 1, (2, 5))
        expected = stats.ttest_rel(model, other).pvalue < 0.05
        assert rule.paired_t(model, other) == expected


def test_the_bootstrap_of_pictures_claims_one_in_twenty_where_pictures_are_all_that_varies():
    claims = [
        rule.picture_bootstrap(*DRAW.normal(0, 1, (2, 200)), np.random.default_rng(number))
        for number in range(400)
    ]
    low, high = stats.binomtest(sum(claims), 400).proportion_ci(0.999)
    assert low <= 0.05 <= high
    assert rule.picture_bootstrap(np.arange(1.0, 50), np.zeros(49), DRAW)


def test_the_best_of_ten_equal_seeds_is_above_the_mean_of_others():
    claims = [rule.best_seed(*DRAW.normal(0, 1, (2, 10))) for _ in range(400)]
    assert np.mean(claims) > 0.98
    assert not rule.best_seed(np.zeros(10), np.full(10, 0.1))


def test_the_best_epoch_is_held_against_the_last_one():
    assert rule.best_epoch(np.array([0.5, 0.9, 0.6]), np.array([0.95, 0.8]))
    assert not rule.best_epoch(np.array([0.5, 0.9]), np.array([0.9, 0.9]))
