import tracemalloc

import numpy as np
import pennylane as qml
import pytest
import torch
from circuits import (
    GATES,
    Circuit,
    States,
    assert_close,
    draw,
    qnode,
    random_circuit,
    random_names,
    slopes,
    unitary,
)

from qtlrun import memory
from qtlrun.circuit.dressed import Dressed
from qtlrun.device.pennylane import PennyLane
from qtlrun.device.statevector import Statevector
from qtlrun.error import UsageError
from qtlrun.plan import build
from qtlrun.simulator.grouped import SAVED_STATES
from qtlrun.simulator.simulator import Simulator

METHODS = ("dense", "grouped", "gatewise")
FEWER, MORE = (2, 3, 4, 5, 6), (1, 7, 8, 9, 10)  # wires
X, Y, Z = qml.PauliX, qml.PauliY, qml.PauliZ


pytestmark = pytest.mark.usefixtures("one_thread")


def size(number):
    """Wires and gates of a random circuit."""
    return (MORE if number % 8 == 7 else FEWER)[
        number // 8 % 5 if number % 8 == 7 else number % 5
    ], 1 + 7 * number % 25


def methods(qubits):
    return [method for method in METHODS if method != "dense" or qubits <= 6]


def strong(qubits, depth):
    """A complex circuit: inputs about Y, then strongly entangling layers; a Z, and an X, of every
    wire.
    """

    def function(inputs, weights):
        qml.AngleEmbedding(inputs, range(qubits), rotation="Y")
        qml.StronglyEntanglingLayers(weights, range(qubits))
        return [qml.expval(kind(wire)) for wire in range(qubits) for kind in (Z, X)]

    return Circuit(function, qubits, (depth, qubits, 3))


CIRCUITS = {"real": Dressed, "complex": strong}


def again(qubits, depth):
    """A complex circuit with its inputs in every layer, alone and beside weights."""

    def function(inputs, weights):
        for layer in range(depth):
            for wire in range(qubits):
                qml.RX(inputs[wire], wire)
                qml.RY(inputs[wire] * 0.5 + weights[layer, wire], wire)
                qml.CZ([wire, (wire + 1) % qubits])
        for wire in range(qubits):
            qml.RX(inputs[wire], wire)
        return [qml.expval(Z(wire)) for wire in range(qubits)] + [qml.probs(wires=[0, 1])]

    return Circuit(function, qubits, (depth, qubits))


def data(circuit, runs=2, batch=3):
    return draw(runs, batch, getattr(circuit, "inputs", circuit.qubits)), draw(
        runs, *circuit.shape, seed=1
    )


def of_run(run, x, w):
    """Values and gradients."""
    values = run(x, w)
    return values.detach(), *slopes(values, x, w)


def assert_right(circuit, names, tolerance=1e-10):
    """Values and gradients by the inputs and weights are the QNode's: what is rounded in float64 is
    far less than 1e-10.
    """
    x, w = data(circuit, batch=2)
    right = qnode(circuit, x, w)
    right = right.detach(), *slopes(right, x, w)
    for name in names:
        device = Statevector(name) if name in METHODS else PennyLane(name)
        assert_close(of_run(device.run(circuit), x, w), right, tolerance)


@pytest.mark.parametrize(
    "number",
    [*range(40), *(pytest.param(number, marks=pytest.mark.slow) for number in range(40, 400))],
)
def test_random_circuits_give_what_a_qnode_gives_by_every_method(number):
    qubits, gates = size(number)
    assert_right(random_circuit(number, qubits, gates), methods(qubits))


def test_every_gate_is_in_some_random_circuit():
    assert {name for number in range(40) for name in random_names(number, *size(number))} == set(
        GATES
    )


