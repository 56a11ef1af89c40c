import numpy as np
import pennylane as qml
import pytest
import torch

from qtlrun.circuit.amplitude import Amplitude
from qtlrun.circuit.dressed import Dressed
from qtlrun.circuit.iqp import IQP
from qtlrun.device.statevector import Statevector
from qtlrun.lens.shape import fourier


class Uploads:
    """RX of one input so many times on one wire, with a turn by weights between."""

    qubits = 1
    inputs = 1

    def __init__(self, uploads, factor=1.0):
        self.uploads = uploads
        self.factor = factor
        self.shape = (uploads, 3)

    def __call__(self, inputs, weights):
        for layer in range(self.uploads):
            qml.RX(self.factor * inputs[0], 0)
            qml.Rot(*weights[layer], 0)
        return [qml.expval(qml.Z(0))]


class Bent(Uploads):
    """RX of x + sin(2 pi x), which is x wherever 2 x is whole."""

    def __call__(self, inputs, weights):
        return super().__call__(inputs + torch.sin(2 * torch.pi * inputs), weights)


def transform(circuit, weights=None, lines=4):
    run = Statevector().run(circuit)
    draw = torch.Generator().manual_seed(0)
    if weights is None:
        weights = torch.randn(1, *circuit.shape, generator=draw, dtype=torch.float64)
    return fourier.transform(run, run.reading, weights, lines, seed=0)


def test_one_upload_has_the_frequency_one_alone():
    """<Z> after RX(x) is cos x: both coefficients of frequency 1 are a half."""
    series = transform(Uploads(1), torch.zeros(1, 1, 3, dtype=torch.float64))
    assert np.allclose(series.sizes[:2], [0, 0.5]) and not series.sizes[2:].any()
    assert series.highest == 1 and series.beyond_first == 0


@pytest.mark.parametrize("uploads", [2, 3, 5])
def test_so_many_uploads_have_as_many_frequencies(uploads):
    """Schuld, Sweke and Meyer, arXiv:2008.08605: up to the number of uploads, and no more."""
    series = transform(Uploads(uploads))
    assert series.highest == uploads
    assert (series.sizes[: uploads + 1] > 1e-6).all() and not series.sizes[uploads + 1 :].any()
    assert 0 < series.beyond_first < 1


def test_an_upload_of_twice_the_input_has_the_frequency_two():
    series = transform(Uploads(1, factor=2.0), torch.zeros(1, 1, 3, dtype=torch.float64))
    assert series.highest == 2 and series.beyond_first == pytest.approx(1)


def test_the_coefficients_are_those_of_pennylane():
    circuit = Uploads(3)
    weights = torch.randn(1, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    node = qml.QNode(circuit, qml.device("default.qubit", wires=1))
    expected = qml.fourier.coefficients(lambda x: node(x, weights[0].numpy())[0], 1, 5)
    assert np.allclose(transform(circuit, weights).sizes[:6], np.abs(expected[:6]))


def test_an_input_of_the_dressed_circuit_comes_in_once():
    assert transform(Dressed(3, 2)).highest == 1


@pytest.mark.parametrize(
    "circuit, reason",
    [
        (Uploads(1, factor=0.5), "whole multiples"),
        (IQP(2, 1), "whole multiples"),
        (Bent(1), "whole multiples"),
        (Amplitude(2, 1), "amplitudes"),
        (Uploads(1, factor=300.0), "beyond"),
    ],
)
def test_a_circuit_without_a_series_says_why(circuit, reason):
    with pytest.raises(fourier.NoSeries, match=reason):
        transform(circuit)


def test_a_circuit_that_takes_no_notice_of_its_input_has_no_share_beyond():
    series = transform(Uploads(1, factor=0.0))
    assert series.highest == 0 and np.isnan(series.beyond_first)
