"""Shapley values, interactions and dividends, against games whose solution is known."""

import itertools
from math import factorial

import numpy as np
import pytest

from qtlrun.credit import weight


def coalitions(count):
    return range(2**count)


def random_game(count, seed=0):
    return np.random.default_rng(seed).normal(size=2**count)


def players(coalition, count):
    return [part for part in range(count) if coalition >> part & 1]


def test_of_three_gloves_the_scarce_one_has_four_sixths():
    """One left glove and two right ones; a pair is worth 1 (Shapley 1953)."""
    worths = np.array([bool(one & 1) and one > 1 for one in coalitions(3)], dtype=float)
    shares = [weight.weigh_share(3, part) @ worths for part in range(3)]
    assert shares == pytest.approx([4 / 6, 1 / 6, 1 / 6], abs=1e-15)


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_a_share_is_the_mean_gain_over_all_orders(count):
    worths = random_game(count)
    for part in range(count):
        gains = []
        for order in itertools.permutations(range(count)):
            before = sum(1 << each for each in order[: order.index(part)])
            gains.append(worths[before | 1 << part] - worths[before])
        assert len(gains) == factorial(count)
        assert weight.weigh_share(count, part) @ worths == pytest.approx(np.mean(gains), abs=1e-14)


@pytest.mark.parametrize("count", [2, 3, 6])
def test_shares_sum_to_the_gain_of_all(count):
    worths = random_game(count)
    shares = [weight.weigh_share(count, part) @ worths for part in range(count)]
    assert sum(shares) == pytest.approx(weight.weigh_whole(count) @ worths, abs=1e-12)
    assert weight.weigh_whole(count) @ worths == worths[-1] - worths[0]


def test_a_part_that_changes_nothing_has_no_share_and_no_interaction():
    others = random_game(2)
    worths = np.array([others[one & 3] for one in coalitions(3)])
    assert weight.weigh_share(3, 2) @ worths == pytest.approx(0, abs=1e-15)
    for part in (0, 1):
        assert weight.weigh_interaction(3, (part, 2)) @ worths == pytest.approx(0, abs=1e-15)
        alone = weight.weigh_share(2, part) @ others
        assert weight.weigh_share(3, part) @ worths == pytest.approx(alone, abs=1e-15)


def test_parts_that_add_up_do_not_interact():
    each = np.array([0.3, -1.0, 2.0])
    worths = np.array([each[players(one, 3)].sum() for one in coalitions(3)])
    for part in range(3):
        assert weight.weigh_share(3, part) @ worths == pytest.approx(each[part], abs=1e-14)
        assert weight.weigh_step(3, part, 0) @ worths == pytest.approx(each[part], abs=1e-14)
    for pair in itertools.combinations(range(3), 2):
        assert weight.weigh_interaction(3, pair) @ worths == pytest.approx(0, abs=1e-14)


def test_two_parts_that_bring_one_together_alone_interact_by_one():
    worths = np.array([(one & 3) == 3 for one in coalitions(3)], dtype=float)
    assert weight.weigh_interaction(3, (0, 1)) @ worths == pytest.approx(1, abs=1e-15)
    assert weight.weigh_interaction(3, (0, 2)) @ worths == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_dividends_rebuild_every_worth_and_split_evenly_into_shares(count):
    """v(S) is the sum of the dividends in S; a share is its even part of each (Harsanyi 1963)."""
    worths = random_game(count)
    dividends = np.array([weight.weigh_dividend(count, one) @ worths for one in coalitions(count)])
    for whole in coalitions(count):
        inside = [one for one in coalitions(count) if one & whole == one]
        assert dividends[inside].sum() == pytest.approx(worths[whole], abs=1e-13)
    for part in range(count):
        held = [one for one in coalitions(count) if one >> part & 1]
        even = sum(dividends[one] / len(players(one, count)) for one in held)
        assert weight.weigh_share(count, part) @ worths == pytest.approx(even, abs=1e-13)


def test_the_step_of_a_part_is_the_difference_of_two_coalitions():
    worths = random_game(3)
    assert weight.weigh_step(3, 1, 0b101) @ worths == worths[0b111] - worths[0b101]
