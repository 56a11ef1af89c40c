"""Strength at which a row falls behind, on differences whose crossing is known."""

import dataclasses
import math

import numpy as np
import pytest
from composition import part
from rows import random_logits, row

from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.pairing import stack_units
from qtlrun.error import UsageError
from qtlrun.robustness.contrast import contrast
from qtlrun.robustness.crossing import CrossingPoint, find_crossing_point
from qtlrun.robustness.description import describe_kind, describe_results, summarise
from qtlrun.robustness.exposure import ITSELF, Exposure
from qtlrun.robustness.kind import Grid, read_grids
from qtlrun.robustness.result import NoiseResult, describe_crossings, list_crossings
from qtlrun.robustness.selection import Selection
from qtlrun.statistic.crossing import Crossing, find_crossing, locate
from qtlrun.statistic.judge import CONDITIONAL
from qtlrun.study.robustness import Robustness

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
    assert locate(POSITIONS, np.array([gaps], float)) == pytest.approx([position])


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
    return find_crossing(POSITIONS.tolist(), *units)


@pytest.mark.parametrize(
    "sizes",
    [
        {"seeds": 3},
        {"seeds": 5},
        {"splits": 3, "seeds": 3, "split": 0.3, "training": 0.1},
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
        crossing = find_crossing(POSITIONS.tolist(), list(units), names)
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


@pytest.mark.parametrize("splits, seeds", [(1, 1), (1, 2), (2, 5)])
def test_few_units_have_a_place_without_an_interval(splits, seeds):
    crossing = cross(draw_units(np.random.default_rng(0), splits=splits, seeds=seeds))
    assert 0 < crossing.position < 0.4 and not crossing.is_estimated
    assert math.isnan(crossing.high) and math.isnan(crossing.beyond)


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


def test_a_margin_in_per_cent_is_of_the_reference_s_nll_under_the_same_noise():
    comparison = learn()
    (twin,) = comparison.of("twin")
    values = {name: value for name, value in part("study", "robustness").items() if name[0] != "_"}
    margin = Robustness(**(values | {"margin": "5%"})).limit
    verdict = contrast(comparison, "twin", margin, learn()).verdict
    assert verdict.margin == pytest.approx(0.05 * twin.nll.mean())


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


def expose(values, failures=()):
    """Exposure whose rows differ by values (splits, seeds, positions, items)."""
    comparisons = dict(zip(POSITIONS.tolist(), compare(values), strict=True))
    return Exposure(GRID, comparisons, ("A",), failures=dict.fromkeys(failures, 1))


@pytest.mark.parametrize("label", ["A", "twin"])
def test_a_crossing_that_lacks_failed_trainings_has_no_verdict(label):
    """The others would place it at .15, as all do."""
    values = draw_units(np.random.default_rng(0), seeds=8)
    whole = find_crossing_point(expose(values), "twin", 0.05)
    lost = find_crossing_point(expose(values, [label]), "twin", 0.05)
    assert whole.lost == () and lost.lost == (label,)
    assert whole.crossing == lost.crossing and abs(whole.crossing.position - TRUTH) < 0.1
    lines = []
    for exposure, point in ((expose(values), whole), (expose(values, [label]), lost)):
        result = NoiseResult(GRID, [], [], {"twin": point}, lost=exposure.lost)
        table, notes = describe_crossings([result], "A", "twin")
        (line,) = list_crossings(result, "A")
        lines.append((table["behind twin at"][0], line["lost"], notes[0].full))
    assert lines[0][0] != "no verdict" and not lines[0][1] and "falls behind" in lines[0][2]
    assert lines[1][:2] == ("no verdict", True)
    assert f"no verdict, for trainings of {label} failed or died" in lines[1][2]


def test_trainings_that_die_under_the_noise_alone_are_told_and_count():
    """Rows that learn; at .2 one training of A answers at random, and at .4 another one too."""
    comparisons = {position: learn() for position in POSITIONS.tolist()}
    for position, seeds in ((0.2, [1]), (0.4, [1, 3])):
        for seed in seeds:
            comparisons[position].splits[0]["A"].outcomes[seed].logits[:] = 0
    for comparison in comparisons.values():
        rows = comparison.splits[0]
        rows[ITSELF] = dataclasses.replace(learn().splits[0]["A"], name=ITSELF)
    exposure = Exposure(GRID, comparisons, ("A",))
    assert exposure.fallen == {"A": {0.2: 1, 0.4: 2}} and not exposure.lost
    result = summarise(exposure, 0.05)
    selection = Selection({}, "A", "twin", [], {})
    words = " ".join(note.full for note in describe_results([result], selection)[0].notes)
    assert (
        "die under the noise alone, and count in all figures and verdicts: A 1 at 0.2, 2 at 0.4."
        in words
    )
    twin = [each for each in result.contrasts if each.reference == "twin"]
    assert twin and not any(each.verdict.lost for each in twin)


@pytest.mark.parametrize(
    "failures, words", [({}, "0.2, 0.4"), ({"A under noise": 1}, "no verdict")]
)
def test_a_row_trained_anew_is_told_to_lose_where_its_verdicts_are_given(failures, words):
    """Its differences to the twin are far above 0 from .2 on; all are withheld by a failure."""
    exposure = retrain(draw_units(np.random.default_rng(0), seeds=8, training=0.05))
    result = summarise(dataclasses.replace(exposure, failures=failures), 0.05)
    selection = Selection({}, "A", "twin", [], failures)
    notes = [note.full for note in describe_results([result], selection)[0].notes]
    (sentence,) = [each for each in notes if each.startswith("Strengths at which A, trained anew")]
    assert sentence.endswith(f"is worse than twin: bit_flip {words}.")


def test_the_terminal_shows_the_composed_row_and_no_other_whose_label_begins_alike():
    exposure = retrain(draw_units(np.random.default_rng(0), seeds=5))
    for comparison in exposure.comparisons.values():
        rows = comparison.splits[0]
        rows["A*"] = dataclasses.replace(rows["A"], name="A*")
    exposure = dataclasses.replace(exposure, circuits=(*exposure.circuits, "A*"))
    section = describe_kind(summarise(exposure, 0.05), "A", "twin")
    assert set(section.table) - set(section.shown) == {"A*"}
    assert set(section.shown) == {
        "strength",
        "A",
        "A under noise",
        "NLL A - twin",
        "NLL A under noise - twin",
        f"NLL A - {ITSELF}",
    }


def test_a_dead_training_is_told_once_though_the_row_trained_anew_has_it_too():
    exposure = expose(np.zeros((1, 1, len(POSITIONS), 100)))
    comparisons = {position: learn() for position in POSITIONS.tolist()}
    for comparison in comparisons.values():
        comparison.splits[0]["A"].outcomes[2].logits[:] = 0
    exposure = add_retrained(dataclasses.replace(exposure, comparisons=comparisons))
    assert exposure.dead.keys() == {"A", "A under noise", ITSELF}
    result = summarise(exposure, 0.05)
    notes = describe_results([result], Selection({}, "A", "twin", [], {}))[0].notes
    (sentence,) = [each.full for each in notes if "dead without noise" in each.full]
    assert sentence.endswith("no verdict is given: A 1.")


def retrain(values):
    """Exposure of values with a row A under noise, which is A itself."""
    return add_retrained(expose(values))


def add_retrained(exposure):
    """Exposure with a row A under noise, which is A itself, and with A without noise."""
    first = next(iter(exposure.comparisons.values())).splits[0]["A"]
    for comparison in exposure.comparisons.values():
        for rows in comparison.splits:
            rows["A under noise"] = dataclasses.replace(rows["A"], name="A under noise")
            rows[ITSELF] = dataclasses.replace(first, name=ITSELF)
    return dataclasses.replace(
        exposure, circuits=("A", "A under noise"), retrained=("A under noise",)
    )


@pytest.mark.parametrize("grid, none", [(GRID, 0.0), (Grid("shots", (1000, 10)), math.inf)])
def test_no_noise_has_one_strength_in_curves_contrasts_and_crossings(grid, none):
    """0 of a channel; of shots the exact simulation is infinitely many."""
    values = draw_units(np.random.default_rng(0), seeds=5)[:, :, : len(grid.positions)] + 4
    comparisons = dict(zip(grid.positions, compare(values), strict=True))
    for comparison in comparisons.values():
        comparison.splits[0][ITSELF] = dataclasses.replace(
            next(iter(comparisons.values())).splits[0]["A"], name=ITSELF
        )
    result = summarise(Exposure(grid, comparisons, ("A",)), 0.05)
    (line,) = [each for each in list_crossings(result, "A") if each["reference"] == "twin"]
    assert line["state"] == "from the start" and line["strength"] == none
    assert result.curves[0]["strength"] == none
    assert result.contrasts[0].line(grid)["strength"] == none
    assert line["first_worse"] == none


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
    crossing = Crossing(position, low, high, 0.0, not position)
    result = NoiseResult(grid, [], [], {"twin": CrossingPoint(crossing)})
    (found,) = list_crossings(result, "A")
    assert tuple(found[name] for name in ("state", "strength", "low", "high")) == line
    lines = list_crossings(dataclasses.replace(result, grid=GRID), "A")
    assert [lines[0][name] for name in ("strength", "low", "high")] == [position, low, high]


def test_words_say_up_to_which_strength_nothing_is_shown():
    crossing = Crossing(0.2, 0.1, math.inf, 0.03, False)
    result = NoiseResult(GRID, [], [], {"twin": CrossingPoint(crossing)})
    table, (note,) = describe_crossings([result], "A", "twin")
    assert table["hurts from"][0] == "not shown up to 0.4"
    assert "in 3% of the draws A never does" in note.full
    rare = CrossingPoint(dataclasses.replace(crossing, beyond=0.006))
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
        ({"shots": [math.inf]}, "strengths.shots", "below 2**63"),
        ({"shots": [math.nan]}, "strengths.shots", "whole numbers"),
        ({"shots": [1e30]}, "strengths.shots", "below 2**63"),
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
