"""The circuits of the library beside PennyLane, closed forms and each other's devices."""

import math

import numpy as np
import pennylane as qml
import pytest
import torch
from circuits import assert_close, draw, qnode, slopes

from qtlrun.circuit.amplitude import Amplitude
from qtlrun.circuit.basic import Basic
from qtlrun.circuit.brickwork import Brickwork
from qtlrun.circuit.hierarchy import halvings
from qtlrun.circuit.iqp import IQP
from qtlrun.circuit.qcnn import QCNN
from qtlrun.circuit.reupload import Reupload
from qtlrun.circuit.strong import Strong
from qtlrun.circuit.tree import Tree
from qtlrun.device.pennylane import PennyLane
from qtlrun.device.statevector import Statevector
from qtlrun.error import UsageError
from qtlrun.head.dressed import Quantum
from qtlrun.layer import Start
from qtlrun.plan import build
from qtlrun.tape import reader
from qtlrun.tape.tape import inputs_of

DEVICES = {
    "statevector": Statevector(),
    "default.qubit": PennyLane("default.qubit"),
    "lightning.qubit": PennyLane("lightning.qubit"),
}
# Of each a size with an even number of wires and one with an odd number
CIRCUITS = [
    kind(*size)
    for kind in (Strong, Basic, Reupload, IQP, Brickwork, Tree, QCNN, Amplitude)
    for size in ((4, 2), (3, 1))
]
# A few hundred gates in float64 round to less than 1e-12
TOLERANCE = 1e-10


def name(circuit):
    return f"{type(circuit).__name__}({circuit.qubits}, {circuit.depth})"


def values(circuit, x, w, device="statevector"):
    return DEVICES[device].run(circuit)(x, w)


def drawn(circuit, runs=2, batch=2):
    return draw(runs, batch, inputs_of(circuit)), draw(runs, *circuit.shape, seed=1)


@pytest.mark.parametrize("circuit", CIRCUITS, ids=name)
def test_values_and_gradients_are_pennylanes_on_every_device(circuit):
    x, w = drawn(circuit)
    right = qnode(circuit, x, w)
    gradients = slopes(right, x, w)
    for device in DEVICES:
        mine = values(circuit, x, w, device)
        assert_close((mine, *slopes(mine, x, w)), (right, *gradients), TOLERANCE)


@pytest.mark.parametrize("circuit", CIRCUITS, ids=name)
def test_every_weight_and_every_input_acts(circuit):
    x, w = drawn(circuit, runs=1, batch=8)
    found = values(circuit, x, w)
    for leaf in (w, x):
        largest = torch.stack(
            [torch.autograd.grad(one, leaf, retain_graph=True)[0].abs() for one in found.flatten()]
        ).amax(0)
        each = largest[0].amax(0) if leaf is x else largest
        assert each.min() > 1e-3


def cosines(x):
    return x.cos()


def minus_sines(x):
    return -x.sin()


def root_alone(x):
    return -x[..., :1].sin()


@pytest.mark.parametrize(
    "circuit, right",
    [
        (Strong(3, 0), cosines),
        (Basic(3, 0), cosines),
        (Brickwork(3, 2), minus_sines),
        (QCNN(3, 2), root_alone),
        (QCNN(4, 0), root_alone),
        (Tree(4, 2), root_alone),
        (Reupload(1, 3), lambda x: x.cos() ** 2 - x.sin() ** 2 * x.cos()),
    ],
)
def test_at_weights_of_0_the_outputs_are_closed_forms_of_the_inputs(circuit, right):
    """Layers of CNOTs are not among them, but for a tree's, of which two in a block cancel."""
    x, w = drawn(circuit, runs=1, batch=20)
    found = values(circuit, x, torch.zeros_like(w))
    torch.testing.assert_close(found, right(x), rtol=0, atol=1e-13)


def test_a_tree_of_two_wires_is_a_product_of_sines_and_a_cosine():
    x, w = drawn(Tree(2, 1), batch=20)
    first, second, last = w.unsqueeze(1).unbind(-1)
    left = x[..., 0] + first
    right = x[..., 1] + second
    expected = last.cos() * left.sin() * right.sin() - last.sin() * left.cos()
    torch.testing.assert_close(values(Tree(2, 1), x, w)[..., 0], expected, rtol=0, atol=1e-13)


