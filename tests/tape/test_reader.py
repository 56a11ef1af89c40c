import math

import numpy as np
import pennylane as qml
import pytest
import torch
from circuits import GATES, WEIGHTS, WIRES, Circuit, draw
from torch.nn.functional import relu

from qtlrun.device.pennylane import PennyLane
from qtlrun.device.statevector import Statevector
from qtlrun.error import UsageError
from qtlrun.layer import Start
from qtlrun.plan import build
from qtlrun.simulator import verification
from qtlrun.tape import reader

DEVICES = {
    "statevector": Statevector(),
    "default.qubit": PennyLane("default.qubit"),
    "lightning.qubit": PennyLane("lightning.qubit"),
    "parameter-shift": PennyLane("default.qubit", diff_method="parameter-shift"),
}
H, X, Y, Z = qml.Hadamard, qml.PauliX, qml.PauliY, qml.PauliZ


def qnode(circuit, x, w):
    """The same by PennyLane alone: a QNode on default.qubit, differentiated by backpropagation,
    sample by sample.
    """
    node = qml.QNode(
        circuit.function,
        qml.device("default.qubit", wires=circuit.qubits),
        interface="torch",
        diff_method="backprop",
    )

    def one(sample, weights):
        values = node(sample, weights)
        return torch.stack(list(values) if isinstance(values, (tuple, list)) else [values])

    return torch.stack(
        [
            torch.stack([one(sample, weights) for sample in batch])
            for batch, weights in zip(x, w, strict=True)
        ]
    )


def assert_agree(circuit, name, tolerance=1e-12):
    """Values and gradients are the QNode's; a few hundred gates in float64 round to less than
    1e-12.
    """
    size = getattr(circuit, "inputs", circuit.qubits)
    x, w = draw(2, 2, size), draw(2, *circuit.shape, seed=1)
    mine, right = DEVICES[name].run(circuit)(x, w), qnode(circuit, x, w)
    torch.testing.assert_close(mine, right, rtol=0, atol=tolerance)
    upstream = draw(*right.shape, seed=2).detach()
    slopes = [
        torch.autograd.grad(values, (x, w), upstream, allow_unused=True, materialize_grads=True)
        for values in (mine, right)
    ]
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=10 * tolerance)


def observables(r):
    """Two random Pauli words and two of their sums."""

    def word():
        wires = r.permutation(WIRES)[: r.integers(1, WIRES + 1)]
        return qml.prod(*(([X, Y, Z][r.integers(3)])(int(wire)) for wire in wires))

    words = [word() for _ in range(5)]
    return [
        qml.expval(one)
        for one in (
            words[0],
            words[1],
            qml.Hamiltonian([0.5, -1.5, 0.25], [words[2], words[3], qml.Identity(0)]),
            Z(0) + 2.0 * words[4],
        )
    ]


