import subprocess
import sys

import numpy as np
import pytest
from moments import crossed, mixed, noise, with_moments
from scipy import stats

from qtlrun.statistic import Need, needed, two_way, verdict
from qtlrun.statistic import crossed as crossed_interval

SEEDS = (3, 5, 10, 30)
PICTURES = (40, 150, 1000)
# the share that seeds, pictures and the residual have in the squared error of the mean
SHARES = {
    "seeds only": (1, 0, 0),
    "pictures only": (0, 1, 0),
    "residual only": (0, 0, 1),
    "seeds as pictures": (0.5, 0.5, 0),
    "mostly seeds": (0.8, 0.2, 0),
    "mostly pictures": (0.1, 0.6, 0.3),
}


def crossed_bootstrap(values, level, draws, generator):
    """Resample seeds and pictures independently with replacement and return the percentile interval
    (Owen 2007).
    """
    counts = [
        generator.multinomial(size, np.full(size, 1 / size), draws) / size for size in values.shape
    ]
    means = ((counts[0] @ values) * counts[1]).sum(1)
    return np.quantile(means, [(1 - level) / 2, (1 + level) / 2])


@pytest.fixture(scope="module", params=[250, pytest.param(1000, marks=pytest.mark.slow)])
def coverage(request):
    """Return how often a 95 % interval held the truth, (mixes, seeds, pictures), and the number of
    draws of each.
    """
    draws, generator = request.param, np.random.default_rng(0)
    held = np.zeros((len(SHARES), len(SEEDS), len(PICTURES)))
    for i, seeds in enumerate(SEEDS):
        for j, pictures in enumerate(PICTURES):
            cells = np.array([seeds, pictures, seeds * pictures])
            for _ in range(draws):
                effects = crossed(generator, seeds, pictures)
                for k, shares in enumerate(SHARES.values()):
                    interval = two_way(mixed(effects, shares * cells))
                    held[k, i, j] += interval.low <= 0 <= interval.high
    return held / draws, draws


def test_an_interval_covers_the_truth_as_often_as_it_says(coverage):
    held, draws = coverage
    # the design asks for .90 to .98; three standard errors of the simulation are allowed beside it,
    # as 72 are compared
    assert held.min() >= 0.90 - 3 * np.sqrt(0.90 * 0.10 / draws)
    assert held.max() <= 0.98 + 3 * np.sqrt(0.98 * 0.02 / draws)
    # over all sizes a mix has 12 times the draws, and over all pictures three times: enough to do
    # without
    assert held.mean((1, 2)).min() >= 0.90 and held.mean((1, 2)).max() <= 0.98
    assert held.mean(2).min() >= 0.90 and held.mean(2).max() <= 0.98


def test_noise_in_one_direction_is_covered_exactly(coverage):
    held, draws = coverage
    # then the interval is Student's own, but for the skewness that pictures show by chance, so only
    # the simulation errs: four standard errors, as 24 are compared
    np.testing.assert_allclose(held[:2], 0.95, atol=4 * np.sqrt(0.95 * 0.05 / draws))


def test_an_interval_covers_differences_of_right_and_wrong_answers():
    # per-picture differences are -1, 0, 1: two models of one accuracy that err on different
    # pictures
    generator, draws = np.random.default_rng(1), 1000
    held = 0
    for _ in range(draws):
        difficulty = generator.normal(1.5, 1, (2, 1, 150))
        training = generator.normal(0, 0.3, (2, 5, 1))
        answers = generator.normal(0, 1, (2, 5, 150)) < difficulty + training
        interval = two_way(answers[0].astype(float) - answers[1])
        held += interval.low <= 0 <= interval.high
    assert 0.90 <= held / draws <= 0.98  # of the design


def test_equal_models_are_seldom_told_apart():
    # thirty seeds on one test set of 150, where pictures make nine tenths of the squared error
    generator, draws = np.random.default_rng(2), 500
    seeds, pictures = 30, 150
    variances = np.array([0.05, 0.90, 0.05]) * [seeds, pictures, seeds * pictures]
    false_verdicts = false_seeds_only = 0
    for _ in range(draws):
        values = mixed(crossed(generator, seeds, pictures), variances)
        # far below the error of the mean, which is 1, so that no draw is called equivalent
        false_verdicts += verdict(values, margin=1e-6).word != "undecided"
        false_seeds_only += stats.ttest_1samp(values.mean(1), 0).pvalue < 0.05
    assert (
        false_verdicts / draws <= 0.08
    )  # of the design: 5 % and three standard errors of 500 draws
    # why the interval is two-way: about half are false, and the bound leaves six standard errors
    assert false_seeds_only / draws > 0.40


def test_an_interval_follows_its_formula():
    values = with_moments(4, 25, 0.3, v_seed=0.8, v_picture=10.0, v_rest=5.0)
    interval = crossed_interval(values, level=0.90, symmetric=True)
    parts = np.array([0.8 / 4, 10.0 / 25, 5.0 / 100])
    squared = parts[0] + parts[1] - parts[2]
    degrees = squared**2 / (parts**2 / [3, 24, 72]).sum()
    low, high = stats.t.interval(0.90, degrees, 0.3, np.sqrt(squared))
    expected = (
        0.3,
        low,
        high,
        np.sqrt(0.2),
        np.sqrt(0.4),
        degrees,
        0.8 - 5 / 25,
        10 - 5 / 4,
        5.0,
        4,
        25,
    )
    fields = list(vars(interval).values())[:11]
    np.testing.assert_allclose(
        fields, expected, rtol=1e-9
    )  # some thousand roundings of 1e-16, and room
    assert (interval.splits, interval.share, interval.distinct) == (1, 0.0, 25)
    assert np.isnan([interval.sigma2_split, interval.sigma2_pair]).all()  # of redrawn splits alone


