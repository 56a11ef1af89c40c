"""Directions, grids and principal planes, against closed forms."""

import numpy as np
import pytest
import torch

from qtlrun.lens.surface import plane


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


WEIGHTS = {
    "head.pre.weight": draw(1, 3, 5),
    "head.pre.bias": draw(1, 3),
    "head.angles": 0.001 * draw(1, 2, 4),
    "backbone.conv.weight": draw(6, 2, 3, 3),
    "backbone.norm.weight": draw(6),
}


def pieces(direction):
    sizes = [weight.numel() for weight in WEIGHTS.values()]
    shapes = [weight.shape for weight in WEIGHTS.values()]
    parts = direction.split(sizes)
    return {n: part.view(s) for n, part, s in zip(WEIGHTS, parts, shapes, strict=True)}


def test_each_filter_of_a_direction_has_the_norm_of_the_weights():
    found = pieces(plane.draw_direction(WEIGHTS, 0, (0,), ["head.angles"]))
    rows = found["head.pre.weight"][0].norm(dim=1)
    assert torch.allclose(rows, WEIGHTS["head.pre.weight"][0].norm(dim=1))
    filters = found["backbone.conv.weight"].flatten(1).norm(dim=1)
    assert torch.allclose(filters, WEIGHTS["backbone.conv.weight"].flatten(1).norm(dim=1))


def test_biases_and_scales_of_norms_stay():
    found = pieces(plane.draw_direction(WEIGHTS, 0, (0,), ["head.angles"]))
    assert not found["head.pre.bias"].any() and not found["backbone.norm.weight"].any()


def test_angles_near_0_move_by_a_radian_each():
    found = pieces(plane.draw_direction(WEIGHTS, 0, (0,), ["head.angles"]))
    assert found["head.angles"].square().mean().sqrt() == pytest.approx(1)


def test_rows_with_weights_of_the_same_name_and_shape_share_a_draw():
    alone = {"head.pre.weight": WEIGHTS["head.pre.weight"]}
    found = pieces(plane.draw_direction(WEIGHTS, 0, (1,)))["head.pre.weight"]
    assert torch.equal(plane.draw_direction(alone, 0, (1,)), found.flatten())


def test_another_name_or_seed_is_another_direction():
    names = ((0, (0, 0)), (0, (0, 1)), (0, (1, 0)), (1, (0, 0)))
    draws = [plane.draw_direction(WEIGHTS, seed, name) for seed, name in names]
    cosines = torch.corrcoef(torch.stack(draws))
    assert cosines.fill_diagonal_(0).abs().max() < 0.5


def test_a_row_of_zeros_stays():
    weights = {"head.post.weight": torch.zeros(1, 2, 3, dtype=torch.float64)}
    assert not plane.draw_direction(weights, 0, (0,)).any()


def test_a_grid_has_its_centre_exactly():
    ticks, points = plane.grid(1.0, 51)
    assert ticks[25] == 0 and ticks[0] == -1 and ticks[-1] == 1
    assert len(points) == 51**2 and (points == 0).all(1).sum() == 1


def test_a_straight_path_has_all_of_its_variance_in_one_axis():
    direction = draw(7)
    path = draw(7, seed=1) + torch.linspace(0, 1, 9).double().unsqueeze(1) * direction
    found = plane.path_plane(path, 6)
    assert found.explained == pytest.approx((1, 0))
    assert found.coordinates[6].abs().max() < 1e-12
    assert abs(found.axes[0] @ direction) == pytest.approx(direction.norm().item())


def test_a_path_in_a_plane_keeps_its_distances():
    basis = torch.linalg.qr(draw(9, 2)).Q
    path = draw(6, 2, seed=1) @ basis.T
    found = plane.path_plane(path, 2)
    assert sum(found.explained) == pytest.approx(1)
    assert torch.allclose(
        torch.cdist(found.coordinates, found.coordinates), torch.cdist(path, path)
    )


def test_a_path_that_never_moves_has_a_plane_all_the_same():
    found = plane.path_plane(torch.ones(2, 3), 0)
    assert found.explained == (0, 0) and not found.coordinates.any()


@pytest.mark.parametrize("count", [3, 9, 51])
def test_the_mean_of_a_parabola_is_exact_on_coarse_ticks(count):
    ticks, _ = plane.grid(2.0, count)
    heights = (3 * ticks.square() + ticks + 1).numpy()
    assert np.isclose(plane.mean_height(ticks, heights), 3 * 4 / 3 + 1)
