import math

import pennylane as qml
import pytest
import torch

from qtlrun.circuit.amplitude import Amplitude
from qtlrun.circuit.dressed import Dressed
from qtlrun.circuit.readout import Register, observables
from qtlrun.device.statevector import Statevector
from qtlrun.error import UsageError
from qtlrun.head.post_variational import PostVariational
from qtlrun.layer import Start
from qtlrun.tape import reader

PENALTIES = [0.0001, 0.01, 1.0]


def head(circuit, locality=1, order=1, features=4, seeds=(0,)):
    start = Start(list(seeds), torch.float64)
    return PostVariational(features, 2, circuit, Statevector(), start, locality, order, PENALTIES)


def numbers(*shape, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=draw, dtype=torch.float64)


@pytest.mark.parametrize("order, circuits", [(0, 1), (1, 1 + 2 * 2), (2, 1 + 4 + 4)])
def test_circuits_are_the_choices_of_angles_turned_by_a_quarter(order, circuits):
    made = head(Dressed(2, 1), order=order)
    assert made.fixed.shape == (circuits, 1, 2) and made.executions() == circuits * made.bases
    assert len(made.fixed.flatten(1).unique(dim=0)) == circuits
    assert set((made.fixed / (math.pi / 2)).flatten().tolist()) <= {-1.0, 0.0, 1.0}


def test_its_numbers_are_the_words_that_pennylane_measures_of_each_circuit():
    circuit = Dressed(2, 1)
    made = head(circuit, locality=2)
    x, center, components = numbers(3, 4), numbers(4, seed=1), numbers(2, 4, seed=2)

    @qml.qnode(qml.device("default.qubit", wires=2))
    def node(inputs, weights):
        for operation in reader.trace(circuit, inputs, weights)[0]:
            qml.apply(operation)
        return [qml.expval(word) for word in observables(range(2), 2)]

    inputs = math.pi / 2 * torch.tanh((x - center) @ components.T)
    expected = [
        torch.cat([torch.stack(node(sample, weights)) for weights in made.fixed])
        for sample in inputs
    ]
    torch.testing.assert_close(
        made._measure(x, center, components), torch.stack(expected), rtol=0, atol=1e-12
    )


def test_products_of_two_wires_tell_what_no_wire_tells_alone():
    """Of the sign of a product the words on two wires tell all, those on one nothing."""
    x = numbers(400, 2).tanh() * torch.tensor([1.0, 5.0])  # whose components are the axes
    items = x, (x.prod(1) > 0).long()
    shares = []
    for locality in (1, 2):
        made = head(Dressed(2, 0), locality, 0, features=2, seeds=(0, 1))
        made.solve(items, items)
        right = made(x.expand(2, -1, -1)).argmax(-1) == items[1]
        assert torch.equal(*made.linear.weight)
        shares.append(float(right.double().mean()))
    assert shares[0] < 0.65 and shares[1] > 0.9


def test_inputs_are_principal_components_of_deviation_1():
    x = numbers(200, 4) * torch.tensor([1.0, 10.0, 0.1, 3.0]) + 5
    made = head(Dressed(2, 0), 1, 0)
    made.solve((x, torch.arange(200) % 2), (x, torch.arange(200) % 2))
    projected = (x - made.center[0]) @ made.components[0].T
    torch.testing.assert_close(projected.T.cov(), torch.eye(2).double(), rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "circuit, values, key",
    [
        (Dressed(2, 1), {"locality": 3}, "locality"),
        (Dressed(2, 1), {"locality": 0}, "locality"),
        (Dressed(2, 1), {"order": -1}, "order"),
        (Dressed(4, 6), {"order": 3}, "order"),
        (Dressed(2, 1, Register(copies=2)), {}, "circuit.copies"),
        (Amplitude(2, 1), {}, "circuit"),
    ],
)
def test_sizes_that_cannot_be_are_refused(circuit, values, key):
    with pytest.raises(UsageError) as error:
        head(circuit, **values)
    assert error.value.key == key
