"""Whitening error of a layer, whose directions without variance tell nothing."""

import numpy as np
import pytest

from qtlrun.lens.shape import geometry


def gaussian(items, numbers):
    return np.random.default_rng(0).normal(size=(items, numbers))


def error(points):
    white = geometry.halve(points, 0)
    return white.distance / white.chance


@pytest.mark.parametrize("numbers", [30, 100, 600])  # fewer than items, and more
def test_a_gaussian_is_white_up_to_chance(numbers):
    points = gaussian(300, numbers)
    assert error(points) == pytest.approx(1, abs=0.1)
    constant = np.full((300, 50), 3.0)
    assert error(np.hstack([points, constant])) == pytest.approx(error(points), rel=1e-9)


@pytest.mark.parametrize("size", [0.0, 1e-4])  # constant, and nearly so
def test_dead_numbers_change_no_error(size):
    points = gaussian(300, 8)
    dead = 3 + size * np.random.default_rng(1).normal(size=(300, 8))
    turn, _ = np.linalg.qr(gaussian(16, 16))
    assert error(np.hstack([points, dead]) @ turn) == pytest.approx(error(points), rel=1e-3)


def test_the_condition_number_is_that_of_the_covariance_as_it_is():
    points = gaussian(4000, 3) * [1, 1, 0.01]
    white = geometry.halve(points, 0)
    order = np.random.default_rng(0).permutation(4000)[2000:]
    assert white.before == pytest.approx(np.linalg.cond(np.cov(points[order].T)))
    assert white.before == pytest.approx(1e4, rel=0.1)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9])
def test_equal_points_have_no_whitening_error(value):
    white = geometry.halve(np.full((20, 3), value), 0)
    assert np.isnan([white.distance, white.before, white.after, white.shrinkage]).all()


def test_the_rounding_of_single_precision_is_no_variance():
    """A layer that saturates differs by a unit in the last place of some items."""
    points = np.ones((20, 3), np.float32)
    points[::2] = np.nextafter(points[::2], np.float32(2))
    assert np.isnan(geometry.halve(points.astype(float), 0).distance)
