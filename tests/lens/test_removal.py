"""Deletion and insertion curves on a model whose curves can be computed."""

import numpy as np
import pytest
import torch

from qtlrun.lens.map import removal

ITEMS = torch.tensor([[4.0, 1.0, 3.0, 2.0], [1.0, 2.0, 3.0, 4.0]], dtype=torch.float64)
TARGETS = torch.zeros(2, dtype=torch.int64)
NOTHING = torch.zeros(4, dtype=torch.float64)


def total(items, _targets):
    """A linear model in place of a probability: the sum of an item's numbers."""
    return items.flatten(1).sum(1)


def curves_of(order):
    return removal.remove(total, ITEMS, TARGETS, NOTHING, [order], levels=4)[0]


def test_curves_of_a_linear_model_are_the_sums_of_what_is_left():
    curves = curves_of(removal.rank_parts(ITEMS))
    assert np.allclose(curves.shares, [0, 0.25, 0.5, 0.75, 1])
    assert np.allclose(curves.deletion, [[10, 6, 3, 1, 0]] * 2)
    assert np.allclose(curves.insertion, [[0, 4, 7, 9, 10]] * 2)
    # Trapezoids: the mean of the inner values and half the ends
    assert np.allclose(curves.areas[0], (5 + 6 + 3 + 1) / 4)
    assert np.allclose(curves.areas[1], (4 + 7 + 9 + 5) / 4)


def test_the_order_of_a_linear_models_weights_is_the_best_of_all_orders():
    best, worst = (curves_of(removal.rank_parts(sign * ITEMS)) for sign in (1, -1))
    for order in torch.tensor([[0, 1, 2, 3], [3, 1, 0, 2], [2, 0, 1, 3]]):
        other = curves_of(order.expand(2, -1))
        assert (best.areas[0] <= other.areas[0]).all()
        assert (best.areas[1] >= other.areas[1]).all()
        assert (worst.areas[0] >= other.areas[0]).all()


def test_equal_parts_keep_their_order():
    assert removal.rank_parts(torch.zeros(1, 3)).tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("side", [3, 8, 20])
def test_the_part_that_ranks_first_is_removed_first_whatever_the_size_of_the_picture(side):
    picture = torch.zeros(1, 2, side, side, dtype=torch.float64)
    picture[..., -1, 0] = 1  # the corner at the bottom left
    order = removal.rank_parts(picture[:, 0])
    parts = min(side, removal.MAX_PATCHES) ** 2
    assert order.shape == (1, parts)
    curves = removal.remove(
        total, picture, TARGETS[:1], torch.zeros(2, side, side).double(), [order], levels=parts
    )[0]
    assert np.allclose(curves.deletion[0], [2] + [0] * parts)
    assert np.allclose(curves.insertion[0], [0] + [2] * parts)


def test_one_level_has_the_ends_alone():
    curves = removal.remove(total, ITEMS, TARGETS, NOTHING, [removal.rank_parts(ITEMS)], levels=1)
    assert curves[0].deletion.shape == curves[0].insertion.shape == (len(ITEMS), 2)
    assert np.allclose(curves[0].deletion, curves[0].insertion[:, ::-1])
