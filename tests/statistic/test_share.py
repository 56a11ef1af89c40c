import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from qtlrun.statistic import binomial, explained, swayed


@pytest.fixture
def grid():
    """A balanced grid of three choices, twice each, as text and numbers, with an interaction and
    noise.
    """
    levels = {"optimizer": ["adam", "sgd"], "lr": [0.1, 0.01, 0.001], "split": [0, 1, 2, 3]}
    frame = pd.DataFrame(list(itertools.product(*levels.values())) * 2, columns=list(levels))
    noise = np.random.default_rng(0).standard_normal(len(frame))
    interaction = (frame["optimizer"] == "sgd") * np.log10(frame["lr"])
    frame["estimate"] = frame["split"] ** 2 / 5 + np.log10(frame["lr"]) + interaction + noise
    return frame.sample(frac=1, random_state=0)  # in no order


def test_explained_shares_are_those_of_the_main_effects_in_an_analysis_of_variance(grid):
    formula = pytest.importorskip("statsmodels.formula.api")
    linear = pytest.importorskip("statsmodels.api")
    fit = formula.ols("estimate ~ C(optimizer) * C(lr) * C(split)", grid).fit()
    squares = linear.stats.anova_lm(fit)["sum_sq"]
    shares = explained(grid["estimate"].to_numpy(), grid[["optimizer", "lr", "split"]])
    expected = [squares[f"C({name})"] / squares.sum() for name in shares]
    np.testing.assert_allclose(
        list(shares.values()), expected, rtol=1e-9
    )  # its least squares round more than ours
    assert list(shares) == ["optimizer", "lr", "split"] and 0 < sum(shares.values()) < 1


def test_explained_shares_by_hand():
    # estimates 0 1 / 4 7: mean 3, total 9 + 4 + 1 + 16 = 30; rows 0.5, 5.5: 4 (2.5)**2 = 25;
    # columns 2, 4: 4
    shares = explained(
        [0.0, 1.0, 4.0, 7.0],
        {"row": ["a", "a", "b", "b"], "column": [1, 2, 1, 2], "none": [None] * 4},
    )
    assert shares == pytest.approx(
        {"row": 25 / 30, "column": 4 / 30, "none": 0}, rel=1e-12
    )  # a few roundings


def test_additive_choices_explain_all():
    first, second = np.meshgrid([0.0, 1.0, 5.0], [0.0, 2.0])
    shares = explained(
        (first + second).ravel() + 1e6, {"first": first.ravel(), "second": second.ravel()}
    )
    assert sum(shares.values()) == pytest.approx(1, rel=1e-9)  # 1e6 takes six digits of sixteen


def test_where_nothing_varies_nothing_is_explained():
    assert explained(np.full(6, 0.1), {"a": [0, 0, 1, 1, 2, 2], "b": list("ababab")}) == {
        "a": 0,
        "b": 0,
    }


@pytest.mark.parametrize(
    ("values", "choices", "said"),
    [
        (
            [0.0, np.nan],
            {"a": [0, 1]},
            "values: some are nan or infinite; leave failed protocols out.",
        ),
        ([0.0, 1.0], {"a": [0, np.nan]}, "a: some levels are nan."),
        ([0.0, 1.0], {"a": [0, 1], "b": [0]}, "b: 1 levels for 2 values."),
        ([], {"a": []}, "values of shape (0,): one number a protocol is needed."),
        (
            np.zeros((2, 2)),
            {"a": [0, 1]},
            "values of shape (2, 2): one number a protocol is needed.",
        ),
    ],
)
def test_estimates_that_cannot_be_explained_are_refused(values, choices, said):
    with pytest.raises(ValueError) as error:
        explained(values, choices)
    assert str(error.value) == said


@pytest.mark.parametrize(
    ("hits", "trials"), [(0, 1), (1, 1), (0, 40), (3, 40), (40, 40), (19, 20), (500, 1000)]
)
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_the_interval_of_a_rate_is_exact(hits, trials, level):
    expected = stats.binomtest(hits, trials).proportion_ci(level, method="exact")
    # scipy.stats solves for a root to 2e-12
    np.testing.assert_allclose(
        binomial(hits, trials, level), [expected.low, expected.high], rtol=1e-9, atol=1e-11
    )


@pytest.mark.parametrize(("hits", "trials"), [(0, 0), (-1, 5), (6, 5)])
def test_a_rate_of_no_trials_or_of_impossible_hits_is_refused(hits, trials):
    with pytest.raises(ValueError) as error:
        binomial(hits, trials)
    assert (
        str(error.value)
        == f"{hits} hits of {trials} trials: a rate needs a trial or more, and no more hits than"
        " trials."
    )


def test_of_a_pure_interaction_no_choice_explains_anything_and_each_has_a_part_in_all():
    choices = {"a": [0, 0, 1, 1], "b": [0, 1, 0, 1]}
    assert explained([1.0, -1.0, -1.0, 1.0], choices) == {"a": 0, "b": 0}
    assert swayed([1.0, -1.0, -1.0, 1.0], choices) == {"a": 1, "b": 1}


def test_without_interactions_a_choice_has_its_part_alone(grid):
    choices = grid[["optimizer", "lr", "split"]].iloc[: len(grid)].drop_duplicates()
    values = choices["split"] ** 2 / 5 + np.log10(choices["lr"]) + (choices["optimizer"] == "sgd")
    alone, total = (share(values.to_numpy(), choices) for share in (explained, swayed))
    assert list(total) == ["optimizer", "lr", "split"] and sum(alone.values()) == pytest.approx(
        1, rel=1e-12
    )
    assert total == pytest.approx(alone, rel=1e-9)


def test_shares_that_are_swayed_by_hand():
    # 3 a + b + 2 a b on -1 and 1: variances 9, 1 and 4 of 14
    a, b = np.array([-1, -1, 1, 1]), np.array([-1, 1, -1, 1])
    choices = {"a": a, "b": b, "fixed": ["x"] * 4}
    assert swayed(3 * a + b + 2 * a * b, choices) == pytest.approx(
        {"a": 13 / 14, "b": 5 / 14, "fixed": 0}, abs=1e-12
    )
    assert explained(3 * a + b + 2 * a * b, choices) == pytest.approx(
        {"a": 9 / 14, "b": 1 / 14, "fixed": 0}, abs=1e-12
    )


def test_one_choice_alone_sways_everything_and_repetitions_are_nobodys():
    assert swayed([1.0, 2.0, 4.0], {"a": [0, 1, 2]}) == {"a": 1}
    assert swayed([1.0, 3.0, 2.0, 4.0], {"a": [0, 0, 1, 1]})["a"] == pytest.approx(
        1
    )  # what no choice tells apart counts too


def test_where_nothing_varies_nothing_is_swayed():
    assert swayed(np.full(4, 0.1), {"a": [0, 0, 1, 1], "b": [0, 1, 0, 1]}) == {"a": 0, "b": 0}
