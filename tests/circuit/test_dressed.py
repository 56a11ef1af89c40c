import math

import pytest
import torch

from qtlrun.circuit.dressed import Dressed
from qtlrun.device.statevector import Statevector
from qtlrun.error import UsageError
from qtlrun.plan import build
from qtlrun.tape import reader

# Wires whose -sin q make up each output at weights 0, by (qubits, depth), from the notes on the
# published code.
PRODUCTS = {
    (2, 1): ["0", "01"],
    (3, 2): ["0", "1", "02"],
    (4, 1): ["0", "01", "012", "23"],
    (4, 2): ["0", "1", "02", "013"],
    (4, 3): ["0", "01", "12", "123"],
    (4, 4): ["0", "1", "2", "3"],
    (4, 5): ["0", "01", "012", "23"],
    (4, 6): ["0", "1", "02", "013"],
    (5, 5): ["0", "01", "012", "23", "0234"],
}
ORDER = {
    1: 1,
    2: 2,
    3: 4,
    4: 4,
    5: 8,
    6: 8,
    7: 8,
    8: 8,
}  # layers after which the entangler is the identity


def angles(*shape, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return (2 * torch.rand(shape, generator=draw, dtype=torch.float64) - 1) * math.pi


def carried_back(qubits, depth):
    """The wires of each <Z> carried back through the CNOTs: a CNOT whose target is in the set
    toggles its control.
    """
    pairs = [(wire, wire + 1) for first in (0, 1) for wire in range(first, qubits - 1, 2)]
    made = []
    for output in range(qubits):
        wires = {output}
        for control, target in reversed(pairs * depth):
            if target in wires:
                wires ^= {control}
        made.append("".join(map(str, sorted(wires))))
    return made


def values(qubits, depth, x, weights, entangle=True):
    return Statevector().run(Dressed(qubits, depth), entangle)(x, weights)


@pytest.mark.parametrize("qubits, depth", PRODUCTS)
def test_at_weights_of_0_each_output_is_the_published_product_of_sines(qubits, depth):
    x = angles(20, qubits)
    expected = torch.stack(
        [(-x.sin())[:, [int(wire) for wire in wires]].prod(1) for wires in PRODUCTS[qubits, depth]],
        1,
    )
    # a dozen or so products of numbers up to 1 in float64
    torch.testing.assert_close(
        values(qubits, depth, x, torch.zeros(depth, qubits).double()), expected, rtol=0, atol=1e-14
    )


@pytest.mark.parametrize("qubits", range(1, 9))
def test_at_weights_of_0_each_output_is_what_the_cnots_carry_back(qubits):
    x = angles(5, qubits)
    for depth in range(
        4 if qubits == 6 else 9
    ):  # the widest circuit that is one chain of matrices takes seconds to build
        wires = [[int(wire) for wire in one] for one in carried_back(qubits, depth)]
        expected = torch.stack([(-x.sin())[:, one].prod(1) for one in wires], 1)
        torch.testing.assert_close(
            values(qubits, depth, x, torch.zeros(depth, qubits).double()),
            expected,
            rtol=0,
            atol=1e-14,
        )


@pytest.mark.parametrize("qubits", range(1, 9))
def test_the_entangler_is_the_identity_after_its_order_and_not_before(qubits):
    identity = [str(wire) for wire in range(qubits)]
    returned = [depth for depth in range(1, 9) if carried_back(qubits, depth) == identity]
    assert returned[0] == ORDER[qubits]
    x = angles(5, qubits)
    torch.testing.assert_close(
        values(qubits, ORDER[qubits], x, torch.zeros(ORDER[qubits], qubits).double()),
        -x.sin(),
        rtol=0,
        atol=1e-14,
    )


@pytest.mark.parametrize("qubits, depth", [(4, 6), (5, 3), (1, 2)])
def test_without_its_entangler_each_output_is_one_sine_of_all_its_wire_s_angles(qubits, depth):
    x, weights = angles(20, qubits), angles(depth, qubits, seed=1)
    torch.testing.assert_close(
        values(qubits, depth, x, weights, entangle=False),
        -(x + weights.sum(0)).sin(),
        rtol=0,
        atol=1e-13,
    )


def test_without_layers_each_output_is_minus_the_sine_of_its_input():
    x = angles(20, 3)
    torch.testing.assert_close(
        values(3, 0, x, torch.zeros(0, 3).double()), -x.sin(), rtol=0, atol=1e-14
    )


def test_the_gates_are_the_published_ones_in_their_order():
    x, weights = angles(5), angles(2, 5)
    operations, measured = reader.trace(Dressed(5, 2), x, weights)
    layer = ["CNOT01", "CNOT23", "CNOT12", "CNOT34", "RY0", "RY1", "RY2", "RY3", "RY4"]
    start = [name + str(wire) for wire in range(5) for name in ("Hadamard", "RY")]
    assert [one.name + "".join(map(str, one.wires)) for one in operations] == start + layer + layer
    turned = [float(one.data[0]) for one in operations if one.name == "RY"]
    assert turned == [*x.tolist(), *weights.flatten().tolist()]
    assert [(type(one).__name__, one.obs.name, one.wires.tolist()) for one in measured] == [
        ("ExpectationMP", "PauliZ", [wire]) for wire in range(5)
    ]


@pytest.mark.parametrize("qubits, depth", [(4, 6), (5, 5), (2, 1), (1, 1), (8, 3)])
def test_every_weight_acts(qubits, depth):
    circuit = Dressed(qubits, depth)
    assert circuit.shape == (depth, qubits)
    x, weights = angles(4, qubits), angles(depth, qubits, seed=1).requires_grad_()
    slopes = torch.stack(
        [
            torch.autograd.grad(one, weights, retain_graph=True)[0]
            for one in values(qubits, depth, x, weights).flatten()
        ]
    )
    assert slopes.abs().amax(0).min() > 1e-3


@pytest.mark.parametrize(
    "given, words",
    [
        (
            {"qubits": 0, "depth": 6},
            "circuit.qubits=0: a circuit needs at least one qubit; 4 is the published number.",
        ),
        (
            {"qubits": 4, "depth": -1},
            "circuit.depth=-1: layers are counted from 0 up; 6 is the published number.",
        ),
    ],
)
def test_sizes_that_no_circuit_has_are_refused(given, words):
    with pytest.raises(UsageError) as error:
        build("circuit", {"_target_": "qtlrun.circuit.dressed.Dressed"} | given)
    assert str(error.value) == words
