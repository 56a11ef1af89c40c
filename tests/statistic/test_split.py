import numpy as np
import pytest
from moments import noise, with_moments
from scipy import stats

from qtlrun.statistic import needed, resampled, two_way, verdict, verdict_resampled

NO_OVERLAP = {"train": 1e9, "held": 1e-9}  # a ratio of nothing


def means_of(*means, seeds=2, pictures=5):
    """Splits that differ in their mean alone."""
    return [np.full((seeds, pictures), float(mean)) for mean in means]


def as_splits(table):
    """Each row of (splits, pictures) as a split of one seed."""
    return list(table[:, None])


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_redrawn_splits_have_the_corrected_interval_of_nadeau_and_bengio(level):
    interval = resampled(means_of(1, 2, 6), train=80, held=20, same_pictures=False, level=level)
    # mean 3, variance (4 + 1 + 9) / 2 = 7, corrected by 1/3 + 20/80
    error = np.sqrt((1 / 3 + 1 / 4) * 7)
    low, high = stats.t.interval(level, 2, 3, error)
    np.testing.assert_allclose(
        [interval.mean, interval.low, interval.high], [3, low, high], rtol=1e-9
    )  # few roundings
    assert interval.training == pytest.approx(error, rel=1e-12)
    assert (interval.degrees, interval.splits, interval.held, interval.seeds, interval.items) == (
        2,
        3,
        0.25,
        2,
        5,
    )
    assert np.isnan(
        [interval.pictures, interval.sigma2_picture, interval.sigma2_rest, interval.sigma2_pair]
    ).all()


