from dataclasses import replace

import numpy as np
import pytest
from moments import crossed, mixed, names, with_moments
from scipy import stats

from qtlrun import statistic
from qtlrun.statistic import FEWEST, Need, half_width, needed, resampled, two_way, verdict

# per cell: seeds, pictures, residual
MIXES = [(0.01, 0.3, 0.3), (0.01, 0.05, 0.5), (0.0003, 0.3, 0.1), (0.001, 0.02, 3.0)]


def names_of(values, same=True):
    """Names of the pictures of each split; none of splits that draw data of their own."""
    return names(values) if same else None


def half(interval):
    return (interval.high - interval.low) / 2


def knowing(interval, **variances):
    """The interval of a pilot that found the true components."""
    return replace(interval, **{f"sigma2_{name}": value for name, value in variances.items()})


@pytest.mark.parametrize("variances", MIXES[:3])
@pytest.mark.parametrize("larger", [(40, 300), (10, 1200)])
def test_a_pilot_predicts_the_half_width_of_a_larger_experiment(variances, larger):
    generator, draws = np.random.default_rng(0), 150
    pilots = [two_way(mixed(crossed(generator, 10, 300), variances)) for _ in range(draws)]
    predicted = np.mean([half_width(pilot, seeds=larger[0], items=larger[1]) for pilot in pilots])
    fresh = np.mean(
        [half(two_way(mixed(crossed(generator, *larger), variances))) for _ in range(draws)]
    )
    # a root of a variance is biased by 3 % at nine degrees of freedom, and 150 pilots that vary by
    # 26 % err by 2 %
    assert predicted == pytest.approx(fresh, rel=0.1)


def splits_of(count, seeds, pictures, variances, generator, mean=0.0):
    """Draw redrawn splits on the same pictures, from variances of split, seed, picture, pair and
    residual per cell.
    """
    sizes = (
        (count, 1, 1),
        (count, seeds, 1),
        (1, 1, pictures),
        (count, 1, pictures),
        (count, seeds, pictures),
    )
    effects = [
        np.sqrt(one) * generator.standard_normal(size)
        for one, size in zip(variances, sizes, strict=True)
    ]
    return list(mean + sum(effects))


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("larger", [{"splits": 20}, {"seeds": 12}, {"splits": 10, "seeds": 2}])
def test_a_pilot_of_splits_predicts_the_half_width_of_another(same, larger):
    generator, draws, variances = np.random.default_rng(1), 150, (0.004, 0.02, 0.3, 0.2, 0.3)

    def draw(splits=8, seeds=3):
        values = splits_of(splits, seeds, 100, variances, generator)
        if not same:
            values = [one + generator.standard_normal(100) * 0.5 for one in values]
        return resampled(values, names_of(values, same), share=0.8, symmetric=True)

    predicted = np.mean([half_width(draw(), **larger) for _ in range(draws)])
    fresh = np.mean([half(draw(**larger)) for _ in range(draws)])
    # 5 % for the root of a variance of seven degrees of freedom, and 3 % of 150 pilots
    assert predicted == pytest.approx(fresh, rel=0.12)


def test_the_half_width_predicted_for_the_present_size_is_the_present_one():
    generator = np.random.default_rng(2)
    splits = splits_of(6, 4, 50, (4, 2, 30, 9, 5), generator)
    single = [split[:1] for split in splits]
    values = with_moments(5, 40, 0.1, 1.0, 4.0, 2.0)
    for interval in (
        statistic.crossed(values, symmetric=True),
        statistic.crossed(values[:1], symmetric=True),
        resampled(splits, names_of(splits), share=0.9, symmetric=True),
        resampled(splits, None, share=0.9),
        resampled(single, names_of(single), share=0.9, symmetric=True),
        resampled(single, None, share=0.9),
    ):
        assert half_width(interval) == pytest.approx(
            half(interval), rel=1e-7
        )  # the same sums in another order, and the t quantile's own rounding
        present = {"seeds": interval.seeds, "items": interval.items, "splits": interval.splits}
        assert half_width(interval, **present) == half_width(interval)
        assert half_width(interval, level=0.5) < half_width(interval)


@pytest.mark.parametrize(
    ("kind", "size", "said"),
    [
        (
            "one seed",
            {"seeds": 3},
            "seeds=3: the interval has 1 and cannot tell what others would give.",
        ),
        (
            "one split",
            {"splits": 3},
            "splits=3: the interval has 1 and cannot tell what others would give.",
        ),
        (
            "own pictures",
            {"items": 50},
            "items=50: the interval has 40 and cannot tell what others would give.",
        ),
        ("one split", {"seeds": 1}, "seeds=1: an interval needs 2 or more."),
        ("one split", {"items": 1}, "items=1: an interval needs 2 or more."),
        ("own pictures", {"splits": 1}, "splits=1: an interval needs 2 or more."),
        ("own pictures", {"seeds": 0}, "seeds=0: an interval needs 1 or more."),
    ],
)
def test_a_half_width_that_no_pilot_can_tell_is_refused(kind, size, said):
    values = with_moments(4, 40, 0.0, 1.0, 4.0, 2.0)
    own = resampled([values, values + 1, values + 3], None, share=0.8)
    interval = {"one seed": two_way(values[:1]), "one split": two_way(values), "own pictures": own}[
        kind
    ]
    with pytest.raises(ValueError) as error:
        half_width(interval, **size)
    assert str(error.value) == said


@pytest.mark.parametrize("margin", [0.04, 0.06, 0.1])
def test_where_seeds_alone_vary_they_are_those_of_a_t_test(margin):
    power = pytest.importorskip("statsmodels.stats.power").TTestPower()
    values = np.repeat(with_moments(5, 2, 7.0, 0.01, 0.0, 0.0)[:, :1], 50, 1)
    need = needed(two_way(values), margin)
    expected = power.solve_power(margin / 0.1, alpha=0.025, power=0.8, alternative="larger")
    assert need.seeds == np.ceil(expected)
    assert need.pictures is None  # they do not vary


