"""Calibration of rows under noise, on a planted model that is calibrated."""

import numpy as np
import pytest
from rows import row

from qtlrun.comparison.calibration import estimate_error
from qtlrun.comparison.comparison import Comparison

BRIER = 0.75 / 3 + 0.25 / 2  # of seen and unseen items


def plant(draw, seeds=8, items=100):
    """Comparison of a row that is calibrated in every training.

    A training has seen each item with a chance of its own, uniform on (1/2, 1). It gives the true
    probability of one that it has seen, uniform on (0, 1), and 1/2 for another.
    """
    chances = draw.random(items)
    labels = (draw.random(items) < chances).astype(int)
    seen = draw.random((seeds, items)) < draw.uniform(0.5, 1, (seeds, 1))
    first = np.where(seen, chances, 0.5)
    logits = np.log(np.stack([1 - first, first], -1))
    return Comparison({}, "A", [{"A": row("A", logits, labels)}])


def test_the_interval_of_the_brier_score_is_about_trainings_and_items():
    """It holds the true score in 90 to 98 of 100 draws; the deviation of 300 is 1.3 of 100."""
    held = 0
    for number in range(300):
        interval = plant(np.random.default_rng(number)).estimate("A", lambda row: row.brier)
        held += interval.low <= BRIER <= interval.high
    assert 0.90 <= held / 300 <= 0.98


def test_the_calibration_error_of_a_calibrated_row_is_that_of_its_bins_by_chance():
    """Its interval, over trainings, shrinks onto it, and the true error of 0 is never in it."""
    errors = [estimate_error(plant(np.random.default_rng(number)), "A") for number in range(50)]
    mean, low, _ = np.array(errors).T
    assert (low > 0).all()
    many = estimate_error(plant(np.random.default_rng(0), items=40_000), "A")[0]
    assert many == pytest.approx(0, abs=0.01) and mean.mean() > 0.05


@pytest.mark.parametrize("splits", [1, 4])
def test_equal_trainings_of_each_split_are_one_unit_where_there_are_several_splits(splits):
    """Those of one split are units of their own, whose number narrows the interval."""
    comparisons = [plant(np.random.default_rng(number), seeds=1) for number in range(splits)]
    once = Comparison({}, "A", [each.splits[0] for each in comparisons])
    thrice = Comparison({}, "A", [{"A": repeat(rows["A"], 3)} for rows in once.splits])
    mean, low, high = estimate_error(thrice, "A")
    if splits > 1:
        assert (mean, low, high) == pytest.approx(estimate_error(once, "A")) and low < high
    else:
        assert low == mean == high


def repeat(each, count):
    """Row that has its only training several times."""
    return row("A", each.logits.repeat(count, axis=0), each.labels)
