"""Cooperative games: Shapley values, interactions and dividends as weights of worths.

A coalition is a number whose bit i says whether player i is in it; 0 is the empty one. A figure of
a game is linear in the worths of its coalitions, and so holds for each training and item alone.
"""

import itertools
import math

import numpy as np
from jaxtyping import Float64

Weights = Float64[np.ndarray, " coalitions"]


def weigh_share(count: int, player: int) -> Weights:
    """Weights of a player's Shapley value: its mean gain over all orders of joining.

    Source: Shapley 1953, A value for n-person games.
    """
    return _weigh_gains(count, (player,))


def weigh_interaction(count: int, players: tuple[int, ...]) -> Weights:
    """Weights of the interaction of players.

    It is what they bring together beyond what they bring apart; of one player its Shapley value.
    Source: Grabisch and Roubens 1999, International Journal of Game Theory 28:547.
    """
    return _weigh_gains(count, players)


def weigh_dividend(count: int, coalition: int) -> Weights:
    """Weights of a coalition's dividend: its worth less the dividends of all that are in it.

    Source: Harsanyi 1963, International Economic Review 4:194.
    """
    return _weigh_together(count, 0, list_chosen(count, coalition))


def weigh_step(count: int, player: int, before: int) -> Weights:
    """Weights of a player's gain when it joins a coalition that it is not in."""
    return _weigh_together(count, before, (player,))


def weigh_whole(count: int) -> Weights:
    """Weights of the gain of all players over none, which is the sum of their Shapley values."""
    weights = np.zeros(2**count)
    weights[-1] += 1
    weights[0] -= 1
    return weights


def list_chosen(count: int, coalition: int) -> tuple[int, ...]:
    """Players of a coalition."""
    return tuple(player for player in range(count) if coalition >> player & 1)


def _weigh_gains(count: int, players: tuple[int, ...]) -> Weights:
    """Mean, over the coalitions of the others, of what players bring together to each."""
    others = [player for player in range(count) if player not in players]
    weights = np.zeros(2**count)
    for size in range(len(others) + 1):
        share = 1 / (len(others) + 1) / math.comb(len(others), size)
        for chosen in itertools.combinations(others, size):
            before = sum(1 << player for player in chosen)
            weights += share * _weigh_together(count, before, players)
    return weights


def _weigh_together(count: int, before: int, players: tuple[int, ...]) -> Weights:
    """Difference of the worths by each of these players in turn, beside a coalition of others."""
    weights = np.zeros(2**count)
    for size in range(len(players) + 1):
        for chosen in itertools.combinations(players, size):
            coalition = before + sum(1 << player for player in chosen)
            weights[coalition] += (-1) ** (len(players) - size)
    return weights
