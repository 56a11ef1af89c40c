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
    random_measurement,
    slopes,
    unitary,
)

from qtlrun import memory
from qtlrun.circuit.ring import Ring
from qtlrun.device.pennylane import PennyLane
from qtlrun.device.statevector import Statevector
from qtlrun.error import UsageError
from qtlrun.plan import build
from qtlrun.simulator import cluster
from qtlrun.simulator.cluster import WIDTH
from qtlrun.simulator.fused import MAX_STATES, permute_wires
from qtlrun.simulator.simulator import Simulator

X, Y, Z = qml.PauliX, qml.PauliY, qml.PauliZ


pytestmark = pytest.mark.usefixtures("one_thread")


def of_weights(function, qubits, shape):
    """A circuit without inputs."""
    circuit = Circuit(lambda inputs, weights: function(weights), qubits, shape)
    circuit.inputs = 0
    return circuit


def chain(qubits, depth, measured=None):
    """Hadamards, then layers of RY, RZ on every wire and a chain of CZs: the circuit of
    Quantum-Train's second program.
    """

    def function(weights):
        for wire in range(qubits):
            qml.Hadamard(wire)
        for layer in range(depth):
            for wire in range(qubits):
                qml.RY(weights[layer, 0, wire], wire)
                qml.RZ(weights[layer, 1, wire], wire)
            for wire in range(qubits - 1):
                qml.CZ([wire, wire + 1])
        for wire in range(qubits):
            qml.RY(weights[depth, 0, wire], wire)
        return measured() if measured else qml.probs(wires=range(qubits))

    return of_weights(function, qubits, (depth + 1, 2, qubits))


def real(qubits, depth):
    """A real circuit: turns about Y, CNOTs between even neighbours, then odd ones."""

    def function(weights):
        for layer in weights:
            for wire in range(qubits):
                qml.RY(layer[wire], wire)
            for wire in [*range(0, qubits - 1, 2), *range(1, qubits - 1, 2)]:
                qml.CNOT([wire, wire + 1])
        return qml.probs(wires=range(qubits)), qml.expval(X(0) @ X(qubits - 1))

    return of_weights(function, qubits, (depth, qubits))


def random_circuit(number, qubits, gates):
    """Random gates on random wires, of angles that are a weight, affine in two, a sine of one, or
    constant.
    """
    fitting = [name for name, (_, wires, _) in GATES.items() if wires <= qubits]

    def function(weights):
        r = np.random.default_rng(number)

        def angle():
            a, b, c = r.normal(size=3).tolist()
            v, w = weights[r.integers(6)], weights[r.integers(6)]
            return [
                v,
                a * v + c,
                torch.tensor(c, dtype=torch.float64),
                a * v + b * w,
                torch.sin(v),
            ][r.integers(3 + number % 3)]

        for wire in range(qubits - number % 2):  # away from states that gates leave alone
            qml.Rot(angle(), angle(), angle(), wire)
        for name in r.choice(fitting, gates).tolist():
            count, wires, gate = GATES[name]
            gate(*(angle() for _ in range(count)), wires=r.permutation(qubits)[:wires].tolist())
        return [random_measurement(r, qubits) for _ in range(3)]

    return of_weights(function, qubits, (6,))


def data(circuit, runs=2, batch=1):
    return torch.zeros(runs, batch, 0, dtype=torch.float64, requires_grad=True), draw(
        runs, *circuit.shape, seed=1
    )


def of_run(run, x, w):
    """Values and gradients."""
    values = run(x, w)
    return values.detach(), *slopes(values, x, w)


def assert_right(circuit, tolerance=1e-10):
    """Values and gradients are the QNode's: what is rounded in float64 is far less than 1e-10."""
    x, w = data(circuit)
    right = qnode(circuit, x, w)
    assert_close(
        of_run(Statevector("fused").run(circuit), x, w),
        (right.detach(), *slopes(right, x, w)),
        tolerance,
    )


@pytest.mark.parametrize(
    "qubits, depth", [(2, 1), (2, 4), (3, 2), (4, 3), (5, 1), (5, 3), (6, 2), (7, 2), (8, 3)]
)
def test_rings_give_what_a_qnode_gives(qubits, depth):
    assert_right(Ring(qubits, depth))


