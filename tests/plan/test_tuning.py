"""What tuning draws, and how the data is redrawn: from the plan alone."""

import math
from dataclasses import replace

import numpy as np
import pytest
from composition import compose_plan, variants

from qtlrun import plan as plans
from qtlrun.error import UsageError
from qtlrun.plan import tuning

SPACE = {
    "recipe.backbone_lr": (1e-5, 1e-3),
    "recipe.lr": (1e-4, 0.05),
    "recipe.weight_decay": (1e-6, 0.01),
    "head.spread": (0.01, 1.0),
}


def drawn(count, *words, seed=0):
    """Draws beside the first, which is empty."""
    empty, *others = tuning.draw(
        list(variants("backbone=identity", *words).values()), count + 1, seed
    )
    assert empty == {}
    return others


def test_the_recipe_as_it_stands_is_the_first_draw():
    made = list(variants("backbone=identity").values())
    assert tuning.draw(made, 0, 0) == [] and tuning.draw(made, 1, 0) == [{}]


def test_another_division_has_other_draws():
    first, second = drawn(16), drawn(16, seed=1)
    assert not any(one == other for one in first for other in second)


def test_a_draw_has_a_value_for_all_that_any_row_has_a_space_for():
    for one in drawn(5):
        assert set(one) == {*SPACE, "recipe.scale"}
    assert "head.spread" not in drawn(5, "head=classical", "compare=[twin]")[0]
    assert (
        drawn(5, "head=twin", "compare=[A]")[0].keys() == drawn(5)[0].keys()
    )  # a reference's space counts


@pytest.mark.parametrize("fewer, more", [(1, 2), (3, 5), (8, 16), (5, 64)])
def test_fewer_draws_are_the_first_of_more(fewer, more):
    assert drawn(fewer) == drawn(more)[:fewer] and len(drawn(more)) == more


def test_draws_do_not_depend_on_chance_or_on_who_asked_before():
    first = drawn(8)
    np.random.seed(5)
    assert drawn(8) == first and len({tuple(one.values()) for one in first}) == 8


@pytest.mark.parametrize("key", SPACE)
def test_numbers_are_drawn_log_uniformly_over_their_range(key):
    low, high = SPACE[key]
    values = np.array([one[key] for one in drawn(128)])
    assert low <= values.min() and values.max() <= high
    share = np.log(values / low) / math.log(high / low)
    # Sobol's points stratify: as many in each sixteenth, but for those that rounding moves over its
    # edge
    counts = np.histogram(share, 16, (0, 1))[0]
    assert np.abs(counts - 8).max() <= 1


def test_two_values_are_not_drawn_together():
    logs = np.log([[one[key] for key in SPACE] for one in drawn(128)])
    assert np.abs(np.corrcoef(logs.T) - np.eye(len(SPACE))).max() < 0.1


def test_words_are_drawn_alike_often():
    scales = [one["recipe.scale"] for one in drawn(128)]
    assert {name: scales.count(name) for name in scales} == {"none": 64, "standard": 64}
    kinds = [
        one["recipe.optimizer"] for one in drawn(96, "+recipe.space.optimizer=[adam,adamw,sgd]")
    ]
    assert all(abs(kinds.count(name) - 32) <= 4 for name in ("adam", "adamw", "sgd"))


def test_whole_numbers_are_drawn_from_their_options():
    assert {one["recipe.batch_size"] for one in drawn(32, "+recipe.space.batch_size=[4,8,32]")} == {
        4,
        8,
        32,
    }


def test_a_drawn_number_is_short_enough_to_be_typed():
    for one in drawn(64):
        for key in SPACE:
            assert float(f"{one[key]:.3g}") == one[key]


@pytest.mark.parametrize(
    "space", ["[0.0123456,0.0123456]", "[0.00123456,0.00123457]", "[0.0129,0.012994]"]
)
def test_no_number_is_drawn_outside_its_range(space):
    low, high = eval(space)
    values = [one["recipe.lr"] for one in drawn(32, f"recipe.space.lr={space}")]
    assert low <= min(values) and max(values) <= high


def test_a_row_takes_of_a_draw_what_its_parts_have():
    made = variants("backbone=identity", "compare=[B,twin]")
    (draw,) = drawn(1)
    for name, row in made.items():
        other = row.changed(draw)
        assert {
            key: other.recipe[key] for key in ("lr", "backbone_lr", "weight_decay", "scale")
        } == {key: draw[f"recipe.{key}"] for key in ("lr", "backbone_lr", "weight_decay", "scale")}
        assert other.head.get("spread") == (draw["head.spread"] if name == "composed" else None)
        assert (
            row == variants("backbone=identity", "compare=[B,twin]")[name]
        )  # and is left as it was
        assert replace(other, recipe=row.recipe, head=row.head) == row


