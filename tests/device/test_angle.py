import math

import pytest
import torch

from qtlrun.device.angle import Affine, Chosen, single
from qtlrun.layer import generator


def seen(function, features=2, weights=3):
    """Angles at twelve points, each second one the one before it mirrored, as the reader sees them."""
    made = []
    for point in range(12):
        x, w = ((2 * torch.rand(count, generator=generator(point // 2, name), dtype=torch.float64) - 1) * (-1)**point * 3
                for count, name in ((features, "x"), (weights, "w")))
        x.requires_grad_(), w.requires_grad_()
        made.append((function(x, w), x, w))
    return made


def test_the_element_that_each_angle_takes_and_its_slope_are_found_exactly():
    place, factor, rest = single(seen(lambda x, w: [w[1] * .5, x[0] - 2, .7, w[1] * -.1, 3 * w[0] + w[0] + 1, x[1] * 0]))
    assert place[[0, 1, 3, 4]].tolist() == [3, 0, 3, 2]
    assert factor.tolist() == [.5, 1, 0, -.1, 4, 0]
    torch.testing.assert_close(rest, torch.tensor([0, -2, .7, 0, 1, 0], dtype=torch.float64), rtol=0, atol=1e-15)


@pytest.mark.parametrize("angle", [
    lambda x, w: w[0] + w[1], lambda x, w: torch.sin(w[0]), lambda x, w: x[0] * w[0], lambda x, w: abs(x[0]),
    lambda x, w: w[0].detach(), lambda x, w: 2 * w[0] - w[0].detach(), lambda x, w: w[0] - w[0].detach(), lambda x, w: torch.floor(w[0]),
    lambda x, w: w[0] + 1e-6 * torch.sin(5 * w[0]), lambda x, w: torch.tensor(math.nan), lambda x, w: x, lambda x, w: float(w[0].detach())])
def test_what_is_not_affine_in_one_element_in_value_and_slope_is_left(angle):
    assert single(seen(lambda x, w: [w[2], angle(x, w)])) is None


def test_without_any_element_angles_are_constants_or_nothing():
    assert [one.tolist() for one in single(seen(lambda x, w: [.5, -1.], 0, 0))] == [[0, 0], [0, 0], [.5, -1.]]
    assert [one.tolist() for one in single(seen(lambda x, w: [], 0, 4))] == [[], [], []]


def test_chosen_angles_are_the_affine_map_without_its_zeros():
    chosen = Chosen(torch.tensor([2, 0, 2, 1]), torch.tensor([.5, -1, 2, 0]).double(), torch.tensor([0, 1, 2, 3.]).double(), 4)
    affine = Affine(chosen.by_input, chosen.by_weight, chosen.rest)
    x, w = torch.zeros(3, 2, 0).double(), torch.rand(3, 2, 2, generator=generator(0), dtype=torch.float64)
    torch.testing.assert_close(chosen(x, w), affine(x, w), rtol=0, atol=1e-15)
    for mine, its in zip(chosen.entries(), affine.entries(), strict=True):
        assert torch.equal(mine, its)
    assert chosen.weights == affine.weights == 4