@pytest.mark.parametrize(
    "make, qubits, depth",
    [(chain, 1, 2), (chain, 4, 2), (chain, 7, 3), (real, 2, 1), (real, 6, 4), (real, 9, 2)],
)
def test_other_circuits_give_what_a_qnode_gives(make, qubits, depth):
    assert_right(make(qubits, depth))


@pytest.mark.parametrize(
    "number",
    [*range(30), *(pytest.param(number, marks=pytest.mark.slow) for number in range(30, 300))],
)
def test_random_circuits_give_what_a_qnode_gives(number):
    assert_right(random_circuit(number, 1 + number % 8, 1 + 7 * number % 31))


@pytest.mark.parametrize(
    "gate",
    [
        lambda a: qml.MultiRZ(a, range(6)),
        lambda a: qml.PauliRot(a, "YXIYZY", [5, 1, 2, 3, 4, 0]),
        lambda a: qml.PauliRot(a, "III", [0, 3, 5]),
        lambda a: qml.QubitUnitary(unitary(8), [5, 0, 3]),
        lambda a: qml.QubitUnitary(unitary(4), [4, 1]),
        lambda a: qml.DoubleExcitation(a, [0, 3, 4, 5]),
        lambda a: qml.QFT([5, 2, 0, 4]),
        lambda a: qml.CSWAP([1, 5, 3]),
    ],
)
def test_gates_on_any_wires_give_what_a_qnode_gives(gate):
    def function(weights):
        gate(weights[0])  # before any other, and after gates on single wires and on two
        for wire in range(6):
            qml.RX(weights[wire], wire)
        gate(weights[1])
        for wire in range(5):
            qml.CRY(weights[wire], [wire + 1, wire])
        gate(weights[2] / 2)
        qml.RX(weights[3], 4)
        return qml.probs(wires=range(6))

    assert_right(of_weights(function, 6, (6,)))


MEASURED = {
    "Z": lambda: qml.expval(Z(1)),
    "a word": lambda: qml.expval(X(0) @ Y(1) @ Z(3) @ Y(4)),
    "a sum": lambda: qml.expval(
        qml.Hamiltonian([0.5, -1.5, 0.25], [Y(0) @ Y(3), X(1), qml.Identity(0)])
    ),
    "probabilities": lambda: qml.probs(wires=[4, 1]),
    "all of them": lambda: [qml.expval(Z(0)), qml.probs(wires=[3, 5]), qml.expval(X(2) @ X(3))],
}


@pytest.mark.parametrize("measured", MEASURED.values(), ids=MEASURED.keys())
def test_whatever_is_measured_is_what_a_qnode_measures(measured):
    assert_right(chain(6, 2, measured))


@pytest.mark.parametrize("circuit", [Ring(3, 1), real(5, 2), random_circuit(2, 4, 9)])
def test_first_and_second_derivatives_are_those_of_differences(circuit):
    run, (x, w) = Statevector("fused").run(circuit), data(circuit, runs=1)
    x = x.detach()
    assert torch.autograd.gradcheck(lambda w: run(x, w), w)
    assert torch.autograd.gradgradcheck(lambda w: run(x, w), w)


@pytest.mark.parametrize("circuit, is_real", [(Ring(6, 4), False), (real(8, 6), True)])
def test_float32_loses_no_more_than_its_rounding(circuit, is_real):
    x, w = data(circuit)
    run = Statevector("fused").run(circuit)
    assert run.real == is_real
    right, _, gradient = of_run(run, x, w)
    values, _, mine = of_run(run, *(one.detach().float().requires_grad_() for one in (x, w)))
    assert values.dtype == torch.float32
    # hundreds of roundings of 6e-8, of which most cancel; angles up to pi are rounded by 2e-7
    # themselves
    torch.testing.assert_close(values.double(), right, rtol=0, atol=1e-5 * float(right.abs().max()))
    torch.testing.assert_close(
        mine.double(), gradient, rtol=0, atol=1e-5 * float(gradient.abs().max())
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "method, circuit",
    [
        *(
            ("fused", circuit)
            for circuit in (
                Ring(2, 2),
                Ring(4, 2),
                Ring(5, 3),
                Ring(7, 3),
                Ring(9, 2),
                chain(6, 2),
                real(7, 3),
            )
        ),
        *(("dense", circuit) for circuit in (Ring(2, 2), Ring(4, 1), real(5, 2))),
        *(("grouped", circuit) for circuit in (Ring(7, 2), real(8, 3))),
    ],
)
def test_runs_together_give_every_bit_that_each_gives_alone(method, circuit, dtype):
    run = Statevector(method).run(circuit)
    x, w = (one.detach().to(dtype) for one in data(circuit, runs=30))
    upstream = draw(30, 1, run.outputs, seed=2).detach().to(dtype)

    def of(part):
        given = w[part].clone().requires_grad_()
        values = run(x[part], given)
        return values.detach(), *torch.autograd.grad(values, given, upstream[part])

    alone = [of(slice(one, one + 1)) for one in range(30)]
    for count in (1, 2, 5, 30):
        for together, apart in zip(of(slice(count)), zip(*alone[:count], strict=True), strict=True):
            assert torch.equal(together, torch.cat(apart))


