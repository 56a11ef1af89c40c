import math

import pennylane as qml
import pytest
import torch
from circuits import numbers, values_and_slopes

from qtlrun.circuit.dressed import Dressed
from qtlrun.circuit.readout import Register, observables
from qtlrun.device.pennylane import PennyLane
from qtlrun.device.statevector import Statevector
from qtlrun.error import UsageError
from qtlrun.head.dressed import Quantum
from qtlrun.head.squashing import squash
from qtlrun.layer import Start
from qtlrun.plan import build
from qtlrun.tape import measurement, reader

COUNTS = {"z": 3, "pairs": 6, "paulis": 36, "probabilities": 8, "observable": 3}
WIRES = 3


@pytest.mark.parametrize("readout", COUNTS)
def test_a_readout_gives_the_same_on_each_device(readout):
    circuit = Dressed(WIRES, 2, Register(readout))
    first = values_and_slopes(Statevector(), circuit)
    assert first[0].shape[1] == COUNTS[readout]
    for name in ("default.qubit", "lightning.qubit"):
        method = (
            "parameter-shift" if (name, readout) == ("lightning.qubit", "probabilities") else "best"
        )
        other = values_and_slopes(PennyLane(name, diff_method=method), circuit)
        for ours, theirs in zip(first, other, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


def test_pauli_words_and_probabilities_tell_the_same_state():
    # p(state) is the mean over subsets of wires of their sign times <Z...Z>
    x, w = 3 * numbers(4, 2), 3 * numbers(1, 2, seed=1)
    shares = Statevector().run(Dressed(2, 1, Register("probabilities")))(x, w)
    first, second, both = Statevector().run(Dressed(2, 1, Register("pairs")))(x, w).unbind(-1)
    for state, share in enumerate(shares.unbind(-1)):
        a, b = (1 - 2 * (state >> 1), 1 - 2 * (state & 1))
        expected = (1 + a * first + b * second + a * b * both) / 4
        torch.testing.assert_close(share, expected, rtol=0, atol=1e-14)


def test_a_trained_observable_is_the_direction_of_its_angles():
    """Of RY(q) H |0> the vector on the sphere is (cos q, 0, -sin q)."""
    q, (a, b) = 3 * numbers(5, 1), 3 * numbers(2, seed=2)
    value = Statevector().run(Dressed(1, 0, Register("observable")))(q, torch.stack([a, b]))
    expected = -q.sin() * b.cos() + q.cos() * b.sin() * a.cos()
    torch.testing.assert_close(value, expected, rtol=0, atol=1e-14)


def test_words_are_counted_by_their_locality():
    for wires in (1, 2, 4):
        counts = [math.comb(wires, places) * 3**places for places in range(1, wires + 1)]
        for locality in range(1, wires + 1):
            assert len(observables(range(wires), locality)) == sum(counts[:locality])


@pytest.mark.parametrize(
    "readout, bases", [("z", 1), ("pairs", 1), ("probabilities", 1), ("observable", 1)]
)
def test_a_readout_of_z_takes_one_basis(readout, bases):
    reading = reader.read(Dressed(WIRES, 1, Register(readout)))
    assert measurement.count_bases(reading.measurements, WIRES) == bases


@pytest.mark.parametrize("wires", [2, 3])
def test_pairs_of_pauli_words_take_the_bases_that_pennylane_needs(wires):
    measured = [qml.expval(word) for word in observables(range(wires), 2)]
    tapes, _ = qml.transforms.split_non_commuting(
        qml.tape.QuantumScript([], measured), grouping_strategy="qwc"
    )
    ours = measurement.count_bases(measured, wires)
    assert 9 <= ours <= len(tapes) + 3  # all nine letters of a pair; the first basis that fits


def test_an_observable_without_words_has_a_basis_of_its_own():
    matrix = qml.Hermitian([[1, 0], [0, 2]], 0)
    measured = [qml.expval(qml.Z(0)), qml.var(qml.X(1)), qml.expval(matrix)]
    assert measurement.count_bases(measured, 2) == 2


def head(copies, device=None, readout="z", **values):
    circuit = Dressed(2, 3, Register(readout, copies))
    start = Start([0, 5], torch.float64)
    return Quantum(8, 3, circuit, device or Statevector(), start, spread=1.0, **values)


@pytest.mark.parametrize("values", [{}, {"entangle": False}, {"product": True}])
def test_copies_are_circuits_side_by_side(values):
    several = head(3, **values)
    x = 3 * numbers(2, 5, 8)
    inputs = squash(several.pre(x))
    outputs = torch.cat(
        [
            several.run(inputs[..., 2 * copy : 2 * copy + 2], several.angles[:, copy])
            for copy in range(3)
        ],
        -1,
    )
    torch.testing.assert_close(several(x), several.post(outputs), rtol=0, atol=1e-13)


def test_copies_count_their_angles_executions_and_ranks():
    one, several = head(1), head(3)
    x = 3 * numbers(2, 20, 8)
    assert several.angles.numel() == 3 * one.angles.numel()
    assert several.executions() == 3 * one.executions()
    assert several.effective(x) == [3 * rank for rank in one.effective(x)]
    paulis = head(1, readout="paulis")
    assert paulis.executions() == 9 * one.executions()


def test_probabilities_of_many_wires_are_refused():
    with pytest.raises(UsageError) as error:
        Dressed(11, 1, Register("probabilities"))
    assert (error.value.key, error.value.value) == ("readout", "probabilities")


@pytest.mark.parametrize("copies", [0, -1, 20_000])
def test_a_number_of_copies_that_no_row_has_is_refused(copies):
    part = {"_target_": "qtlrun.circuit.dressed.Dressed", "qubits": 2, "depth": 1}
    with pytest.raises(UsageError) as error:
        build("circuit", part | {"copies": copies})
    assert (error.value.key, error.value.value) == ("circuit.copies", copies)
