import itertools

import numpy as np
import pytest
from accuracies import PICTURES, answers, coverage, pairs
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from qtlrun.statistic import (
    crossed,
    proportion,
    proportion_difference,
    proportion_difference_resampled,
    proportion_resampled,
    slope,
    two_way,
)

DRAWS = 300
THIRTY = list(map(str, range(30)))
ERRORS = 3 * np.sqrt(0.9 * 0.1 / DRAWS)  # three standard errors of a simulated coverage of .90


def agreed(right, pictures, seeds=5):
    """Answers of seeds that agree on every picture."""
    return np.tile(np.arange(pictures) < right, (seeds, 1)).astype(float)


@pytest.mark.parametrize("pictures", [2, 4, 20, 30, 153])
@pytest.mark.parametrize("wrong", [0, 1, 2])
@pytest.mark.parametrize("seeds", [1, 3, 10])
def test_seeds_that_agree_on_every_picture_have_the_exact_interval_of_the_pictures(
    pictures, wrong, seeds
):
    for right in (pictures - wrong, wrong):
        interval = proportion(agreed(right, pictures, seeds))
        expected = proportion_confint(right, pictures, method="beta")
        np.testing.assert_allclose(
            [interval.low, interval.high], np.nan_to_num(expected, nan=0), atol=1e-9
        )
        assert interval.mean == pytest.approx(right / pictures, abs=1e-12)


def test_thirty_of_thirty_right_is_not_certain():
    assert proportion(agreed(30, 30)).low == pytest.approx(
        0.025 ** (1 / 30), abs=1e-12
    )  # Clopper and Pearson, .884
    assert proportion(agreed(20, 20), level=0.9).low == pytest.approx(0.05 ** (1 / 20), abs=1e-12)


def test_answers_are_recognised_and_other_values_have_the_t_interval():
    values = agreed(27, 30)
    assert two_way(values) == proportion(values) != crossed(values)
    for others in (
        values / 2,
        values - 0.5,
        np.zeros((3, 30)),
    ):  # identical NLL differ by exactly nothing
        assert two_way(others) == crossed(others)
    with pytest.raises(
        ValueError, match="a proportion is one of right and wrong answers, 1 and 0."
    ):
        proportion(values / 2)


def test_wrong_and_right_change_places():
    values = answers(np.random.default_rng(0), 0.9, 40, 5, 3.0, 0.3, 20)
    for draw in values:
        right, wrong = proportion(draw), proportion(1 - draw)
        np.testing.assert_allclose(
            [wrong.low, wrong.high], [1 - right.high, 1 - right.low], atol=1e-9
        )


def test_away_from_the_ends_the_interval_is_the_t_interval():
    # 2000 pictures at .6: the pseudo-pictures weigh a thousandth, and the binomial is normal to 2 %
    (values,) = answers(np.random.default_rng(1), 0.6, 2000, 5, 1.0, 0.3, 1)
    exact, normal = proportion(values), crossed(values)
    np.testing.assert_allclose(
        [exact.low, exact.high], [normal.low, normal.high], atol=0.04 * (normal.high - normal.low)
    )


@pytest.mark.parametrize(
    ("accuracy", "pictures", "seeds", "before"),
    [
        (0.967, 40, 5, 0.80),
        (0.99, 40, 5, 0.50),
        (0.99, 153, 5, 0.85),
        (0.94, 30, 3, 0.90),
        (0.96, 30, 3, 0.80),
        (0.98, 30, 3, 0.80),
    ],
)
def test_an_accuracy_near_one_is_covered(accuracy, pictures, seeds, before):
    values = answers(np.random.default_rng(2), accuracy, pictures, seeds, 20.0, 0.3, DRAWS)
    assert coverage(proportion, values, accuracy) >= 0.95 - ERRORS
    assert coverage(crossed, values, accuracy) <= before + ERRORS  # why Student's will not do


GRID = list(
    itertools.product(
        (0.5, 0.9, 0.967, 0.995), ((3, 20), (3, 153), (10, 40)), PICTURES.values(), (0.0, 0.5)
    )
)


def test_intervals_of_accuracy_cover_at_every_size():
    shares = [
        coverage(
            proportion,
            answers(np.random.default_rng(3), accuracy, pictures, seeds, of_pictures, of_seeds, 25),
            accuracy,
        )
        for accuracy, (seeds, pictures), of_pictures, of_seeds in GRID
    ]
    assert np.mean(shares) >= 0.95  # of 2400 draws, three standard errors are .013
    assert np.min(shares) >= 0.90 - 3 * np.sqrt(0.9 * 0.1 / 25)


