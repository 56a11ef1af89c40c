"""Folded circuits and extrapolated values against PennyLane's, and cases that must recover."""

import numpy as np
import pennylane as qml
import pytest
import torch
from noises import MIXTURE, Turn, Words, angles

from qtlrun.circuit.dressed import Dressed
from qtlrun.device import script
from qtlrun.device.mixed import Mixed, compile_density
from qtlrun.error import BadValue
from qtlrun.robustness.folding import check_factors, extrapolate, extrapolation_weights, fold
from qtlrun.simulator.noise import Noise
from qtlrun.tape import reader


@pytest.mark.parametrize("circuit", [Dressed(3, 1), Words()])
def test_a_folded_circuit_is_the_plain_one_without_noise(circuit):
    x, w = (each.detach() for each in angles(circuit))
    reading = reader.read(circuit)
    plain, folded = (
        compile_density(each, [Noise()])(*reading.prepare(x, w)[:2])
        for each in (reading, fold(reading, 5))
    )
    torch.testing.assert_close(folded, plain, rtol=0, atol=1e-12)
    assert len(fold(reading, 5).gates) == 5 * len(reading.gates)


def test_a_folded_circuit_under_noise_is_that_of_pennylane_s_global_folding():
    circuit = Dressed(2, 1)
    x, w = (each.detach() for each in angles(circuit, 1, 1))
    reading = reader.read(circuit)
    noise = Noise(depolarizing=0.05, amplitude_damping=0.1)
    found = compile_density(fold(reading, 3), [noise])(*reading.prepare(x, w)[:2])[0, 0]
    plain = script.build_tape(reading, reading.angles(x, w)[0, 0].tolist(), None)
    (folded,), _ = qml.noise.fold_global(plain, 3)
    operations = []
    for operation in folded.operations:
        operations.append(operation)
        for wire in operation.wires:
            operations += script.list_channels(noise, wire)
    tape = qml.tape.QuantumScript(operations, plain.measurements)
    (right,) = qml.execute([tape], qml.device("default.mixed", wires=2), diff_method=None)
    np.testing.assert_allclose(found, np.array(right), rtol=0, atol=1e-10)


def test_extrapolated_values_are_pennylane_s():
    factors = [1, 3, 5]
    values = [
        torch.tensor([[0.8, -0.5]]),
        torch.tensor([[0.5, -0.2]]),
        torch.tensor([[0.35, -0.1]]),
    ]
    values = [each.double() for each in values]
    for output in range(2):
        column = [float(each[0, output]) for each in values]
        for form, right in (
            ("linear", qml.noise.poly_extrapolate(factors, column, 1)),
            ("polynomial", qml.noise.richardson_extrapolate(factors, column)),
            ("exponential", qml.noise.exponential_extrapolate(factors, column, asymptote=0)),
        ):
            found = float(extrapolate(values, factors, form)[0, output])
            assert found == pytest.approx(float(right), rel=1e-6)


def test_the_exponential_form_recovers_a_value_that_decays_by_gates():
    """Each gate shrinks <Z> of one wire by the same factor, so folds are powers of it."""
    reading = reader.read(Turn())
    x = torch.tensor([[[0.4], [2.0]]], dtype=torch.float64)
    w = torch.zeros(1, 1, dtype=torch.float64)
    noise = Noise(depolarizing=0.2)
    factors = [1, 3, 5]
    series = [compile_density(fold(reading, factor), [noise])(x, w) for factor in factors]
    assert (series[0] - x.cos()).abs().max() > 0.2
    torch.testing.assert_close(extrapolate(series, factors, "exponential"), x.cos())
    linear, polynomial = (
        (extrapolate(series, factors, form) - x.cos()).abs() for form in ("linear", "polynomial")
    )
    assert (polynomial < linear).all() and (linear < (series[0] - x.cos()).abs()).all()


@pytest.mark.parametrize("form", ["linear", "polynomial"])
def test_the_weights_give_back_a_constant_and_a_line(form):
    weights = extrapolation_weights([1, 3, 5], form)
    assert weights.sum() == pytest.approx(1)
    assert weights @ [3, 5, 7] == pytest.approx(2)  # 2 + factor


def test_shots_of_an_extrapolated_value_vary_by_the_squares_of_the_weights():
    draw = np.random.default_rng(0)
    factors = [1, 3, 5]
    series = [torch.from_numpy(draw.normal(0.5, 0.1, 20000)) for _ in factors]
    found = float(extrapolate(series, factors, "polynomial").var())
    expected = 0.1**2 * np.square(extrapolation_weights(factors, "polynomial")).sum()
    assert found == pytest.approx(expected, rel=0.05)  # 20,000 draws: 1 %


@pytest.mark.parametrize("factors", [[], [1], [1, 2], [3, 5], [3, 1], [1, 1], [1, -3]])
def test_factors_that_no_fold_has_are_refused(factors):
    with pytest.raises(BadValue):
        check_factors(factors)


def test_noise_is_more_with_every_fold():
    circuit = Dressed(2, 1)
    x, w = (each.detach() for each in angles(circuit))
    reading = reader.read(circuit)
    right = Mixed().run(circuit)(x, w)
    errors = []
    for factor in (1, 3, 5):
        noise = [Noise(depolarizing=MIXTURE["depolarizing"])]
        found = compile_density(fold(reading, factor), noise)(*reading.prepare(x, w)[:2])
        errors.append(float((found - right).abs().max()))
    assert errors == sorted(errors) and errors[0] > 0
