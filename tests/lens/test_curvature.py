"""Hessians from gradients, against closed forms and torch's own second derivatives."""

import numpy as np
import pytest
import torch

from qtlrun.dataset.split import Split
from qtlrun.lens.surface import curvature
from qtlrun.lens.surface.objective import Objective


def quadratic(matrix):
    """Gradients of half the quadratic form of a matrix."""
    return lambda points: points @ matrix


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def symmetric(count):
    matrix = draw(count, count)
    return (matrix + matrix.T) / 2


def softmax_regression(features, labels, classes):
    """Objective of one linear layer without a bias, whose weights are 0.3 times normal draws."""
    weight = 0.3 * draw(1, classes, features.shape[1], seed=1)
    split = Split(features, labels, tuple(map(str, range(len(labels)))))

    def logits(weights, points):
        return features.expand(points, -1, -1) @ weights["head.post.weight"].mT

    return Objective({"head.post.weight": weight}, logits, split, 4000, is_stacked=True)


@pytest.fixture
def regression():
    features = draw(20, 4)
    labels = torch.arange(20) % 3
    return softmax_regression(features, labels, 3)


def test_a_quadratic_has_its_matrix_as_hessian():
    matrix = symmetric(6)
    assert torch.allclose(curvature.hessian(quadratic(matrix), draw(6)), matrix, atol=1e-9)
    found = curvature.measure_curvature(quadratic(matrix), draw(6), 0)
    assert np.allclose(found.eigenvalues, np.linalg.eigvalsh(matrix)[::-1], atol=1e-9)
    assert np.isclose(found.trace, matrix.trace(), atol=1e-9)


def test_the_share_counts_eigenvalues_that_matter_beside_the_largest():
    values = torch.tensor([2.0, 1.0, 1e-4, 0.0, -3.0]).double()
    found = curvature.measure_curvature(quadratic(values.diag()), draw(5), 0)
    assert found.share == 2 / 5
    assert found.eigenvalues[-1] == pytest.approx(-3)


def test_the_hessian_of_softmax_regression_is_torchs(regression):
    labels = regression.split.labels
    features = regression.split.inputs

    def loss(weights):
        return torch.nn.functional.cross_entropy(features @ weights.view(3, 4).T, labels)

    expected = torch.autograd.functional.hessian(loss, regression.centre)
    found = curvature.hessian(regression.gradients, regression.centre)
    assert torch.allclose(found, expected, atol=1e-8)


def test_two_classes_have_p_times_its_complement_times_the_outer_product():
    features = draw(30, 4)
    regression = softmax_regression(features, torch.arange(30) % 2, 2)
    gap = features @ (regression.centre.view(2, 4)[1] - regression.centre.view(2, 4)[0])
    p = gap.sigmoid()
    block = (features.T * (p * (1 - p))) @ features / 30
    expected = torch.kron(torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).double(), block)
    found = curvature.hessian(regression.gradients, regression.centre)
    assert torch.allclose(found, expected, atol=1e-8)


def ritz(matrix, steps):
    """Eigenvalues of a quadratic's Hessian as Lanczos' method finds them, from the largest on."""
    _, inner = curvature.lanczos(quadratic(matrix), draw(len(matrix)), 0, steps)
    return torch.linalg.eigvalsh(inner).flip(0).tolist()


def test_lanczos_finds_both_ends_of_the_spectrum():
    values = torch.cat(
        [torch.tensor([9.0, 5.0, -2.0]).double(), torch.linspace(0, 1, 300).double()]
    )
    basis, _ = torch.linalg.qr(draw(303, 303))
    matrix = basis @ values.diag() @ basis.T
    found = ritz(matrix, 40)
    assert found[:2] == pytest.approx([9, 5], rel=1e-7)
    assert found[-1] == pytest.approx(-2, rel=1e-7)


def test_lanczos_ends_where_the_hessian_has_no_further_rank():
    direction = draw(50)
    matrix = torch.outer(direction, direction)
    found = ritz(matrix, 40)
    assert len(found) < 5
    assert found[0] == pytest.approx(direction.square().sum().item(), rel=1e-6)


def test_random_signs_give_the_trace_of_a_diagonal_exactly():
    values = draw(40)
    found = curvature.hutchinson(
        quadratic(values.diag()), draw(40), 3, 2, torch.zeros(1, 40).double()
    )
    assert found == pytest.approx(values.sum().item(), abs=1e-8)


def test_random_signs_give_any_trace_within_their_error():
    matrix = symmetric(60)
    off = matrix - matrix.diag().diag()
    error = (2 * off.square().sum() / 2000).sqrt()  # of 2000 draws (Avron and Toledo 2011)
    found = curvature.hutchinson(quadratic(matrix), draw(60), 0, 2000, torch.zeros(1, 60).double())
    assert abs(found - matrix.trace()) < 4 * error


def test_a_space_that_holds_the_curvature_leaves_no_chance_to_the_trace():
    basis = torch.linalg.qr(draw(200, 5)).Q
    matrix = basis @ torch.tensor([7.0, 3.0, 1.0, 0.5, -2.0]).double().diag() @ basis.T
    space, inner = curvature.lanczos(quadratic(matrix), draw(200), 0, 40)
    rest = curvature.hutchinson(quadratic(matrix), draw(200), 0, 3, space)
    assert inner.trace().item() + rest == pytest.approx(9.5, rel=1e-6)


def test_many_numbers_are_measured_without_the_whole_hessian(monkeypatch, regression):
    whole = curvature.measure_curvature(regression.gradients, regression.centre, 0)
    monkeypatch.setattr(curvature, "MAX_WHOLE", 4)
    found = curvature.measure_curvature(regression.gradients, regression.centre, 0)
    assert found.eigenvalues[0] == pytest.approx(whole.eigenvalues[0], rel=1e-6)
    assert found.trace == pytest.approx(whole.trace, rel=1e-6)
    assert np.isnan(found.share)
