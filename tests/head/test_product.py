"""The circuit without entanglement, and the head that puts it in the place of another."""

import math

import numpy as np
import pennylane as qml
import pytest
import torch
from composition import compose_plan, train_row, variants

from qtlrun import plan as plans
from qtlrun.circuit.dressed import Dressed
from qtlrun.circuit.product import Product, sized
from qtlrun.device.statevector import Statevector
from qtlrun.error import UsageError
from qtlrun.experiment import Experiment
from qtlrun.head.dressed import Quantum
from qtlrun.layer import Start
from qtlrun.plan import build
from qtlrun.plan.letter import letter_of
from qtlrun.tape import reader

# What acts on the wires of a circuit, in turn: x an input, Y and Z a rotation by an angle.
WIRES = [
    ((1, 0), ["x"]),
    ((1, 1), ["xY"]),
    ((1, 2), ["xZY"]),
    ((1, 3), ["xYZxY"]),
    ((1, 4), ["xYZxZY"]),
    ((1, 6), ["xYZxYZxZY"]),
    ((2, 2, 1), ["xYZxY", "xxZY"]),  # both have as many layers
    ((2, 1, 0, 5), ["xxxY", "xxxY"]),
    ((2, 4, 1, 3), ["xYZxYZxY", "xxYZxZY"]),
]


def angles(*shape, seed=0):
    return (
        2 * torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        - 1
    ) * math.pi


def turned(vector, axis, angle):
    """A vector of Bloch's sphere (x, y, z), turned about an axis."""
    (x, y, z), c, s = vector, math.cos(angle), math.sin(angle)
    return (c * x + s * z, y, c * z - s * x) if axis == "Y" else (c * x - s * y, s * x + c * y, z)


def head(circuit, features=8, classes=2, seeds=(0,), **values):
    return build(
        "head",
        {"_target_": "qtlrun.head.dressed.Quantum"} | values,
        features=features,
        classes=classes,
        circuit=circuit,
        device=Statevector(),
        start=Start(list(seeds), torch.float64),
    )


@pytest.mark.parametrize("sizes, wires", WIRES)
def test_each_wire_turns_a_vector_of_bloch_s_sphere(sizes, wires):
    circuit = Product(*sizes)
    x, weights = angles(circuit.inputs), angles(*circuit.shape, seed=1)
    left, expected = weights.tolist(), []
    for wire, gates in enumerate(wires):
        vector, uploads = (1.0, 0.0, 0.0), 0  # after the Hadamard
        for gate in gates:
            if gate == "x":
                vector = turned(
                    vector, "Y", x[(uploads * circuit.qubits + wire) % circuit.inputs].item()
                )
                uploads += 1
            else:
                vector = turned(vector, gate, left.pop(0))
        expected.append(vector[2])
    assert not left
    found = Statevector().run(circuit)(x.unsqueeze(0), weights)
    np.testing.assert_allclose(
        found[0].numpy(), expected, rtol=0, atol=1e-13
    )  # a dozen rotations in float64


def test_no_gate_is_on_two_wires_and_every_wire_is_read():
    operations, measured = reader.trace(Product(3, 4, 2, 7), angles(7), angles(14))
    assert all(len(one.wires) == 1 for one in operations)
    assert {one.name for one in operations} == {"Hadamard", "RY", "RZ"}
    assert [(one.obs.name, one.wires.tolist()) for one in measured] == [
        ("PauliZ", [wire]) for wire in range(3)
    ]


@pytest.mark.parametrize("qubits, depth", [(4, 6), (3, 5), (2, 1)])
def test_a_wire_knows_nothing_of_the_others_inputs_and_angles(qubits, depth):
    run, x, weights = (
        Statevector().run(Product(qubits, depth)),
        angles(1, qubits),
        angles(qubits * depth, seed=1),
    )
    by_input, by_angle = torch.autograd.functional.jacobian(lambda x, w: run(x, w)[0], (x, weights))
    alone = torch.eye(qubits, dtype=torch.bool)
    for slopes, owners in (
        (by_input[:, 0], alone),
        (by_angle, alone.repeat_interleave(depth, dim=1)),
    ):
        assert (slopes[~owners].abs() < 1e-15).all() and (slopes[owners].abs() > 1e-4).all()


