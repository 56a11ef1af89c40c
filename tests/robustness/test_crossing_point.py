"""Strength at which a row falls behind, on differences whose crossing is known."""

import dataclasses
import math

import numpy as np
import pytest
from rows import random_logits, row

from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.pairing import stack_units
from qtlrun.error import UsageError
from qtlrun.robustness.contrast import contrast
from qtlrun.robustness.crossing import CrossingPoint, cross_upwards, interpolate
from qtlrun.robustness.kind import Grid, read_grids
from qtlrun.robustness.result import NoiseResult, describe_crossings, list_crossings
from qtlrun.statistic.judge import CONDITIONAL

POSITIONS = np.array([0.0, 0.1, 0.2, 0.4])
GRID = Grid("bit_flip", (0.1, 0.2, 0.4))


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
    assert interpolate(POSITIONS, np.array([gaps], float)) == pytest.approx([position])


TRUTH = 0.15


def draw_units(draw, *, splits=1, seeds, split=0.0, training=0.3, items=80):
    """Differences (splits, seeds, positions, items) that grow with the strength, 0 at .15."""
    slopes = (POSITIONS - TRUTH) / TRUTH / 2
    shape = (splits, seeds, 1, items)
    return (
        slopes[:, None]
        + draw.normal(0, split, (splits, 1, 1, 1))
        + draw.normal(0, training, (splits, seeds, 1, 1))
        + draw.normal(0, 0.6, (1, 1, 1, items))
        + draw.normal(0, 0.5, shape)
    )


def compare(values, **said):
    """Comparisons by position whose rows differ in NLL by values (splits, seeds, ...)."""
    comparisons = []
    for position in range(values.shape[2]):
        splits = []
        for each in values[:, :, position]:
            losses = {"A": 20 + each, "twin": np.full_like(each, 20)}
            rows = {name: row(name, *invert(nll), said=said) for name, nll in losses.items()}
            splits.append(rows)
        comparisons.append(Comparison({}, "A", splits))
    return comparisons


def invert(nll):
    """Logits of two classes with this NLL of the second, and its labels."""
    first = nll + np.log1p(-np.exp(-nll))
    return np.stack([first, np.zeros_like(first)], -1), np.ones(nll.shape[1], int)


def cross(values, **said):
    points = [each.pairs_by_split("twin") for each in compare(values, **said)]
    units = stack_units(points, by_split=len(values) > 1)
    return cross_upwards(POSITIONS.tolist(), *units)


@pytest.mark.parametrize(
    "sizes",
    [
        {"seeds": 5},
        {"splits": 5, "seeds": 3, "split": 0.3, "training": 0.1},
        {"splits": 10, "seeds": 1, "training": 0.0},
    ],
)
def test_an_interval_of_the_crossing_holds_the_true_one(sizes):
    """As often as the house allows, to three standard errors of 100 draws."""
    hits = 0
    for number in range(100):
        values = draw_units(np.random.default_rng(number), **sizes)
        units = values[0] if len(values) == 1 else values.mean(1)
        names = [[str(item) for item in range(80)]] * len(units)
        crossing = cross_upwards(POSITIONS.tolist(), list(units), names)
        hits += crossing.low <= TRUTH <= crossing.high
    assert 0.90 - 0.09 <= hits / 100 <= 0.98 + 0.02


def test_the_trainings_of_a_split_are_one_unit_where_there_are_several():
    """Trainings of a split without noise of their own, however many, tell nothing new."""
    values = draw_units(np.random.default_rng(1), splits=6, seeds=1, split=0.5, training=0.0)
    once = cross(values)
    thrice = cross(values.repeat(3, axis=1))
    assert (thrice.position, thrice.low, thrice.high) == pytest.approx(
        (once.position, once.low, once.high)
    )
    assert once.is_estimated and once.low < once.high