def test_a_brickwork_without_bricks_turns_each_wire_by_itself():
    x, w = drawn(Brickwork(3, 0), batch=20)
    about_z, about_y = w.view(2, 1, 3, 2).unbind(-1)
    expected = -about_y.sin() * x.cos() * about_z.cos() - about_y.cos() * x.sin()
    torch.testing.assert_close(values(Brickwork(3, 0), x, w), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("qubits, depth", [(2, 2), (4, 4)])
def test_strong_is_pennylanes_template_without_the_last_turns_about_z(qubits, depth):
    circuit = Strong(qubits, depth)
    x, w = drawn(circuit, runs=1)
    first, last = w[0].split([3 * qubits * (depth - 1), 2 * qubits])
    padded = torch.cat([last.view(qubits, 2), torch.zeros(qubits, 1)], 1)
    whole = torch.cat([first, padded.flatten()]).view(depth, qubits, 3)

    @qml.qnode(qml.device("default.qubit", wires=qubits))
    def template(sample):
        qml.AngleEmbedding(sample, range(qubits))
        qml.StronglyEntanglingLayers(whole, range(qubits))
        return [qml.expval(qml.Z(wire)) for wire in range(qubits)]

    right = torch.stack([torch.stack(template(sample)) for sample in x[0]])
    torch.testing.assert_close(values(circuit, x, w)[0], right, rtol=0, atol=1e-12)


def test_pooling_is_a_measurement_and_a_gate_that_depends_on_it():
    circuit = QCNN(2, 0)
    x, w = drawn(circuit, runs=1)

    @qml.qnode(qml.device("default.qubit", wires=2))
    def measured(sample):
        for wire in (0, 1):
            qml.Hadamard(wire)
            qml.RY(sample[wire], wire)
        seen = qml.measure(1)
        qml.cond(seen, qml.RZ)(w[0, 0], 0)
        qml.cond(~seen, qml.RX)(w[0, 1], 0)
        qml.RZ(w[0, 2], 0)
        qml.RY(w[0, 3], 0)
        return qml.expval(qml.Z(0))

    right = torch.stack([measured(sample) for sample in x[0]])
    torch.testing.assert_close(values(circuit, x, w)[0, :, 0], right, rtol=0, atol=1e-12)


def test_a_convolution_is_the_same_along_the_wires():
    circuit = QCNN(4, 1)
    operations, _ = reader.trace(circuit, draw(4).detach(), draw(*circuit.shape, seed=1).detach())
    blocks = [one for one in operations if one.name == "IsingXX"]
    assert [one.wires.tolist() for one in blocks] == [[0, 1], [2, 3], [1, 2], [0, 2]]
    angles = [float(one.data[0]) for one in blocks]
    assert angles[0] == angles[1] == angles[2] != angles[3]


def test_reuploading_gives_every_wire_every_input_in_every_layer():
    circuit = Reupload(3, 2)
    x = torch.tensor([1.0, 20.0, 300.0], dtype=torch.float64)
    operations, _ = reader.trace(circuit, x, torch.zeros(circuit.shape, dtype=torch.float64))
    angles = [
        [float(one.data[0]) for one in operations if one.data and one.wires.tolist() == [wire]]
        for wire in range(3)
    ]
    assert angles == [
        [1, 20, 300, 1, 20],
        [20, 300, 1, 20, 300],
        [300, 1, 20, 300, 1],
    ]


def test_the_embedding_of_iqp_has_the_phases_of_its_products():
    """Hadamards, phases, Hadamards: on one wire <Z> after the embedding is known."""
    circuit = IQP(1, 0)
    x, w = draw(1, 20, 1), torch.zeros(1, 1, 1, dtype=torch.float64)
    # RZ(x) of |+>, a Hadamard and RZ(x), of which <Z> feels nothing: cos x
    torch.testing.assert_close(values(circuit, x, w), x.cos(), rtol=0, atol=1e-13)
    operations, _ = reader.trace(IQP(3, 0), draw(3), draw(1, 3, seed=1))
    products = [one for one in operations if one.name == "IQPEmbedding"]
    assert products[0].hyperparameters["n_repeats"] == 2


@pytest.mark.parametrize("qubits", range(2, 10))
def test_halving_leaves_the_first_wire_and_drops_every_other_once(qubits):
    levels = halvings(qubits)
    gone = [goes for _, pairs in levels for _, goes in pairs]
    assert sorted(gone) == list(range(1, qubits))
    assert len(levels) == math.ceil(np.log2(qubits))


@pytest.mark.parametrize(
    "option, values, key",
    [
        ("strong.Strong", {"qubits": 1, "depth": 2}, "qubits"),
        ("basic.Basic", {"qubits": 0, "depth": 2}, "qubits"),
        ("brickwork.Brickwork", {"qubits": 2, "depth": 2}, "qubits"),
        ("tree.Tree", {"qubits": 4, "depth": 0}, "depth"),
        ("qcnn.QCNN", {"qubits": 1, "depth": 1}, "qubits"),
        ("reupload.Reupload", {"qubits": 1, "depth": 0}, "depth"),
        ("iqp.IQP", {"qubits": 2, "depth": -1}, "depth"),
        ("amplitude.Amplitude", {"qubits": 1, "depth": 1}, "qubits"),
    ],
)
def test_sizes_that_a_circuit_cannot_have_are_refused(option, values, key):
    with pytest.raises(UsageError) as error:
        build("circuit", {"_target_": f"qtlrun.circuit.{option}"} | values)
    assert error.value.key == f"circuit.{key}" and error.value.value == values[key]


def head(circuit, features, **values):
    start = Start([0, 1], torch.float64)
    return Quantum(features, 3, circuit, Statevector(), start, **{"spread": 1.0} | values)


def test_an_amplitude_circuit_takes_features_without_a_layer_before_and_pads_them():
    circuit = Amplitude(3, 2)
    made = head(circuit, 6)
    assert {one for one, _ in made.named_parameters()} == {"angles", "post.weight", "post.bias"}
    x = draw(2, 4, 6).detach()
    padded = torch.cat([x, torch.zeros(2, 4, 2, dtype=torch.float64)], -1)
    expected = made.post(qnode(circuit, padded, made.angles))
    torch.testing.assert_close(made(x), expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(made(3 * x), made(x), rtol=0, atol=1e-12)
    torch.testing.assert_close(made.norms(x), x.square().sum(-1).sqrt())


def test_an_item_of_zeros_alone_is_the_first_basis_state():
    made = head(Amplitude(3, 2), 8)
    first = torch.eye(8, dtype=torch.float64)[:1].expand(2, 1, 8)
    assert torch.equal(made(torch.zeros(2, 1, 8, dtype=torch.float64)), made(first))


def test_without_layers_an_amplitude_circuit_weighs_squares_by_signs():
    x, w = drawn(Amplitude(2, 0), batch=20)
    shares = x.square() / x.square().sum(-1, keepdim=True)
    signs = torch.tensor([[1, 1, -1, -1], [1, -1, 1, -1]], dtype=torch.float64)
    torch.testing.assert_close(values(Amplitude(2, 0), x, w), shares @ signs.T, rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    "features, given, key",
    [
        (9, {}, "circuit.qubits"),
        (8, {"product": True}, "product"),
        (8, {"layout": "mari2019"}, "circuit"),
    ],
)
def test_what_an_amplitude_circuit_cannot_have_is_refused(features, given, key):
    with pytest.raises(UsageError) as error:
        head(Amplitude(3, 1), features, **given)
    assert error.value.key == key


CONTROLS = (
    {"angles": "frozen"},
    {"angles": "random"},
    {"angles": "zero"},
    {"product": True},
    {"entangle": False},
)
SEPARABLE = [each for each in CIRCUITS if not isinstance(each, (Tree, QCNN, Amplitude))]


@pytest.mark.parametrize("circuit", SEPARABLE, ids=name)
def test_every_control_can_be_made_of_every_circuit(circuit):
    """Each circuit with two of them at each of its two sizes."""
    number = SEPARABLE.index(circuit)
    for control in (CONTROLS[number % 5], CONTROLS[(number + 2) % 5]):
        made = head(circuit, 5, **control)
        logits = made(draw(2, 4, 5).detach())
        slope = torch.autograd.grad(logits.square().sum(), made.pre.weight)[0]
        assert logits.shape == (2, 4, 3) and (slope.abs().flatten(1).amax(1) > 1e-6).all()


@pytest.mark.parametrize("circuit", [Tree(4, 1), QCNN(3, 1)], ids=name)
def test_a_circuit_of_which_nothing_reaches_the_last_wire_alone_is_refused(circuit):
    with pytest.raises(UsageError) as error:
        head(circuit, 5, entangle=False)
    gone = ", ".join(map(str, range(1, circuit.qubits)))
    assert (error.value.key, error.value.value) == ("entangle", False)
    assert error.value.reason.endswith(f"from wires {gone}")