def test_tuning_without_anything_to_draw_from_is_refused():
    words = ("backbone=identity", "~recipe.space", "tune=4")
    with pytest.raises(UsageError) as error:
        plans.check_plan(compose_plan(*words, "~head.space", "compare=[]"))
    assert (
        str(error.value)
        == "tune=4: no part has a space to draw from; give one, as recipe.space.lr=[0.0001,0.01]."
    )
    plans.check_plan(compose_plan(*words, "compare=[A]", "head=twin"))  # a reference has one
    plans.check_plan(
        compose_plan(*words[:2], "~head.space", "compare=[]")
    )  # and untuned none is needed


def test_the_space_of_a_value_is_that_of_the_first_row_that_has_one():
    made = variants(
        "backbone=identity",
        "compare=[C]",
        "+compare.C.recipe.space={lr: [.5,.6], momentum: [.1,.2]}",
        "~recipe.space.scale",
    )
    found = {key: space for key, (_, space) in plans.spaces(list(made.values())).items()}
    assert (
        found["recipe.lr"] == [0.0001, 0.05]
        and found["recipe.momentum"] == [0.1, 0.2]
        and found["head.spread"] == [0.01, 1.0]
    )
    assert list(found) == sorted(found) and "recipe.scale" not in found
    assert made["composed"].has("head.spread") and not made["C"].has("head.spread")


def redraws(**values):
    dataset = compose_plan().values["dataset"] | {"split_seed": 7, "fold": None}
    for key in values.pop("without", ()):
        del dataset[key]
    settings = {"dataset": dataset, "splits": 1, "folds": None, "seeds": [3, 5]}
    made = compose_plan().changed(settings | values).redraws
    return [(redraw.change, redraw.seeds) for redraw in made]


def test_splits_count_on_from_the_split_seed_and_folds_are_counted_from_0():
    assert redraws() == [({}, [3, 5])]
    assert redraws(splits=3) == [
        ({"split_seed": 7}, [3, 5]),
        ({"split_seed": 8}, [9, 11]),
        ({"split_seed": 9}, [15, 17]),
    ]
    assert redraws(folds=2) == [({"fold": [0, 2]}, [3, 5]), ({"fold": [1, 2]}, [9, 11])]


def test_seeds_of_divisions_that_numpy_does_not_take_are_refused():
    """The last of two divisions trains from twice the largest seed, and 1."""
    most = 2**31 - 1
    assert redraws(splits=2, seeds=[most])[1][1] == [2**32 - 1]
    assert redraws(seeds=[2**32 - 1])[0][1] == [2**32 - 1]
    for words in ({"splits": 2}, {"folds": 2}):
        with pytest.raises(UsageError) as error:
            redraws(**words, seeds=[0, most + 1])
        assert error.value.key == "seeds" and str(2**32 + 1) in error.value.reason


def test_each_seed_has_a_division_of_its_own():
    assert redraws(splits="each") == [({"split_seed": 7}, [3]), ({"split_seed": 8}, [5])]
    assert redraws(splits="each", seeds=1) == [({}, [0])]
    assert redraws(splits="each", folds=2) == redraws(folds=2)


def test_a_dataset_that_draws_no_division_has_one_for_all_seeds():
    assert redraws(splits="each", without=["split_seed"]) == [({}, [3, 5])]
    fold = compose_plan().values["dataset"] | {"fold": [0, 3]}
    assert redraws(splits="each", dataset=fold) == [({}, [3, 5])]


def test_each_division_is_tuned_by_draws_of_its_own():
    plan = compose_plan("backbone=identity", "seeds=3", "tune=4")
    first, second, third = (redraw.draws for redraw in plan.redraws)
    assert first[0] == second[0] == third[0] == {}
    rates = {draw["recipe.lr"] for draws in (first, second, third) for draw in draws[1:]}
    assert len(rates) == 9
    alone = compose_plan("backbone=identity", "seeds=3", "tune=4", "dataset.split_seed=2")
    assert alone.redraws[0].draws == third


@pytest.mark.parametrize(
    "values, key",
    [
        ({"splits": 0}, "splits"),
        ({"folds": 1}, "folds"),
        ({"splits": 3, "without": ["split_seed"]}, "splits"),
        ({"folds": 3, "without": ["fold"]}, "folds"),
    ],
)
def test_divisions_that_cannot_be_are_refused(values, key):
    with pytest.raises(UsageError) as error:
        redraws(**values)
    assert error.value.key == key
