import math

import numpy as np
import pytest
from moments import noise, with_moments
from scipy import stats

from qtlrun.statistic import binomial, dead, deaths, guess, rarest, verdict, verdict_rows

GUESS = math.log(4)


def test_guessing_costs_the_entropy_of_the_classes():
    assert guess(np.repeat([0, 1, 2, 3], 10)) == pytest.approx(math.log(4))
    assert guess(np.repeat([0, 2], [30, 10])) == pytest.approx(stats.entropy([0.75, 0.25]))


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([0.40, 0.41, 0.39, 0.42, 1.38], [False] * 4 + [True]),
        ([0.40, 0.41, 0.39, 0.42, 0.80], [False] * 5),  # lost less than half of what was gained
        ([0.40, 0.90, 0.39, 1.30, 1.00], [False] * 5),  # the median itself is far from the others
        ([1.40, 1.41, 1.39, 1.42, 9.00], [False] * 5),  # the median does not beat guessing
        ([0.40, 0.40, 0.40, 0.40, 0.10], [False] * 5),  # better than the others
        ([0.40], [False]),
    ],
)
def test_a_training_is_dead_that_lost_half_of_what_its_median_gained(losses, expected):
    assert dead(np.array(losses), GUESS).tolist() == expected


def test_a_death_lies_beyond_five_deviations_of_a_normal_distribution():
    generator = np.random.default_rng(0)
    losses = 0.4 + 0.1 * generator.standard_normal(2001)
    at = [np.median(losses) + factor * np.std(losses) for factor in (4.5, 5.5)]
    # half of what is gained is .09 here, so that the deviations decide; 2000 give them to 3 %
    assert [dead(np.append(losses, each), 0.58)[-1] for each in at] == [False, True]


def test_a_training_no_better_than_guessing_is_dead_however_wide_its_row_is():
    wide = np.array([0.2, 0.3, 0.4, 0.5, 0.6, 0.4, 0.3])
    assert dead(np.append(wide, 1.4), GUESS).tolist() == [False] * 7 + [True]
    assert not dead(np.append(wide, 0.9), GUESS).any()
    # Where guessing is within the spread of the row, chance alone reaches it
    assert not dead(np.append(wide, 0.65), 0.64).any()


@pytest.mark.parametrize("trainings", [3, 5, 10, 60])
def test_no_death_among_some_leaves_a_rate_that_is_exact(trainings):
    # one-sided at 95 %, which is the upper end of the two-sided interval at 90 %
    assert rarest(trainings) == pytest.approx(binomial(0, trainings, 0.9)[1])
    assert (1 - rarest(trainings)) ** trainings == pytest.approx(0.05)


def test_pairs_of_which_one_died_are_left_out_and_counted():
    composed = np.array([0.4, 1.39, 0.41, 0.4, 0.42])
    reference = np.array([0.3, 0.3, 0.31, 1.39, 0.3])
    living, counts = deaths(composed, reference, GUESS)
    assert living.tolist() == [True, False, True, False, True]
    assert (counts.composed, counts.reference, counts.total, counts.trainings) == (1, 1, 2, 5)
    assert counts.composed_cost == pytest.approx(GUESS - np.mean([0.4, 0.41, 0.4, 0.42]))
    assert counts.reference_cost == pytest.approx(GUESS - np.mean([0.3, 0.3, 0.31, 0.3]))


def rows(difference, seeds=10, pictures=200):
    """Rows that differ by nearly this everywhere, of which none died."""
    reference = with_moments(seeds, pictures, 0.4, 1e-4, 1e-2, 1e-3)
    return reference + with_moments(seeds, pictures, difference, 1e-5, 1e-4, 1e-4), reference


def test_a_dead_training_withholds_the_verdict_and_leaves_the_interval_of_the_living():
    composed, reference = rows(0.2)
    assert verdict_rows(composed, reference, 0.05, GUESS).word == "worse"
    composed[3] = GUESS
    judged = verdict_rows(composed, reference, 0.05, GUESS)
    assert (judged.word, judged.margin, judged.deaths.composed) == ("undecided", None, 1)
    living = np.delete(composed - reference, 3, 0)
    assert judged.interval == verdict(living, 0.05).interval


@pytest.mark.parametrize("seeds", [5, 10, 40, 300])
@pytest.mark.parametrize("side", [1, -1])
def test_equivalence_holds_for_all_trainings_only_where_no_death_can_undo_it(seeds, side):
    composed, reference = rows(0.02 * side, seeds)
    judged = verdict_rows(composed, reference, 0.05, GUESS)
    # the mean moves by the rate that may die times what it costs, on the side of the row that dies
    cost = GUESS - (composed if side > 0 else reference).mean()
    moved = 0.02 + (1 - 0.05 ** (1 / seeds)) * cost
    assert judged.word == ("equivalent" if moved < 0.045 else "equivalent if none dies")
    assert judged.equivalent and judged.detectable


def test_verdicts_of_differences_alone_are_not_about_deaths():
    judged = verdict(noise(0.02), 0.3)
    assert (judged.word, judged.deaths) == ("equivalent", None)


def test_a_difference_that_hangs_on_few_pictures_is_undecided():
    values = np.zeros((10, 200))
    values[:, :5] = 1.0
    few = verdict(values, 0.001)
    # five of 200 pictures: by hand, the fourth powers of five ones among zeros
    assert few.interval.carriers == pytest.approx(5, rel=0.06)
    assert (few.word, few.hangs) == ("undecided", True)
    values[:, :40] = 1.0
    assert (verdict(values, 0.001).word, verdict(values, 0.001).hangs) == ("worse", False)


def test_few_pictures_hold_nothing_back_where_training_is_the_noise():
    values = np.repeat(np.random.default_rng(0).normal(3, 1, (10, 1)), 200, 1)
    values[:, :3] += 0.01
    judged = verdict(values, 0.001)
    assert (judged.word, judged.hangs) == ("worse", False)


@pytest.mark.parametrize(("pictures", "word"), [(59, "undecided"), (60, "equivalent")])
def test_fewer_than_sixty_pictures_show_no_rows_equivalent(pictures, word):
    values = with_moments(10, pictures, 0.0, 1e-6, 1e-6, 1e-6)
    assert verdict(values, 0.05).word == word
    # one picture in twenty is among sixty in 95 of 100 draws
    assert (1 - stats.binom.pmf(0, pictures, 0.05) >= 0.95) == (pictures >= 59)