@pytest.mark.parametrize(
    ("v_seed", "v_picture", "squared", "degrees"),
    [
        (
            2.0,
            0.1,
            2.0 / 4,
            3,
        ),  # fewer picture differences than the residual alone makes: seeds remain
        (0.01, 10.0, 10.0 / 25, 24),
        (0.01, 0.1, 0.1 / 25, 24),  # both: the larger part
    ],
)
def test_a_part_below_the_residual_leaves_the_other_with_its_own_degrees(
    v_seed, v_picture, squared, degrees
):
    values = with_moments(4, 25, 0.0, v_seed, v_picture, v_rest=5.0)
    interval = crossed_interval(values, symmetric=True)
    assert interval.degrees == degrees
    expected = stats.t.ppf(0.975, degrees) * np.sqrt(squared)
    np.testing.assert_allclose([-interval.low, interval.high], expected, rtol=1e-9)  # as above


def test_identical_values_have_an_interval_of_no_width():
    for seeds in (1, 3):
        interval = two_way(np.full((seeds, 7), 0.1))
        assert interval.low == interval.mean == interval.high == 0.1


def test_one_seed_has_the_interval_of_its_pictures_alone():
    values = np.random.default_rng(3).normal(size=(1, 60))
    interval = crossed_interval(values, symmetric=True)
    low, high = stats.ttest_1samp(values[0], 0).confidence_interval(0.95)
    np.testing.assert_allclose([interval.low, interval.high], [low, high], rtol=1e-9)  # as above
    assert np.isnan([interval.training, interval.sigma2_seed, interval.sigma2_rest]).all()


@pytest.mark.parametrize("variances", [(1.0, 10.0, 10.0), (1.0, 2.0, 5.0), (0.2, 10.0, 5.0)])
def test_an_interval_is_as_wide_as_the_crossed_bootstrap(variances):
    values = with_moments(40, 400, 0.0, *variances)
    interval = two_way(values)
    low, high = crossed_bootstrap(values, 0.95, 4000, np.random.default_rng(4))
    # the bootstrap is narrower by the normal quantile (at most 2.02 to 1.96) and by sqrt(39/40),
    # and wider as it counts
    # the residual once more (at most 5 % of the squared error here): within 5 %; its own quantiles
    # err by 2 %
    np.testing.assert_allclose(interval.high - interval.low, high - low, rtol=0.08)


def test_values_that_have_no_interval_are_refused():
    with pytest.raises(
        ValueError, match=r"\(5, 1\): an interval needs \(seeds, pictures\), two pictures or more."
    ):
        two_way(np.zeros((5, 1)))
    with pytest.raises(ValueError, match=r"values of shape \(5,\): an interval needs"):
        two_way(np.zeros(5))
    with pytest.raises(
        ValueError, match="values: some are nan or infinite; leave failed seeds out."
    ):
        two_way(np.array([[0.0, np.nan], [1.0, 2.0]]))


@pytest.mark.parametrize(
    ("mean", "margin", "word", "detectable"),
    [
        (-0.3, 0.05, "better", True),  # less NLL is better
        (0.3, 0.05, "worse", True),
        (0.02, 0.05, "undecided", False),
        (0.02, 0.30, "equivalent", False),
        (0.02, 0.09, "undecided", False),  # 90 % reaches .10
        (
            0.15,
            0.30,
            "equivalent",
            True,
        ),  # detectable, below the margin: equivalence wins over worse
        (-0.15, 0.30, "equivalent", True),  # and over better
        (0.25, 0.30, "worse", True),  # 90 % reaches .33
    ],
)
def test_a_verdict_is_the_word_that_the_intervals_allow(mean, margin, word, detectable):
    judged = verdict(noise(mean), margin)
    assert (judged.word, judged.detectable) == (word, detectable)
    need = needed(judged.interval, margin) if word == "undecided" else Need()
    assert (judged.need.seeds, judged.need.pictures, judged.need.splits) == (
        need.seeds,
        need.pictures,
        None,
    )


def test_equal_rows_are_equivalent():
    judged = verdict(np.zeros((3, 60)), 0.01)
    assert (judged.word, judged.detectable) == ("equivalent", False)


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_seeds_give_no_verdict(seeds):
    judged = verdict(noise(5.0)[:seeds], 0.05)
    assert (judged.word, judged.detectable, judged.need.seeds, judged.need.pictures) == (
        "undecided",
        False,
        None,
        None,
    )


@pytest.mark.parametrize("margin", [0, -0.1, float("nan"), float("inf")])
def test_a_margin_must_be_positive(margin):
    message = (
        f"margin={margin}: the difference below which two models count as equal, in the unit of the"
        " metric (nats for NLL); it must be finite and above 0."
    )
    with pytest.raises(ValueError) as error:
        verdict(noise(0), margin)
    assert str(error.value) == message


def test_statistics_load_neither_scipy_nor_torch():
    code = (
        "import sys, qtlrun.statistic; print(sorted({'scipy', 'torch', 'pandas'} &"
        " set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
