"""Kinked, jumping and smooth angles on every engine and device against a QNode on default.qubit."""

import random

import kinked
import pennylane as qml
import pytest
import torch
from circuits import Circuit, draw

from qtlrun.device.pennylane import PennyLane
from qtlrun.device.statevector import Statevector
from qtlrun.tape import reader

pytestmark = pytest.mark.filterwarnings(
    "ignore:Converting a tensor"
)  # torch says that a number has no gradient
FIRST, MANY = range(16), range(16, 400)
Z = qml.PauliZ


def wrong(number):
    """The devices that differ, and those that refuse for another reason than a matrix that no angle
    moves.
    """
    return {
        name: outcome
        for name, outcome in kinked.outcomes(number).items()
        if outcome != "equal" and "depends on inputs or weights" not in outcome
    }


@pytest.mark.parametrize("number", FIRST)
def test_angles_of_any_kind_have_the_values_and_gradients_of_default_qubit(number):
    assert wrong(number) == {}


@pytest.mark.slow
@pytest.mark.parametrize("number", MANY)
def test_many_angles_of_any_kind_have_the_values_and_gradients_of_default_qubit(number):
    assert wrong(number) == {}


@pytest.mark.parametrize("place", range(8))
def test_an_angle_that_is_flat_at_most_points_is_no_constant(place):
    def function(x, w):
        qml.RX(torch.relu(x[place] - 1.2), 0)
        return qml.expval(Z(0))

    circuit = Circuit(function, 2, (2,), 8)
    x = torch.zeros(1, 1, 8, dtype=torch.float64)
    x[..., place] = 1.55
    right = torch.tensor(0.35, dtype=torch.float64).cos()
    for device in (Statevector(), PennyLane("default.qubit"), PennyLane("lightning.qubit")):
        value = device.run(circuit)(x, torch.zeros(1, 2, dtype=torch.float64))
        torch.testing.assert_close(value[0, 0, 0], right, rtol=0, atol=1e-12)


@pytest.mark.parametrize("method", ["auto", "dense", "grouped", "fused", "gatewise"])
def test_a_rounded_weight_turns_by_whole_radians_without_inputs(method):
    def function(x, w):
        qml.RX(torch.round(w[0]), 0)
        return qml.expval(Z(0))

    circuit = Circuit(function, 6, (1,))
    circuit.inputs = 0
    weights = torch.tensor([[0.2], [1.8], [-3.1]], dtype=torch.float64)
    values = Statevector(method).run(circuit)(torch.zeros(3, 2, 0, dtype=torch.float64), weights)
    right = torch.tensor([0.0, 2, -3], dtype=torch.float64).cos()[:, None, None].expand(3, 2, 1)
    torch.testing.assert_close(values, right, rtol=0, atol=1e-12)


def test_a_threshold_near_the_start_of_training_is_seen():
    def function(x, w):
        qml.RX(torch.where(w[0].abs() < 0.02, w[0] * 30, w[0]), 0)
        return qml.expval(Z(0))

    weights = torch.tensor([[0.01], [0.3]], dtype=torch.float64)
    values = Statevector().run(Circuit(function, 2, (1,)))(
        torch.zeros(2, 1, 2, dtype=torch.float64), weights
    )
    right = torch.tensor([0.3, 0.3], dtype=torch.float64).cos()
    torch.testing.assert_close(values.flatten(), right, rtol=0, atol=1e-12)


def test_a_value_tested_in_python_counts_for_each_sample():
    def function(x, w):
        qml.RX(x[0] if x[0] > 1.54 else 0.0 * x[0], 0)
        qml.RY(w[0], 0)
        return qml.expval(Z(0))

    x = torch.tensor([[[1.55, 0], [1.0, 0]]], dtype=torch.float64)
    values = Statevector().run(Circuit(function, 2, (1,)))(
        x, torch.zeros(1, 1, dtype=torch.float64)
    )
    right = torch.tensor([1.55, 0], dtype=torch.float64).cos()
    torch.testing.assert_close(values.flatten(), right, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "chance",
    [
        lambda: torch.randn(1, dtype=torch.float64)[0],
        lambda: float(qml.numpy.random.normal()),
        lambda: float(torch.rand(1) < 0.001),  # two calls agree nearly always
        lambda: float(random.random() < 0.001),
    ],
)
def test_a_circuit_that_draws_is_refused(chance):
    def function(x, w):
        qml.RX(x[0] + chance(), 0)
        return qml.expval(Z(0))

    with pytest.raises(ValueError, match="^circuit: it differs from call to call"):
        Statevector().run(Circuit(function, 2, (1,)))


def test_chance_that_a_circuit_draws_from_a_generator_of_its_own_each_time_is_none():
    def function(x, w):
        noise = torch.randn(2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
        qml.RX(x[0] + noise[0], 0)
        return qml.expval(Z(0))

    before = torch.get_rng_state()
    run = Statevector().run(Circuit(function, 2, (1,)))
    assert torch.equal(before, torch.get_rng_state())
    noise = torch.randn(2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)[0]
    value = run(torch.zeros(1, 1, 2, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64))
    torch.testing.assert_close(value[0, 0, 0], noise.cos(), rtol=0, atol=1e-12)


def test_only_what_is_proved_is_read_once():
    """Affine angles are read as a map; a kink sends the circuit back to its own code each step."""
    calls = []

    def circuit(angle):
        def function(x, w):
            calls.append(1)
            qml.RX(angle(x, w), 0)
            return qml.expval(Z(0))

        return Circuit(function, 2, (2,))

    x, w = draw(1, 3, 2), draw(1, 2, seed=1)
    for angle, traced in (
        (lambda x, w: 2 * x[0] - w[1], 0),
        (lambda x, w: x[0] * w[0], 0),
        (lambda x, w: torch.relu(w[0] + 9), 1),
    ):
        run = Statevector().run(circuit(angle))
        calls.clear()
        run(x, w)
        assert len(calls) == traced


def test_amplitudes_that_are_inputs_but_for_a_kink_are_not_taken_for_them():
    def function(x, w):
        state = torch.stack([x[0], torch.where(x[1] > 1.5, -x[1], x[1])])
        qml.StatePrep(state / state.norm(), [0])
        qml.RY(w[0], 0)
        return qml.expval(qml.X(0))

    x = torch.tensor([[[1.0, 1.55], [1.0, 0.5]]], dtype=torch.float64)
    run = Statevector().run(Circuit(function, 2, (1,)))
    values = run(x, torch.zeros(1, 1, dtype=torch.float64)).flatten()
    right = torch.tensor([-2 * 1.55 / (1 + 1.55**2), 2 * 0.5 / 1.25], dtype=torch.float64)
    torch.testing.assert_close(values, right, rtol=0, atol=1e-12)


def test_which_kinked_angles_are_fed_and_trained_is_read_from_what_they_derive_from():
    def function(x, w):
        qml.RX(torch.relu(x[0] - 5), 0)
        qml.RY(torch.round(w[0]), 0)
        qml.RZ(torch.tensor(0.5), 0)
        return qml.expval(Z(0))

    reading = reader.read(Circuit(function, 2, (1,)))
    assert (reading.fed, reading.trained) == ({0}, {1})
