"""Figures of surrogates: planted heads, counts one by one, and circuits that have none."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from qtlrun.circuit.amplitude import Amplitude
from qtlrun.circuit.dressed import Dressed
from qtlrun.circuit.iqp import IQP
from qtlrun.circuit.readout import Register
from qtlrun.circuit.reupload import Reupload
from qtlrun.comparison.obstacle import REASONS, Obstacle
from qtlrun.device.mixed import Mixed
from qtlrun.device.pennylane import PennyLane
from qtlrun.device.statevector import Statevector
from qtlrun.head.dressed import Quantum
from qtlrun.layer import Start, join_copies
from qtlrun.surrogate import certify
from qtlrun.surrogate.original import Original
from qtlrun.surrogate.polynomial import expand
from qtlrun.surrogate.reduction import LogitPolynomial

FEATURES, CLASSES, ITEMS = 5, 3, 40


def features(runs, items=ITEMS, seed=0, width=FEATURES):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(1, items, width, generator=draw, dtype=torch.float64).expand(runs, -1, -1)


def quantum(circuit, seeds=(0, 1), spread=1.0, width=FEATURES, **values):
    start = Start(list(seeds), torch.float64)
    return Quantum(width, CLASSES, circuit, Statevector(), start, spread=spread, **values)


def certified(head, runs=2, width=FEATURES, run=None):
    with torch.no_grad():
        train, test = (head.encode(features(runs, seed=seed, width=width)) for seed in (1, 2))
        return certify(head, train, test, run or head.run)


def original(head, runs=2):
    with torch.no_grad():
        train, test = (head.encode(features(runs, seed=seed)) for seed in (1, 2))
        return Original.of(head, head.run, train, test)


def without_seconds(figures):
    return [
        {name: value for name, value in each.items() if "seconds" not in name} for each in figures
    ]


def test_a_planted_head_of_one_term_is_found_by_one_term_and_by_words():
    """Without layers <Z> of a wire is minus the sine of its input, and one wire alone is read."""
    head = quantum(Dressed(3, 0), seeds=(0,))
    with torch.no_grad():
        head.post.weight.zero_()
        head.post.bias.zero_()
        head.post.weight[0, :2, 1] = torch.tensor([2.0, -2.0])
        head.post.bias[0, 2] = -5.0  # never chosen
    (figures,) = certified(head, runs=1)
    expected = {
        "surrogate_products": 27,
        "surrogate_terms": 1,  # with a share in the logits
        "surrogate_terms_99": 1,
        "surrogate_terms_100": 1,
        "surrogate_deviation": 0.0,
        "surrogate_words": 9 + 27,
        "surrogate_words_r2": 1.0,
        "surrogate_words_agreement": 1.0,
    }
    assert without_seconds([figures]) == [expected]
    assert figures["seconds_circuit"] > 0 and figures["seconds_surrogate"] > 0


def test_a_product_on_three_wires_is_not_given_by_words_on_two():
    """One layer of CNOTs at angles of 0 gives products of one, two and three sines.

    At uniform angles their variances are 1/2, 1/4 and 1/8, and no word on two wires has any of the
    third: R squared is 6/7. Four deviations of 2000 items.
    """
    head = quantum(Dressed(3, 1), spread=0.0)
    draw = torch.Generator().manual_seed(0)
    angles = math.pi * (2 * torch.rand(2, 2, 2000, 3, generator=draw, dtype=torch.float64) - 1)
    for each in certify(head, *angles, head.run):
        assert each["surrogate_terms"] == 3 and each["surrogate_deviation"] == 0
        assert each["surrogate_words_r2"] == pytest.approx(6 / 7, abs=0.02)


@pytest.mark.parametrize("copies", [1, 2])
def test_all_terms_of_the_logits_add_up_to_the_logits(copies):
    head = quantum(Dressed(2, 2, Register(copies=copies)))
    circuits = original(head)
    polynomial = expand(circuits.reading, circuits.weights)
    logits = LogitPolynomial.of(polynomial, circuits.decoder)
    variables = join_copies(circuits.test, copies)
    terms = list_terms(2, copies)
    assert logits.vectors.shape[1] == len(terms) == 1 + 8 * copies
    total = circuits.decoder.bias.clone()
    for run in range(2):
        for item in range(ITEMS):
            for term, index in enumerate(terms):
                value = 1.0
                for number, function in enumerate(index):
                    angle = variables[run, item, number]
                    value *= [1.0, angle.cos(), angle.sin()][function]
                if item == 0:
                    total[run] += value * logits.vectors[run, term]
    right = head(features(2, seed=2))[:, :1]
    torch.testing.assert_close(total, right, rtol=0, atol=1e-10)


@pytest.mark.parametrize("copies", [1, 2])
def test_counts_of_terms_are_those_of_adding_one_term_after_another(copies):
    head = quantum(Dressed(2, 3, Register(copies=copies)))
    circuits = original(head)
    polynomial = expand(circuits.reading, circuits.weights)
    logits = LogitPolynomial.of(polynomial, circuits.decoder)
    train, test = (join_copies(each, copies) for each in (circuits.train, circuits.test))
    order = logits.rank(train)
    for run, figures in enumerate(certified(head)):
        predicted = head(features(2, seed=2))[run].argmax(-1)
        values = [_values(list_terms(2, copies), each[run]) for each in (train, test)]
        vectors = logits.vectors[run]
        sizes = values[0].square().mean(0).sqrt() * (vectors - vectors.mean(1, keepdim=True)).norm(
            dim=1
        )
        assert torch.all(sizes[order[run]].diff() <= 1e-12)
        counts = {}
        for count in range(len(vectors) + 1):
            chosen = order[run][:count]
            found = (values[1][:, chosen] @ vectors[chosen] + circuits.decoder.bias[run]).argmax(-1)
            share = (found == predicted).double().mean()
            for name, least in (("surrogate_terms_99", 0.99), ("surrogate_terms_100", 1.0)):
                if share >= least:
                    counts.setdefault(name, count)
        assert counts == {name: figures[name] for name in counts} and len(counts) == 2


def list_terms(variables, copies):
    """Function of each variable in each term of degree 1: the constant, then those of each copy."""
    blank = (0,) * variables
    terms = [blank * copies]
    for copy in range(copies):
        others = list(itertools.product(range(3), repeat=variables))[1:]
        before, behind = blank * copy, blank * (copies - copy - 1)
        terms += [before + term + behind for term in others]
    return terms


def _values(terms, variables):
    """Values of all terms, (items, terms), term by term."""
    columns = []
    for index in terms:
        column = torch.ones(len(variables), dtype=torch.float64)
        for number, function in enumerate(index):
            angle = variables[:, number]
            column = column * [torch.ones_like(angle), angle.cos(), angle.sin()][function]
        columns.append(column)
    return torch.stack(columns, 1)


@pytest.mark.parametrize("circuit", [Dressed(4, 3), Reupload(2, 1), IQP(2, 1)])
def test_a_run_has_the_same_figures_alone_as_beside_others(circuit):
    together = without_seconds(certified(quantum(circuit, seeds=(3, 4, 5)), runs=3))
    alone = without_seconds(certified(quantum(circuit, seeds=(4,)), runs=1))
    assert alone == [together[1]]


@pytest.mark.parametrize("values", [{"entangle": False}, {"product": True}, {"angles": "random"}])
def test_a_control_of_the_circuit_has_a_surrogate_of_its_own(values):
    for each in certified(quantum(Dressed(3, 2), **values)):
        assert each["surrogate_deviation"] <= 1e-10


def test_unentangled_wires_have_terms_on_one_input_alone():
    head = quantum(Dressed(3, 2), entangle=False)
    for each in certified(head):
        assert each["surrogate_products"] == 27 and each["surrogate_terms"] == 6


def test_a_device_with_shots_is_certified_without_them():
    start = Start([0, 1], torch.float64)
    head = Quantum(FEATURES, CLASSES, Dressed(2, 2), Statevector(shots=10), start, spread=1.0)
    exact = quantum(Dressed(2, 2))
    found = certified(head, run=Statevector().run(head.circuit))
    assert without_seconds(found) == without_seconds(certified(exact))


@pytest.mark.parametrize(
    "device",
    [
        Mixed({"depolarizing": 0.05}),
        Mixed({"amplitude_damping": 0.05}),
        PennyLane("default.mixed", noise={"readout_0": 0.05}),
    ],
)
def test_a_polynomial_without_noise_stands_for_no_circuit_with_it(device):
    """Its own outputs are fitted by words all the same: a wire without layers is one of them."""
    head = Quantum(FEATURES, CLASSES, Dressed(3, 0), device, Start([0, 1], torch.float64))
    for each in certified(head):
        assert each["surrogate_obstacle"] == Obstacle.NOISE and "surrogate_terms" not in each
        assert each["surrogate_words_r2"] == pytest.approx(1)


def test_a_density_matrix_without_noise_has_the_surrogate_of_the_statevector():
    start = Start([0, 1], torch.float64)
    silent = Quantum(FEATURES, CLASSES, Dressed(3, 2), Mixed(), start, spread=1.0)
    pure = without_seconds(certified(quantum(Dressed(3, 2))))
    for each, right in zip(without_seconds(certified(silent)), pure, strict=True):
        assert each == pytest.approx(right, abs=1e-9)


def test_a_circuit_whose_mean_is_too_large_has_the_reason():
    head = quantum(Dressed(3, 1))
    with torch.no_grad():
        inputs = head.encode(features(2))
    assert certify(head, inputs, inputs, None) == [{"surrogate_obstacle": Obstacle.CHANCE}] * 2


@pytest.mark.parametrize(
    ("circuit", "obstacle"),
    [
        (Reupload(4, 2), Obstacle.TERMS),
        (Dressed(9, 1), Obstacle.TERMS),
        (Dressed(13, 1), Obstacle.QUBITS),
        (Dressed(4, 1, Register(copies=82)), Obstacle.TERMS),
    ],
)
def test_a_circuit_too_large_has_no_polynomial(circuit, obstacle):
    for each in certified(quantum(circuit)):
        assert each["surrogate_obstacle"] == obstacle and "surrogate_terms" not in each


def test_amplitudes_have_no_polynomial_and_are_read_by_words_all_the_same():
    """Without layers <Z> of each wire is one of the words."""
    for each in certified(quantum(Amplitude(3, 0), width=8), width=8):
        assert each["surrogate_obstacle"] == Obstacle.AMPLITUDES
        assert each["surrogate_words_r2"] == 1 and each["surrogate_words_agreement"] == 1


def test_what_follows_the_circuit_must_be_linear():
    circuit = quantum(Dressed(2, 1))
    head = SimpleNamespace(
        encode=circuit.encode,
        run=circuit.run,
        circuits=1,
        angles=circuit.angles,
        circuit_weights=None,
        decode=lambda values: circuit.decode(values).square(),
    )
    assert certified(head) == [{"surrogate_obstacle": Obstacle.READOUT}] * 2


def test_each_obstacle_has_a_reason():
    assert set(REASONS) == set(Obstacle)
    assert all(each.reason and not each.reason.endswith(".") for each in Obstacle)


def test_outputs_that_never_change_are_explained_whole():
    """Saturated inputs: every item has the same angles."""
    head = quantum(Dressed(2, 0))
    with torch.no_grad():
        head.pre.weight.zero_()
        head.pre.bias.fill_(math.inf)
    for each in certified(head):
        assert each["surrogate_words_r2"] == 1.0
        assert np.isfinite(list(each.values())).all()
