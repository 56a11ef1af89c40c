"""Agreement with a reference: exact differences, and chance."""

import torch

from qtlrun.derivative.agreement import compare, compare_repeats
from qtlrun.derivative.step import Gradient

REPEATS = 40


def gradient(values, slopes):
    return Gradient(values, slopes[:1], slopes[1:])


def exact():
    return gradient(torch.tensor([[[0.5, -1.0]]]).double(), torch.tensor([1.0, 2.0, -2.0]).double())


def test_the_largest_difference_is_of_the_farthest_number():
    reference = exact()
    other = gradient(reference.values + torch.tensor([0.0, 0.25]), reference.slopes - 0.5)
    found = compare(reference, other)
    assert (found.values, found.gradient, found.noise) == (0.25, 0.5, 0.0)
    assert not found.is_biased


def noisy(shift, spread, draw):
    reference = exact()

    def step():
        error = spread * torch.randn(3, generator=draw, dtype=torch.float64)
        return gradient(reference.values, reference.slopes + error + shift)

    return compare_repeats(reference, step, REPEATS)


def test_noise_is_the_deviation_in_sizes_of_the_gradient():
    found = noisy(0.0, 0.3, torch.Generator().manual_seed(1))
    # Three numbers of deviation .3 beside a norm of 3; 40 repeats tell it within 3 x 6.5 %
    assert abs(found.noise / (0.3 * 3**0.5 / 3) - 1) < 0.2


def test_a_bias_beyond_chance_is_seen_and_chance_is_not():
    assert noisy(0.5, 0.1, torch.Generator().manual_seed(2)).is_biased
    alarms = [noisy(0.0, 0.1, torch.Generator().manual_seed(seed)).is_biased for seed in range(100)]
    assert sum(alarms) <= 2  # once in 1000 each: more than 2 of 100 has a probability of 2e-4