@pytest.mark.parametrize(
    "gate",
    [
        lambda a: qml.SWAP([3, 4]),
        lambda a: qml.ISWAP([8, 0]),
        lambda a: qml.SISWAP([0, 8]),
        lambda a: qml.CH([3, 8]),
        lambda a: qml.QubitUnitary(unitary(4), [6, 1]),
        lambda a: qml.QubitUnitary(unitary(8), [7, 2, 5]),
        lambda a: qml.QubitUnitary(unitary(8), [1, 8, 3]),
        lambda a: qml.QFT([1, 4, 8]),
        lambda a: qml.CRX(a, [2, 7]),
        lambda a: qml.CRot(a, 0.3, 2 * a, [5, 0]),
        lambda a: qml.Toffoli([0, 8, 4]),
        lambda a: qml.MultiRZ(a, [0, 2, 3, 6, 7]),
        lambda a: qml.PauliRot(a, "XYZ", [3, 4, 8]),
        lambda a: qml.PauliRot(a, "YXIYZY", [8, 1, 2, 3, 4, 5]),
        lambda a: qml.PauliRot(a, "YYXX", [7, 0, 6, 1]),
        lambda a: qml.DoubleExcitation(a, [0, 3, 4, 8]),
    ],
)
def test_gates_across_groups_of_wires_give_what_a_qnode_gives(gate):
    def function(inputs, weights):
        for wire in range(9):
            qml.RY(inputs[wire], wire)
            qml.CNOT([wire, (wire + 4) % 9])
            qml.RY(weights[wire], wire)
        gate(inputs[3] / 2 + weights[2])
        for wire in range(9):
            qml.RY(0.4 * wire + 1, wire)
        return [
            qml.expval(Z(0) @ Z(8)),
            qml.expval(X(3) @ Y(4)),
            qml.expval(Y(0) @ X(2) @ Y(5)),
            qml.probs(wires=[4, 3, 7]),
        ]

    assert_right(Circuit(function, 9, (9,)), ["grouped"])


MEASURED = {
    "Z": lambda: qml.expval(Z(1)),
    "a word": lambda: qml.expval(X(0) @ Y(1) @ Z(3) @ Y(4)),
    "a sum": lambda: qml.expval(
        qml.Hamiltonian([0.5, -1.5, 0.25], [Y(0) @ Y(3), X(1), qml.Identity(0)])
    ),
    "probabilities": lambda: qml.probs(wires=[4, 1]),
}


@pytest.mark.parametrize("measured", MEASURED.values(), ids=MEASURED.keys())
@pytest.mark.parametrize("kind", ["real", "complex", "amplitudes"])
@pytest.mark.parametrize("method", ["dense", "grouped"])
def test_first_and_second_derivatives_are_those_of_differences(method, kind, measured):
    def function(inputs, weights):
        if kind == "amplitudes":
            qml.AmplitudeEmbedding(inputs, [3, 0], normalize=True, pad_with=0.2)
        qml.RY(inputs[0], 0)
        qml.CNOT([0, 1])
        (qml.RX if kind == "complex" else qml.RY)(weights[0], 1)
        qml.CRY(inputs[1] * weights[1], [1, 4])
        qml.CNOT([4, 3])
        return measured()

    circuit = Circuit(function, 6, (2,), inputs=2)  # of two groups of wires
    run, given = Statevector(method).run(circuit), data(circuit, runs=1, batch=2)
    assert run.real == (kind != "complex")
    assert torch.autograd.gradcheck(run, given) and torch.autograd.gradgradcheck(run, given)


@pytest.mark.parametrize("method", ["auto", "dense", "grouped", "gatewise"])
def test_a_gradient_that_can_be_differentiated_again_is_the_plain_gradient(method):
    """gradgradcheck compares a differentiable gradient with its own differences, so a factor of two
    passes it.

    Inputs are amplitudes and angles here: they reach the values in two ways.
    """

    def function(inputs, weights):
        qml.AmplitudeEmbedding(inputs, [3, 0], normalize=True, pad_with=0.2)
        qml.RY(inputs[0] + weights[0], 0)
        qml.CNOT([0, 3])
        qml.RX(weights[1], 3)
        return [qml.expval(Z(0)), qml.expval(X(3))]

    circuit = Circuit(function, 6, (2,), inputs=2)
    run, given = Statevector(method).run(circuit), data(circuit, runs=1, batch=2)
    plain = torch.autograd.grad(run(*given).sin().sum(), given)
    again = torch.autograd.grad(run(*given).sin().sum(), given, create_graph=True)
    for one, other in zip(plain, again, strict=True):
        torch.testing.assert_close(one, other.detach(), rtol=0, atol=1e-12)
    assert torch.autograd.gradgradcheck(run, given)