@pytest.mark.parametrize("folds", [3, 5, 10])
def test_folds_are_splits_whose_ratio_is_one_to_the_others(folds):
    generator, items = np.random.default_rng(0), 300
    values = [generator.standard_normal((2, items // folds)) for _ in range(folds)]
    interval = resampled(
        values, train=items * (folds - 1) // folds, held=items // folds, same_pictures=False
    )
    means = [fold.mean() for fold in values]
    error = np.sqrt((1 / folds + 1 / (folds - 1)) * np.var(means, ddof=1))
    np.testing.assert_allclose(
        [interval.held, interval.training], [1 / (folds - 1), error], rtol=1e-9
    )  # few roundings


def test_folds_may_differ_in_their_pictures_and_then_weigh_alike():
    values = [np.full((2, 7), 1.0), np.full((2, 8), 2.0)]
    interval = resampled(values, train=7.5, held=7.5, same_pictures=False)
    assert (interval.mean, interval.items) == (1.5, 7)


@pytest.mark.parametrize(
    "moments", [(0.8, 10.0, 5.0), (2.0, 0.1, 5.0), (0.01, 10.0, 5.0), (0.01, 0.1, 5.0)]
)
def test_splits_without_overlap_on_the_same_pictures_are_crossed_as_seeds_are(moments):
    table = with_moments(4, 25, 0.3, *moments)
    splits, seeds = resampled(as_splits(table), same_pictures=True, **NO_OVERLAP), two_way(table)
    for name in ("mean", "low", "high", "training", "pictures", "degrees", "sigma2_picture"):
        np.testing.assert_allclose(
            getattr(splits, name), getattr(seeds, name), rtol=1e-9
        )  # the same sums
    np.testing.assert_allclose(
        [splits.sigma2_split, splits.sigma2_pair], [seeds.sigma2_seed, seeds.sigma2_rest]
    )


def test_overlap_widens_the_part_of_splits_alone():
    table = with_moments(4, 25, 0.3, 0.8, 10.0, 5.0)
    interval = resampled(as_splits(table), train=80, held=20, same_pictures=True)
    parts = np.array([(1 / 4 + 1 / 4) * 0.8, 10.0 / 25, 5.0 / 100])
    squared = parts[0] + parts[1] - parts[2]
    degrees = squared**2 / (parts**2 / [3, 24, 72]).sum()
    low, high = stats.t.interval(0.95, degrees, 0.3, np.sqrt(squared))
    found = (
        interval.low,
        interval.high,
        interval.training**2,
        interval.pictures**2,
        interval.degrees,
    )
    np.testing.assert_allclose(
        found, [low, high, parts[0], parts[1], degrees], rtol=1e-9
    )  # as above


@pytest.mark.parametrize("same", [True, False])
def test_components_of_splits_are_found_again(same):
    generator, draws = np.random.default_rng(1), 300
    split, seed, picture, pair, rest = 4.0, 3.0, 20.0, 5.0, 6.0
    found = []
    for _ in range(draws):
        values = np.sqrt(split) * generator.standard_normal((6, 1, 1))
        values = values + np.sqrt(seed) * generator.standard_normal((6, 3, 1))
        values = values + np.sqrt(picture) * generator.standard_normal((1 if same else 6, 1, 20))
        values = values + np.sqrt(pair) * generator.standard_normal((6, 1, 20))
        values = values + np.sqrt(rest) * generator.standard_normal((6, 3, 20))
        one = resampled(list(values), train=80, held=20, same_pictures=same)
        found.append(
            [
                one.sigma2_split,
                one.sigma2_seed,
                one.sigma2_picture,
                one.sigma2_pair,
                one.sigma2_rest,
            ]
        )
    if same:
        expected = [split, seed, picture, pair, rest]
    else:  # what nothing separates is in the component beside it
        expected = [split + (picture + pair) / 20, seed + rest / 20, np.nan, np.nan, np.nan]
    # the variance of six means varies by 65 %, so that 300 of them err by 4 %; and negative ones
    # are cut off
    np.testing.assert_allclose(np.mean(found, 0), expected, rtol=0.12)


@pytest.mark.parametrize("same", [True, False])
def test_identical_values_have_an_interval_of_no_width(same):
    interval = resampled(means_of(0.1, 0.1, 0.1), train=3, held=1, same_pictures=same)
    assert interval.low == interval.mean == interval.high == 0.1


@pytest.mark.parametrize(
    ("values", "words", "said"),
    [
        (
            means_of(1),
            {},
            "splits: 1 given, and only two or more show how the mean varies between them.",
        ),
        (
            [np.zeros((2, 3)), np.zeros(3)],
            {},
            "values[1] of shape (3,): each split needs (seeds, pictures), two pictures or more.",
        ),
        (
            [np.zeros((2, 1)), np.zeros((2, 3))],
            {},
            "values[0] of shape (2, 1): each split needs (seeds, pictures), two pictures or more.",
        ),
        (means_of(1, np.nan), {}, "values[1]: some are nan or infinite; leave failed seeds out."),
        (
            [np.zeros((2, 3)), np.zeros((4, 3))],
            {},
            "splits of 2 to 4 seeds: each needs as many, for splits weigh alike.",
        ),
        (
            [np.zeros((2, 3)), np.zeros((2, 4))],
            {"same_pictures": True},
            "splits of 3 to 4 pictures: the same pictures are of one number.",
        ),
        (
            means_of(1, 2),
            {"train": 0},
            "train=0: the number of items in each redraw; it must be finite and above 0.",
        ),
        (
            means_of(1, 2),
            {"held": -1},
            "held=-1: the number of items in each redraw; it must be finite and above 0.",
        ),
    ],
)
def test_splits_that_have_no_interval_are_refused(values, words, said):
    with pytest.raises(ValueError) as error:
        resampled(values, **({"train": 80, "held": 20, "same_pictures": False} | words))
    assert str(error.value) == said


@pytest.mark.parametrize("mean", [-0.3, -0.15, 0.02, 0.15, 0.25, 0.3])
@pytest.mark.parametrize("margin", [0.05, 0.09, 0.3])
def test_splits_are_judged_by_the_rules_that_seeds_are_judged_by(mean, margin):
    table = noise(mean)
    splits = verdict_resampled(as_splits(table), margin, same_pictures=True, **NO_OVERLAP)
    seeds = verdict(table, margin)
    assert (splits.word, splits.detectable, splits.need.pictures) == (
        seeds.word,
        seeds.detectable,
        seeds.need.pictures,
    )
    assert (
        splits.need.splits == seeds.need.seeds and splits.need.seeds is None
    )  # one seed a split tells nothing of more


def test_an_undecided_verdict_on_splits_says_what_would_show_the_margin():
    values = [
        split + seed for split in means_of(-1, 0.2, 1, 2) for seed in [np.array([[-0.5], [0.5]])]
    ]
    judged = verdict_resampled(values, 2.0, train=80, held=20, same_pictures=False)
    need = needed(judged.interval, 2.0)
    assert judged.word == "undecided" and judged.need.splits > 4 and judged.need.pictures is None
    assert (judged.need.seeds, judged.need.splits) == (need.seeds, need.splits)


@pytest.mark.parametrize("same", [True, False])
def test_two_splits_give_no_verdict_and_one_seed_in_three_does(same):
    words = {"train": 80, "held": 20, "same_pictures": same}
    two = verdict_resampled(means_of(5, 5), 0.05, **words)
    assert (two.word, two.detectable, two.need.seeds, two.need.pictures, two.need.splits) == (
        "undecided",
        False,
        None,
        None,
        None,
    )
    assert verdict_resampled(means_of(5, 5, 5, seeds=1), 0.05, **words).word == "worse"
    assert verdict_resampled(means_of(0, 0, 0, seeds=1), 0.05, **words).word == "equivalent"


def test_a_margin_must_be_positive_for_splits_too():
    with pytest.raises(
        ValueError, match="margin=0: the difference below which two models count as equal"
    ):
        verdict_resampled(means_of(1, 2, 3), 0, train=80, held=20, same_pictures=False)