def random_circuit(number):
    """A circuit of a ninth of all gates on random wires, their angles affine in inputs and weights;
    nine use every gate.
    """
    names = list(np.random.default_rng(number // 9).permutation(list(GATES)))[number % 9 :: 9]

    def function(inputs, weights):
        r = np.random.default_rng(number)

        def angle():
            a, b, c = r.normal(size=3).tolist()
            kind = r.integers(4)
            return (
                inputs[r.integers(WIRES)]
                if kind == 0
                else (
                    weights[r.integers(WEIGHTS)]
                    if kind == 1
                    else (
                        a * inputs[r.integers(WIRES)] + b * weights[r.integers(WEIGHTS)] + c
                        if kind == 2
                        else torch.tensor(c, dtype=torch.float64)
                    )
                )
            )

        for wire in range(WIRES):  # away from states that gates leave alone
            qml.Rot(weights[wire], inputs[wire], weights[wire] + 0.3, wire)
            qml.CNOT([wire, (wire + 1) % WIRES])
        for name in names:
            count, wires, gate = GATES[name]
            gate(
                *(angle() for _ in range(count)),
                wires=[int(wire) for wire in r.permutation(WIRES)[:wires]],
            )
        for wire in range(WIRES):
            qml.U3(0.4, 0.5, 0.6 + wire, wire)
        return observables(r)

    return Circuit(function)


def templates(inputs, weights):
    qml.AngleEmbedding(inputs, range(WIRES), rotation="X")
    qml.StronglyEntanglingLayers(weights.reshape(2, WIRES, 3), range(WIRES))
    return [qml.expval(Z(0) @ X(2)), qml.expval(Y(3))]


def more_templates(inputs, weights):
    qml.AngleEmbedding(inputs, range(WIRES), rotation="Y")
    qml.BasicEntanglerLayers(weights[:4].reshape(1, 4), range(WIRES))
    qml.RandomLayers(weights[4:].reshape(1, -1), range(WIRES), seed=1)
    qml.ArbitraryUnitary(torch.linspace(0, 1, 15, dtype=torch.float64), [1, 3])
    qml.GroverOperator(range(3))
    return [qml.expval(Z(wire)) for wire in range(WIRES)]


def reuploading(inputs, weights):
    for layer in range(3):
        for wire in range(WIRES):
            qml.RY(weights[layer, wire] * 0.5 + inputs[wire], wire)
            qml.RZ(inputs[(wire + layer) % WIRES] - 2 * weights[layer, wire], wire)
        for wire in range(WIRES):
            qml.CNOT([wire, (wire + 1) % WIRES])
    return [qml.expval(Z(wire)) for wire in range(WIRES)]


def nonlinear(inputs, weights):
    for wire in range(WIRES):
        qml.RX(inputs[wire] * weights[wire], wire)
        qml.RY(torch.sin(inputs[wire]) + weights[5] ** 2, wire)
        qml.CRZ(
            torch.atan2(inputs[wire], weights[4]) + inputs.sum() * weights.mean(),
            [wire, (wire + 1) % WIRES],
        )
    return [qml.expval(Z(0) @ Z(1)), qml.expval(X(2)), qml.expval(Y(3))]


def iqp(inputs, weights):
    qml.IQPEmbedding(inputs, range(WIRES), n_repeats=2)  # angles are products of two inputs
    for wire in range(WIRES):
        qml.RX(weights[wire], wire)
    return [qml.expval(Z(wire)) for wire in range(WIRES)]


def amplitudes(inputs, weights):
    qml.AmplitudeEmbedding(inputs, range(2), normalize=True)
    qml.CRX(weights[0], [0, 2])
    return [qml.expval(Z(0) @ X(1)), qml.expval(Y(2))]


def no_angle(inputs, weights):
    qml.Hadamard(0)
    qml.CNOT([0, 1])
    qml.T(1)
    return [qml.expval(Z(0)), qml.expval(X(0) @ X(1)), qml.expval(X(0) @ Y(1))]


def one_output(inputs, weights):
    qml.RX(inputs[0], 0)
    qml.RY(weights[0], 0)
    return qml.expval(Z(0))


def mirrored(inputs, weights):
    """Affine on either side of 0 and not across it."""
    for wire in range(WIRES):
        qml.RX(abs(inputs[wire]), wire)
        qml.RY(relu(weights[wire] - inputs[wire]), wire)
    return [qml.expval(Z(wire)) for wire in range(WIRES)]


@pytest.mark.parametrize(
    "number, name",
    [
        (number, name)
        for number in range(18)
        for name in DEVICES
        if name != "parameter-shift" or number % 6 == 0
    ],
)  # it is slow
def test_random_circuits_give_what_a_qnode_gives(number, name):
    assert_agree(random_circuit(number), name)


@pytest.mark.parametrize("name", ["statevector", "default.qubit", "lightning.qubit"])
@pytest.mark.parametrize(
    "function, shape",
    [
        (templates, (24,)),
        (more_templates, (7,)),
        (reuploading, (3, WIRES)),
        (nonlinear, (6,)),
        (iqp, (4,)),
        (mirrored, (4,)),
        (one_output, (1,)),
    ],
)
def test_templates_and_angles_of_any_kind_give_what_a_qnode_gives(function, shape, name):
    assert_agree(Circuit(function, shape=shape), name)


@pytest.mark.parametrize("name", ["statevector", "default.qubit", "lightning.qubit"])
def test_amplitudes_are_embedded_sample_by_sample(name):
    # the embedding's angles are arc tangents of amplitudes, which lose a few more digits
    assert_agree(Circuit(amplitudes, qubits=3, shape=(1,), inputs=4), name, tolerance=1e-10)


@pytest.mark.parametrize("name", ["statevector", "default.qubit", "lightning.qubit"])
def test_a_circuit_without_angles_has_the_same_values_for_every_sample(name):
    values = DEVICES[name].run(Circuit(no_angle, qubits=2))(draw(2, 3, 2), draw(2, WEIGHTS))
    # a Bell pair, whose phase is turned by pi/4
    expected = torch.tensor([0, 0.5**0.5, 0.5**0.5], dtype=torch.float64).expand(2, 3, 3)
    torch.testing.assert_close(values, expected, rtol=0, atol=1e-14)


def test_every_gate_is_in_some_random_circuit():
    used = {
        name
        for number in range(9)
        for name in list(np.random.default_rng(0).permutation(list(GATES)))[number::9]
    }
    assert used == set(GATES)


class Own(qml.operation.Operation):
    """An operation of the user's on two wires, known by what it is made of."""

    num_params, num_wires = 2, 2

    def decomposition(self):
        return [
            qml.RY(self.data[0], self.wires[0]),
            qml.CNOT(self.wires),
            qml.RX(self.data[1], self.wires[1]),
        ]


def layers(w, wires):
    qml.StronglyEntanglingLayers(w.reshape(1, 2, 3), wires)


# What is left of it on two wires without gates on both, as operations.
APART = {
    "a gate": (lambda w: qml.CRX(w[0], [0, 1]), lambda w: []),
    "a gate that is made of others": (lambda w: qml.IsingXX(w[0], [0, 1]), lambda w: []),
    "a product": (
        lambda w: qml.prod(qml.RX(w[0], 0), qml.CNOT([0, 1]), qml.RY(w[1], 1)),
        lambda w: [qml.RY(w[1], 1), qml.RX(w[0], 0)],
    ),
    "an operation of one's own": (
        lambda w: Own(w[0], w[1], [0, 1]),
        lambda w: [qml.RY(w[0], 0), qml.RX(w[1], 1)],
    ),
    "its adjoint": (
        lambda w: qml.adjoint(Own(w[0], w[1], [0, 1])),
        lambda w: [qml.RX(-w[1], 1), qml.RY(-w[0], 0)],
    ),
    "its square": (
        lambda w: qml.pow(Own(w[0], w[1], [0, 1]), 2),
        lambda w: [qml.RY(2 * w[0], 0), qml.RX(2 * w[1], 1)],
    ),
    "an adjoint template": (
        lambda w: qml.adjoint(layers)(w, [0, 1]),
        lambda w: [qml.adjoint(qml.Rot(*w[3 * wire : 3 * wire + 3], wire)) for wire in (1, 0)],
    ),
    "a controlled template": (lambda w: qml.ctrl(qml.AngleEmbedding(w[:1], [1]), 0), lambda w: []),
    "an evolution": (
        lambda w: qml.evolve(0.3 * X(0) + 0.2 * Z(1), w[0]),
        lambda w: [qml.RX(0.6 * w[0], 0), qml.RZ(0.4 * w[0], 1)],
    ),
    "a Pauli word with a wire to spare": (
        lambda w: qml.PauliRot(w[0], "IX", [0, 1]),
        lambda w: [qml.RX(w[0], 1)],
    ),
    "a Fourier transform": (lambda w: qml.QFT([0, 1]), lambda w: [H(0), H(1)]),
    "an evolution of words that do not commute": (
        lambda w: qml.evolve(0.3 * X(0) + 0.4 * Z(0) + 0.5 * Y(1), 0.7),
        lambda w: [qml.evolve(0.3 * X(0) + 0.4 * Z(0), 0.7), qml.RY(0.7, 1)],
    ),
    "an evolution with an entangler": (
        lambda w: qml.evolve(0.3 * X(0) + 0.4 * Z(0) @ Z(1), w[0]),
        lambda w: [],
    ),
    "a root of a product": (
        lambda w: qml.pow(qml.prod(qml.RX(w[0], 0), qml.RY(w[1], 1)), 0.5),
        lambda w: [qml.RX(w[0] / 2, 0), qml.RY(w[1] / 2, 1)],
    ),
    "a basis state": (lambda w: qml.BasisState([1, 0], [2, 3]), lambda w: [X(2)]),
    "a multiple of a product": (lambda w: qml.s_prod(-1, X(0) @ X(1)), lambda w: [X(0), X(1)]),
}


@pytest.mark.parametrize("name", ["statevector", "default.qubit", "lightning.qubit"])
@pytest.mark.parametrize("spelling", APART)
def test_without_entangler_the_gates_on_single_wires_are_what_is_left(spelling, name):
    whole, left = APART[spelling]

    def circuit(part):
        def function(x, w):
            for wire in range(2):
                qml.Rot(x[wire], 0.4, w[wire], wire)
            for operation in [part(w)] if part is whole else part(w):
                operation
            return [qml.expval(Z(0)), qml.expval(Y(1)), qml.expval(Z(2))]

        return Circuit(function, 4, inputs=2)

    x, w = draw(1, 2, 2).detach(), draw(1, WEIGHTS, seed=1).detach()
    values = DEVICES[name].run(circuit(whole), entangle=False)(x, w)
    torch.testing.assert_close(values, DEVICES[name].run(circuit(left))(x, w), rtol=0, atol=1e-12)


@pytest.mark.parametrize("number", range(3))
def test_without_entangler_no_gate_on_several_wires_is_left_and_none_on_one_is_lost(number):
    circuit = random_circuit(number)
    inputs, weights = draw(1, 1, WIRES).detach(), draw(1, WEIGHTS, seed=1).detach()
    operations, _ = reader.trace(circuit, inputs[0, 0], weights[0], entangle=False)
    assert operations and all(len(one.wires) == 1 for one in operations)
    everything, _ = reader.trace(circuit, inputs[0, 0], weights[0])
    assert len(everything) > len(operations) and all(
        one in operations for one in everything if len(one.wires) == 1
    )


def test_a_circuit_without_entangler_is_the_same_without_it():
    def function(x, w):
        for wire in range(WIRES):
            qml.prod(qml.RX(x[wire], wire), qml.RY(w[wire], (wire + 1) % WIRES))
        return [qml.expval(Z(wire)) for wire in range(WIRES)]

    x, w = draw(2, 3, WIRES).detach(), draw(2, WEIGHTS, seed=1).detach()
    whole, apart = (
        Statevector().run(Circuit(function), entangle=entangle)(x, w) for entangle in (True, False)
    )
    assert torch.equal(whole, apart)


def test_an_affine_angle_is_found_and_others_are_traced_again():
    calls = []

    def counted(function):
        def call(inputs, weights):
            calls.append(function)
            return function(inputs, weights)

        return Circuit(call, shape=(3, WIRES) if function is reuploading else (6,))

    for function, traced in ((reuploading, 0), (nonlinear, 1)):
        run = Statevector().run(counted(function))
        calls.clear()
        run(draw(2, 5, WIRES), draw(2, *run_shape(function)))
        assert len(calls) == traced  # for all samples at once


@pytest.mark.parametrize("gate", [qml.SingleExcitation, qml.IsingXY, qml.PSWAP])
def test_a_controlled_gate_that_decomposes_has_angles_that_are_read_once(gate):
    calls = []

    def function(x, w):
        calls.append(x)
        for wire in range(WIRES):
            qml.RY(x[wire], wire)
        qml.ctrl(gate, 0)(w[0], [1, 2])
        return qml.expval(Z(1))

    run = Statevector().run(Circuit(function))
    run(draw(2, 5, WIRES), draw(2, WEIGHTS))
    calls.clear()
    run(draw(2, 5, WIRES), draw(2, WEIGHTS))
    assert not calls


def run_shape(function):
    return (3, WIRES) if function is reuploading else (6,)


def test_which_angles_are_fed_and_which_are_trained_is_read():
    def function(inputs, weights):
        qml.RX(inputs[0], 0)
        qml.RY(weights[0], 0)
        qml.RZ(0.5, 0)
        qml.Rot(inputs[1] * weights[1], weights[2], relu(inputs[1]), 1)
        return qml.expval(Z(0))

    reading = reader.read(Circuit(function, qubits=2))
    assert reading.fed == {0, 3, 5} and reading.trained == {1, 3, 4}


def test_a_real_circuit_has_real_amplitudes_and_a_complex_one_complex_ones():
    def real(inputs, weights):
        qml.Hadamard(0)
        qml.RY(inputs[0], 0)
        qml.CNOT([0, 1])
        qml.PauliRot(weights[0], "XY", [0, 1])
        return [qml.expval(Z(0)), qml.expval(Y(0)), qml.expval(Y(0) @ Y(1))]

    assert Statevector().run(Circuit(real, qubits=2)).real
    assert not Statevector().run(Circuit(one_output)).real
    assert_agree(Circuit(real, qubits=2), "statevector")


@pytest.mark.parametrize(
    "condition",
    [
        lambda inputs, weights: inputs[0] > 0,
        lambda inputs, weights: weights[0] > 0,
        lambda inputs, weights: inputs[0] > inputs[1],
    ],
)
@pytest.mark.parametrize(
    "other",
    [lambda inputs: qml.RY(inputs[0], 0), lambda inputs: qml.RX(inputs[0], 1), lambda inputs: None],
)
@pytest.mark.parametrize("name", ["statevector", "default.qubit"])
def test_gates_that_depend_on_values_are_refused(name, condition, other):
    def function(inputs, weights):
        if condition(inputs, weights):
            qml.RX(inputs[0], 0)
        else:
            other(inputs)
        return qml.expval(Z(0))

    assert (
        refusal(function, name)
        == "circuit: its gates depend on the values of inputs or weights; only their angles may."
    )


def test_constant_gates_that_depend_on_values_are_refused():
    def function(inputs, weights):
        qml.MultiControlledX([0, 1, 2], control_values=[int(inputs[0] > 0), 1])
        return qml.expval(Z(1))

    assert (
        refusal(function)
        == "circuit: its gates depend on the values of inputs or weights; only their angles may."
    )


def test_a_gate_that_appears_only_later_is_refused_when_it_does():
    def function(inputs, weights):
        qml.RX(inputs[0].sin(), 0)
        if float(inputs[0].detach()) == 0:
            qml.RX(0.1, 1)
        return qml.expval(Z(0))

    assert_refused_later(function)


def test_a_controlled_gate_that_appears_only_later_is_refused_when_it_does():
    def function(inputs, weights):
        qml.RX(inputs[0].sin(), 0)
        if float(inputs[0].detach()) == 0:
            qml.ctrl(qml.SingleExcitation, 0)(weights[0], [1, 2])
        return qml.expval(Z(0))

    assert_refused_later(function)


def assert_refused_later(function):
    run = Statevector().run(Circuit(function))
    run(draw(1, 2, WIRES), draw(1, WEIGHTS))
    with pytest.raises(ValueError, match="its gates depend on the values of inputs or weights"):
        run(torch.zeros(1, 2, WIRES).double(), draw(1, WEIGHTS))


def test_observables_that_depend_on_values_are_refused():
    def function(inputs, weights):
        qml.RX(inputs[0], 0)
        return qml.expval(weights[0] * Z(0))

    assert (
        refusal(function)
        == "circuit: its observables depend on the values of inputs or weights; only angles of"
        " gates may."
    )


@pytest.mark.parametrize("gate, measured, wire", [(7, 0, "7"), (0, 4, "4"), ("a", 0, "a")])
def test_a_wire_that_is_no_qubit_of_the_circuit_is_refused(gate, measured, wire):
    def function(inputs, weights):
        qml.RX(inputs[0], gate)
        return qml.expval(Z(measured))

    assert (
        refusal(function) == f"circuit: it uses wire {wire}, and its 4 qubits are the wires 0 to 3."
    )


@pytest.mark.parametrize("name", ["statevector", "default.qubit"])
@pytest.mark.parametrize(
    "operation, word",
    [
        (lambda: qml.measure(0), "MidMeasureMP"),
        (lambda: qml.DepolarizingChannel(0.1, 0), "DepolarizingChannel"),
    ],
)
def test_what_is_no_unitary_gate_is_refused(name, operation, word):
    def function(inputs, weights):
        operation()
        return qml.expval(Z(0))

    assert (
        refusal(function, name)
        == f"circuit: it uses {word}; circuits are made of unitary gates with a matrix or a"
        " decomposition."
    )


def test_an_angle_without_a_derivative_is_refused():
    def function(inputs, weights):
        qml.RX((inputs[0] - inputs[0]).sqrt(), 0)
        return qml.expval(Z(0))

    assert (
        refusal(function)
        == "circuit: an angle has no finite derivative by inputs or weights, so nothing could be"
        " trained."
    )


@pytest.mark.parametrize("name", ["default.qubit", "lightning.qubit"])
def test_an_output_that_is_no_number_is_refused(name):
    def function(inputs, weights):
        qml.RX(inputs[0], 0)
        return qml.sample(wires=[0, 1])

    assert (
        refusal(function, name)
        == "circuit: it returns sample(wires=[0, 1]), and no head takes that; return expectation"
        " values, variances (on PennyLane's devices) or probabilities, and set device.shots to"
        " have them from samples."
    )


@pytest.mark.parametrize(
    "measured", [lambda: qml.var(Z(0)), lambda: qml.expval(qml.Hermitian(np.diag([1.0, 2.0]), 0))]
)
def test_what_only_pennylane_measures_is_refused_by_the_statevector_and_right_elsewhere(measured):
    def function(inputs, weights):
        qml.RX(inputs[0], 0)
        qml.RY(weights[0], 0)
        return measured()

    words = refusal(function)
    assert (
        "expectation values of Pauli words and their sums" in words
        and "device=default.qubit measures" in words
    )
    for name in ("default.qubit", "lightning.qubit"):
        assert_agree(Circuit(function), name)


@pytest.mark.parametrize(
    "function, words",
    [
        (
            lambda inputs, weights: qml.RX(inputs[0], 9) and qml.expval(Z(0)),
            "circuit: it uses wire 9, ",
        ),
        (
            lambda inputs, weights: qml.RX(inputs[0], 0) and qml.var(Z(0)),
            "device=statevector: it measures ",
        ),
    ],
)
def test_a_refusal_of_a_head_s_circuit_names_the_circuit_s_key(function, words):
    with pytest.raises(UsageError) as error:
        build(
            "head",
            {"_target_": "qtlrun.head.dressed.Quantum"},
            features=3,
            classes=2,
            circuit=Circuit(function),
            device=Statevector(),
            start=Start([0]),
        )
    assert str(error.value).startswith(words)


def refusal(function, name="statevector"):
    with pytest.raises(ValueError) as error:
        DEVICES[name].run(Circuit(function))
    return str(error.value)


def test_layers_whose_words_are_products_of_others_are_told_apart():
    def function(inputs, weights):
        for wire in range(WIRES):
            qml.RX(inputs[wire], wire)
        for layer, more in zip(weights, ([0, 1, 2], [0, 1, 3], []), strict=True):
            for wire in range(WIRES):
                qml.RZ(layer[wire], wire)
            if more:
                qml.MultiRZ(layer[WIRES], more)
            for wire in range(WIRES):
                qml.Hadamard(wire)
        return [qml.expval(Z(wire) @ X((wire + 1) % WIRES)) for wire in range(WIRES)]

    assert_agree(Circuit(function, shape=(3, WIRES + 1)), "statevector")


@pytest.mark.parametrize("name", ["statevector", "default.qubit", "lightning.qubit"])
def test_probabilities_of_no_wires_named_are_those_of_all_the_circuit_has(name):
    def function(inputs, weights):
        qml.RX(inputs[0], 0)
        qml.CNOT([0, 1])
        return qml.probs()

    x = draw(1, 3, 2).detach()
    values = DEVICES[name].run(Circuit(function, qubits=2))(x, draw(1, WEIGHTS))
    half = x[..., 0] / 2
    expected = torch.stack([half.cos() ** 2, 0 * half, 0 * half, half.sin() ** 2], dim=-1)
    torch.testing.assert_close(values, expected, rtol=0, atol=1e-14)


def test_inputs_of_another_number_are_refused():
    with pytest.raises(ValueError) as error:
        Statevector().run(Circuit(reuploading, shape=(3, WIRES)))(draw(1, 2, 5), draw(1, 3, WIRES))
    assert str(error.value) == "circuit: it takes 4 inputs, and was given 5."


def test_an_angle_that_is_nearly_affine_is_not_taken_for_affine():
    def function(inputs, weights):
        qml.RX(3 + inputs[0] + 1e-6 * torch.sin(5 * inputs[0]), 0)
        return qml.expval(Z(0))

    assert_agree(Circuit(function), "statevector")


def test_chances_that_are_rounded_below_zero_are_drawn_as_zero():
    def function(inputs, weights):
        qml.Hadamard(0)
        qml.RZ(0.001 * inputs[0], 0)
        return qml.expval(X(0))

    run = Statevector(shots=100).run(Circuit(function))
    for seed in range(20):
        values = run(
            draw(1, 32, WIRES, seed=seed).detach().float(), draw(1, WEIGHTS).detach().float()
        )
        assert (values > 0.9).all()


def test_without_entangler_a_template_keeps_its_gates_on_single_wires():
    def function(inputs, weights):
        qml.AngleEmbedding(inputs, range(WIRES), rotation="Y")
        qml.BasicEntanglerLayers(weights[:WIRES].reshape(1, WIRES), range(WIRES), rotation=qml.RY)
        return [qml.expval(Z(wire)) for wire in range(WIRES)]

    x, w = draw(1, 3, WIRES), draw(1, WEIGHTS, seed=1)
    values = Statevector().run(Circuit(function), entangle=False)(x, w)
    torch.testing.assert_close(values, (x + w[:, None, :WIRES]).cos(), rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    "measured",
    [
        lambda x, w: qml.expval(float(w[0].detach()) * Z(0) + X(1)),
        lambda x, w: qml.expval(Z(0) if x[0] > 0 else X(1)),
        lambda x, w: [qml.expval(Z(wire)) for wire in range(1 + int(x[0] > 0))],
    ],
)
@pytest.mark.parametrize("name", ["statevector", "default.qubit"])
def test_measurements_that_depend_on_values_are_refused(name, measured):
    def function(inputs, weights):
        qml.RX(inputs[0], 0)
        return measured(inputs, weights)

    assert (
        refusal(function, name)
        == "circuit: its observables depend on the values of inputs or weights; only angles of"
        " gates may."
    )


@pytest.mark.parametrize(
    "function, words",
    [
        (
            lambda x, w: qml.QubitUnitary(np.diag([1, 0.5]), 0) and qml.expval(Z(0)),
            "circuit: the matrix of its QubitUnitary is not unitary.",
        ),
        (lambda x, w: qml.RX(math.nan, 0) and qml.expval(Z(0)), "circuit: an angle is not finite."),
        (
            lambda x, w: qml.RX(x[:2], 0) and qml.expval(Z(0)),
            (
                "circuit: an angle is 2 numbers; a circuit sees one sample, and each gate one of"
                " its inputs."
            ),
        ),
        (
            lambda x, w: qml.RX(x[0], 0) and None,
            (
                "circuit: it returns None; a measurement or a list of them is needed, as"
                " [qml.expval(qml.Z(0))]."
            ),
        ),
        (
            lambda x, w: qml.RX(x[0], 0) and [],
            (
                "circuit: it returns []; a measurement or a list of them is needed, as"
                " [qml.expval(qml.Z(0))]."
            ),
        ),
    ],
)
def test_what_is_no_circuit_is_refused_in_a_sentence(function, words):
    assert refusal(function) == words


def test_a_circuit_is_read_the_same_where_gradients_are_off():
    circuit = Circuit(amplitudes, qubits=3, shape=(1,), inputs=4)
    x, w = draw(1, 2, 4), draw(1, 1, seed=1)
    right = Statevector().run(circuit)(x, w)
    for off in (torch.no_grad(), torch.inference_mode()):
        with off:
            run = Statevector().run(circuit)
        torch.testing.assert_close(run(x, w), right, rtol=0, atol=1e-14)


def test_an_arc_cosine_of_what_heads_feed_is_an_angle():
    def function(inputs, weights):
        qml.RY(torch.arccos(inputs[0] * 2 / math.pi), 0)
        return qml.expval(Z(0))

    x = torch.linspace(-1.5, 1.5, 5, dtype=torch.float64).view(1, 5, 1).expand(1, 5, WIRES)
    values = Statevector().run(Circuit(function))(x, draw(1, WEIGHTS))
    torch.testing.assert_close(values, x[..., :1] * 2 / math.pi, rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", ["statevector", "default.qubit", "lightning.qubit"])
@pytest.mark.parametrize(
    "function, shape, inputs, expected",
    [
        (
            lambda x, w: qml.RX(x[0], 0) and qml.RX(w, 0) and qml.expval(Z(0)),
            (),
            1,
            lambda x, w: (x[..., 0] + w[:, None]).cos(),
        ),
        (lambda x, w: qml.RX(x[0], 0) and qml.expval(Z(0)), (0,), 1, lambda x, w: x[..., 0].cos()),
        (
            lambda x, w: qml.Hadamard(0) and qml.expval(X(0)),
            (0,),
            0,
            lambda x, w: torch.ones(x.shape[:2], dtype=x.dtype),
        ),
        (
            lambda x, w: qml.expval(Z(0)),
            (0,),
            0,
            lambda x, w: torch.ones(x.shape[:2], dtype=x.dtype),
        ),
    ],
)
def test_weights_of_any_shape_and_none_are_taken(name, function, shape, inputs, expected):
    circuit = Circuit(function, 2, shape)
    circuit.inputs = inputs
    x, w = draw(2, 3, inputs).detach(), draw(2, *shape, seed=1).detach()
    torch.testing.assert_close(
        DEVICES[name].run(circuit)(x, w)[..., 0], expected(x, w), rtol=0, atol=1e-12
    )


class Endless(qml.operation.Operation):
    """Made of two of its own kind."""

    num_params, num_wires = 1, 1

    def decomposition(self):
        return [Endless(self.data[0] / 2, self.wires)] * 2


@pytest.mark.parametrize(
    "function, words",
    [
        (
            lambda x, w: Endless(w[0], 0),
            "circuit: the decomposition of its Endless contains itself, so it never ends.",
        ),
        (
            lambda x, w: qml.RX(w[0] * 1j, 0),
            "circuit: an angle is complex; angles are real numbers, in radians.",
        ),
        (
            lambda x, w: qml.exp(X(0), w[0]),
            "circuit: its Exp is not unitary; the exponent of a gate is imaginary, as 1j * angle.",
        ),
        (
            lambda x, w: qml.QubitUnitary(torch.stack([w[:2], w[:2]]), 0),
            "circuit: the matrix of its QubitUnitary is not unitary.",
        ),
        (
            lambda x, w: qml.Hadamard(0) and qml.StatePrep(x[:2] / x[:2].norm(), 0),
            (
                "circuit: its StatePrep sets wires [0] after gates have acted on them; prepare"
                " amplitudes first."
            ),
        ),
        (lambda x, w: qml.pow(qml.RX(0.3, 0), w[0]), "does not take these values"),
    ],
)
def test_what_no_device_can_run_is_refused_in_a_sentence(function, words):
    for name in ("statevector", "default.qubit"):
        assert words in refusal(lambda x, w: function(x, w) and qml.expval(Z(0)), name)


@pytest.mark.parametrize(
    "device, words",
    [
        (
            Statevector("dense"),
            (
                "device.method=dense: the matrix of the circuit's QubitUnitary depends on inputs or"
                " weights"
            ),
        ),
        (
            Statevector(shots=10),
            (
                "device.shots=10: the matrix of the circuit's QubitUnitary depends on inputs or"
                " weights"
            ),
        ),
        (
            PennyLane("lightning.qubit"),
            "device.name=lightning.qubit: the matrix of the circuit's QubitUnitary depends on",
        ),
        (
            PennyLane("default.qubit", diff_method="adjoint"),
            "device.name=default.qubit: the matrix of the circuit's QubitUnitary",
        ),
    ],
)
def test_a_matrix_that_depends_on_weights_is_refused_where_angles_alone_are_differentiated(
    device, words
):
    def function(x, w):
        qml.QubitUnitary(qml.matrix(qml.RX(w[0], 0)), 0)
        return qml.expval(Z(0))

    with pytest.raises(ValueError) as error:
        device.run(Circuit(function))
    assert str(error.value).startswith(words)


def test_a_circuit_that_changes_after_it_was_read_is_found_by_the_first_batch_of_a_training():
    change = {"turn": 0.0}

    def function(x, w):
        qml.RX(x[0] + change["turn"], 0)
        qml.RY(w[0], 0)
        return qml.expval(Z(0))

    x = draw(2, 3, WIRES).detach()
    for device in (Statevector(), PennyLane("default.qubit"), Statevector(shots=1000)):
        change["turn"] = 0.0
        run = device.run(Circuit(function))
        first, second = (
            torch.nn.Parameter(draw(2, WEIGHTS, seed=seed).detach()) for seed in (1, 2)
        )
        run(x, first)
        change["turn"] = 0.3
        run(x, first)  # it was compared already
        with pytest.raises(ValueError, match="is not that of the circuit's own gates"):
            run(x, second)


def test_an_operation_of_the_user_s_is_not_taken_for_a_gate_of_the_same_name():
    class RX(qml.operation.Operation):
        num_params, num_wires = 1, 1

        def decomposition(self):
            return [qml.RY(self.data[0], self.wires), qml.RX(self.data[0], self.wires)]

    def function(x, w):
        RX(w[0], 0)
        return qml.expval(X(0))

    w = draw(1, WEIGHTS).detach()
    values = Statevector().run(Circuit(function, 2))(torch.zeros(1, 1, 2, dtype=torch.float64), w)
    torch.testing.assert_close(values[0, 0, 0], w[0, 0].sin(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("work", [2**22, 0])  # values are compared, or angles alone
@pytest.mark.parametrize(
    "function, inputs",
    [
        (lambda x, w: qml.AmplitudeEmbedding(x, range(2), normalize=True), 4),
        (lambda x, w: qml.QubitUnitary(qml.matrix(qml.RX(w[0], 0)), 0), 2),
        (lambda x, w: qml.RX(relu(x[0] - 0.2) + w[0], 0), 2),
        (lambda x, w: qml.RX(torch.round(w[0]), 0), 0),
    ],
)
def test_the_first_batch_of_a_circuit_as_it_was_read_is_found_right(
    monkeypatch, function, inputs, work, dtype
):
    compared = []
    monkeypatch.setattr(verification, "MAX_WORK", work)
    compare = verification._compare
    monkeypatch.setattr(
        verification,
        "_compare",
        lambda noun, *values: (compared.append(noun), compare(noun, *values)),
    )

    def circuit(x, w):
        function(x, w)
        qml.RY(w[1], 1)
        return [qml.expval(Z(0)), qml.expval(X(1))]

    whole = Circuit(circuit, 2, (2,))
    whole.inputs = inputs
    run = Statevector().run(whole)
    run(
        draw(2, 3, inputs).detach().to(dtype),
        torch.nn.Parameter(draw(2, 2, seed=1).detach().to(dtype)),
    )
    assert compared == (["a value"] * 4 if work else [] if inputs == 4 else ["an angle"] * 4)


@pytest.mark.parametrize(
    "angle",
    [
        lambda x, w: torch.func.vmap(lambda one: relu(one) + one)(w[:2])[0],
        lambda x, w: torch.func.grad(lambda one: one**3)(w[0]),
        lambda x, w: x[0] + float(f"{x[0]:.1f}"),
        lambda x, w: torch.from_dlpack(w.detach())[0] + w[0],
    ],
    ids=["vmap", "grad", "format", "dlpack"],
)
def test_angles_that_leave_the_watch_are_evaluated_at_each_sample(angle):
    def function(x, w):
        qml.RX(angle(x, w), 0)
        qml.RY(w[1], 1)
        return [qml.expval(Z(0)), qml.expval(Z(1))]

    circuit, x, w = Circuit(function), draw(2, 3, WIRES).detach(), draw(2, WEIGHTS, seed=1).detach()
    values = Statevector().run(circuit)(x, w)
    right = [[float(angle(x[run, item], w[run])) for item in range(3)] for run in range(2)]
    torch.testing.assert_close(
        values[..., 0], torch.tensor(right, dtype=torch.float64).cos(), rtol=0, atol=1e-10
    )


def test_an_angle_without_a_derivative_is_refused_in_words_of_the_circuit():
    def function(x, w):
        qml.RX(w[0] * torch.heaviside(x[0], w[1]), 0)
        return qml.expval(Z(0))

    assert refusal(function).startswith(
        "circuit: an angle has no derivative by inputs or weights (derivative for aten::heaviside"
        " is not"
    )


@pytest.mark.parametrize(
    "wire, words", [(1.0, "1.0 (a float)"), ("a", "a"), (torch.tensor(1), "1 (a Tensor)"), (9, "9")]
)
def test_a_wire_that_is_none_is_refused(wire, words):
    def function(x, w):
        qml.RX(w[0], 1)
        qml.RY(w[1], wire)
        return qml.expval(Z(0))

    assert (
        refusal(function)
        == f"circuit: it uses wire {words}, and its 4 qubits are the wires 0 to 3."
    )
