"""Circuits of generators and of fitted heads, as the checks see them."""

import math

import numpy as np
import pytest
import torch
from composition import compose_plan
from scipy.stats import poisson
from torch.nn.functional import cross_entropy

from qtlrun.dataset.coherent import DISPLACEMENTS
from qtlrun.diagnosis import CHECKS, compose_case, examine
from qtlrun.diagnosis.finding import Requirement
from qtlrun.experiment import Experiment
from qtlrun.experiment.parts import Parts
from qtlrun.optimizer import Buffer, Optimizer

TASK = ("dataset=moons", "backbone=identity", "circuit.qubits=2", "circuit.depth=1", "compare=[]")
GENERATED = ("head=classical", "parametrization=quantum_train", "parametrization.depth=2")
NORM_CHECKS = [check for check in CHECKS if check.code == "Q121"]
CIRCUIT_CHECKS = [check for check in CHECKS if check.code.startswith("Q1")]


def compose(home, *words):
    plan = compose_plan(*TASK, f"home={home}", *words)
    return compose_case("A", Parts(plan.model, Experiment(str(home)).session), 0.05)


def examined(case):
    examination = examine(case, CIRCUIT_CHECKS)
    assert not examination.unable
    return {finding.check.code for finding in examination.findings}, examination.idle


def test_a_generator_s_outputs_are_the_probabilities_of_its_weights(home):
    case = compose(home, *GENERATED)
    (use,) = case.circuits
    count = sum(case.composition.ensemble.generator.sizes)
    assert use.outputs.shape == (1, 1, count) and count == 2 * 2 + 2
    # float32 angles are rounded by 1e-7 at most
    torch.testing.assert_close(use.exact_outputs.float(), use.outputs, atol=1e-6, rtol=0)
    assert use.parameters and not use.takes_items