@pytest.mark.parametrize("method", ["dense", "grouped"])
def test_a_value_that_is_zero_everywhere_has_derivatives_that_are(method):
    def function(inputs, weights):
        qml.RY(inputs[0] + weights[0], 0)
        return qml.expval(Y(0))

    run = Statevector(method).run(Circuit(function, 1, (1,)))
    given = draw(1, 1, 1), draw(1, 1)
    first = torch.autograd.grad(
        run(*given).sum(), given, create_graph=True, allow_unused=True, materialize_grads=True
    )
    assert all(not one.any() for one in first)


def rotated(prepare, *, inputs=None):
    """A preparation, then gates that tell signs and phases of amplitudes apart, on six wires, which
    are two groups.
    """

    def function(inputs, weights):
        prepare(inputs, weights)
        qml.RX(weights[0], 0)
        qml.CRZ(weights[1], [0, 2])
        qml.RY(weights[2], 1)
        qml.CNOT([2, 4])
        return [
            qml.expval(Z(0)),
            qml.expval(X(1) @ Y(2)),
            qml.expval(Y(0) @ Z(1)),
            qml.probs(wires=[4, 2]),
        ]

    return Circuit(function, 6, (3,), inputs)


def trained(inputs, weights):
    amplitudes = torch.cat([weights, inputs])
    qml.StatePrep(amplitudes / torch.linalg.vector_norm(amplitudes), [1, 4, 2])


def late(inputs, weights):
    """Amplitudes of wires that nothing touched, beside others that gates did."""
    qml.RY(inputs[0], 0)
    qml.StatePrep([0.5, -0.5, 0.5j, -0.5j], [3, 1])
    qml.CRX(inputs[1], [0, 3])
    qml.StatePrep([-0.6, -0.8], [2])


PREPARED = {
    "inputs": rotated(lambda x, w: qml.AmplitudeEmbedding(x, [0, 1, 2], normalize=True), inputs=8),
    "wires in another order": rotated(
        lambda x, w: qml.AmplitudeEmbedding(x, [2, 0, 3], normalize=True), inputs=8
    ),
    "inputs padded with zeros": rotated(
        lambda x, w: qml.AmplitudeEmbedding(x, [0, 1, 2], normalize=True, pad_with=0.0), inputs=5
    ),
    "inputs padded with numbers": rotated(
        lambda x, w: qml.AmplitudeEmbedding(x, [0, 1, 2], normalize=True, pad_with=-0.3), inputs=5
    ),
    "real constants": rotated(
        lambda x, w: qml.StatePrep(np.array([0.5, -0.5, -0.1, -0.7]), [2, 0])
    ),
    "complex constants": rotated(
        lambda x, w: qml.StatePrep(np.array([0.5j, -0.5, -0.1, 0.7j]), [2, 0])
    ),
    "inputs and weights": rotated(trained, inputs=5),
    "late": rotated(late),
    "re-uploading": again(6, 3),
    "products of inputs": rotated(lambda x, w: qml.IQPEmbedding(x, range(6), n_repeats=2)),
}


@pytest.mark.parametrize("circuit", PREPARED.values(), ids=PREPARED.keys())
def test_embeddings_give_what_a_qnode_gives(circuit):
    assert_right(circuit, [*METHODS, "default.qubit"])


@pytest.mark.parametrize("names", [METHODS, ["default.qubit"]])
def test_probabilities_without_wires_are_those_of_the_circuit_s_wires(names):
    def function(inputs, weights):
        qml.RX(inputs[0], 0)
        qml.CRY(weights[0], [0, 1])
        return qml.probs()

    assert_right(Circuit(function, 2, (1,)), names)  # fewer wires than a state is simulated on


