import numpy as np
import pytest
from sklearn.covariance import LedoitWolf

from qtlrun.lens import whitening


def draw(items, numbers, seed=0):
    """Gaussian of deviations from 1 to 3 along axes turned at random, off the origin."""
    generator = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(np.random.default_rng(9).normal(size=(numbers, numbers)))
    return generator.normal(size=(items, numbers)) * np.linspace(1, 3, numbers) @ turn + 5


@pytest.mark.parametrize("items", [200, 8])  # more than numbers, and fewer
def test_the_shrunk_covariance_is_whitened_to_the_identity(items):
    points = draw(items, 12)
    white = whitening.fit_whitening(points)
    covariance = LedoitWolf().fit(points)
    root = white(np.eye(12) + white.centre)  # lines are those of the map
    assert np.allclose(root @ covariance.covariance_ @ root.T, np.eye(12))
    assert white.shrinkage == pytest.approx(covariance.shrinkage_)
    condition = np.linalg.cond(white.matrix) ** 2
    assert condition == pytest.approx(np.linalg.cond(covariance.covariance_))


def test_other_items_of_a_gaussian_are_white_up_to_chance():
    white = whitening.fit_whitening(draw(20000, 6))
    whitened = white(draw(5000, 6, seed=1))
    chance = whitening.chance_distance(5000, 6)
    assert whitening.distance_from_identity(whitened) == pytest.approx(chance, rel=0.5)
    assert np.abs(np.cov(whitened.T) - np.eye(6)).max() < 0.1


def test_the_distance_is_frobenius_s_over_the_root_of_the_numbers():
    points = draw(30, 4)
    covariance = np.cov(points.T)
    expected = np.linalg.norm(covariance - np.eye(4)) / 2
    assert whitening.distance_from_identity(points) == pytest.approx(expected)


def test_the_inverse_of_uncentred_second_moments_does_not_whiten():
    """As the published visuals have it; here the mean is large, and no root is taken."""
    points = draw(5000, 6)
    published = points @ np.linalg.inv(points.T @ points / len(points))
    assert whitening.distance_from_identity(published) > 0.5
    sound = whitening.fit_whitening(points)(points)
    assert whitening.distance_from_identity(sound) < 0.1


def test_items_that_do_not_differ_have_no_whitening():
    assert whitening.fit_whitening(np.full((10, 3), 0.1)) is None


def test_a_number_that_fitted_items_share_is_mapped_to_0_in_whatever_other_items():
    """With fewer items than numbers too, where the shrunk variance of the rest is small."""
    for items in (200, 8):
        points = np.pad(draw(items, 12), ((0, 0), (0, 1)), constant_values=3)
        white = whitening.fit_whitening(points)
        other = np.pad(draw(5, 12, seed=1), ((0, 0), (0, 1)), constant_values=9)
        assert np.allclose(
            white(other)[:, :-1], whitening.fit_whitening(points[:, :-1])(other[:, :-1])
        )
        assert np.allclose(white(other)[:, -1], 0)


def test_a_direction_of_no_variance_but_rounding_is_mapped_to_0():
    """As of logits that sum to a constant, in single precision."""
    points = draw(200, 3).astype(np.float32)
    points = np.column_stack([points, 1 - points.sum(1)]).astype(float)
    white = whitening.fit_whitening(points)
    flat = np.full(4, 0.5)
    assert np.allclose(white((white.centre + flat)[None]), 0, atol=1e-4)
    assert len(white.directions) == 3 and white.variances.max() < 100 * white.variances.min()
    whitened = np.linalg.eigvalsh(np.cov(white(points).T))
    assert np.allclose(whitened, [0, 1, 1, 1], atol=0.15)  # all but the shrinkage