def test_needs_ask_about_the_margin_and_not_about_the_difference_seen():
    needs = [
        needed(two_way(with_moments(10, 200, mean, 0.01, 0.3, 0.2)), 0.1)
        for mean in (0.0, 0.05, 3.0)
    ]
    assert needs[0] == needs[1] == needs[2] != Need()


@pytest.mark.parametrize(
    ("variances", "margin"), list(zip(MIXES, (0.1, 0.1, 0.05, 0.05), strict=True))
)
def test_a_difference_of_the_margin_is_detected_in_four_of_five_experiments_of_the_needed_size(
    variances, margin
):
    generator, draws = np.random.default_rng(4), 600
    pilot = two_way(mixed(crossed(generator, 10, 300), variances))
    need = needed(
        knowing(pilot, seed=variances[0], picture=variances[1], rest=variances[2]), margin
    )
    sizes = {"seeds": (need.seeds, 300), "pictures": (10, need.pictures)}
    sizes["both"] = tuple(int(np.ceil(need.both * size)) for size in (10, 300))
    affordable = {
        name: size for name, size in sizes.items() if None not in size and np.prod(size) < 60_000
    }
    assert len(affordable) >= 2
    for name, size in affordable.items():
        values = [mixed(crossed(generator, *size), variances, margin) for _ in range(draws)]
        found = [statistic.crossed(each, symmetric=True).low > 0 for each in values]
        # the prediction is that of the t interval: four in five, and four standard errors of 600
        assert 0.75 <= np.mean(found) <= 0.87, name
        # ends that allow for skewness lose next to nothing of it: three points of the same draws
        assert np.mean([two_way(each).low > 0 for each in values]) >= np.mean(found) - 0.03, name


def test_redrawn_splits_of_the_needed_number_detect_the_margin():
    generator, draws, margin = np.random.default_rng(5), 500, 0.2
    variances = (0.05, 0.0, 0.3, 0.2, 0.3)
    values = splits_of(5, 3, 300, variances, generator)
    pilot = resampled(values, names(values), share=0.8)
    components = ("split", "seed", "picture", "pair", "rest")
    need = needed(knowing(pilot, **dict(zip(components, variances, strict=True))), margin)
    found = 0
    for _ in range(draws):
        values = splits_of(need.splits, 3, 300, variances, generator, margin)
        found += resampled(values, names_of(values), share=0.8).low > 0
    # four in five, and four standard errors of 500 draws
    assert need.splits > FEWEST and 0.73 <= found / draws <= 0.87


def test_a_pilot_may_be_larger_than_needed():
    interval = two_way(with_moments(40, 1000, 0.0, 0.01, 0.3, 0.3))
    need = needed(interval, 0.2)
    assert FEWEST <= need.seeds < 40 and FEWEST <= need.pictures < 1000 and need.both < 1
    assert needed(interval, 100.0) == Need(FEWEST, FEWEST, None, FEWEST / 40)
    splits = splits_of(8, 3, 100, (0.01, 0.01, 0.3, 0.1, 0.1), np.random.default_rng(6))
    plenty = needed(resampled(splits, names_of(splits), share=0.8), 100.0)
    assert plenty == Need(1, FEWEST, FEWEST, 1 / 3)


def test_a_need_is_none_where_no_number_is_enough():
    pictures = needed(two_way(with_moments(5, 40, 0.01, 0.0, 1.0, 0.0)), 0.1)
    assert pictures.seeds is None and pictures.pictures > 40 and pictures.both > 1
    assert needed(two_way(with_moments(5, 40, 0.0, 1.0, 1.0, 0.1)), 1e-6) == Need()


def test_a_need_is_the_smallest_that_is_enough():
    # noise of pictures alone, so that the chance is that of a t test on them; to 1.5 % of their
    # number
    values = np.repeat(with_moments(2, 300, 0.0, 0.0, 0.3, 0.0)[:1], 4, 0)
    need = needed(two_way(values), 0.05)

    def chance(count):
        return stats.nct.sf(stats.t.ppf(0.975, count - 1), count - 1, 0.05 / np.sqrt(0.3 / count))

    assert chance(need.pictures) >= 0.8 > chance(round(need.pictures * 0.985))
    assert need.both == pytest.approx(need.pictures / 300, rel=0.02)  # more seeds add nothing
    assert need.seeds is None


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_than_three_seeds_or_splits_predict_nothing(count):
    values = with_moments(4, 40, 0.0, 1.0, 4.0, 2.0)
    assert needed(two_way(values[:count]), 1.0) == Need()
    splits = [values, values + 1]
    assert needed(resampled(splits, names_of(splits), share=0.8), 1.0) == Need()


def test_redrawn_splits_of_one_seed_tell_of_splits_and_pictures_alone():
    splits = splits_of(8, 1, 100, (0.01, 0.01, 0.3, 0.1, 0.1), np.random.default_rng(7))
    same, own = (
        needed(resampled(splits, names_of(splits, kind), share=0.8), 0.2) for kind in (True, False)
    )
    assert same.seeds is same.both is None and same.splits and same.pictures
    assert own == Need(splits=own.splits) and own.splits


def test_a_need_has_a_margin_as_a_verdict_has():
    values = with_moments(4, 40, 0.0, 1.0, 4.0, 2.0)
    for judge in (lambda: needed(two_way(values), -1.0), lambda: verdict(values, -1.0)):
        with pytest.raises(
            ValueError, match="margin=-1.0: the difference below which two models count as equal"
        ):
            judge()