@pytest.mark.parametrize("kind", CIRCUITS)
@pytest.mark.parametrize(
    "method, qubits",
    [
        ("dense", 4),
        pytest.param("dense", 6, marks=pytest.mark.slow),
        ("grouped", 6),
        ("grouped", 9),
        ("gatewise", 4),
    ],
)
def test_float32_loses_no_more_than_its_rounding(method, qubits, kind):
    circuit = CIRCUITS[kind](qubits, 4)
    x, w = data(circuit, batch=4)
    right, *gradients = of_run(Statevector(method).run(circuit), x, w)
    half = [one.detach().float().requires_grad_() for one in (x, w)]
    values, *mine = of_run(Statevector(method).run(circuit), *half)
    assert values.dtype == torch.float32
    largest = max(float(one.abs().max()) for one in gradients)
    # a hundred roundings of 6e-8, or so; angles up to pi are rounded by 2e-7 themselves
    torch.testing.assert_close(values.double(), right, rtol=0, atol=1e-5)
    assert_close([one.double() for one in mine], gradients, 1e-5 * largest)


@pytest.mark.parametrize(
    "circuit, depth, runs, batch",
    [
        *((circuit, 2, 30, batch) for circuit in (Dressed, strong) for batch in (4, 32)),
        *((circuit, 2, 5, 1) for circuit in (Dressed, strong)),
        *((again, depth, 5, batch) for depth in (1, 2) for batch in (1, 4)),
    ],
)
@pytest.mark.parametrize(
    "method, qubits", [*(("dense", qubits) for qubits in FEWER), ("grouped", 7), ("grouped", 9)]
)
def test_runs_together_give_every_bit_that_each_gives_alone(
    method, qubits, circuit, depth, runs, batch
):
    circuit = circuit(qubits, depth)
    run = Statevector(method).run(circuit)
    x, w = [one.detach().float() for one in data(circuit, runs, batch)]
    upstream = draw(runs, batch, run.outputs, seed=2).detach().float()

    def of(part):
        given = [one[part].clone().requires_grad_() for one in (x, w)]
        values = run(*given)
        return values.detach(), *torch.autograd.grad(values, given, upstream[part])

    alone = [of(slice(one, one + 1)) for one in range(runs)]
    for count in sorted({1, 2, 5, runs}):
        for together, apart in zip(of(slice(count)), zip(*alone[:count], strict=True), strict=True):
            assert torch.equal(together, torch.cat(apart))


def embedded(qubits, depth):
    """Amplitudes of two wires, then rotations of all."""

    def function(inputs, weights):
        qml.AmplitudeEmbedding(inputs[:4], [2, 0], normalize=True)
        qml.BasicEntanglerLayers(weights, range(qubits), rotation=qml.RY)
        return [qml.expval(Z(wire)) for wire in range(qubits)] + [qml.probs(wires=[0, 1])]

    return Circuit(function, qubits, (depth, qubits))


@pytest.mark.parametrize(
    "samples, pieces", [(8, 2), (4, 3), (3, 6), (0, 12)]
)  # of three runs of four samples
@pytest.mark.parametrize("circuit", [*CIRCUITS.values(), embedded])
@pytest.mark.parametrize("method", ["dense", "grouped"])
def test_a_batch_in_pieces_gives_what_the_whole_gives(
    method, circuit, samples, pieces, monkeypatch
):
    made = circuit(6, 2)
    run, (x, w) = Statevector(method).run(made), data(made, runs=3, batch=4)
    whole, cut, one = of_run(run, x, w), [], Simulator._pass
    monkeypatch.setattr(
        Simulator, "_pass", lambda *given, keep: cut.append(1) or one(*given, keep=keep)
    )
    monkeypatch.setattr(
        memory, "total", lambda *_: max(1, 4 * samples) * run.simulate.engine.bytes(8)
    )
    assert_close(of_run(run, x, w), whole, 1e-13)  # sums over samples are taken in another order
    assert len(cut) == pieces


