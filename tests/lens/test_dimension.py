import numpy as np
import pytest

from qtlrun.lens.shape import dimension, variance

ITEMS = 2000


def sphere(dimensions, ambient):
    """Points on a sphere of these dimensions, turned at random in a space around it."""
    draw = np.random.default_rng(0)
    points = draw.normal(size=(ITEMS, dimensions + 1))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    basis, _ = np.linalg.qr(draw.normal(size=(ambient, dimensions + 1)))
    return points @ basis.T


def plane(dimensions, ambient):
    draw = np.random.default_rng(1)
    return draw.uniform(size=(ITEMS, dimensions)) @ draw.normal(size=(dimensions, ambient))


# On a 3-sphere the deviation over draws of 2000 items is 3 % of TwoNN and 1 % of likelihood; the
# edge of a plane bends both by a few per cent.
@pytest.mark.parametrize("points, true", [(sphere(3, 10), 3), (plane(2, 10), 2), (plane(1, 5), 1)])
def test_both_estimates_find_the_dimension_of_a_manifold(points, true):
    assert dimension.two_neighbours(points) == pytest.approx(true, rel=0.1)
    assert dimension.maximum_likelihood(points, 10) == pytest.approx(true, rel=0.1)


def test_a_dimension_depends_on_neither_scale_nor_place():
    points = sphere(3, 10)
    moved = 1000 * points + 7
    for estimate in (dimension.two_neighbours, lambda each: dimension.maximum_likelihood(each, 5)):
        assert estimate(moved) == pytest.approx(estimate(points), rel=1e-6)


def test_items_that_coincide_count_once():
    points = plane(2, 3)
    doubled = np.concatenate([points, points[:100]])
    assert dimension.two_neighbours(doubled) == dimension.two_neighbours(points)
    assert np.isnan(dimension.two_neighbours(np.ones((50, 3))))
    assert np.isnan(dimension.maximum_likelihood(np.ones((50, 3)), 5))


def noisy(points):
    """Points with noise of the size of float32's rounding."""
    return points + 1e-7 * np.random.default_rng(3).normal(size=points.shape)


def test_rounding_where_a_layer_saturates_is_no_dimension():
    corners = np.random.default_rng(0).choice([-1.57, 1.57], size=(300, 2))
    assert np.isnan(dimension.two_neighbours(noisy(corners)))
    assert np.isnan(dimension.maximum_likelihood(noisy(corners), 10))
    line = np.random.default_rng(4).uniform(-1, 1, size=(1000, 1)) * np.ones(2)
    both = noisy(np.concatenate([line, corners]))
    assert dimension.maximum_likelihood(both, 10) == pytest.approx(1, rel=0.1)


def test_points_that_merge_are_apart_afterwards():
    chain = np.append(np.arange(100.0) * 4e-6, 1)[:, None]  # neighbours are closer than 1e-5
    merged = dimension.merge(chain)[:, 0]
    assert 30 < len(merged) < 40 and np.diff(merged).min() > 1e-5


def test_the_participation_ratio_of_an_isotropic_gaussian_is_its_dimension():
    points = np.random.default_rng(0).normal(size=(20000, 6))
    ratio = variance.participation_ratio(variance.component_variances(points))
    assert ratio == pytest.approx(6, rel=6 / 20000 * 3)  # it is d n / (n + d) on average


def test_the_participation_ratio_of_a_line_is_one():
    points = np.linspace(0, 1, 50)[:, None] * np.array([[1.0, 2.0, 3.0]])
    assert variance.participation_ratio(variance.component_variances(points)) == pytest.approx(1)


def test_the_components_have_the_variance_of_the_covariance():
    points = np.random.default_rng(2).normal(size=(40, 5)) * [1, 2, 3, 4, 5]
    expected = np.linalg.eigvalsh(np.cov(points.T))[::-1]
    assert np.allclose(variance.component_variances(points), expected)
    few = variance.component_variances(points[:3])
    assert len(few) == 2  # three items span a plane


def test_two_gaussians_are_as_separable_as_their_distance_says():
    draw = np.random.default_rng(0)
    labels = np.repeat([0, 1], 20000)
    points = draw.normal(size=(40000, 3)) * 2 + np.where(labels, 1.5, -1.5)[:, None] * [1, 0, 0]
    expected = 1.5**2 / (1.5**2 + 3 * 2**2)  # mu^2 / (mu^2 + trace of the covariance)
    assert variance.between_share(points, labels) == pytest.approx(expected, abs=0.005)


def test_classes_of_one_point_each_are_wholly_apart_and_equal_points_have_no_share():
    labels = np.array([0, 0, 1, 1])
    assert variance.between_share(np.array([[0.0], [0.0], [1.0], [1.0]]), labels) == 1
    assert variance.between_share(np.array([[0.0], [1.0], [0.0], [1.0]]), labels) == 0
    assert np.isnan(variance.between_share(np.ones((4, 2)), labels))
