"""Strength at which a row falls behind, on differences whose crossing is known."""

import math

import numpy as np
import pytest

from qtlrun.error import UsageError
from qtlrun.robustness.kind import read_grids
from qtlrun.robustness.turning_point import QUANTILES, interpolate, resample

POSITIONS = np.array([0.0, 0.1, 0.2, 0.4])


@pytest.mark.parametrize(
    "gaps, position",
    [
        ([-1, -1, 1, 3], 0.15),
        ([-3, 1, -1, 3], 0.075),
        ([-1, -1, -1, 1], 0.3),
        ([-1, -1, -1, -1], math.inf),
        ([0.1, -1, -1, -1], 0.0),
    ],
)
def test_the_first_crossing_is_found_between_two_strengths(gaps, position):
    assert interpolate(POSITIONS, np.array(gaps, float)) == pytest.approx(position)


def test_draws_of_the_mean_vary_as_seeds_and_pictures_do():
    """Of v_seed/S + v_picture/N + v_rest/(S N); the rest counts up to three times (Owen 2007)."""
    draw = np.random.default_rng(0)
    seeds, items = 20, 60
    values = draw.normal(0, 1, (seeds, 1)) + draw.normal(0, 2, (1, items))
    present = np.ones((seeds, items), bool)
    draws = resample(values[None], present, 0)
    expected = values.mean(1).var() / seeds + values.mean(0).var() / items
    assert draws.var() == pytest.approx(expected, rel=0.15)  # 2000 draws: 3 %


def test_an_interval_of_the_crossing_holds_the_true_one():
    """Differences grow with the strength from -.5, so the true crossing is at .15."""
    truth, hits, repeats = 0.15, 0, 40
    slopes = (POSITIONS - truth) / truth / 2
    for number in range(repeats):
        draw = np.random.default_rng(number)
        noise = draw.normal(0, 0.3, (10, 1)) + draw.normal(0, 0.6, (1, 80))
        values = slopes[:, None, None] + noise + draw.normal(0, 0.5, (10, 80))
        draws = resample(values, np.ones((10, 80), bool), number)
        ends = np.quantile([interpolate(POSITIONS, each) for each in draws], QUANTILES)
        hits += ends[0] <= truth <= ends[1]
    assert hits >= 33  # of 40 at 95 %: fewer once in a thousand


@pytest.mark.parametrize(
    "strengths, key, reason",
    [
        ({"depolarising": [0.1]}, "strengths.depolarising", "did you mean depolarizing"),
        ({"bit_flip": [0.1, 1.5]}, "strengths.bit_flip", "a probability from 0 to 1"),
        ({"bit_flip": [0.2, 0.1]}, "strengths.bit_flip", "ascending"),
        ({"bit_flip": [0.0, 0.1]}, "strengths.bit_flip", "above 0"),
        ({"bit_flip": 0.1}, "strengths.bit_flip", "a list"),
        ({"bit_flip": ["much"]}, "strengths.bit_flip", "a number"),
        ({"shots": [0]}, "strengths.shots", "from 1 up"),
        ({"shots": [10.5]}, "strengths.shots", "whole numbers"),
        ({"readout": [2]}, "strengths.readout", "a probability"),
        ({"bit_flip": None}, "strengths", "one kind of noise or more"),
    ],
)
def test_a_grid_that_cannot_be_is_refused(strengths, key, reason):
    with pytest.raises(UsageError) as error:
        read_grids(strengths, "gates")
    assert error.value.key == key and reason in str(error.value)


def test_a_grid_of_shots_grows_noisier():
    (grid,) = read_grids({"shots": [10, 1000]}, "gates")
    assert grid.positions == [0, 0.001, 0.1]
    assert [grid.name(position) for position in grid.positions] == ["exact", "1000", "10"]
