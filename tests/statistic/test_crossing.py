import math

import numpy as np
import pytest

from qtlrun.statistic.crossing import find_crossing

BUDGETS = [10, 100, 1000, 10000]


def units(curve, count=4, pictures=50, noise=0.0):
    """Units whose differences scatter about a curve over the budgets, on shared pictures."""
    generator = np.random.default_rng(0)
    curve = np.asarray(curve, float)[:, None]
    values = [curve + noise * generator.normal(size=(len(curve), pictures)) for _ in range(count)]
    return values, [[str(picture) for picture in range(pictures)]] * count


def cross(curve, level=0.0, **values):
    return find_crossing(BUDGETS, *units(curve, **values), level)


def test_a_line_in_the_logarithm_is_crossed_where_it_says():
    """d = 1.5 - log10(budget / 10) is 0 at 10^2.5."""
    found = cross([1.5, 0.5, -0.5, -1.5])
    assert found.budget == pytest.approx(10**2.5)
    assert found.low == pytest.approx(found.budget) and found.high == pytest.approx(found.budget)
    assert found.share == 1 and found.ever and not found.at_start


def test_another_level_is_crossed_elsewhere():
    assert cross([1.5, 0.5, -0.5, -1.5], level=1.0).budget == pytest.approx(10**1.5)


def test_what_rises_again_counts_from_its_last_crossing():
    assert cross([-1, 1, 0.5, -0.5]).budget == pytest.approx(10**3.5)


def test_what_ends_above_is_never_crossed():
    found = cross([-1, -1, -1, 0.5])
    assert math.isinf(found.budget) and not found.ever and found.share == 0


def test_what_is_below_throughout_is_crossed_at_the_start():
    found = cross([-1, -2, -0.5, -1])
    assert found.budget == pytest.approx(10) and found.at_start


def test_a_grid_of_one_budget_has_its_value_or_none():
    values, names = units([0.5])
    assert math.isinf(find_crossing([10], values, names, 0.0).budget)
    assert find_crossing([10], values, names, 1.0).budget == pytest.approx(10)


def test_two_units_have_no_interval():
    found = cross([1.5, 0.5, -0.5, -1.5], count=2)
    assert math.isnan(found.low) and found.budget == pytest.approx(10**2.5)


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
    same = find_crossing(BUDGETS, [pieces[0]] * 20, shared, 0.0)
    other = find_crossing(BUDGETS, pieces, apart, 0.0)
    widths = [math.log(each.high / each.low) for each in (same, other)]
    # Drawn with its units a picture weighs 0 to 4 times, which adds to the error of the second
    assert 1.7 < widths[0] / widths[1] < 4.5


@pytest.mark.parametrize("count", [3, 5, 10])
def test_the_interval_holds_the_truth_as_often_as_it_says(count):
    """Units and pictures drawn anew: 95 % intervals hold the crossing in 92 of 100 draws or more.

    By its normal quantile alone a bootstrap of 3 units has 80, of 5 units 87.
    """
    generator = np.random.default_rng(2)
    curve = np.array([1.5, 0.5, -0.5, -1.5])[:, None]
    names = [[str(number) for number in range(60)]] * count
    hits = 0
    for _ in range(200):
        pictures = 0.5 * generator.normal(size=(1, 60))
        drawn = [
            curve + 0.3 * generator.normal() + pictures + 0.5 * generator.normal(size=(4, 60))
            for _ in range(count)
        ]
        found = find_crossing(BUDGETS, drawn, names, 0.0)
        hits += found.low <= 10**2.5 <= found.high
    assert hits >= 184