def test_a_generator_s_slopes_are_those_of_shifted_circuits(home):
    """A probability is a sum of sines and cosines of theta of a U3, of frequency 1."""
    (use,) = compose(home, *GENERATED).circuits
    angles = use.weights.double()
    values = []
    for sign in (1, -1):
        shifted = angles.clone()
        shifted[0, 0] += sign * math.pi / 2
        values.append(use.exact(use.inputs.double(), shifted)[0, 0])
    expected = (values[0] - values[1]) / 2
    torch.testing.assert_close(use.start_slopes.weights[0, :, 0], expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("ansatz", ["ring", "chain"])
def test_a_sound_generator_has_no_finding_graver_than_a_note(home, ansatz):
    codes, idle = examined(compose(home, *GENERATED, f"parametrization.ansatz={ansatz}"))
    assert codes <= {"Q105"}
    assert {"Q104", "Q108", "Q112"} <= set(idle[Requirement.ITEMS])
    assert "Q107" in idle[Requirement.LEARNING]


def test_a_frozen_generator_has_no_trained_weight(home):
    codes, _ = examined(compose(home, *GENERATED, "parametrization.source=frozen"))
    assert "Q123" in codes


@pytest.mark.parametrize("source", ["constant", "hashing", "low_rank"])
def test_a_generator_without_a_circuit_has_none(home, source):
    case = compose(home, *GENERATED, f"parametrization.source={source}")
    assert case.circuits == []
    assert set(examined(case)[1]) <= {Requirement.CIRCUIT, Requirement.DATA}


def test_what_is_added_to_weights_is_not_bypassed_at_its_start_of_0(home):
    codes, _ = examined(compose(home, *GENERATED, "parametrization.added=true"))
    assert "Q101" not in codes


@pytest.mark.parametrize("seed", [0, 100])
def test_a_generator_s_share_is_that_of_equal_inputs(home, seed):
    """One layer of uniform slopes u, by a probability and by bits that weigh as much together.

    Of many bits the share is u^2 / (u^2 + 1 / 3), whose mean over u in (0, 1) is 1 - (pi / 3) /
    sqrt(3) = .395, and whose deviation is .3: .075 over 16 starts.
    """
    words = ("dataset=digits", "backbone=identity", "head=classical", "compare=[]")
    generated = ("parametrization=quantum_train", "parametrization.mapping=[]")
    plan = compose_plan(f"home={home}", *words, *generated)
    case = compose_case("A", Parts(plan.model, Experiment(str(home)).session), 0.05, seed)
    (use,) = case.circuits
    assert use.share() == pytest.approx(1 - math.pi / 3 / math.sqrt(3), abs=4 * 0.075)


def test_the_norm_within_the_cutoff_is_that_of_poisson_numbers_of_photons(home):
    """A coherent state of |alpha|^2 = a has n photons with the probability a^n exp(-a) / n!."""
    words = ("dataset=coherent", "dataset.train=60", "backbone=photonic")
    photonic = ("backbone.layers=0", "backbone.weights=none", "backbone.cutoff=4")
    plan = compose_plan(f"home={home}", *words, *photonic, "head=classical", "compare=[]")
    parts = Parts(plan.model, Experiment(str(home)).session)
    (finding,) = examine(compose_case("A", parts, 0.05), NORM_CHECKS).findings
    items = parts.dataset.train.batch(range(7 * 60), lambda item: item).double().numpy()
    numbers = [items[:, first] ** 2 + items[:, first + 1] ** 2 for first in DISPLACEMENTS[::2]]
    kept = np.prod([poisson.cdf(3, number) for number in numbers], axis=0)
    assert finding.evidence.value == pytest.approx(kept.mean(), abs=1e-4)


def test_a_fitted_head_has_a_circuit_for_each_turn_of_an_angle(home):
    case = compose(home, "head=post_variational")
    (use,) = case.circuits
    angles = math.prod(case.composition.ensemble.head.circuit.shape)
    assert len(use.weights) == 1 + 2 * angles
    torch.testing.assert_close(use.exact_outputs.float(), use.outputs, atol=1e-5, rtol=0)
    codes, idle = examined(case)
    assert not codes
    assert {"Q105", "Q113", "Q115", "Q123"} <= set(idle[Requirement.SLOPES])


def test_a_fitted_head_predicts_as_its_solution_does(home):
    """At its penalty the gradient of the fitted loss by the bias is 0: rates equal the shares."""
    case = compose(home, "head=post_variational")
    head = case.composition.ensemble.head
    data = case.composition.ensemble.data["train"]
    features = data.take(torch.arange(data.count).unsqueeze(0), None)
    shares = head(features)[0].softmax(1).mean(0)
    counts = torch.bincount(data.labels[0]) / data.count
    torch.testing.assert_close(shares, counts.to(shares), atol=2e-3, rtol=0)
    assert case.trained == {}


def test_angles_that_a_fitted_head_never_turns_are_no_weights(home):
    codes, idle = examined(compose(home, "head=paulis"))
    assert "Q102" in idle[Requirement.WEIGHTS] and not codes


def test_no_gradient_of_a_solved_head_is_asked_for(home):
    case = compose(home, "head=svm")
    examination = examine(case, CHECKS)
    assert {"Q201", "Q204", "Q210", "Q501"} <= set(examination.idle[Requirement.GRADIENT])
    assert not examination.unable


@pytest.mark.parametrize("kind", ["adam", "adamw", "sgd"])
def test_the_steps_that_are_examined_are_those_of_training(home, kind):
    """Of training's optimizer, which makes one update of all weights."""
    words = ("dtype=float64", "recipe.lr=0.05", "recipe.weight_decay=0.01")
    case = compose(home, *words, f"recipe.optimizer={kind}")
    found = case.rehearsal.losses
    model, recipe = case.start_again().model, case.data.parts.recipe
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    buffer = Buffer(weights, [recipe.lr], [recipe.weight_decay])
    optimizer = Optimizer([buffer], kind, recipe.momentum, recipe.eps)
    losses = []
    for _ in found:
        optimizer.zero()
        loss = cross_entropy(model.train()(case.items), case.labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert len(found) > 5 and losses == pytest.approx(found, abs=1e-10)


def test_steps_of_an_optimizer_that_torch_lacks_are_not_examined(home):
    case = compose(home, "recipe.optimizer=pennylane_adam")
    assert case.trained and case.rehearsal is None
    needing = [check for check in CHECKS if check.need is Requirement.OPTIMIZER]
    assert examine(case, needing).idle == {Requirement.OPTIMIZER: [check.code for check in needing]}
