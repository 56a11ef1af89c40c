"""Qiskit's Aer under noise, against density matrices, and under a processor's noise model."""

import math

import numpy as np
import pytest
import torch
from composition import part
from noises import CHANNELS, MIXTURE, MIXTURES, Chances, Turn, Words, angles, slopes

from qtlrun.circuit.dressed import Dressed
from qtlrun.device.mixed import Mixed
from qtlrun.device.pennylane import PennyLane
from qtlrun.error import UsageError
from qtlrun.plan import build

aer = pytest.importorskip("qiskit_aer")
fake_provider = pytest.importorskip("qiskit_ibm_runtime.fake_provider")

NAME = "qiskit.aer"
OPTIONS = {"method": "statevector"}  # of conf/device/qiskit.aer.yaml
SINGLE = [{name: 0.13} for name in (*CHANNELS, "readout_0", "readout_1")]
TRANSPILER_SEED = 0


@pytest.mark.parametrize("circuit", [Dressed(2, 1), Chances()], ids=["values", "probabilities"])
@pytest.mark.parametrize("noise", [*SINGLE, *MIXTURES], ids=str)
def test_values_and_gradients_under_noise_are_those_of_density_matrices(circuit, noise):
    x, w = angles(circuit)
    found = PennyLane(NAME, noise=noise, options=OPTIONS).run(circuit)(x, w)
    right = Mixed(noise).run(circuit)(x, w)
    torch.testing.assert_close(found, right, rtol=0, atol=1e-10)
    for slope, right_slope in zip(slopes(found, x, w), slopes(right, x, w), strict=True):
        torch.testing.assert_close(slope, right_slope, rtol=0, atol=1e-10)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "noise",
    [{"over_rotation": 0.2}, MIXTURE | {"readout_0": 0.0, "readout_1": 0.0}],
    ids=["angles", "mixture"],
)
def test_words_of_several_bases_are_those_of_density_matrices(noise):
    x, w = (each.detach() for each in angles(Words(), 1, 2))
    found = PennyLane(NAME, noise=noise, options=OPTIONS).run(Words())(x, w)
    torch.testing.assert_close(found, Mixed(noise).run(Words())(x, w), rtol=0, atol=1e-10)


@pytest.mark.parametrize("noise", ["fake_manila", {"bit_flip": 0.2, "readout_1": 0.1}], ids=str)
def test_shots_under_noise_scatter_about_the_exact_value(noise):
    x = torch.full((1, 600, 1), 0.7, dtype=torch.float64)
    w = torch.zeros(1, 1, dtype=torch.float64)
    device = PennyLane(NAME, noise=noise, shots=50)
    exact = float(device.exactly().run(Turn())(x[:, :1], w))
    values = device.run(Turn())(x, w)[0, :, 0]
    error = math.sqrt((1 - exact**2) / 50 / 600)
    assert abs(float(values.mean()) - exact) < 5 * error
    torch.testing.assert_close(float(values.var()), (1 - exact**2) / 50, rtol=0.3, atol=0)
    assert torch.equal(values, device.run(Turn())(x, w)[0, :, 0])
    assert not torch.equal(values, device.drawing(1).run(Turn())(x, w)[0, :, 0])


def call_aer(circuit, x, w):
    """Values of <Z> that Aer gives under the noise model of the processor, called directly."""
    from qiskit import QuantumCircuit, transpile
    from qiskit.circuit import ParameterVector
    from qiskit.circuit.library import UnitaryGate

    backend = fake_provider.FakeManilaV2()
    reading = Mixed().run(circuit).reading
    values = reading.angles(x, w)[0, 0].tolist()
    names = ParameterVector("angle", len(values))
    script = QuantumCircuit(circuit.qubits)
    for gate in reading.gates:
        if gate.angle is None:
            script.append(UnitaryGate(gate.matrix.numpy()), gate.wires[::-1])
        else:
            getattr(script, f"r{gate.word.lower()}")(names[gate.angle], gate.wires[0])
    script = transpile(script, backend, seed_transpiler=TRANSPILER_SEED)
    places = script.layout.final_index_layout()
    bound = script.assign_parameters(dict(zip(names, values, strict=True)))
    bound.save_probabilities(places)
    simulator = aer.AerSimulator.from_backend(backend, method="density_matrix")
    chances = simulator.run(bound).result().data()["probabilities"]
    outcomes = np.arange(len(chances))
    expectations = []
    for wire, place in enumerate(places):
        misread = backend.target["measure"][(place,)].error
        expectations.append((1 - 2 * misread) * (1 - 2 * (outcomes >> wire & 1)) @ chances)
    return expectations


def test_a_processor_is_that_of_aer_called_directly():
    circuit = Dressed(3, 1)
    x, w = (each.detach() for each in angles(circuit, 1, 1))
    found = PennyLane(NAME, noise="fake_manila", options=OPTIONS).run(circuit)(x, w)
    np.testing.assert_allclose(found[0, 0], call_aer(circuit, x, w), rtol=0, atol=1e-10)
    ideal = Mixed().run(circuit)(x, w)
    assert (found - ideal).abs().max() > 0.01


def test_gradients_under_a_processor_are_those_of_small_steps():
    circuit = Dressed(2, 1)
    x, w = angles(circuit, 1, 1)
    run = PennyLane(NAME, noise="fake_manila").run(circuit)
    (slope,) = torch.autograd.grad(run(x, w)[0, 0, 1], w)
    step = torch.zeros_like(w)
    step[0, 0, 1] = 1e-4
    ahead, behind = (run(x.detach(), (w + sign * step).detach())[0, 0, 1] for sign in (1, -1))
    # A cubic term of 1e-8 of the slope is left
    torch.testing.assert_close(slope[0, 0, 1], (ahead - behind) / 2e-4, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    "values, qubits, key, reason",
    [
        ({"noise": "fake_manilla"}, 2, "noise", "did you mean fake_manila"),
        ({"noise": "fake_manila"}, 6, "noise", "it has 5 qubits, and the circuit needs 6"),
        ({"noise": MIXTURE, "options": {"method": "stabilizer"}}, 2, "options", "density matrices"),
        ({"noise": MIXTURE, "options": {"nope": 1}}, 2, "options", "Aer does not take them"),
        ({"noise": "fake_manila", "diff_method": "adjoint"}, 2, "diff_method", "parameter-shift"),
    ],
)
def test_what_aer_cannot_simulate_is_refused(values, qubits, key, reason):
    device = PennyLane(NAME, **values)
    with pytest.raises(UsageError) as error:
        device.run(Dressed(qubits, 1))
    assert error.value.key == f"device.{key}" and reason in str(error.value)


def test_another_device_has_no_noise_models_of_processors():
    with pytest.raises(UsageError) as error:
        build("device", part("device", "lightning.qubit") | {"noise": "fake_manila"})
    assert error.value.key == "device.noise" and "device=qiskit.aer has" in str(error.value)