@pytest.mark.parametrize("method", ["fused", "dense", "grouped"])
def test_a_batch_is_simulated_as_one_state(method, monkeypatch):
    circuit, seen, one = chain(5, 2), [], Simulator._pass
    run, (x, w) = Statevector(method).run(circuit), data(circuit, runs=3, batch=5)
    monkeypatch.setattr(
        Simulator,
        "_pass",
        lambda self, x, *given, keep: seen.append(x.shape) or one(self, x, *given, keep=keep),
    )
    whole, single = of_run(run, x, w), run(x[:, :1], w)
    assert torch.equal(whole[0], single.expand(-1, 5, -1)) and seen == [(3, 1, 0)] * 2
    right = of_run(Statevector("gatewise").run(circuit), x, w)
    assert_close(whole, right, 1e-12)


def test_a_gradient_taken_twice_and_in_pieces_is_the_same(monkeypatch):
    circuit = Ring(6, 2)
    run, (x, w) = Statevector("fused").run(circuit), data(circuit, runs=3)
    values = run(x, w).square().sum()
    first, second = (torch.autograd.grad(values, w, retain_graph=True)[0] for _ in range(2))
    monkeypatch.setattr(memory, "total", lambda *_: 4 * run.simulate.engine.bytes(8))
    (third,) = torch.autograd.grad(run(x, w).square().sum(), w)
    assert first.abs().max() > 0.01 and torch.equal(first, second) and torch.equal(first, third)


def test_no_run_and_no_sample_give_nothing():
    run = Statevector("fused").run(Ring(4, 1))
    for runs, batch in ((0, 1), (2, 0)):
        assert run(torch.zeros(runs, batch, 0), torch.zeros(runs, 1, 2, 4, 3)).shape == (
            runs,
            batch,
            16,
        )


@pytest.mark.parametrize(
    "prepare, shape",
    [
        (lambda weights: qml.StatePrep(np.array([0.5, -0.5, 0.5j, -0.5j]), [3, 1]), (6,)),
        (
            lambda weights: qml.StatePrep(
                weights[:4] / torch.linalg.vector_norm(weights[:4]), [1, 4]
            ),
            (6,),
        ),
    ],
)
def test_amplitudes_that_wires_begin_in_are_those_of_a_qnode(prepare, shape):
    def function(weights):
        prepare(weights)
        for wire in range(6):
            qml.RX(weights[wire], wire)
            qml.CRZ(weights[wire] * 2, [wire, (wire + 2) % 6])
        return qml.probs(wires=[1, 3, 4])

    circuit = of_weights(function, 6, shape)
    assert_right(circuit)
    x, w = data(circuit, batch=3)
    run = Statevector("fused").run(circuit)
    assert torch.equal(run(x, w), run(x[:, :1], w).expand(-1, 3, -1))


def test_without_entangler_each_wire_turns_alone():
    circuit = Ring(6, 2)
    x, w = data(circuit)
    found = Statevector("fused").run(circuit, entangle=False)(x, w)
    for place, weights in enumerate(w):
        whole = torch.ones(1, dtype=torch.float64)
        for wire in range(6):
            state = torch.tensor([1, 0], dtype=torch.complex128)
            for layer in range(2):
                state = (
                    torch.from_numpy(
                        qml.U3.compute_matrix(*weights[layer, 0, wire].detach().numpy())
                    ).to(state)
                    @ state
                )
            whole = torch.kron(whole, state.abs().square())
        torch.testing.assert_close(found[place, 0], whole, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    "function",
    [
        lambda weights: qml.probs(wires=range(6)),
        lambda weights: qml.X(5) and qml.probs(wires=range(6)),
    ],
)
def test_circuits_without_angles_have_chances_and_no_slopes(function):
    circuit = of_weights(function, 6, (2,))
    x, w = data(circuit)
    values, _, slope = of_run(Statevector("fused").run(circuit), x, w)
    assert values.sum() == 2 and not slope.any()
    assert_right(circuit)


