"""Circuits with noise, by density matrices and by jumps, against default.mixed and closed forms."""

import gc
import math

import numpy as np
import pennylane as qml
import pytest
import torch
from composition import check, part, short_plan
from noises import CHANNELS, MIXTURE, MIXTURES, SINGLE, Chances, Turn, Words, angles, slopes

from qtlrun.circuit.dressed import Dressed
from qtlrun.circuit.qcnn import QCNN
from qtlrun.device.method import native_dtype
from qtlrun.device.mixed import Mixed, compile_density
from qtlrun.device.pennylane import PennyLane
from qtlrun.device.statevector import Statevector
from qtlrun.error import UsageError
from qtlrun.plan import build
from qtlrun.simulator import density
from qtlrun.simulator.noise import Noise

ANGLE = 0.7


def value(observable, **noise):
    """Value of RY(ANGLE) with noise behind it."""
    x, w = torch.full((1, 1), ANGLE, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    return float(Mixed(noise).run(Turn(observable))(x, w))


@pytest.mark.parametrize(
    "noise, x, z",
    [
        ({"depolarizing": 0.3}, 1 - 4 * 0.3 / 3, 1 - 4 * 0.3 / 3),
        ({"bit_flip": 0.2}, 1, 1 - 2 * 0.2),
        ({"phase_flip": 0.2}, 1 - 2 * 0.2, 1),
        ({"phase_damping": 0.36}, 0.8, 1),
        ({"readout_0": 0.1, "readout_1": 0.1}, 0.8, 0.8),
    ],
)
def test_a_channel_shrinks_what_it_must(noise, x, z):
    assert value(qml.PauliX, **noise) == pytest.approx(x * math.sin(ANGLE), abs=1e-12)
    assert value(qml.PauliZ, **noise) == pytest.approx(z * math.cos(ANGLE), abs=1e-12)


def test_amplitude_damping_draws_towards_zero():
    damped = 0.64 * math.cos(ANGLE) + 0.36
    assert value(qml.PauliZ, amplitude_damping=0.36) == pytest.approx(damped, abs=1e-12)
    assert value(qml.PauliX, amplitude_damping=0.36) == pytest.approx(0.8 * math.sin(ANGLE))


def test_a_readout_that_errs_one_way_shifts_the_value():
    chance = (1 + math.cos(ANGLE)) / 2 * 0.9 + (1 - math.cos(ANGLE)) / 2 * 0.25
    read = value(qml.PauliZ, readout_0=0.1, readout_1=0.25)
    assert read == pytest.approx(2 * chance - 1, abs=1e-12)


def test_over_rotation_is_a_share_of_the_angle():
    assert value(qml.PauliZ, over_rotation=0.5) == pytest.approx(math.cos(1.5 * ANGLE), abs=1e-12)


@pytest.mark.parametrize("circuit", [Dressed(3, 2), QCNN(4, 1), Words(), Chances()])
def test_without_noise_it_is_the_statevector(circuit):
    x, w = angles(circuit)
    found, right = (device.run(circuit)(x, w) for device in (Mixed(), Statevector()))
    torch.testing.assert_close(found, right, rtol=0, atol=1e-12)
    pairs = zip(slopes(found, x, w), slopes(right, x, w), strict=True)
    for slope, right_slope in pairs:
        torch.testing.assert_close(slope, right_slope, rtol=0, atol=1e-12)


@pytest.mark.parametrize("circuit", [Dressed(2, 1), Chances()], ids=["values", "probabilities"])
@pytest.mark.parametrize("noise", [*SINGLE, *MIXTURES], ids=str)
def test_values_and_gradients_are_those_of_default_mixed(circuit, noise):
    x, w = angles(circuit)
    found = Mixed(noise).run(circuit)(x, w)
    right = PennyLane("default.mixed", noise=noise).run(circuit)(x, w)
    torch.testing.assert_close(found, right, rtol=0, atol=1e-10)
    for slope, right_slope in zip(slopes(found, x, w), slopes(right, x, w), strict=True):
        torch.testing.assert_close(slope, right_slope, rtol=0, atol=1e-10)


def test_words_of_several_bases_are_those_of_default_mixed():
    noise = MIXTURE | {"readout_0": 0.0, "readout_1": 0.0}
    x, w = angles(Words())
    found = Mixed(noise).run(Words())(x, w)
    right = PennyLane("default.mixed", noise=noise).run(Words())(x, w)
    torch.testing.assert_close(found, right, rtol=0, atol=1e-10)


def test_errors_of_the_readout_are_those_of_flipped_bits_of_each_basis():
    noise = {"readout_0": 0.1, "readout_1": 0.3}
    x, w = (each.detach() for each in angles(Words(), 1, 1))
    found = Mixed(noise).run(Words())(x, w)[0, 0]

    @qml.qnode(qml.device("default.qubit"))
    def outcomes(basis):
        for operation in qml.tape.make_qscript(Words())(x[0, 0], w[0]).operations:
            qml.apply(operation)
        for wire, letter in enumerate(basis):
            {"X": qml.Hadamard, "Y": lambda wire: qml.RX(math.pi / 2, wire)}.get(
                letter, qml.Identity
            )(wire)
        return qml.probs(range(3))

    flips = np.array([[0.9, 0.3], [0.1, 0.7]])
    read = np.kron(np.kron(flips, flips), flips) @ np.asarray(outcomes("XZY"))
    signs = np.array([(-1) ** ((state >> 2 & 1) + (state & 1)) for state in range(8)])
    assert float(found[0]) == pytest.approx(signs @ read, abs=1e-12)


def test_a_batch_has_a_noise_for_each_run():
    circuit = Dressed(3, 1)
    x, w = (each.detach() for each in angles(circuit, runs=3))
    noises = [Noise(), Noise(amplitude_damping=0.2), Noise(readout_0=0.1, over_rotation=0.2)]
    reading = Mixed().run(circuit).reading
    together = compile_density(reading, noises)(x, w)
    for run, noise in enumerate(noises):
        alone = compile_density(reading, [noise])(x[run : run + 1], w[run : run + 1])
        torch.testing.assert_close(together[run], alone[0], rtol=0, atol=1e-13)


@pytest.mark.parametrize("circuit", [Dressed(4, 3), QCNN(4, 1)])
def test_a_gate_keeps_four_factors_of_each_of_its_wires_for_each_run(circuit):
    """Sixteen on two wires, not a table of all words, which is as large as a state."""
    reading = Mixed().run(circuit).reading
    gates = [gate for gate in reading.gates if gate.angle is None or len(gate.wires) > 1]
    factors = sum(4 ** len(gate.wires) for gate in gates)
    counts = []
    for runs in (1, 40):
        run = compile_density(reading, [Noise(depolarizing=0.1)] * runs)
        gc.collect()
        before = {id(each) for each in gc.get_objects()}
        parts = run.on(torch.float64, torch.device("cpu"))
        fresh = [each for each in gc.get_objects() if id(each) not in before]
        counts.append(sum(each.numel() for each in fresh if isinstance(each, torch.Tensor)))
        del parts
    rest = 2 * 4 + 1 + 4 * 4  # channels of a wire and a view of them, over-rotation, readout
    assert 0 < counts[1] - counts[0] <= 39 * (factors + rest)


def test_a_gradient_whose_states_are_computed_again_is_the_same(monkeypatch):
    circuit = QCNN(3, 1)
    x, w = angles(circuit)
    right = slopes(Mixed(MIXTURE).run(circuit)(x, w), x, w)
    monkeypatch.setattr(density, "MAX_GRAPH_BYTES", 0)
    again = slopes(Mixed(MIXTURE).run(circuit)(x, w), x, w)
    for slope, right_slope in zip(again, right, strict=True):
        torch.testing.assert_close(slope, right_slope, rtol=0, atol=1e-13)


def test_a_sample_does_not_feel_its_batch():
    circuit = Dressed(3, 1)
    x, w = (each.detach() for each in angles(circuit))
    run = Mixed(MIXTURE).run(circuit)
    for sample in range(x.shape[1]):
        alone = run(x[:, sample : sample + 1], w)[:, 0]
        torch.testing.assert_close(alone, run(x, w)[:, sample], rtol=0, atol=1e-14)


@pytest.mark.parametrize("noise", [{"depolarizing": 0.1}, {"amplitude_damping": 0.3}, MIXTURE])
def test_jumps_and_their_gradient_are_right_on_average(noise):
    circuit = Dressed(2, 1)
    x, w = angles(circuit, 1, 1)
    right = Mixed(noise).run(circuit)(x, w)
    rows = 400
    many_x = x.detach().expand(1, rows, -1).clone().requires_grad_()
    found = Mixed(noise, "jumps", histories=16).run(circuit)(many_x, w)
    (by_x,) = torch.autograd.grad(found.sum(), many_x)
    (right_by_x,) = torch.autograd.grad(right.sum(), x)
    # Histories differ, so each row is a draw; 4 numbers: five errors are passed once in 400,000
    for draws, mean in ((found[0], right[0, 0]), (by_x[0], right_by_x[0, 0])):
        error = draws.std(0) / rows**0.5
        assert ((draws.mean(0) - mean).abs() < 5 * error + 1e-12).all() and error.max() < 0.05


def test_jumps_of_more_qubits_agree_with_the_density_matrix():
    circuit = Dressed(6, 1)
    x, w = (each.detach() for each in angles(circuit, 1, 1))
    noise = {"depolarizing": 0.05, "amplitude_damping": 0.1}
    right = Mixed(noise).run(circuit)(x, w)
    found = Mixed(noise, "jumps", histories=4000).run(circuit)(x, w)
    assert (found - right).abs().max() < 5 / 4000**0.5  # a value has a deviation of at most 1


def test_shots_are_drawn_of_what_noise_leaves():
    circuit = Turn()
    x = torch.full((1, 2000, 1), ANGLE, dtype=torch.float64)
    w = torch.zeros(1, 1, dtype=torch.float64)
    noise = {"bit_flip": 0.2, "readout_0": 0.1, "readout_1": 0.1}
    exact = 0.6 * 0.8 * math.cos(ANGLE)
    values = Mixed(noise, shots=50).run(circuit)(x, w)[0, :, 0]
    error = math.sqrt((1 - exact**2) / 50 / 2000)
    assert abs(float(values.mean()) - exact) < 5 * error
    torch.testing.assert_close(float(values.var()), (1 - exact**2) / 50, rtol=0.2, atol=0)


def test_the_draws_of_a_seed_are_drawn_again():
    circuit = Dressed(2, 1)
    x, w = (each.detach() for each in angles(circuit))
    for values in ({"method": "jumps", "histories": 3}, {"shots": 20}):
        first, again, other = (
            Mixed(MIXTURE, **values, seed=seed).run(circuit)(x, w) for seed in (0, 0, 1)
        )
        assert torch.equal(first, again) and not torch.equal(first, other)
        exact = Mixed(MIXTURE, **values).exactly()
        assert exact.exact and exact.noise == Mixed(MIXTURE).noise


@pytest.mark.parametrize(
    "values, key, reason",
    [
        ({"noise": {"depolarising": 0.1}}, "noise.depolarising", "did you mean depolarizing"),
        ({"noise": {"bit_flip": 1.5}}, "noise.bit_flip", "a probability from 0 to 1"),
        ({"noise": {"readout_0": -0.1}}, "noise.readout_0", "a probability from 0 to 1"),
        ({"noise": {"bit_flip": "much"}}, "noise.bit_flip", "a number"),
        ({"noise": {"bit_flip": math.nan}}, "noise.bit_flip", "a probability"),
        ({"noise": {"over_rotation": -1.0}}, "noise.over_rotation", "above -1"),
        ({"noise": {"after": "gate"}}, "noise.after", "did you mean gates"),
        ({"shots": 0}, "shots", "at least one"),
        ({"histories": 0}, "histories", "at least one"),
        ({"seed": -1}, "seed", "a whole number"),
        ({"method": "jump"}, "method", "did you mean jumps"),
        ({"method": "jumps", "shots": 10}, "shots", "histories are not measured"),
    ],
)
def test_what_cannot_be_is_refused(values, key, reason):
    with pytest.raises(UsageError) as error:
        build("device", part("device", "mixed") | values)
    assert error.value.key == f"device.{key}" and reason in str(error.value)


def test_a_device_without_channels_is_refused_with_those_that_have_them():
    with pytest.raises(UsageError) as error:
        build("device", part("device", "lightning.qubit") | {"noise": {"depolarizing": 0.1}})
    assert str(error.value) == (
        "device.noise={depolarizing: 0.1}: lightning.qubit has no noise channels; device=mixed"
        " and device=qiskit.aer have, and so have device=pennylane with device.name=default.mixed"
        " or cirq.mixedsimulator."
    )
    PennyLane("lightning.qubit", noise={"over_rotation": 0.1})


def test_a_dtype_is_told_of_the_tape_that_is_executed():
    compiled = PennyLane("default.mixed", noise=MIXTURE).run(Dressed(2, 1))
    gates = []
    for call in (lambda: compiled(*angles(Dressed(2, 1))), lambda: native_dtype(compiled)):
        with qml.Tracker(compiled.device) as tracker:
            call()
        gates.append(tracker.history["resources"][0].gate_types)
    assert gates[0] == gates[1] and "AmplitudeDamping" in gates[1]


def test_noise_without_a_circuit_is_refused(home):
    words = ("head=classical", "device=mixed", "device.noise.bit_flip=0.1", "compare=[C]")
    with pytest.raises(UsageError) as error:
        check(short_plan(home, *words))
    assert error.value.key == "device.noise" and error.value.value == {"bit_flip": 0.1}
    with pytest.raises(UsageError) as error:
        check(short_plan(home, words[0], "device=qiskit.aer", "device.noise=fake_manila", words[3]))
    assert error.value.value == "fake_manila"
    check(short_plan(home, *words[1:]))


def test_errors_of_reading_x_are_refused_on_a_device_of_pennylane():
    with pytest.raises(UsageError, match="readout of Z alone"):
        PennyLane("default.mixed", noise={"readout_0": 0.1}).run(Words())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("noise", [{name: 0.2} for name in CHANNELS], ids=str)
def test_a_channel_is_that_of_qiskit_s_aer(noise):
    aer = pytest.importorskip("qiskit_aer")
    from qiskit import QuantumCircuit
    from qiskit.circuit.library import UnitaryGate
    from qiskit.quantum_info import Kraus, SparsePauliOp
    from qiskit_aer.noise import (
        amplitude_damping_error,
        depolarizing_error,
        pauli_error,
        phase_damping_error,
    )

    (name, strength) = next(iter(noise.items()))
    channel = {
        # Aer's probability is that of a fully mixed wire, PennyLane's that of a Pauli matrix
        "depolarizing": lambda: depolarizing_error(4 * strength / 3, 1),
        "bit_flip": lambda: pauli_error([("X", strength), ("I", 1 - strength)]),
        "phase_flip": lambda: pauli_error([("Z", strength), ("I", 1 - strength)]),
        "phase_damping": lambda: phase_damping_error(strength),
        "amplitude_damping": lambda: amplitude_damping_error(strength),
    }[name]()
    circuit = Dressed(3, 2)
    x, w = (each.detach() for each in angles(circuit, 1, 1))
    run = Mixed(noise).run(circuit)
    script = QuantumCircuit(3)
    values = run.reading.angles(x, w)[0, 0].tolist()
    for gate in run.reading.gates:
        wires = [2 - wire for wire in gate.wires]  # Qiskit's first wire is the lowest bit
        if gate.angle is None:
            script.append(UnitaryGate(gate.matrix.numpy()), wires[::-1])
        else:
            getattr(script, f"r{gate.word.lower()}")(values[gate.angle], wires[0])
        for wire in wires:
            script.append(Kraus(channel).to_instruction(), [wire])
    script.save_density_matrix()
    simulator = aer.AerSimulator(method="density_matrix")
    state = simulator.run(script).result().data()["density_matrix"]
    right = [state.expectation_value(SparsePauliOp(word)).real for word in ("ZII", "IZI", "IIZ")]
    np.testing.assert_allclose(run(x, w)[0, 0], right, rtol=0, atol=1e-10)
