import numpy as np
import pytest
from scipy import stats

from qtlrun.statistic import flip_signs


def protocols(generator, seeds, count=9, mean=0.0):
    """Differences of a seed under protocols that share three quarters of their variance."""
    common = generator.normal(size=(seeds, 1))
    return mean + np.sqrt(0.75) * common + 0.5 * generator.normal(size=(seeds, count))


def test_with_one_protocol_it_is_the_permutation_test_of_scipy():
    values = np.random.default_rng(1).normal(0.4, 1, (7, 1))
    expected = stats.permutation_test(
        (values[:, 0],), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    test = flip_signs(values)
    assert test.p_median == pytest.approx(expected.pvalue, rel=1e-12)  # counts of 128
    assert (test.flips, test.exact, test.share, test.p_share) == (128, True, 1.0, 1.0)


def test_p_is_uniform_under_the_null_though_protocols_depend_on_one_another():
    generator, draws = np.random.default_rng(2), 2000
    p = np.array([flip_signs(protocols(generator, 6)).p_median for _ in range(draws)])
    levels = np.array([1, 2, 4, 8, 16, 24]) / 32  # attainable with 6 seeds
    shares = (p[:, None] <= levels + 1e-9).mean(0)
    # four standard errors of the simulation, as six are compared
    np.testing.assert_allclose(shares, levels, atol=4 * np.sqrt(0.25 / draws))
    assert shares[0] == pytest.approx(1 / 32, abs=4 * np.sqrt(1 / 32 / draws))


def test_the_share_of_one_sign_is_seldom_called_too_large_under_the_null():
    generator, draws = np.random.default_rng(3), 2000
    p = np.array([flip_signs(protocols(generator, 6)).p_share for _ in range(draws)])
    for level in (1 / 32, 0.0625, 0.125, 0.25):
        # shares of nine protocols tie often, so the test errs on the careful side
        assert (p <= level).mean() <= level + 4 * np.sqrt(level / draws)


def test_a_planted_effect_is_found_at_the_smallest_p_that_the_seeds_allow():
    values = protocols(np.random.default_rng(4), 10, mean=5.0)
    test = flip_signs(values)
    assert test.p_median == test.least == 2 / 2**10 and test.share == 1.0
    five = flip_signs(values[:5])
    assert five.p_median == five.least == 2 / 32  # five seeds never reach .05


def test_the_names_of_the_models_do_not_matter():
    values = protocols(np.random.default_rng(5), 5, mean=0.3)
    test, mirror = flip_signs(values), flip_signs(-values)
    assert (test.p_median, test.p_share, test.share) == (
        mirror.p_median,
        mirror.p_share,
        mirror.share,
    )
    assert test.median == -mirror.median == pytest.approx(np.median(values.mean(0)))


def test_many_seeds_take_random_flips_and_never_give_a_p_of_zero():
    test = flip_signs(protocols(np.random.default_rng(6), 30, mean=5.0))
    assert (test.exact, test.flips) == (False, 9999)
    assert test.p_median == test.least == 1 / 10_000  # the observed flip alone


def test_random_flips_agree_with_all_flips(monkeypatch):
    from qtlrun.statistic import permutation

    values = protocols(np.random.default_rng(7), 8, mean=0.4)
    exact = flip_signs(values)
    monkeypatch.setattr(permutation, "MAX_EXACT_FLIPS", 1)
    drawn = flip_signs(values)
    # four standard errors of 9999 draws
    error = 4 * np.sqrt(exact.p_median / 9999)
    assert drawn.p_median == pytest.approx(exact.p_median, abs=error)


def test_equal_models_have_p_one():
    test = flip_signs(np.zeros((5, 4)))
    assert (test.p_median, test.p_share, test.median, test.share) == (1.0, 1.0, 0.0, 0.0)


@pytest.mark.parametrize("values", [np.zeros(5), np.zeros((0, 3)), np.full((3, 2), np.nan)])
def test_what_is_no_table_of_differences_is_refused(values):
    with pytest.raises(ValueError, match=r"finite differences \(seeds, protocols\)"):
        flip_signs(values)