@pytest.mark.parametrize("make", [Ring, real])
def test_as_many_states_are_held_at_any_depth(make):
    most = []
    for depth in (2, 6):
        circuit = make(
            16, depth
        )  # of as many wires that the matrices of all clusters are smaller than a state
        run, (x, w) = Statevector("fused").run(circuit), data(circuit, runs=1)
        of_run(run, x, w)  # makes the constants
        with States(2**16 * (8 if run.real else 16)) as states:
            of_run(run, x, w)
        most.append(states.most)
    assert 4 <= most[0] == most[1] <= MAX_STATES


@pytest.mark.parametrize("qubits", [5, 8, 13, 19])
def test_a_ring_is_walked_without_moving_a_state(qubits):
    depth, layer = 4, qubits
    gates = list(Statevector("fused").run(Ring(qubits, depth)).gates)
    blocks = cluster.blocks(gates, qubits)
    assert [len(block.wires) for block in blocks] == [2] * (
        depth * layer
    )  # each turn stands beside a controlled one
    found = cluster.clusters(blocks)
    assert len(found) <= depth * layer / (WIDTH - 1) + 2 and all(
        len(one.wires) <= WIDTH for one in found
    )
    for order in (found, found[::-1]):
        _, steps, _ = cluster.walk([one.wires for one in order], qubits)
        assert sum(step.moved is not None for step in steps) <= (1 if qubits > 5 else len(steps))


def test_a_permuted_state_has_its_amplitudes_where_its_wires_are():
    state = torch.arange(2 * 16.0).view(2, 16)
    found = permute_wires(state, (2, 0, 1, 3), (0, 1, 3, 2)).view(2, 2, 2, 2, 2)
    assert torch.equal(found, state.view(2, 2, 2, 2, 2).permute(0, 2, 3, 4, 1))


@pytest.mark.parametrize(
    "circuit, method",
    [(Ring(5, 1), "dense"), (Ring(6, 1), "fused"), (real(6, 1), "dense"), (real(7, 1), "fused")],
)
def test_circuits_without_inputs_are_fused_where_they_have_many_wires(circuit, method):
    assert Statevector().run(circuit).method == method


def test_inputs_are_refused_by_name():
    with pytest.raises(ValueError) as error:
        Statevector("fused").run(Circuit(lambda x, w: qml.RX(x[0], 0) and qml.expval(Z(0)), 4))
    assert (
        str(error.value)
        == "device.method=fused: it simulates one state a run, and each sample's 4 inputs ask for"
        " its own; use grouped."
    )


def test_the_method_is_known_by_name():
    assert (
        build(
            "device", {"_target_": "qtlrun.device.statevector.Statevector", "method": "fused"}
        ).method
        == "fused"
    )
    with pytest.raises(UsageError, match="^device.method=fuse: .*fused"):
        build("device", {"_target_": "qtlrun.device.statevector.Statevector", "method": "fuse"})


def test_lightning_gives_the_same_expectations_on_thirteen_wires():
    circuit = chain(13, 3, lambda: [qml.expval(Z(wire)) for wire in range(13)])
    x, w = data(circuit, runs=1)
    assert_close(
        of_run(Statevector().run(circuit), x, w),
        of_run(PennyLane("lightning.qubit").run(circuit), x, w),
        1e-10,
    )


def test_shots_of_a_circuit_without_inputs_scatter_about_its_chances():
    circuit = Ring(6, 1)
    x, w = data(circuit, runs=1, batch=2)
    found, exact = (
        Statevector(shots=20000, seed=1).run(circuit)(x, w),
        Statevector().run(circuit)(x, w),
    )
    assert not torch.equal(found[:, 0], found[:, 1])  # every sample has shots of its own
    assert (found - exact).abs().max() < 6 * 0.5 / 20000**0.5