@pytest.mark.parametrize("splits, seeds", [(1, 1), (1, 4), (3, 5), (4, 2)])
def test_few_units_have_a_place_without_an_interval(splits, seeds):
    crossing = cross(draw_units(np.random.default_rng(0), splits=splits, seeds=seeds))
    assert 0 < crossing.position < 0.4 and not crossing.is_estimated
    assert math.isnan(crossing.high) and math.isnan(crossing.never)


def test_items_that_each_split_draws_anew_are_drawn_apart():
    """Shared items carry their noise into every split, others average it out."""
    values = draw_units(np.random.default_rng(2), splits=8, seeds=2, training=0.05)
    values += 2 * np.random.default_rng(3).normal(size=(1, 1, 1, 80))
    shared, apart = cross(values), cross(values, independent=True)
    assert apart.position == shared.position
    assert apart.high - apart.low < 0.7 * (shared.high - shared.low)


def learn():
    """Comparison of five trainings on 100 items of rows that learn and are all but equal."""
    logits, labels = random_logits(5, 100, 2, skill=3.0)
    draw = np.random.default_rng(0)
    rows = {"A": row("A", logits + draw.normal(0, 0.01, logits.shape), labels)}
    return Comparison({}, "A", [rows | {"twin": row("twin", logits, labels)}])


def test_five_trainings_of_equal_rows_are_equivalent_if_none_dies():
    verdict = contrast(learn(), "twin", 0.05, learn()).verdict
    assert verdict.word == CONDITIONAL and verdict.deaths.trainings == 5


def test_deaths_are_counted_without_noise_and_not_where_noise_is_strong():
    weak = learn()
    weak.splits[0]["A"].outcomes[2].logits[:] = 0
    assert contrast(weak, "twin", 0.05, learn()).verdict.judged


@pytest.mark.parametrize("reason", ["failed in the run", "failed under the noise", "dead"])
def test_a_verdict_that_lacks_trainings_is_withheld(reason):
    comparison, silent = learn(), learn()
    if reason == "failed under the noise":
        comparison.splits[0]["A"].errors[5] = "nan"
    if reason == "dead":
        silent.splits[0]["twin"].outcomes[2].logits[:] = 0
    lost = ("twin",) if reason == "failed in the run" else ()
    verdict = contrast(comparison, "twin", 0.05, silent, lost).verdict
    assert verdict.word == "undecided" and verdict.lost


@pytest.mark.parametrize(
    "position, low, high, line",
    [
        (0.05, 0.01, math.inf, ("falls behind", 20, 0, 100)),
        (0.0, 0.0, 0.05, ("from the start", math.inf, 20, math.inf)),
        (math.inf, 0.05, math.inf, ("never", 0, 0, 20)),
    ],
)
def test_a_crossing_over_shots_is_given_by_their_number(position, low, high, line):
    (grid,) = read_grids({"shots": [1000, 10]}, "gates")
    crossing = CrossingPoint(position, low, high, 0.0)
    result = NoiseResult(grid, [], [], {"twin": crossing}, {})
    (found,) = list_crossings(result, "A")
    assert tuple(found[name] for name in ("state", "strength", "low", "high")) == line
    lines = list_crossings(dataclasses.replace(result, grid=GRID), "A")
    assert [lines[0][name] for name in ("strength", "low", "high")] == [position, low, high]


def test_words_say_up_to_which_strength_nothing_is_shown():
    crossing = CrossingPoint(0.2, 0.1, math.inf, 0.03)
    result = NoiseResult(GRID, [], [], {"twin": crossing}, {})
    table, (note,) = describe_crossings([result], "A", "twin")
    assert table["hurts from"][0] == "not shown up to 0.4"
    assert "in 3% of the draws A never does" in note.full
    rare = dataclasses.replace(crossing, never=0.006)
    _, (note,) = describe_crossings(
        [dataclasses.replace(result, crossings={"twin": rare})], "A", "twin"
    )
    assert "of the draws" not in note.full


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
