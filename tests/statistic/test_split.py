import numpy as np
import pytest
from moments import names, noise, with_moments
from scipy import stats

from qtlrun.statistic import needed, resampled, two_way, verdict, verdict_resampled


def means_of(*means, seeds=2, pictures=5):
    """Splits that differ in their mean alone."""
    return [np.full((seeds, pictures), float(mean)) for mean in means]


def as_splits(table):
    """Each row of (splits, pictures) as a split of one seed."""
    return list(table[:, None])


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_splits_with_data_of_their_own_have_students_interval_over_their_means(level):
    interval = resampled(means_of(1, 2, 6), None, share=0.0, level=level)
    low, high = stats.t.interval(level, 2, 3, np.sqrt(7 / 3))  # variance (4 + 1 + 9) / 2
    np.testing.assert_allclose(
        [interval.mean, interval.low, interval.high], [3, low, high], rtol=1e-9
    )  # few roundings
    assert (interval.degrees, interval.splits, interval.seeds, interval.items) == (2, 3, 2, 5)
    assert (interval.like_low, interval.like_high) == (interval.low, interval.high)
    assert np.isnan(
        [interval.pictures, interval.sigma2_picture, interval.sigma2_rest, interval.sigma2_pair]
    ).all()


def mixed_model_error(values, items):
    """Squared error of a mean by its components, as an independent calculation by loops: what pairs
    of splits share on one picture, beside the variance of the split means.
    """
    count = len(values)
    centred = [
        dict(zip(name, split - split.mean(), strict=True))
        for split, name in zip(values, items, strict=True)
    ]
    joint = 0.0
    for s, first in enumerate(centred):
        for t, second in enumerate(centred):
            if s != t:
                scale = np.sqrt(len(first) * (len(first) - 1) * len(second) * (len(second) - 1))
                joint += sum(first[i] * second[i] for i in first.keys() & second.keys()) / scale
    between = np.var([split.mean() for split in values], ddof=1) / count
    return between + joint / (count * (count - 1)), between


@pytest.mark.parametrize("tested", [20, 35])
def test_pictures_that_several_splits_test_add_what_they_share(tested):
    generator, pool, splits = np.random.default_rng(3), 50, 6
    effect = generator.standard_normal(pool)
    chosen = [generator.permutation(pool)[:tested] for _ in range(splits)]
    values = [effect[each] + 0.3 * generator.standard_normal(tested) for each in chosen]
    items = [list(map(str, each)) for each in chosen]
    table = [split[None] for split in values]
    interval = resampled(table, items, share=0.0, symmetric=True)
    squared, between = mixed_model_error(values, items)
    half = (interval.high - interval.low) / 2 / stats.t.ppf(0.975, interval.degrees)
    # the same sums; at least either part
    assert half**2 == pytest.approx(max(squared, between, interval.pictures**2), rel=1e-9)
    assert interval.training**2 == pytest.approx(between, rel=1e-9)
    overlaps = [len(set(a) & set(b)) for n, a in enumerate(items) for b in items[:n]]
    assert interval.common == pytest.approx(np.mean(overlaps) / tested)
    assert interval.distinct == len({name for each in items for name in each})


def test_folds_share_no_picture_and_their_means_alone_tell():
    generator = np.random.default_rng(0)
    values = [3 * number + generator.standard_normal((2, 20)) for number in range(5)]
    folds = resampled(values, names(values, same=False), share=0.0, symmetric=True)
    means = [fold.mean() for fold in values]
    low, high = stats.t.interval(0.95, 4, np.mean(means), np.std(means, ddof=1) / np.sqrt(5))
    # where folds differ by far more than their pictures make them
    np.testing.assert_allclose([folds.low, folds.high], [low, high], rtol=0.01)
    assert folds.common == 0 and folds.distinct == 100 and np.isnan(folds.sigma2_picture)


def test_splits_may_differ_in_their_pictures_and_then_weigh_alike():
    values = [np.full((2, 7), 1.0), np.full((2, 8), 2.0)]
    interval = resampled(values, names(values), share=0.5)
    assert (interval.mean, interval.items, interval.distinct) == (1.5, 7, 8)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("seeds", [1, 4])
