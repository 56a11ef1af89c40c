import math

import numpy as np
import pandas as pd
import pytest
import torch
from composition import compose_plan

from qtlrun.derivative.fisher import (
    NEAR_ZERO,
    effective_dimension,
    measure_information,
    measure_roots,
    root,
)
from qtlrun.experiment import Experiment
from qtlrun.experiment.parts import Parts
from qtlrun.report.figure.fisher import fisher_spectrum


def test_the_information_of_a_logistic_model_is_the_closed_form():
    """Logits 0 and w x: F = mean of p (1 - p) x x^T."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(30, 3))
    p = 1 / (1 + np.exp(-x @ [0.5, -1.0, 0.2]))
    gradients = np.stack([np.zeros_like(x), x], axis=1)
    roots = root(gradients, np.stack([1 - p, p], 1))
    expected = (x.T * (p * (1 - p))) @ x / len(x)
    assert np.allclose(roots.T @ roots, expected)


def test_the_roots_of_a_linear_head_are_those_of_its_softmax(home):
    """Of two classes and weights w_k x + b_k: d z_k / d w_j is x where k is j."""
    plan = compose_plan("head=classical", "backbone=identity", "dataset=moons", f"home={home}")
    parts = Parts(plan.model, Experiment(str(home)).session)
    x = torch.rand(7, 2, dtype=torch.float64)
    head = parts.head(2, [3])
    p = head(x.float().unsqueeze(0))[0].double().softmax(-1).detach().numpy()
    gradients = np.zeros((7, 2, 4))
    for k in range(2):
        gradients[:, k, 2 * k : 2 * k + 2] = x.numpy()
    by_name = measure_roots(parts, x, 3)
    weight = next(name for name in by_name if name.endswith("weight"))
    # Rows are float32 derivatives
    assert np.allclose(by_name[weight], root(gradients, p), atol=1e-6)


def test_an_isotropic_information_has_the_effective_dimension_of_its_formula():
    ratio = 1000 / (2 * math.pi * math.log(1000))
    expected = 5 * math.log(1 + ratio) / math.log(ratio)
    assert effective_dimension(np.ones((1, 5)), 1000) == pytest.approx(expected)


def test_the_effective_dimension_tends_to_the_rank():
    spectrum = np.array([[6.0, 4.0, 0.0, 0.0, 0.0]])
    # Off by the logarithm of the eigenvalues over that of the ratio, 17 % at 1e15 items
    assert effective_dimension(spectrum, 10**15) == pytest.approx(2, rel=0.17)


def test_few_items_have_no_effective_dimension():
    assert math.isnan(effective_dimension(np.ones((1, 5)), 10))


def test_the_starts_are_averaged_over_their_volume_not_their_logarithm():
    ratio = 500 / (2 * math.pi * math.log(500))
    spectra = np.array([[2.0], [0.0]])
    volume = (math.sqrt(1 + 2 * ratio) + 1) / 2
    expected = 2 * math.log(volume) / math.log(ratio)
    assert effective_dimension(spectra, 500) == pytest.approx(expected)


def test_a_weight_that_moves_nothing_counts_as_near_zero():
    roots = [np.diag([1.0, 1.0, 1.0, 0.0])]
    information, spectrum = measure_information(roots, 1000)
    assert information.near_zero == pytest.approx(1 / 4)
    assert information.trace == pytest.approx(3 / 4)
    # The mean eigenvalue is 1 after scaling
    assert spectrum.sum() == pytest.approx(4) and NEAR_ZERO < 1
    assert information.dimension < information.most


def test_eigenvalues_that_the_items_cannot_reach_count_as_zero():
    roots = [np.ones((2, 10))]
    information, _ = measure_information(roots, 1000)
    assert information.weights == 10 and information.near_zero == pytest.approx(9 / 10)


def test_a_figure_draws_each_spectrum_down_to_rounding():
    spectra = {"circuit": [3.0, 1.0, 1e-9], "twin": [1.0, 1.0]}
    lines = []
    for head, values in spectra.items():
        for rank, value in enumerate(values, 1):
            share = rank / 4
            lines.append({"head": head, "of": "all weights", "share": share, "eigenvalue": value})
    (axis,) = fisher_spectrum(pd.DataFrame(lines), NEAR_ZERO).axes
    drawn = {line.get_label(): line for line in axis.get_lines()}
    assert drawn["circuit"].get_ydata().tolist() == [3, 1]
    assert drawn["twin"].get_xdata().tolist() == [0.25, 0.5]
    assert len({line.get_color() for line in drawn.values()}) == 3  # the threshold too
