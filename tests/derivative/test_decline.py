import numpy as np
import pytest

from qtlrun.derivative.decline import UNKNOWN, Course, fit_decline

SIZES = (2, 4, 6, 8, 10, 12)


def simulate(variance, seed=0, sizes=SIZES, weights=20):
    """Normal derivatives whose variance is a function of the number of qubits."""
    draw = np.random.default_rng(seed)
    return {n: draw.normal(size=(200, weights)) * variance(n) ** 0.5 for n in sizes}


@pytest.mark.parametrize(
    "variance, course",
    [
        (lambda n: 2.0**-n, Course.EXPONENTIAL),
        (lambda n: n**-2.0, Course.POLYNOMIAL),
        (lambda n: 0.1, Course.NOT),
        (lambda n: max(0.02, 2.0**-n), Course.NOT),  # levels off at 6 qubits
    ],
    ids=["exponential", "power", "constant", "levels off"],
)
def test_a_planted_course_is_told(variance, course):
    assert fit_decline(simulate(variance), 0).course is course


def test_a_slow_exponential_is_not_told_from_a_power():
    decline = fit_decline(simulate(lambda n: 2.0 ** (-n / 4)), 0)
    assert decline.course is Course.FALLS
    assert decline.low < -1 / 4 < decline.high


def test_the_interval_holds_the_slope_as_often_as_it_says():
    repeats = 20
    hits = 0
    for seed in range(repeats):
        decline = fit_decline(simulate(lambda n: 2.0**-n, seed, weights=3), seed)
        hits += decline.low <= -1 <= decline.high
    # Fewer than 16 of 20 have a chance below 1 %
    assert hits >= 16


def test_variances_of_rounding_alone_have_no_course():
    assert fit_decline(simulate(lambda n: 1e-16), 0) is UNKNOWN
    assert UNKNOWN.course is Course.UNDECIDED


def test_few_sizes_have_no_slope():
    assert fit_decline(simulate(lambda n: 2.0**-n, sizes=(2, 4)), 0) is UNKNOWN
