"""Circuits of a user's module as they are recorded: inputs, weights, values."""

import pennylane as qml
import pytest
import torch
from torch import nn

from qtlrun.diagnosis.capture import find_circuits
from qtlrun.diagnosis.case import Case
from qtlrun.diagnosis.check.readout import _find_random_spread
from qtlrun.diagnosis.merging import count_merged

ITEMS = 6


def case_of(model, width=3):
    items = torch.randn(ITEMS, width)
    labels = torch.arange(ITEMS) % 2

    def start(seed):
        return Case("model", model, items, labels, 2, None, frozenset(), start, find_circuits)

    return start(0)


def node_of(function, wires=2, **options):
    return qml.QNode(function, qml.device("default.qubit", wires=wires), **options)


def gates(inputs, weights, wires):
    for number, wire in enumerate(wires):
        qml.RY(inputs[..., number], wire)
        qml.RX(weights[number], wire)
    qml.CNOT(wires)


class Layer(nn.Module):
    """TorchLayer: the batch in one call."""

    def __init__(self):
        super().__init__()

        def circuit(inputs, weights):
            gates(inputs, weights, [0, 1])
            return [qml.expval(qml.Z(0)), qml.expval(qml.X(1))]

        self.pre = nn.Linear(3, 2)
        self.layer = qml.qnn.TorchLayer(node_of(circuit), {"weights": (2,)})

    def forward(self, items):
        return self.layer(self.pre(items))


class Loop(nn.Module):
    """An item a call, wires with names, probabilities, and weights from two parameters."""

    def __init__(self):
        super().__init__()

        def circuit(inputs, first, second):
            gates(inputs, torch.stack([first, second]), ["left", "right"])
            return qml.probs("right")

        self.node = node_of(circuit, ["left", "right"])
        self.first = nn.Parameter(torch.rand(()))
        self.second = nn.Parameter(torch.rand(()))

    def forward(self, items):
        values = [self.node(item[:2], self.first, 2 * self.second) for item in items]
        return torch.stack(values)


class Detached(Layer):
    """Inputs and weights that go through NumPy."""

    def forward(self, items):
        inputs = self.pre(items).detach().numpy()
        values = self.layer.qnode(inputs=inputs, weights=self.layer.weights.detach().numpy())
        return torch.stack([torch.as_tensor(value) for value in values], -1)


@pytest.mark.parametrize(
    "model, weights, calls, parameters",
    [
        (Layer, 2, 1, ("layer.weights",)),
        (Loop, 2, ITEMS, ("first", "second")),
        (Detached, 2, 1, ("layer.weights",)),
    ],
)
def test_a_recorded_circuit_has_the_values_of_its_node(model, weights, calls, parameters):
    case = case_of(model())
    (use,) = case.circuits
    assert use.inputs.shape == (1, ITEMS, 2)
    assert use.weights.shape == (1, weights)
    assert (use.calls, use.parameters) == (calls, parameters)
    assert use.exact_outputs is not None
    # float32 angles are rounded by 1e-7 at most
    torch.testing.assert_close(use.exact_outputs, use.outputs.double(), atol=1e-6, rtol=0)
    assert use.slopes.acting_inputs == [0, 1]


def test_slopes_are_those_of_the_closed_form():
    case = case_of(Layer())
    (use,) = case.circuits
    x = use.inputs[0].double()
    w = use.weights[0].double()
    # <Z> of wire 0 is cos(x) cos(w); the CNOT leaves its control
    slope = -torch.cos(x[:, 0]) * torch.sin(w[0])
    torch.testing.assert_close(use.start_slopes.weights[:, 0, 0], slope, atol=1e-12, rtol=0)
    slope = -torch.sin(x[:, 0]) * torch.cos(w[0])
    torch.testing.assert_close(use.start_slopes.inputs[:, 0, 0], slope, atol=1e-12, rtol=0)


def test_two_layers_of_one_node_are_two_circuits():
    class Two(Layer):
        def __init__(self):
            super().__init__()
            self.other = qml.qnn.TorchLayer(self.layer.qnode, {"weights": (2,)})

        def forward(self, items):
            inputs = self.pre(items)
            return self.layer(inputs) + self.other(inputs)

    uses = case_of(Two()).circuits
    assert [use.parameters for use in uses] == [("layer.weights",), ("other.weights",)]


def test_a_forward_pass_that_fails_has_no_circuits():
    class Failing(Layer):
        def forward(self, items):
            return super().forward(items) @ torch.ones(5, 5)

    assert case_of(Failing()).circuits == []


def test_outputs_without_the_circuit_do_not_vary():
    case = case_of(Layer())
    (use,) = case.circuits
    logits = use.cut()
    torch.testing.assert_close(logits, logits[:1].expand_as(logits))
    mean = case.model(case.items).mean(0)
    torch.testing.assert_close(logits[0], mean)


@pytest.mark.parametrize("between, merged", [(qml.RY, 2), (qml.RX, 0)])
def test_repeated_encodings_merge_through_rotations_about_their_axis_alone(between, merged):
    def circuit(inputs, weights):
        for layer in weights:
            for wire in range(2):
                qml.RY(inputs[..., wire], wire)
                between(layer[wire], wire)
        return [qml.expval(qml.Z(wire)) for wire in range(2)]

    class Repeated(Layer):
        def __init__(self):
            super().__init__()
            self.layer = qml.qnn.TorchLayer(node_of(circuit), {"weights": (2, 2)})

    (use,) = case_of(Repeated()).circuits
    assert count_merged(use) == merged


def test_random_states_spread_as_haar_s_measure_has_it():
    """1 / (2^n + 1) is the variance of a Pauli word; the sample's error is 2 % of the deviation."""
    (use,) = case_of(Layer()).circuits
    states = torch.randn(4000, 4, dtype=torch.complex128)
    chances = (states / states.norm(dim=1, keepdim=True)).abs().square()
    z = chances @ torch.tensor([1.0, 1, -1, -1], dtype=torch.float64)
    expected = _find_random_spread(use.reading)
    torch.testing.assert_close(expected[:1], z.std().reshape(1), rtol=0.06, atol=0)