@pytest.mark.slow
def test_intervals_of_accuracy_cover_on_the_whole_grid():
    from accuracy_coverage import table

    frame = table(draws=400)
    # three standard errors of .90, and a fourth as some six hundred are compared
    assert frame["coverage"].min() >= 0.90 - 4 * np.sqrt(0.9 * 0.1 / 400)
    assert frame.groupby(["accuracy", "pictures"])["coverage"].mean().min() >= 0.90


def test_models_that_agree_on_every_picture_may_still_differ_by_a_picture():
    values = np.zeros((5, 40))
    interval = proportion_difference(values)
    # Bonett and Price: 0 +- t sqrt(2 / 42 / 41) of 42 pictures, of which one has +1 and one -1
    half = stats.t.ppf(0.975, 41) * np.sqrt(2 / 41 / 42)
    np.testing.assert_allclose(
        [interval.mean, interval.low, interval.high], [0, -half, half], rtol=1e-9, atol=1e-12
    )
    assert proportion_difference(np.ones((3, 4))).high == 1
    assert 0 < proportion_difference(np.ones((3, 40))).low < 1


@pytest.mark.parametrize("accuracies", [(0.995, 0.98), (0.99, 0.99), (0.97, 0.9)])
@pytest.mark.parametrize("of_pictures", [1.0, 20.0])
def test_differences_of_accuracies_near_one_are_covered(accuracies, of_pictures):
    values = pairs(np.random.default_rng(4), accuracies, 40, 3, of_pictures, 0.3, DRAWS)
    assert coverage(proportion_difference, values, accuracies[0] - accuracies[1]) >= 0.95 - ERRORS


def redrawn(generator, accuracy, draws, splits=5, pool=100, tested=30):
    """Answers on splits of a pool whose pictures are nearly decided, 3 seeds each."""
    for _ in range(draws):
        (known,) = answers(generator, accuracy, pool, 3 * splits, 20.0, 0.0, 1)
        yield [
            (known[3 * split : 3 * split + 3, tested], tested)
            for split, tested in enumerate(
                generator.permutation(pool)[:tested] for _ in range(splits)
            )
        ]


@pytest.mark.parametrize("accuracy", [0.9, 0.97, 0.995])
def test_accuracies_over_redrawn_splits_are_covered(accuracy):
    def interval(splits):
        values, items = zip(*splits, strict=True)
        items = [list(map(str, each)) for each in items]
        return proportion_resampled(values, items, share=0.7)

    values = redrawn(np.random.default_rng(5), accuracy, DRAWS)
    assert coverage(interval, values, accuracy) >= 0.95 - ERRORS


def test_splits_that_agree_have_the_exact_interval_of_all_pictures_where_they_share_none():
    interval = proportion_resampled([np.ones((3, 30))] * 5, None, share=0.0)
    assert interval.low == pytest.approx(0.025 ** (1 / 150), abs=1e-6)  # 150 of 150
    same = proportion_resampled([np.ones((3, 30))] * 5, [THIRTY] * 5, share=0.8)
    assert same.low == pytest.approx(0.025 ** (1 / 30), abs=1e-9)


@pytest.mark.parametrize("items", [[THIRTY] * 5, None])
def test_splits_on_which_models_agree_leave_a_difference_its_width(items):
    values = [np.zeros((3, 30))] * 5
    interval = proportion_difference_resampled(values, items, share=0.8)
    assert -0.2 < interval.low < -0.01 and interval.high == -interval.low


def test_a_slope_of_accuracies_without_a_wrong_answer_has_a_width():
    names = tuple(map(str, range(40)))
    flat = [np.zeros((3, 40))] * 3
    assert slope([0.0, 1.0, 2.0], flat, [names] * 3).high == 0
    interval = slope([0.0, 1.0, 2.0], flat, [names] * 3, answers=True)
    # independent pseudo-pictures at each place: the error of a line through three means of 42
    # pictures
    half = stats.t.ppf(0.975, interval.degrees) * np.sqrt(2 / 41 / 42 / 2)
    np.testing.assert_allclose([interval.low, interval.high], [-half, half], rtol=1e-9)
    assert interval.items == 40
