"""Cooperative games: Shapley values, interactions and dividends as weights of worths.

A coalition is a number whose bit i says whether part i is in it; 0 is the empty one. Each figure of
a game is linear in the worths of its coalitions, and so holds for each training and item alone.
"""

import itertools
import math

import numpy as np
from jaxtyping import Float64

Weights = Float64[np.ndarray, " coalitions"]


def weigh_share(count: int, part: int) -> Weights:
    """Weights of a part's Shapley value: its mean gain over all orders in which parts can join.

    Source: Shapley 1953, A value for n-person games.
    """
    return _weigh_gains(count, (part,))


def weigh_interaction(count: int, parts: tuple[int, ...]) -> Weights:
    """Weights of the interaction of parts.

    It is what they bring together beyond what they bring apart; of one part its Shapley value.
    Source: Grabisch and Roubens 1999, International Journal of Game Theory 28:547.
    """
    return _weigh_gains(count, parts)


def weigh_dividend(count: int, coalition: int) -> Weights:
    """Weights of a coalition's dividend: its worth beyond those of the ones in it.

    Source: Harsanyi 1963, International Economic Review 4:194.
    """
    return _weigh_together(count, 0, _members(count, coalition))


def weigh_step(count: int, part: int, before: int) -> Weights:
    """Weights of a part's gain when it joins a coalition that it is not in."""
    return _weigh_together(count, before, (part,))


def weigh_whole(count: int) -> Weights:
    """Weights of the gain of all parts over none, which is the sum of their Shapley values."""
    weights = np.zeros(2**count)
    weights[-1] += 1
    weights[0] -= 1
    return weights


def _weigh_gains(count: int, parts: tuple[int, ...]) -> Weights:
    """Mean, over the coalitions of the others, of what parts bring together to each."""
    others = [part for part in range(count) if part not in parts]
    weights = np.zeros(2**count)
    for size in range(len(others) + 1):
        share = 1 / (len(others) + 1) / math.comb(len(others), size)
        for chosen in itertools.combinations(others, size):
            before = sum(1 << part for part in chosen)
            weights += share * _weigh_together(count, before, parts)
    return weights


def _weigh_together(count: int, before: int, parts: tuple[int, ...]) -> Weights:
    """Difference of the worths by each of these parts in turn, beside a coalition of others."""
    weights = np.zeros(2**count)
    for size in range(len(parts) + 1):
        for chosen in itertools.combinations(parts, size):
            coalition = before + sum(1 << part for part in chosen)
            weights[coalition] += (-1) ** (len(parts) - size)
    return weights


def _members(count: int, coalition: int) -> tuple[int, ...]:
    """Parts of a coalition."""
    return tuple(part for part in range(count) if coalition >> part & 1)
