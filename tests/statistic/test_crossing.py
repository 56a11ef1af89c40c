import math

import numpy as np
import pytest

from qtlrun.statistic.crossing import find_crossing, locate

PLACES = [1.0, 2.0, 3.0, 4.0]


def draw_units(curve, count=4, pictures=50, noise=0.0):
    """Units whose differences scatter about a curve over the budgets, on shared pictures."""
    generator = np.random.default_rng(0)
    curve = np.asarray(curve, float)[:, None]
    values = [curve + noise * generator.normal(size=(len(curve), pictures)) for _ in range(count)]
    return values, [[str(picture) for picture in range(pictures)]] * count


def cross(curve, level=0.0, **values):
    """Crossing down the axis, as of budgets."""
    return find_crossing(PLACES, *draw_units(curve, **values), level, downwards=True)


def test_a_line_is_crossed_where_it_says():
    """d = 2.5 - place is 0 at 2.5."""
    found = cross([1.5, 0.5, -0.5, -1.5])
    assert found.position == pytest.approx(2.5)
    assert found.low == pytest.approx(found.position) and found.high == pytest.approx(
        found.position
    )
    assert found.beyond == 0 and not found.at_lowest


def test_another_level_is_crossed_elsewhere():
    assert cross([1.5, 0.5, -0.5, -1.5], level=1.0).position == pytest.approx(1.5)


def test_what_rises_again_counts_from_its_last_crossing():
    assert cross([-1, 1, 0.5, -0.5]).position == pytest.approx(3.5)


def test_what_ends_above_is_never_crossed():
    found = cross([-1, -1, -1, 0.5])
    assert math.isinf(found.position) and found.beyond == 1


def test_what_is_below_throughout_is_crossed_at_the_lowest_place():
    found = cross([-1, -2, -0.5, -1])
    assert found.position == 1 and found.at_lowest


def test_a_grid_of_one_place_has_it_or_none():
    values, names = draw_units([0.5])
    for level, place in ((0.0, math.inf), (1.0, 10)):
        assert find_crossing([10], values, names, level, downwards=True).position == place


@pytest.mark.parametrize("seed", range(20))
def test_up_the_axis_of_a_mirrored_curve_is_down_the_axis_of_the_curve(seed):
    """Where it passes above the level somewhere; else inf and the lowest place change roles."""
    curves = np.random.default_rng(seed).normal(size=(50, 4))
    curves = curves[(curves[:, -1] <= 0) & (curves > 0).any(1)]
    grid = np.array(PLACES)
    down = locate(grid, curves, downwards=True)
    up = locate(5 - grid[::-1], curves[:, ::-1])
    assert len(curves) and np.allclose(up, 5 - down)


def test_two_units_have_no_interval():
    found = cross([1.5, 0.5, -0.5, -1.5], count=2)
    assert math.isnan(found.low) and found.position == pytest.approx(2.5)


def test_pictures_of_other_names_are_drawn_apart():
    """Twenty equal units whose only noise is that of their pictures: 20 times the pictures are a
    fourth of the error, of which the bootstrap holds not quite the double.
    """
    generator = np.random.default_rng(1)
    offsets = generator.normal(size=2000)
    curve = np.array([1.0, 0.0, -1.0, -2.0])[:, None]
    pieces = [curve + piece for piece in offsets.reshape(20, 100)]
    shared = [[str(number) for number in range(100)]] * 20
    apart = [[f"{unit} {number}" for number in range(100)] for unit in range(20)]
    same = find_crossing(PLACES, [pieces[0]] * 20, shared, downwards=True)
    other = find_crossing(PLACES, pieces, apart, downwards=True)
    widths = [each.high - each.low for each in (same, other)]
    # Drawn with its units a picture weighs 0 to 4 times, which adds to the error of the second
    assert 1.7 < widths[0] / widths[1] < 4.5


@pytest.mark.parametrize("count, downwards", [(3, True), (3, False), (5, True), (10, False)])
def test_the_interval_holds_the_truth_as_often_as_it_says(count, downwards):
    """Units and pictures drawn anew: 95 % intervals hold the crossing in 92 of 100 draws or more.

    By its normal quantile alone a bootstrap of 3 units has 80, of 5 units 87.
    """
    generator = np.random.default_rng(2)
    curve = np.array([1.5, 0.5, -0.5, -1.5])[:, None] * (1 if downwards else -1)
    names = [[str(number) for number in range(60)]] * count
    hits = 0
    for _ in range(200):
        pictures = 0.5 * generator.normal(size=(1, 60))
        drawn = [
            curve + 0.3 * generator.normal() + pictures + 0.5 * generator.normal(size=(4, 60))
            for _ in range(count)
        ]
        found = find_crossing(PLACES, drawn, names, downwards=downwards)
        hits += found.low <= 2.5 <= found.high
    assert hits >= 184
