"""How a difference changes along a value, and where one more training would fall."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from qtlrun import statistic
from qtlrun.statistic import further, two_way

PLACES = [0.25, 0.5, 1.0, 2.0]
SIZES = (20, 40, 80, 300)
WEIGHTS = (np.array(PLACES) - np.mean(PLACES)) / np.square(np.array(PLACES) - np.mean(PLACES)).sum()
SHARES = {
    "seeds only": (1, 0, 0),
    "pictures only": (0, 1, 0),
    "all three": (0.5, 0.3, 0.2),
    "seeds as pictures": (0.5, 0.5, 0),
}


def slope(places, values, level=0.95, items=None):
    """Of pictures that have names of their own at each place, unless `items` says otherwise."""
    own = [
        tuple(f"{place} {number}" for number in range(one.shape[1]))
        for place, one in enumerate(values)
    ]
    return statistic.slope(places, values, items or own, level)


def drawn(generator, shares, places=PLACES, seeds=5, pictures=60, rising=0.0):
    """Draw values (seeds, pictures) of each place: a line and noise, in these shares of its mean's
    squared error.
    """
    seed, picture, rest = np.sqrt(np.multiply(shares, (seeds, pictures, seeds * pictures)))
    return [
        rising * place
        + seed * generator.standard_normal((seeds, 1))
        + picture * generator.standard_normal((1, pictures))
        + rest * generator.standard_normal((seeds, pictures))
        for place in places
    ]


def test_points_on_a_line_have_its_slope_and_no_width():
    found = slope(
        PLACES,
        [
            np.full((3, size), 0.7 - 1.5 * place)
            for place, size in zip(PLACES, (7, 7, 9, 20), strict=True)
        ],
    )
    np.testing.assert_allclose(
        [found.mean, found.low, found.high], -1.5, rtol=1e-12
    )  # a few roundings
    assert (found.seeds, found.items) == (3, 7 + 7 + 9 + 20)
    assert found.training < 1e-12 and found.pictures < 1e-12


def test_a_bend_is_fitted_by_the_line_of_least_squares():
    places = np.array([0.0, 1.0, 2.0, 5.0])
    found = slope(list(places), [np.full((2, 4), place**2) for place in places])
    assert found.mean == pytest.approx(np.polyfit(places, places**2, 1)[0], rel=1e-12)


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_noise_of_seeds_alone_has_students_interval_of_the_slopes_of_each_seeds_regression(level):
    noise = np.random.default_rng(0).normal(size=(len(PLACES), 6))
    values = [np.repeat(one[:, None], 10, 1) for one in noise]
    slopes = [sm.OLS(noise[:, seed], sm.add_constant(PLACES)).fit().params[1] for seed in range(6)]
    low, high = sm.stats.DescrStatsW(slopes).tconfint_mean(alpha=1 - level)
    found = slope(PLACES, values, level)
    np.testing.assert_allclose(
        [found.mean, found.low, found.high], [np.mean(slopes), low, high], rtol=1e-9
    )  # roundings, and room
    assert found.mean == pytest.approx(
        sm.OLS(noise.ravel(), sm.add_constant(np.repeat(PLACES, 6))).fit().params[1], rel=1e-9
    )
    assert found.degrees == 5


def test_places_with_as_many_pictures_are_paired_by_picture():
    """Each seed has one slope per picture; the interval is that of their mean."""
    values = drawn(np.random.default_rng(8), (0.3, 0.5, 0.2), rising=1.5)
    slopes = [[np.polyfit(PLACES, cell, 1)[0] for cell in line] for line in np.stack(values, -1)]
    expected, found = two_way(np.array(slopes), 0.9), slope(PLACES, values, 0.9)
    for name in ("mean", "low", "high", "training", "pictures", "degrees"):
        assert getattr(found, name) == pytest.approx(
            getattr(expected, name), rel=1e-9
        )  # roundings of the regressions
    assert (found.seeds, found.items) == (5, 60)


def test_what_a_picture_has_in_common_between_places_cancels():
    generator = np.random.default_rng(9)
    values, shift = drawn(generator, (0.5, 0.3, 0.2)), 100 * generator.standard_normal((1, 60))
    plain, shifted = slope(PLACES, values), slope(PLACES, [one + shift for one in values])
    for name in ("mean", "low", "high", "training", "pictures", "degrees"):
        assert getattr(shifted, name) == pytest.approx(
            getattr(plain, name), rel=1e-9
        )  # roundings of 100 beside 1


def test_noise_of_pictures_alone_has_the_interval_of_a_contrast_of_a_regression_on_places():
    """Where sizes differ: equal variances of the means, which the regression pools with weights and
    we without.
    """
    generator, noise = np.random.default_rng(1), []
    for size in SIZES:
        half = np.abs(generator.normal(size=size // 2))
        # Mirrored, so that no skewness turns the quantile; of odd sizes one is the mean
        draw = np.concatenate([half, -half, np.zeros(size % 2)])
        noise.append(draw / draw.std(ddof=1) + generator.normal())
    cells = np.repeat(np.eye(len(PLACES)), SIZES, axis=0)
    test = sm.OLS(np.concatenate(noise), cells).fit().t_test(WEIGHTS)
    found = slope(PLACES, [np.tile(one, (3, 1)) for one in noise])
    np.testing.assert_allclose(
        [found.mean, found.low, found.high], [test.effect[0], *test.conf_int()[0]], rtol=1e-9
    )  # roundings, and room
    assert (
        found.degrees == sum(SIZES) - 4
        and found.training < 1e-12
        and found.pictures == pytest.approx(test.sd[0, 0], rel=1e-9)
    )


def test_what_a_seed_has_in_common_between_places_cancels():
    generator = np.random.default_rng(2)
    values = drawn(generator, (0.5, 0.3, 0.2))
    shift = 100 * generator.standard_normal((5, 1))
    plain, shifted = slope(PLACES, values), slope(PLACES, [one + shift for one in values])
    for name in ("mean", "low", "high", "training", "pictures", "degrees"):
        assert getattr(shifted, name) == pytest.approx(
            getattr(plain, name), rel=1e-9
        )  # roundings of 100 beside noise of 1


def test_a_slope_follows_the_unit_of_the_places_and_not_their_order():
    values = drawn(np.random.default_rng(3), (0.4, 0.4, 0.2), rising=2.0)
    found = slope(PLACES, values)
    tenth = slope([place / 10 + 3 for place in PLACES], values)
    back = slope(PLACES[::-1], values[::-1])
    for name in ("mean", "low", "high"):
        assert getattr(tenth, name) == pytest.approx(10 * getattr(found, name), rel=1e-9)
        assert getattr(back, name) == pytest.approx(getattr(found, name), rel=1e-9)


def crossed_bootstrap(values, draws, generator):
    """Resample seeds and pictures, each alike at every place, pictures where there are as many of
    them.

    Returns the standard error of the slope.
    """
    seeds, sizes = len(values[0]), {one.shape[1] for one in values}
    seed = generator.multinomial(seeds, np.full(seeds, 1 / seeds), draws) / seeds
    total, picture = 0, None
    for weight, one in zip(WEIGHTS, values, strict=True):
        items = one.shape[1]
        if picture is None or len(sizes) > 1:
            picture = generator.multinomial(items, np.full(items, 1 / items), draws) / items
        total = total + weight * ((seed @ one) * picture).sum(1)
    return total.std()


@pytest.mark.parametrize("sizes", [(200, 200, 200, 200), (150, 200, 250, 300)])
@pytest.mark.parametrize("name", SHARES)
def test_the_error_of_a_slope_is_that_of_a_crossed_bootstrap(name, sizes):
    """Of many seeds and pictures: a bootstrap of few is too narrow, and one of residual noise too
    wide (Owen 2007).
    """
    generator = np.random.default_rng(4)
    values = [drawn(generator, SHARES[name], [0.0], 60, size)[0] for size in sizes]
    found = slope(PLACES, values)
    error = (found.high - found.mean) / stats.t.ppf(0.975, found.degrees)
    # 4000 resamples give a standard error to 1.1 %; the bootstrap counts the residual's share up to
    # three times
    extra = 1 + 2 * SHARES[name][2]
    assert 0.95 < crossed_bootstrap(values, 4000, generator) / error < 1.05 * np.sqrt(extra)


@pytest.mark.parametrize("seeds", [3, 20])
@pytest.mark.parametrize("name", SHARES)
def test_an_interval_of_a_slope_covers_the_truth_as_often_as_it_says(name, seeds):
    generator, draws, held = np.random.default_rng(5), 1000, 0
    for _ in range(draws):
        found = slope(PLACES, drawn(generator, SHARES[name], seeds=seeds, rising=1.0))
        held += found.low <= 1 <= found.high
    # the design asks for .90 to .98; three standard errors of the simulation beside it
    assert (
        0.90 - 3 * np.sqrt(0.9 * 0.1 / draws)
        <= held / draws
        <= 0.98 + 3 * np.sqrt(0.98 * 0.02 / draws)
    )


def sharing(generator, which, seeds=10):
    """Values of places that share pictures, each of which has a slope of its own about the middle
    of the places.
    """
    steep, level = 1 + generator.standard_normal(200), generator.standard_normal(200)
    return [
        (place - np.mean(PLACES)) * steep[mine]
        + 0.1 * level[mine]
        + 0.1 * generator.standard_normal((seeds, len(mine)))
        for place, mine in zip(PLACES, which, strict=True)
    ]


WHOLE = np.arange(60)
SHARED = {
    "all": [WHOLE] * 4,
    "all, in other orders": [WHOLE, WHOLE[::-1], np.roll(WHOLE, 7), WHOLE],
    "all but one": [WHOLE, WHOLE, WHOLE, WHOLE[:-1]],
    "each those of the one before": [np.arange(size) for size in (20, 40, 60, 120)],
    "half of the neighbour's": [np.arange(start, start + 60) for start in (0, 30, 60, 90)],
    "two places those of two": [WHOLE, 100 + WHOLE, WHOLE, 100 + WHOLE],
    "none": [50 * place + np.arange(50) for place in range(4)],
}


@pytest.mark.parametrize("name", SHARED)
def test_slopes_of_pictures_that_places_share_are_covered_as_often_as_said(name):
    """However many they share, and wherever these stand."""
    generator, which, held, draws = np.random.default_rng(10), SHARED[name], 0, 1000
    items = [tuple(map(str, mine)) for mine in which]
    for _ in range(draws):
        found = slope(PLACES, sharing(generator, which), items=items)
        held += found.low <= 1 <= found.high
    assert 0.90 <= held / draws <= 0.98


def test_a_place_that_lacks_one_picture_of_the_others_changes_next_to_nothing():
    """The pictures that it has are still paired; as each place's own, their common slope would be
    lost.
    """
    generator = np.random.default_rng(11)
    values, items = sharing(generator, [WHOLE] * 4), [tuple(map(str, WHOLE))] * 4
    whole = slope(PLACES, values, items=items)
    less = slope(PLACES, [*values[:3], values[3][:, :-1]], items=[*items[:3], items[3][:-1]])
    assert (
        less.pictures == pytest.approx(whole.pictures, rel=0.05) and whole.items == less.items == 60
    )
    assert slope(PLACES, [*values[:3], values[3][:, :-1]]).pictures < 0.8 * whole.pictures


def test_pictures_are_paired_by_their_names_and_not_by_where_they_stand():
    generator = np.random.default_rng(12)
    values, items = drawn(generator, (0.3, 0.5, 0.2)), [tuple(map(str, WHOLE))] * 4
    orders = [generator.permutation(60) for _ in PLACES]
    found = slope(
        PLACES,
        [one[:, order] for one, order in zip(values, orders, strict=True)],
        items=[tuple(map(str, order)) for order in orders],
    )
    expected = slope(PLACES, values, items=items)
    for name in ("mean", "low", "high", "training", "pictures", "degrees", "items"):
        assert getattr(found, name) == pytest.approx(
            getattr(expected, name), rel=1e-9
        )  # sums in another order


def test_places_with_different_numbers_of_pictures_are_covered_too():
    generator, draws, held, sizes = np.random.default_rng(6), 1000, 0, SIZES
    for _ in range(draws):
        values = [
            drawn(generator, (0.3, 0.6, 0.1), [place], pictures=size, rising=1.0)[0]
            for place, size in zip(PLACES, sizes, strict=True)
        ]
        found = slope(PLACES, values)
        held += found.low <= 1 <= found.high
    assert 0.90 - 0.03 <= held / draws <= 0.98 + 0.014  # as above


@pytest.mark.parametrize("places", [[], [1.0], [2.0, 2.0]])
def test_fewer_than_two_places_are_refused(places):
    with pytest.raises(ValueError) as error:
        slope(places, [np.zeros((3, 5)) for _ in places])
    assert str(error.value) == "places: a slope needs two different ones or more."


@pytest.mark.parametrize("seeds", [(1, 1), (3, 2), (0, 0)])
def test_fewer_than_two_seeds_and_seeds_that_some_places_lack_are_refused(seeds):
    with pytest.raises(ValueError) as error:
        slope([1.0, 2.0], [np.zeros((count, 5)) for count in seeds])
    assert (
        str(error.value)
        == "values: a slope needs two seeds or more, the same number at every place."
    )


@pytest.mark.parametrize("count", [2, 3, 10])
@pytest.mark.parametrize("level", [0.95, 0.5])
def test_one_more_value_is_predicted_as_a_regression_on_a_constant_predicts_it(count, level):
    values = np.random.default_rng(count).normal(0.9, 0.03, count)
    told = (
        sm.OLS(values, np.ones(count))
        .fit()
        .get_prediction([1.0])
        .conf_int(obs=True, alpha=1 - level)[0]
    )
    np.testing.assert_allclose(further(values, level), told, rtol=1e-9)  # roundings, and room


@pytest.mark.parametrize("count", [2, 5, 10])
def test_one_more_value_falls_inside_as_often_as_is_said(count):
    generator, draws = np.random.default_rng(7), 4000
    values = generator.standard_normal((draws, count + 1))
    inside = sum(low <= one[-1] <= high for one in values for low, high in [further(one[:-1])])
    assert inside / draws == pytest.approx(
        0.95, abs=3 * np.sqrt(0.95 * 0.05 / draws)
    )  # exact for normal values


def test_one_value_predicts_itself_and_equal_ones_no_other():
    assert further(np.array([0.97])) == (0.97, 0.97)
    assert further(np.full(4, 0.5)) == (0.5, 0.5)