@pytest.mark.parametrize("samples", [2**20, 1])
@pytest.mark.parametrize(
    "method, circuit, depth",
    [
        *(("dense", circuit, 2) for circuit in (*CIRCUITS.values(), embedded)),
        *(
            ("grouped", circuit, depth)
            for circuit in (*CIRCUITS.values(), embedded)
            for depth in (1, 14)
        ),
    ],
)
def test_a_gradient_taken_twice_is_the_same_twice(method, circuit, depth, samples, monkeypatch):
    made = circuit(6 if method == "dense" else 8, depth)
    run, (x, w) = Statevector(method).run(made), data(made)
    assert method == "dense" or (len(run.simulate.engine.slots) > 12) == (depth > 1)
    monkeypatch.setattr(memory, "total", lambda *_: 4 * samples * run.simulate.engine.bytes(8))
    values = run(x, w).square().sum()
    first, second = (torch.autograd.grad(values, (x, w), retain_graph=True) for _ in range(2))
    assert all(
        one.abs().max() > 0.01 and torch.equal(one, other)
        for one, other in zip(first, second, strict=True)
    )


@pytest.mark.parametrize("circuit", [*CIRCUITS.values(), embedded])
def test_states_that_are_computed_back_give_the_gradient_gate_by_gate(circuit):
    made = circuit(9, 14)
    run, (x, w) = Statevector("grouped").run(made), data(made)
    assert len(run.simulate.engine.slots) > SAVED_STATES + 4
    assert_close(
        of_run(run, x, w), of_run(Statevector("gatewise").run(made), x, w), 1e-11
    )  # of hundreds of gates


def test_lightning_gives_the_same_on_sixteen_wires():
    circuit = Dressed(16, 2)
    x, w = data(circuit, runs=1, batch=1)
    assert_close(
        of_run(Statevector().run(circuit), x, w),
        of_run(PennyLane("lightning.qubit").run(circuit), x, w),
        1e-10,
    )


@pytest.mark.parametrize(
    "circuit, method, real",
    [
        (Dressed(1, 1), "dense", True),
        (Dressed(6, 1), "dense", True),
        (Dressed(7, 1), "grouped", True),
        (strong(2, 1), "dense", False),
        (strong(5, 1), "dense", False),
        (strong(6, 1), "grouped", False),
    ],
)
def test_few_wires_are_simulated_as_matrices_and_more_as_groups(circuit, method, real):
    run = Statevector().run(circuit)
    assert (run.method, run.real) == (method, real)


def test_matrices_of_too_many_wires_are_refused():
    with pytest.raises(ValueError) as error:
        Statevector("dense").run(Dressed(9, 1))
    assert (
        str(error.value)
        == "device.method=dense: the matrices of 9 qubits are too large; use it up to 8, grouped"
        " beyond."
    )


def test_a_gradient_beyond_the_memory_is_refused(monkeypatch):
    # a state of 2**24 complex numbers of 8 bytes takes 1/8 GiB; kept and passing ones are fourteen,
    # beside the matrices
    monkeypatch.setattr(memory, "total", lambda *_: 3 * 2**29)
    with pytest.raises(ValueError) as error:
        Statevector().run(strong(24, 8))
    assert (
        str(error.value)
        == "circuit.qubits=24: the gradient of one sample needs 2 GiB, and this machine has 2; use"
        " 23 or fewer."
    )


def test_a_method_that_is_none_is_refused():
    with pytest.raises(UsageError, match="^device.method=dens"):
        build("device", {"_target_": "qtlrun.device.statevector.Statevector", "method": "dens"})


@pytest.mark.parametrize("kind", CIRCUITS)
def test_as_many_states_are_held_at_any_depth(kind):
    most = []
    for depth in (10, 16):
        circuit = CIRCUITS[kind](
            16, depth
        )  # of as many wires that the matrices of all layers are smaller than a state
        run, (x, w) = Statevector("grouped").run(circuit), data(circuit, runs=1, batch=2)
        of_run(run, x, w)  # makes the constants
        with States(2 * 2**16 * (8 if run.real else 16)) as states:
            of_run(run, x, w)
        most.append(states.most)
    assert SAVED_STATES < most[1] == most[0]


@pytest.mark.parametrize("kind", CIRCUITS)
def test_a_circuit_that_waits_for_inputs_holds_no_states(kind):
    tracemalloc.start()
    try:
        run = Statevector("grouped").run(CIRCUITS[kind](16, 4))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert run.outputs and held < 8 * 2**20  # eight complex states