@pytest.mark.parametrize(
    "sizes",
    [
        (1, 1),
        (1, 2),
        (1, 3),
        (1, 4),
        (1, 5),
        (1, 8),
        (2, 3),
        (2, 4),
        (4, 6),
        (3, 4, 1),
        (3, 5, 2),
        (2, 3, 1, 5),
        (3, 6, 0, 2),
    ],
)
def test_every_angle_acts_by_itself(sizes):
    circuit = Product(*sizes)
    x = torch.randn(2, 40, 8, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    (number,) = circuit.shape
    assert head(circuit, seeds=[0, 1], spread=1.0).effective(x) == [number, number]


@pytest.mark.parametrize("qubits, depth, fewer", [(2, 4, True), (3, 5, False), (4, 6, False)])
def test_it_moves_at_least_as_many_directions_as_the_dressed_circuit_in_whose_place_it_stands(
    qubits, depth, fewer
):
    x = torch.randn(1, 40, 8, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    dressed, product = (
        head(Dressed(qubits, depth), spread=1.0, product=product) for product in (False, True)
    )
    assert dressed.angles.numel() == product.angles.numel() == qubits * depth
    assert (
        dressed.effective(x)[0] < qubits * depth
        if fewer
        else dressed.effective(x)[0] == qubits * depth
    )
    assert product.effective(x)[0] == qubits * depth


class General:
    """One wire under general rotations, the last one without the RZ that <Z> does not feel."""

    qubits, shape = 1, (5,)

    def __call__(self, inputs, weights):
        qml.Hadamard(0)
        for layer in range(2):
            qml.RY(inputs[0], 0)
            qml.RZ(weights[3 * layer], 0)
            qml.RY(weights[3 * layer + 1], 0)
            if not layer:
                qml.RZ(weights[2], 0)
        return [qml.expval(qml.PauliZ(0))]


def test_a_third_angle_a_layer_would_not_act_by_itself():
    x = torch.randn(1, 40, 8, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    assert (
        head(General(), spread=1.0).effective(x)
        == [4]
        == head(Product(1, 4), spread=1.0).effective(x)
    )


@pytest.mark.parametrize(
    "given, words",
    [
        (
            {"qubits": 0},
            "circuit.qubits=0: a circuit needs at least one qubit; the dressed one has 4.",
        ),
        (
            {"depth": -1},
            (
                "circuit.depth=-1: a wire's angles are counted from 0 up; in the dressed circuit it"
                " has 6."
            ),
        ),
        (
            {"more": 4},
            (
                "circuit.more=4: fewer than all 4 wires have an angle more; give every wire one by"
                " depth=7."
            ),
        ),
        (
            {"more": -1},
            (
                "circuit.more=-1: fewer than all 4 wires have an angle more; give every wire one by"
                " depth=7."
            ),
        ),
        ({"inputs": 0}, "circuit.inputs=0: one or more, or null for one a qubit."),
    ],
)
def test_sizes_that_no_product_circuit_has_are_refused(given, words):
    with pytest.raises(UsageError) as error:
        build(
            "circuit",
            {"_target_": "qtlrun.circuit.product.Product", "qubits": 4, "depth": 6} | given,
        )
    assert str(error.value) == words


@pytest.mark.parametrize("qubits, inputs, number", [(4, 4, 24), (3, 3, 7), (3, 5, 2), (2, 1, 0)])
def test_a_circuit_of_any_size_has_a_product_of_that_size(qubits, inputs, number):
    circuit = sized(qubits, inputs, number)
    assert (circuit.qubits, circuit.inputs, circuit.shape) == (qubits, inputs, (number,))
    assert max(circuit.counts) - min(circuit.counts) < 2
    assert sized(qubits, inputs, number) is circuit  # so that a device traces it once


class Wide:
    """A circuit of seven inputs on two qubits, three angles, and one output."""

    qubits, inputs, shape = 2, 7, (3,)

    def __call__(self, inputs, weights):
        for number in range(7):
            qml.RY(inputs[number], number % 2)
        qml.CRX(weights[0] + weights[1] * weights[2], [0, 1])
        return [qml.expval(qml.PauliZ(1))]


def test_a_head_puts_the_product_in_the_place_of_any_circuit():
    found = head(Wide(), product=True)
    assert isinstance(found.circuit, Product) and found.circuit is not head(Wide()).circuit
    assert (
        found.pre.weight.shape == (1, 7, 8)
        and found.angles.shape == (1, 3)
        and found.post.weight.shape == (1, 2, 2)
    )
    x = torch.randn(1, 5, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    other = Quantum(8, 2, Product(2, 1, 1, 7), Statevector(), Start([0], torch.float64))
    assert torch.equal(found(x), other(x))
    assert torch.equal(
        found(x), head(Wide(), product=True, entangle=False)(x)
    )  # there is no entangler


def test_published_angles_of_the_circuit_are_no_start_for_its_product(data):
    state = str(data / "mari2019/quantum_weights.pt")
    dressed, product, plain = (
        head(Dressed(4, 6), 512, **given)
        for given in ({"state": state}, {"state": state, "product": True}, {"product": True})
    )
    assert torch.equal(product.pre.weight, dressed.pre.weight) and torch.equal(
        product.post.bias, dressed.post.bias
    )
    assert torch.equal(product.angles, plain.angles)


def test_a_reference_follows_the_composed_circuit_and_has_no_letter():
    made = variants("compare=[product]", "circuit.qubits=3", "circuit.depth=5")["product"]
    assert made.circuit == {
        "_target_": "qtlrun.circuit.dressed.Dressed",
        "qubits": 3,
        "depth": 5,
        "readout": "z",
        "copies": 1,
    }
    assert letter_of(made) == ("", "its circuit is a product")
    assert plans.describe(made) == (
        "frozen small ResNet + product in place of dressed circuit (3 qubits, depth 5)"
    )
    composed = variants("compare=[]", "circuit=product")["composed"]
    assert letter_of(composed) == ("", "its circuit is a product")
    assert plans.describe(composed) == "frozen small ResNet + product circuit (4 qubits, depth 6)"
    assert (
        compose_plan("compare=[product]").changes["product"]["isolates"]
        == "the circuit against wires of as many angles that never meet and take their inputs anew"
    )


def test_a_row_of_it_counts_the_angles_of_the_circuit_that_runs(home):
    made = variants(
        "backbone=identity",
        "recipe.epochs=1",
        "dataset.train=6",
        "dataset.validation=4",
        "circuit.qubits=2",
        "circuit.depth=4",
        "head.spread=1",
        "compare=[product]",
    )
    found = {
        name: train_row(Experiment(str(home)), name, plan, [0, 1]).metrics
        for name, plan in made.items()
    }
    for name, ranks in (
        ("product", [8, 8]),
        ("composed", [6, 6]),
    ):  # two of the dressed circuit's angles merge with others
        assert (
            found[name]["parameters_circuit"].tolist() == [8, 8]
            and found[name]["angles_effective"].tolist() == ranks
        )


@pytest.mark.parametrize(
    "sizes", [(3, 2), (4, 6), (2, 3, 1), (3, 2, 2, 4)], ids=lambda sizes: "-".join(map(str, sizes))
)
def test_in_the_place_of_a_product_circuit_the_head_puts_that_very_one(sizes):
    features = angles(1, 5, 8, seed=3)
    plain, product = (head(Product(*sizes), product=each)(features) for each in (False, True))
    assert torch.equal(plain, product)


@pytest.mark.parametrize(
    "words, rows",
    [
        (("circuit.more=2", "circuit.inputs=3", "circuit.copies=2"), ["composed"]),
        (("circuit.readout=pairs",), ["composed", "product"]),  # the product measures <Z>
    ],
)
def test_the_product_of_a_product_circuit_is_one_row_where_it_is_the_same(words, rows):
    plan = compose_plan("circuit=product", "compare=[product]", *words)
    assert [*plan.labels.names.values()] == rows
    said = ["product is the same model as composed: one row."]
    assert plan.notes == said * (len(rows) == 1)


class Unused(Dressed):
    """The dressed circuit, which leaves its weights unused."""

    def __call__(self, inputs, weights):
        return super().__call__(inputs, torch.zeros_like(weights))


def test_a_circuit_whose_weights_no_gate_takes_is_refused():
    with pytest.raises(UsageError) as error:
        head(Unused(2, 3))
    assert error.value.key == "circuit"
    assert error.value.reason == "it has 6 weights, and no gate takes any of them"
    head(Dressed(2, 0))  # has none
    head(Dressed(2, 3), entangle=False)
    head(Dressed(2, 3), angles="frozen")
