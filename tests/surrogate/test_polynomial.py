"""Circuits as trigonometric polynomials: against default.qubit, and few terms in closed form."""

import math
from importlib.resources import files

import numpy as np
import pennylane as qml
import pytest
import torch
from circuits import GATES, Circuit, draw, qnode

from qtlrun.circuit.basic import Basic
from qtlrun.circuit.brickwork import Brickwork
from qtlrun.circuit.dressed import Dressed
from qtlrun.circuit.iqp import IQP
from qtlrun.circuit.product import Product
from qtlrun.circuit.qcnn import QCNN
from qtlrun.circuit.readout import Register
from qtlrun.circuit.reupload import Reupload
from qtlrun.circuit.strong import Strong
from qtlrun.circuit.template import Template
from qtlrun.circuit.tree import Tree
from qtlrun.error import UsageError
from qtlrun.surrogate import branch
from qtlrun.surrogate.frequency import (
    count_products,
    find_frequencies,
    products,
    read_frequencies,
)
from qtlrun.surrogate.polynomial import expand
from qtlrun.tape import reader
from qtlrun.tape.tape import inputs_of

CIRCUITS = {
    "basic": [Basic(4, 2), Basic(1, 3)],
    "brickwork": [Brickwork(4, 2)],
    "dressed": [Dressed(4, 6), Dressed(5, 5), Dressed(3, 0), Dressed(2, 1, Register("observable"))],
    "iqp": [IQP(2, 2)],
    "product": [Product(3, 4), Product(2, 3, inputs=3)],
    "qcnn": [QCNN(4, 1)],
    "reupload": [Reupload(2, 2), Reupload(1, 3)],
    "strong": [Strong(4, 2, Register("pairs")), Strong(3, 1, Register("probabilities"))],
    "template": [Template("StronglyEntanglingLayers", 3, 1, "AngleEmbedding")],
    "tree": [Tree(4, 1)],
}
OTHERS = {"amplitude", "file"}  # no angles, and whatever a file has
ROTATIONS = [name for name, (angles, _, _) in GATES.items() if angles]
# Sums of some thousand products in float64 round to less than 1e-12
TOLERANCE = 1e-10


def outputs(circuit, x, w):
    """Outputs by the polynomial alone, with it."""
    reading = reader.read(circuit)
    polynomial = expand(reading, w.detach())
    prepared = reading.prepare(x.detach(), w.detach())[0]
    return polynomial(polynomial.frequencies.variables(prepared)), polynomial


def assert_is_the_circuit(circuit, runs=2, items=3):
    x = draw(runs, items, inputs_of(circuit))
    w = draw(runs, *circuit.shape, seed=1)
    with torch.no_grad():
        right = qnode(circuit, x, w)
    torch.testing.assert_close(outputs(circuit, x, w)[0], right, rtol=0, atol=TOLERANCE)


def test_every_shipped_circuit_is_compared():
    options = {
        path.name.removesuffix(".yaml") for path in (files("qtlrun.conf") / "circuit").iterdir()
    }
    assert options - {"__init__.py"} == set(CIRCUITS) | OTHERS


@pytest.mark.parametrize(
    "circuit",
    [each for circuits in CIRCUITS.values() for each in circuits],
    ids=lambda circuit: f"{type(circuit).__name__}{circuit.qubits}",
)
def test_with_all_terms_a_shipped_circuit_is_its_polynomial(circuit):
    assert_is_the_circuit(circuit)


@pytest.mark.parametrize("number", range(8))
def test_with_all_terms_a_circuit_of_random_affine_encodings_is_its_polynomial(number):
    """Real slopes, sums of inputs and weights, inputs that come back, gates on several wires."""

    def function(inputs, weights):
        generator = np.random.default_rng([number, 3])
        names = generator.choice(ROTATIONS, 4).tolist()
        for place, name in enumerate([*names, "CNOT", "Hadamard", "ISWAP"]):
            angles, wires, gate = GATES[name]
            slopes = generator.normal(size=(angles, 3)).tolist()
            values = [
                a * inputs[generator.integers(2)] * (place < 2) + b * weights[place % 3] + c
                for a, b, c in slopes
            ]
            gate(*values, wires=generator.permutation(4)[:wires].tolist())
        return [qml.expval(qml.Z(0)), qml.expval(qml.X(1) @ qml.Z(2)), qml.probs(wires=[3, 1])]

    assert_is_the_circuit(Circuit(function, 4, (3,), inputs=2))


@pytest.mark.parametrize("circuit", [Dressed(5, 3), Reupload(2, 2), IQP(2, 2)])
def test_branches_and_a_grid_give_the_same_coefficients(circuit, monkeypatch):
    """Two ways to the terms of a circuit, of several weights at once and in pieces."""
    reading = reader.read(circuit)
    weights = draw(3, *circuit.shape)
    by_branches = expand(reading, weights)
    assert branch.has_few_branches(reading, by_branches.frequencies)
    monkeypatch.setattr(branch, "ELEMENTS_AT_ONCE", 1)
    in_pieces = expand(reading, weights)
    monkeypatch.setattr(branch, "MAX_PAIRS", 0)
    by_grid = expand(reading, weights)
    for each in (by_branches, in_pieces):
        torch.testing.assert_close(each.coefficients, by_grid.coefficients, rtol=0, atol=TOLERANCE)


