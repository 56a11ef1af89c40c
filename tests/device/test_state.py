import numpy as np
import pennylane as qml
import pytest
import torch

from qtlrun.circuit.amplitude import Amplitude
from qtlrun.circuit.dressed import Dressed
from qtlrun.circuit.iqp import IQP
from qtlrun.circuit.reupload import Reupload
from qtlrun.device import state
from qtlrun.device.pennylane import PennyLane
from qtlrun.device.statevector import Statevector

BELL = np.array([[1, 0, 0, 1]], dtype=complex) / 2**0.5
GHZ = np.eye(1, 16, dtype=complex) / 2**0.5 + np.eye(1, 16, 15) / 2**0.5
PRODUCT = np.kron([0.6, 0.8j], np.kron([1, 1], [0.8, -0.6]))[None] / 2**0.5
W = np.array([[0, 1, 1, 0, 1, 0, 0, 0]], dtype=complex) / 3**0.5


@pytest.mark.parametrize(
    "states, q",
    [(BELL, 1), (GHZ, 1), (PRODUCT, 0), (W, 8 / 9)],
    ids=["Bell", "GHZ", "product", "W"],
)
def test_global_entanglement_is_the_published_value(states, q):
    assert state.meyer_wallach(states) == pytest.approx([q])


def test_half_of_a_bell_pair_is_mixed_and_a_pair_beside_another_pure():
    assert state.purity(BELL, [0]) == pytest.approx([0.5])
    pairs = np.kron(BELL, BELL)
    assert state.purity(pairs, [0, 1]) == pytest.approx([1])
    assert state.purity(pairs, [0, 2]) == pytest.approx([0.25])
    assert state.purity(pairs, [1, 2]) == pytest.approx([0.25])


def test_purity_is_that_of_pennylane_s_reduced_states():
    draw = np.random.default_rng(0)
    states = draw.normal(size=(3, 16)) + 1j * draw.normal(size=(3, 16))
    states /= np.linalg.norm(states, axis=1, keepdims=True)
    for wires in ([0], [2], [1, 3], [0, 1]):
        expected = qml.math.purity(qml.math.dm_from_state_vector(states), wires)
        assert np.allclose(state.purity(states, wires), expected)


CIRCUITS = [Dressed(3, 2), Reupload(2, 3), IQP(3, 1), Amplitude(3, 1)]


@pytest.mark.parametrize("circuit", CIRCUITS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("device", [Statevector(), PennyLane("default.qubit")], ids=["own", "qml"])
def test_simulated_states_give_the_values_that_the_circuit_measures(circuit, device):
    draw = torch.Generator().manual_seed(0)
    count = getattr(circuit, "inputs", circuit.qubits)
    inputs = torch.randn(2, 5, count, generator=draw, dtype=torch.float64)
    weights = torch.randn(2, *circuit.shape, generator=draw, dtype=torch.float64)
    run = device.run(circuit)
    states = state.simulate(run.reading, inputs, weights)
    signs = 1 - 2 * ((np.arange(states.shape[1])[:, None] >> np.arange(circuit.qubits)[::-1]) & 1)
    values = np.abs(states) ** 2 @ signs
    assert np.allclose(values, run(inputs, weights).flatten(0, 1).numpy(), atol=1e-9)


def test_the_embedding_ends_before_the_first_trained_gate():
    circuit = Dressed(3, 4)
    reading = Statevector().run(circuit).reading
    inputs = torch.tensor([[[0.3, -0.7, 1.1]]], dtype=torch.float64)
    states = [
        state.simulate(state.embedding(reading), inputs, torch.full((1, 4, 3), angle))
        for angle in (0.0, 0.9)
    ]
    assert np.array_equal(*states)
    wires = [np.array([np.cos(x), np.sin(x)]) for x in np.pi / 4 + inputs.flatten().numpy() / 2]
    assert np.allclose(states[0], np.kron(wires[0], np.kron(wires[1], wires[2])))


def test_a_circuit_whose_weights_stand_among_its_inputs_has_no_embedding():
    reading = Statevector().run(Reupload(2, 2)).reading
    assert state.embedding(reading) is None
