import math

import numpy as np
import pennylane as qml
import pytest
import torch

from qtlrun.circuit.amplitude import Amplitude
from qtlrun.circuit.dressed import Dressed
from qtlrun.circuit.entangler import entangle_strongly
from qtlrun.circuit.observed import Observed
from qtlrun.derivative import variance
from qtlrun.derivative.variance import GLOBAL, LOCAL, SMALL, UNIFORM
from qtlrun.device.statevector import Statevector

STARTS = 600
# Of a variance, relative: twice sqrt(2 / starts), at least the error of a normal derivative's
TOLERANCE = 2 * math.sqrt(2 / STARTS) + 0.02


class Rotations:
    """RY of each wire by a weight, without inputs or entanglement."""

    inputs = 0
    direct = False

    def __init__(self, qubits):
        self.qubits = qubits
        self.shape = (qubits,)

    def __call__(self, inputs, weights):
        for wire in range(self.qubits):
            qml.RY(weights[wire], wire)
        return [qml.expval(qml.Z(0))]


def sample(circuit, **named):
    samples = variance.sample_gradients(circuit, spread=0.01, starts=STARTS, seed=0, **named)
    return {(each.observable, each.start): each for each in samples}


def test_the_derivative_by_one_rotation_has_the_variance_of_a_sine():
    each = sample(Rotations(1))[LOCAL, UNIFORM]
    assert variance.mean_variance(each.gradients) == pytest.approx(1 / 2, rel=TOLERANCE)


@pytest.mark.parametrize("qubits", [2, 4, 7])
def test_of_a_product_the_global_variance_halves_per_qubit_and_the_local_stays(qubits):
    samples = sample(Rotations(qubits))
    every, first = samples[GLOBAL, UNIFORM], samples[LOCAL, UNIFORM]
    # The product of squares has heavier tails than a normal number: 7 wires give a factor 3
    assert variance.mean_variance(every.gradients) == pytest.approx(2.0**-qubits, rel=0.35)
    assert variance.mean_variance(first.gradients) == pytest.approx(1 / 2, rel=TOLERANCE)
    assert every.gradients.shape[1] == qubits and first.gradients.shape[1] == 1


def test_one_dressed_qubit_from_a_small_start_varies_by_its_items():
    """Its <Z> is -sin(x + w), so the derivative is -cos x at w = 0, of x within a right angle."""
    each = sample(Dressed(1, 1))[LOCAL, SMALL]
    expected = 1 / 2 - 4 / math.pi**2
    assert variance.mean_variance(each.gradients) == pytest.approx(expected, rel=TOLERANCE)


def test_of_a_product_from_a_small_start_no_derivative_exceeds_its_sine():
    small = sample(Rotations(3))[LOCAL, SMALL].gradients
    assert 0 < variance.mean_variance(small) < 2 * 0.01**2


# Mean over the first layer's weights, by depth, at 2, 4, 6 and 8 qubits; 300 starts there
REFERENCE = {
    (2, UNIFORM, LOCAL): (0.27, 0.086, 0.053, 0.043),
    (6, UNIFORM, LOCAL): (0.24, 0.066, 0.021, 0.013),
    (6, UNIFORM, GLOBAL): (0.21, 0.064, 0.015, 0.0040),
}


@pytest.mark.parametrize("depth", [2, 6])
@pytest.mark.parametrize("number, qubits", [(0, 2), (1, 4), (2, 6), (3, 8)])
def test_the_dressed_circuit_has_the_variances_of_another_program(depth, number, qubits):
    samples = sample(Dressed(qubits, depth))
    for (layers, start, observable), values in REFERENCE.items():
        if layers == depth:
            each = samples[observable, start]
            squares = each.gradients.var(axis=0, ddof=1)
            first = squares[each.places < qubits].sum() / qubits
            # Both are estimates, of few weights with heavy tails
            assert first == pytest.approx(values[number], rel=0.3)


def test_the_weights_that_move_an_observable_are_those_of_its_light_cone():
    """Z of wire 0 turns to X by its last rotation, and CNOT(0, 1) spreads that X to wire 1."""
    each = sample(Dressed(6, 2))[LOCAL, UNIFORM]
    assert each.places.tolist() == [0, 1, 6] and each.weights == 12


def test_amplitudes_stay_inputs_and_have_the_derivatives_of_pennylane():
    circuit = Amplitude(2, 1)
    each = sample(circuit)[GLOBAL, UNIFORM]
    values = variance.draw_starts(circuit, spread=0.01, starts=STARTS, seed=0)
    items, weights = values[STARTS].double().split([4, values.shape[1] - 4])

    @qml.qnode(qml.device("default.qubit", wires=2), interface="torch")
    def run(angles):
        qml.AmplitudeEmbedding(items, range(2), normalize=True)
        entangle_strongly(angles, 2, 1)
        return qml.expval(qml.Z(0) @ qml.Z(1))

    angles = weights.requires_grad_()
    expected = torch.autograd.grad(run(angles), angles)[0]
    alive = expected.abs() > variance.ROUNDING
    # float32
    assert np.allclose(each.gradients[0], expected[alive].numpy(), atol=1e-5)


def test_the_bootstrap_of_a_variance_spreads_as_normal_theory_has_it():
    gradients = np.random.default_rng(0).normal(size=(400, 1))
    draws = variance.resample_variance(gradients, 4000, 0)
    assert draws.mean() == pytest.approx(gradients.var(ddof=1), rel=0.02)
    # The deviation of a normal variance; its estimate from 400 values errs by 10 %
    assert draws.std() == pytest.approx(math.sqrt(2 / 400), rel=0.3)


def test_amplitudes_have_no_table_of_angles():
    """No angle depends on an amplitude, and a row of each would be 2**qubits numbers."""
    circuit = Amplitude(6, 2)
    run = Statevector().run(Observed(circuit, circuit.inputs, direct=True))
    kinds = [kind for blocks in run.simulate.engine.blocks for kind in blocks.kinds]
    assert kinds and all(kind.by_input.size == 0 < kind.by_weight.size for kind in kinds)
