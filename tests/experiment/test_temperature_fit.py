import numpy as np
import pytest
from scipy import optimize, special

from qtlrun.experiment.temperature import fit_temperatures
from qtlrun.statistic import nll


def drawn(true, items=4000, classes=3, seed=0):
    """Logits of a model that is `true` times too sure, and labels drawn from its right ones."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 1.5, (items, classes))
    noise = generator.gumbel(size=logits.shape)
    return true * logits, (logits + noise).argmax(-1)


@pytest.mark.parametrize("true", [0.25, 1.0, 4.0])
def test_the_temperature_is_that_of_a_solver_of_scipy_and_near_the_truth(true):
    logits, labels = drawn(true)
    (value,) = fit_temperatures(logits[None], labels).values
    least = optimize.minimize_scalar(
        lambda log: nll(logits / np.exp(log), labels).mean(), bounds=(-3, 3), method="bounded",
        options={"xatol": 1e-10},
    )  # fmt: skip
    # a flat minimum is known to the root of the rounding
    assert value == pytest.approx(np.exp(least.x), rel=1e-6)
    # 4000 items know the scale of logits of deviation 1.5 to 2.5 %: four of these
    assert value == pytest.approx(true, rel=0.1)


def test_the_derivative_vanishes_at_the_temperature():
    logits, labels = drawn(2.0, items=60)
    (value,) = fit_temperatures(logits[None], labels).values
    odds = special.softmax(logits / value, -1)
    gap = (odds * logits).sum(-1) - logits[np.arange(60), labels]
    assert abs(gap.mean()) < 1e-12  # bisected to 5e-15, times a curvature of order one


def test_scaling_never_raises_the_nll_of_the_items_that_it_is_fitted_on():
    for seed in range(20):
        logits, labels = drawn(3.0, items=20, seed=seed)
        (value,) = fit_temperatures(logits[None], labels).values
        assert nll(logits / value, labels).mean() <= nll(logits, labels).mean() + 1e-12


def test_a_run_alone_has_the_bits_that_it_has_among_others():
    runs = np.stack([drawn(true, items=49, classes=10)[0] for true in (0.5, 1.0, 2.0, 30.0)])
    labels = drawn(1.0, items=49, classes=10)[1]
    together = fit_temperatures(runs, labels).values
    alone = [fit_temperatures(run[None], labels).values[0] for run in runs]
    assert together.tolist() == alone


def test_items_that_are_all_right_leave_the_temperature_at_one():
    logits, labels = drawn(2.0, items=30)
    separable = np.zeros_like(logits)
    separable[np.arange(30), labels] = 0.01
    fitted = fit_temperatures(np.stack([separable, logits]), labels)
    assert fitted.separable.tolist() == [True, False]
    assert fitted.values[0] == 1.0 != fitted.values[1]


@pytest.mark.parametrize(("scale", "bound"), [(1e-4, 0.05), (1e4, 20.0)])
def test_a_temperature_stays_within_its_bounds(scale, bound):
    logits, labels = drawn(1.0, items=300)
    assert fit_temperatures(scale * logits[None], labels).values[0] == pytest.approx(bound)


def test_logits_that_say_the_wrong_class_take_the_largest_temperature():
    logits, labels = drawn(1.0, items=300)
    assert fit_temperatures(-logits[None], labels).values[0] == pytest.approx(20.0)


def test_logits_that_are_not_finite_have_no_temperature_and_leave_the_others_theirs():
    logits, labels = drawn(2.0, items=30)
    broken = logits.copy()
    broken[3, 1] = np.inf
    fitted = fit_temperatures(np.stack([broken, logits]), labels)
    assert np.isnan(fitted.values[0]) and not fitted.separable[0]
    assert fitted.values[1] == fit_temperatures(logits[None], labels).values[0]
