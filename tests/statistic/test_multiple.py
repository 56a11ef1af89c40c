import numpy as np
import pytest
from moments import noise, with_moments
from scipy import stats
from statsmodels.stats.multitest import multipletests

from qtlrun.statistic import crossed, holm, p_value, proportion_difference


def test_the_p_value_of_one_direction_is_that_of_students_t_test():
    means = np.array([0.1, 0.4, -0.2, 0.5, 0.3])
    interval = crossed(np.repeat(means[:, None], 8, axis=1))  # pictures make no difference
    # a few roundings, once more through the quantile
    assert p_value(interval) == pytest.approx(stats.ttest_1samp(means, 0).pvalue, rel=1e-9)


def test_the_p_value_is_that_of_t_at_the_degrees_of_the_interval():
    values = with_moments(4, 25, 0.0, v_seed=0.8, v_picture=10.0, v_rest=5.0)
    # Mirrored, so that no skewness turns the quantile
    interval = crossed(0.3 + np.concatenate([values, -values], axis=1))
    assert interval.mean - interval.low == pytest.approx(interval.high - interval.mean)
    error = (interval.high - interval.mean) / stats.t.ppf(0.975, interval.degrees)
    expected = 2 * stats.t.sf(interval.mean / error, interval.degrees)
    assert p_value(interval) == pytest.approx(expected, rel=1e-9)  # as above


@pytest.mark.parametrize("sign", [1, -1])
def test_p_is_below_five_percent_where_the_interval_excludes_zero(sign):
    generator = np.random.default_rng(4)
    sides = set()
    for _ in range(200):
        answers = sign * np.sign(generator.normal(0.08, 1, (4, 60))).astype(float)
        for interval in (crossed(answers), proportion_difference(answers)):
            excludes = interval.low > 0 or interval.high < 0
            assert (p_value(interval) < 0.05) == excludes
            sides.add(excludes)
    assert sides == {True, False}


def test_equal_rows_have_p_one_and_a_difference_without_noise_p_zero():
    assert p_value(crossed(np.zeros((3, 7)))) == 1.0
    assert p_value(crossed(np.full((3, 7), 0.1))) == 0.0


def test_too_few_seeds_have_no_p_value():
    assert np.isnan(p_value(crossed(noise(5.0)[:2])))


def test_holm_is_that_of_statsmodels_in_any_order():
    p = np.random.default_rng(5).beta(0.3, 1, 14)
    p[3] = p[8]  # a tie
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1], rtol=1e-12)
    order = np.random.default_rng(6).permutation(14)
    np.testing.assert_array_equal(holm(p[order]), holm(p)[order])


def test_a_single_test_needs_no_correction_and_what_was_not_tested_counts_for_none():
    assert holm([0.03]).tolist() == [0.03] and holm([]).tolist() == []
    np.testing.assert_array_equal(holm([np.nan, 0.01, np.nan, 0.04]), [np.nan, 0.02, np.nan, 0.04])
    assert np.isnan(holm([np.nan])).all()


def test_tables_of_identical_references_seldom_keep_a_false_verdict_under_holm():
    # seeds alone make noise, so that each p value is exact; the contrasts share the composed row
    generator, draws = np.random.default_rng(7), 1000
    plain = corrected = 0
    for _ in range(draws):
        rows = np.repeat(generator.normal(size=(7, 5, 1)), 8, axis=2)
        p = [p_value(crossed(rows[0] - row)) for row in rows[1:]]
        plain += min(p) < 0.05
        corrected += min(holm(p)) < 0.05
    # Holm's own bound and three standard errors of the simulation; far more are false without it
    assert corrected / draws <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / draws)
    assert plain / draws > 2 * 0.05