def test_training_sets_like_it_add_what_those_of_a_pool_have_in_common(share, seeds):
    generator = np.random.default_rng(4)
    values = [
        generator.standard_normal() + 0.1 * generator.standard_normal((seeds, 1)) + np.zeros((1, 9))
        for _ in range(6)
    ]
    interval = resampled(values, names(values), share=share)
    means = np.array([split.mean() for split in values])
    own = means.var(ddof=1)
    # pictures agree here: split means differ by training sets, and by seeds over their number
    luck = np.mean([split[:, 0].var(ddof=1) for split in values]) / seeds if seeds > 1 else 0.0
    squared = own / 6 + share / (1 - share) * (own - luck)
    low, high = stats.t.interval(0.95, 5, means.mean(), np.sqrt(squared))
    np.testing.assert_allclose([interval.like_low, interval.like_high], [low, high], rtol=1e-9)
    low, high = stats.t.interval(0.95, 5, means.mean(), np.sqrt(own / 6))
    np.testing.assert_allclose([interval.low, interval.high], [low, high], rtol=1e-9)


@pytest.mark.parametrize(
    "moments", [(0.8, 10.0, 5.0), (2.0, 0.1, 5.0), (0.01, 10.0, 5.0), (0.01, 0.1, 5.0)]
)
def test_splits_on_the_same_pictures_are_crossed_as_seeds_are(moments):
    table = with_moments(4, 25, 0.3, *moments)
    values = as_splits(table)
    splits, seeds = resampled(values, names(values), share=0.8), two_way(table)
    for name in (
        "mean",
        "low",
        "high",
        "training",
        "pictures",
        "degrees",
        "sigma2_picture",
        "carriers",
    ):
        np.testing.assert_allclose(
            getattr(splits, name), getattr(seeds, name), rtol=1e-9
        )  # the same sums
    np.testing.assert_allclose(
        [splits.sigma2_split, splits.sigma2_pair], [seeds.sigma2_seed, seeds.sigma2_rest]
    )


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
        one = resampled(list(values), names(values) if same else None, share=0.8)
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
    values = means_of(0.1, 0.1, 0.1)
    interval = resampled(values, names(values, same), share=0.75)
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
            means_of(1, 2),
            {"items": [list("abcde"), list("ab")]},
            "items[1]: 2 names for 5 pictures: each needs one.",
        ),
        (
            means_of(1, 2),
            {"share": 1.0},
            "share=1.0: of the pool's items that each split trains on, from 0 to below 1.",
        ),
    ],
)
def test_splits_that_have_no_interval_are_refused(values, words, said):
    with pytest.raises(ValueError) as error:
        resampled(values, **({"items": None, "share": 0.8} | words))
    assert str(error.value) == said


@pytest.mark.parametrize("mean", [-0.3, -0.15, 0.02, 0.15, 0.25, 0.3])
@pytest.mark.parametrize("margin", [0.05, 0.09, 0.3])
def test_splits_are_judged_by_the_rules_that_seeds_are_judged_by(mean, margin):
    table = noise(mean)
    values = as_splits(table)
    splits = verdict_resampled(values, names(values), margin, share=0.8)
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
    judged = verdict_resampled(values, None, 2.0, share=0.8)
    need = needed(judged.interval, 2.0)
    assert judged.word == "undecided" and judged.need.splits > 4 and judged.need.pictures is None
    assert (judged.need.seeds, judged.need.splits) == (need.seeds, need.splits)


@pytest.mark.parametrize("same", [True, False])
def test_two_splits_give_no_verdict_and_one_seed_in_three_does(same):
    def judge(*means, seeds=2):
        values = means_of(*means, seeds=seeds, pictures=60)
        return verdict_resampled(values, names(values, same), 0.05, share=0.8)

    two = judge(5, 5)
    assert (two.word, two.detectable, two.need.seeds, two.need.pictures, two.need.splits) == (
        "undecided",
        False,
        None,
        None,
        None,
    )
    assert judge(5, 5, 5, seeds=1).word == "worse"
    assert judge(0, 0, 0, seeds=1).word == "equivalent"


def test_a_margin_must_be_positive_for_splits_too():
    with pytest.raises(
        ValueError, match="margin=0: the difference below which two models count as equal"
    ):
        verdict_resampled(means_of(1, 2, 3), None, 0, share=0.8)