def test_many_uploads_of_one_input_are_expanded_on_a_grid():
    """Eleven of them have 23 terms, and 4 ** 11 pairs of branches."""

    def function(inputs, weights):
        for weight in weights:
            qml.RX(inputs[0], wires=0)
            qml.RY(weight, wires=0)
        return [qml.expval(qml.Z(0))]

    circuit = Circuit(function, 1, (11,), inputs=1)
    frequencies = expand(reader.read(circuit), draw(1, 11)).frequencies
    assert frequencies.terms == 23
    assert not branch.has_few_branches(reader.read(circuit), frequencies)
    assert_is_the_circuit(circuit)


def test_a_known_circuit_of_few_terms_is_found_with_exactly_these_terms():
    """<Z> after RX(a) RX(a) RX(w) is cos(2a + w); of a word on two wires it is a product."""

    def function(inputs, weights):
        qml.RX(inputs[0], 0)
        qml.RX(inputs[1], 1)
        qml.RX(inputs[1], 1)
        qml.RX(weights[0], 1)
        return [qml.expval(qml.Z(0)), qml.expval(qml.Z(0) @ qml.Z(1))]

    angle = 0.7
    w = torch.tensor([[angle]], dtype=torch.float64)
    _, polynomial = outputs(Circuit(function, 2, (1,)), draw(1, 2, 2), w)
    assert polynomial.frequencies.degrees == (1, 2)
    assert polynomial.frequencies.terms == 3 * 5
    found = {
        tuple(polynomial.index[term].tolist()): polynomial.coefficients[0, term]
        for term in polynomial.present[0].nonzero().flatten().tolist()
    }
    # Functions of a variable: 1, cos, sin, cos of twice it, sin of twice it
    expected = {(1, 0): [1, 0], (1, 3): [0, math.cos(angle)], (1, 4): [0, -math.sin(angle)]}
    assert found.keys() == expected.keys()
    for term, values in expected.items():
        assert np.allclose(found[term], values, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("slopes", "degrees", "units"),
    [
        ([1.0, 1.0], (2,), [1.0]),
        ([1.0, -2.0], (3,), [1.0]),
        ([2.0, 3.0], (1, 1), [2.0, 3.0]),  # 9 products, where one variable has 11
        ([0.5, 2.5, 2.5], (2, 1), None),  # 15, where one has 23
        ([1.0, math.sqrt(2)], (1, 1), [1.0, math.sqrt(2)]),
        ([0.3], (1,), [0.3]),
    ],
)
def test_uploads_of_an_input_share_a_variable_where_that_takes_fewer_terms(slopes, degrees, units):
    def function(inputs, weights):
        for slope in slopes:
            qml.RY(slope * inputs[0], 0)
            qml.RZ(weights[0], 0)
        return qml.expval(qml.Z(0))

    circuit = Circuit(function, 1, (1,), inputs=1)
    frequencies = find_frequencies(reader.read(circuit))
    assert sorted(frequencies.degrees, reverse=True) == list(degrees)
    if units:
        assert frequencies.directions.flatten().tolist() == pytest.approx(units, abs=1e-12)
    assert_is_the_circuit(circuit)


@pytest.mark.parametrize("locality", [1, 2, 4])
def test_products_on_few_variables_are_counted_before_they_are_listed(locality):
    terms = products((1, 2, 1, 0), locality)
    everything = [(a, b, c, 0) for a in range(3) for b in range(5) for c in range(3)]
    expected = {each for each in everything if sum(map(bool, each)) <= locality}
    assert {tuple(each) for each in terms.tolist()} == expected
    assert len(terms) == len(expected) == count_products((1, 2, 1, 0), locality)


def test_a_circuit_without_encoding_angles_is_a_constant():
    circuit = Circuit(
        lambda inputs, weights: (qml.RY(weights[0], 0), qml.expval(qml.Z(0)))[1], 1, (1,)
    )
    found, polynomial = outputs(circuit, draw(1, 3, 1), torch.full((1, 1), 0.4).double())
    assert polynomial.frequencies.terms == 1
    assert np.allclose(found, math.cos(0.4), atol=1e-7)


@pytest.mark.parametrize("circuit", [Reupload(2, 1), IQP(2, 1)])
def test_frequencies_that_weights_move_or_products_of_inputs_are_refused(circuit):
    with pytest.raises(UsageError) as error:
        read_frequencies(circuit)
    assert error.value.key == "circuit"


def test_an_affine_circuit_has_its_inputs_as_variables():
    frequencies = read_frequencies(Dressed(3, 2))
    assert torch.equal(frequencies.directions, torch.eye(3).double())
    assert frequencies.degrees == (1, 1, 1)
