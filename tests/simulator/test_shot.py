import math
from types import SimpleNamespace

import pennylane as qml
import pytest
import torch
from circuits import Circuit, draw, qnode, slopes

from qtlrun.device.statevector import Statevector
from qtlrun.error import UsageError
from qtlrun.plan import build
from qtlrun.simulator import shot
from qtlrun.tape import measurement

RUNS = 400  # of the same angles, each with shots of its own
X, Y, Z = qml.PauliX, qml.PauliY, qml.PauliZ


def turned(inputs, weights):
    """Three wires whose X, Y and Z are all far from 0 and 1."""
    for wire in range(3):
        qml.RY(inputs[0] + 0.1 * wire, wire)
        qml.RZ(weights[0], wire)
    qml.CRY(inputs[1] * weights[1], [1, 2])


def measured(*measurements):
    def function(inputs, weights):
        turned(inputs, weights)
        return [one() for one in measurements]

    return Circuit(function, 3, (2,), inputs=2)


OUTCOMES = {
    "Z": lambda: qml.expval(Z(1)),
    "X": lambda: qml.expval(X(2)),
    "Y": lambda: qml.expval(Y(0)),
    "a word": lambda: qml.expval(X(0) @ Y(1) @ Z(2)),
    "a sum": lambda: qml.expval(
        qml.Hamiltonian([0.5, -0.8, 0.3], [X(0) @ X(1), Z(2), qml.Identity(0)])
    ),
    "probabilities": lambda: qml.probs(wires=[2, 0]),
}
EVERY = measured(*OUTCOMES.values())


def repeated(*, of=RUNS):
    """The same inputs (runs, 1, 2) and weights (runs, 2) for so many runs."""
    given = (
        torch.tensor([[0.9, 0.6]], dtype=torch.float64),
        torch.tensor([0.8, 0.5], dtype=torch.float64),
    )
    return [one.expand(of, *one.shape).clone().requires_grad_() for one in given]


def assert_right_on_average(seen, right, *, spread):
    """Means over runs lie within four of their standard errors, which are below `spread`.

    Of twenty numbers that are right, one is further off in one draw of eight hundred. A shot of a
    word varies by 1 at most.
    """
    error = seen.std(0) / math.sqrt(len(seen))
    assert error.max() < spread
    assert ((seen.mean(0) - right).abs() <= 4 * error + 1e-12).all()


@pytest.mark.parametrize("method, runs", [("dense", RUNS), ("grouped", 50), ("gatewise", 50)])
def test_values_and_gradients_are_right_on_average(method, runs):
    x, w = repeated(of=runs)
    given = x[:1].detach().requires_grad_(), w[:1].detach().requires_grad_()
    right = qnode(EVERY, *given)
    upstream = torch.linspace(-1, 2, right.shape[-1], dtype=torch.float64)
    values = Statevector(method, shots=100).run(EVERY)(x, w)
    assert_right_on_average(
        values[:, 0].detach(), right[0, 0].detach(), spread=1.3 / math.sqrt(100 * runs)
    )
    mine = torch.autograd.grad((values * upstream).sum(), (x, w))
    for one, other in zip(mine, torch.autograd.grad((right * upstream).sum(), given), strict=True):
        assert_right_on_average(one.flatten(1), other.flatten(), spread=1 / math.sqrt(runs))


@pytest.mark.parametrize("name", ["Z", "X", "Y"])
def test_the_variance_of_a_shot_of_a_word_is_one_minus_its_value_squared(name):
    x, w = (one.detach() for one in repeated(of=1))
    values = (
        Statevector(shots=10).run(measured(OUTCOMES[name]))(x.expand(-1, 4000, -1), w).flatten()
    )
    value = float(qnode(measured(OUTCOMES[name]), x, w))
    assert 0.3 < abs(value) < 0.9
    # the standard error of a variance of 4000 nearly normal numbers is sqrt(2 / 4000) = 2.2 %
    assert float(values.var()) == pytest.approx((1 - value**2) / 10, rel=4 * 0.025)


@pytest.mark.parametrize(
    "words",
    [(Z(0), Z(1), Z(0) @ Z(1)), (X(0), Y(2), X(0) @ Y(2)), (X(0) @ Z(1), Y(2), X(0) @ Z(1) @ Y(2))],
)
def test_words_that_share_a_basis_share_their_shots(words):
    x, w = repeated()
    values = (
        Statevector(shots=1)
        .run(measured(*(lambda word=word: qml.expval(word) for word in words)))(x, w)[:, 0]
        .detach()
    )
    assert (values.abs() == 1).all() and len(values.unique(dim=0)) == 4
    assert torch.equal(values[:, 0] * values[:, 1], values[:, 2])  # in every single shot


def test_probabilities_share_the_shots_of_words_of_z():
    x, w = repeated()
    values = (
        Statevector(shots=5)
        .run(measured(OUTCOMES["Z"], lambda: qml.probs(wires=[1]), OUTCOMES["X"]))(x, w)[:, 0]
        .detach()
    )
    torch.testing.assert_close(values[:, 0], values[:, 1] - values[:, 2], rtol=0, atol=1e-15)
    assert values[:, 0].unique().numel() > 2


@pytest.mark.parametrize(
    "word, bases", [(X(1), 1), (X(0), 2), (X(2) @ Y(1), 1), (Z(0) @ X(1), 1), (Y(0) @ Z(1), 2)]
)
def test_words_on_other_wires_share_the_shots_of_probabilities(word, bases):
    circuit = measured(lambda: qml.probs(wires=[0]), lambda: qml.expval(word))
    run = Statevector("grouped", shots=5).run(circuit)
    assert len(run.simulate.bases) == bases
    assert measurement.count_bases(run.reading.measurements, circuit.qubits) == bases
    values = torch.cat([run(*repeated())[:, 0].detach() for _ in range(2)])
    right = qnode(circuit, *repeated(of=1))[0, 0].detach()
    assert_right_on_average(values, right, spread=1 / math.sqrt(10 * RUNS))


def test_words_of_different_bases_are_drawn_apart():
    """<Z> and <X> of an equal superposition about Y vary independently: their correlation is 0."""

    def function(inputs, weights):
        qml.RX(math.pi / 2, 0)
        return [qml.expval(Z(0)), qml.expval(X(0))]

    x, w = draw(RUNS, 1, 1), draw(RUNS, 1)
    values = Statevector(shots=20).run(Circuit(function, 1, (1,)))(x, w)[:, 0].detach()
    correlation = torch.corrcoef(values.T)[0, 1]
    assert abs(float(correlation)) < 4 / math.sqrt(RUNS)


def test_frequencies_are_whole_numbers_of_shots_that_sum_to_one():
    x, w = draw(2, 5, 2), draw(2, 2, seed=1)
    shares = Statevector(shots=7).run(measured(lambda: qml.probs(wires=[1, 0, 2])))(x, w).detach()
    counts = 7 * shares
    torch.testing.assert_close(counts, counts.round(), rtol=0, atol=1e-12)
    torch.testing.assert_close(counts.sum(-1), torch.full((2, 5), 7.0).double(), rtol=0, atol=1e-12)
    assert len(shares.flatten(0, 1).unique(dim=0)) > 1


def test_a_certain_outcome_is_found_in_every_shot():
    def function(inputs, weights):
        qml.PauliX(1)
        qml.RY(0 * inputs[0] + 0 * weights[0], 0)
        return [qml.expval(Z(0)), qml.expval(Z(1)), qml.probs(wires=[0, 1])]

    values = (
        Statevector(shots=3).run(Circuit(function, 2, (1,)))(draw(1, 4, 2), draw(1, 1)).detach()
    )
    assert torch.equal(values, torch.tensor([1.0, -1, 0, 1, 0, 0]).double().expand(1, 4, 6))


def test_float32_stays_float32_with_shots():
    x, w = (one.detach().float().requires_grad_() for one in repeated(of=2))
    values = Statevector(shots=10).run(EVERY)(x, w)
    assert values.dtype == torch.float32
    assert all(one.dtype == torch.float32 and one.isfinite().all() for one in slopes(values, x, w))


def values_of(device):
    x, w = repeated(of=5)
    values = device.run(EVERY)(x, w)
    return torch.cat([values.flatten(), *(one.flatten() for one in slopes(values, x, w))]).detach()


def test_the_same_seed_draws_the_same_and_another_draws_others():
    first, again, other = (values_of(Statevector(shots=50, seed=seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_a_second_call_draws_other_shots():
    run, (x, w) = Statevector(shots=50).run(EVERY), repeated(of=5)
    assert not torch.equal(run(x, w), run(x, w))


def test_each_seed_of_an_experiment_draws_its_own_shots():
    one, same, other = (
        values_of(Statevector(shots=50, seed=3).drawing(seed)) for seed in (0, 0, 1)
    )
    elsewhere = values_of(Statevector(shots=50, seed=4).drawing(0))
    assert torch.equal(one, same)
    assert not torch.equal(one, other) and not torch.equal(one, elsewhere)
    made = Statevector("grouped", shots=50).drawing(1)
    assert (made.method, made.shots) == ("grouped", 50) and not made.exact


def test_only_without_shots_values_are_exact():
    assert Statevector().exact and not Statevector(shots=1).exact


@pytest.mark.parametrize(
    "values, words",
    [
        ({"shots": 0}, "device.shots=0: at least one, or null for exact values."),
        ({"shots": -5}, "device.shots=-5: at least one, or null for exact values."),
        ({"seed": -1}, "device.seed=-1: a whole number from 0 up."),
    ],
)
def test_settings_that_no_shots_have_are_refused(values, words):
    with pytest.raises(UsageError) as error:
        build("device", {"_target_": "qtlrun.device.statevector.Statevector"} | values)
    assert str(error.value) == words


@pytest.mark.parametrize("shots", [None, 10])
def test_samples_are_no_output_with_or_without_shots(shots):
    with pytest.raises(ValueError) as error:
        Statevector(shots=shots).run(measured(lambda: qml.sample(wires=[0, 1])))
    assert (
        str(error.value)
        == "circuit: it returns sample(wires=[0, 1]), and no head takes that; return expectation"
        " values, variances (on PennyLane's devices) or probabilities, and set device.shots to"
        " have them from samples."
    )


def test_amplitudes_are_embedded_before_shots_too():
    def function(inputs, weights):
        qml.AmplitudeEmbedding(inputs, range(2), normalize=True)
        qml.RX(weights[0], 0)
        return [qml.expval(Z(0)), qml.expval(X(1)), qml.expval(Y(0))]

    circuit = Circuit(function, 2, (1,), inputs=4)
    one = (
        torch.tensor([[[0.3, -0.5, 0.6, -0.2]]], dtype=torch.float64, requires_grad=True),
        draw(1, 1),
    )
    right = qnode(circuit, *one)
    x, w = (given.detach().expand(RUNS, *given.shape[1:]).clone().requires_grad_() for given in one)
    values = Statevector(shots=100).run(circuit)(x, w)
    assert_right_on_average(
        values[:, 0].detach(), right[0, 0].detach(), spread=1.1 / math.sqrt(100 * RUNS)
    )
    mine = torch.autograd.grad(values.sum(), (x, w))
    for seen, known in zip(mine, torch.autograd.grad(right.sum(), one), strict=True):
        assert_right_on_average(seen.flatten(1), known.flatten(), spread=0.05)


def test_a_run_beside_others_draws_what_it_draws_alone():
    """Values and gradients of three runs, each with shots and a seed of its own."""
    x, w = repeated(of=3)
    device = Statevector(shots=50, seed=3)
    together = device.drawing_each([0, 1, 5], [50, 7, 400]).run(EVERY)(x, w)
    gradients = torch.autograd.grad(together.sum(), (x, w))
    for run, (seed, shots) in enumerate([(0, 50), (1, 7), (5, 400)]):
        alone = Statevector(shots=shots, seed=3).drawing(seed).run(EVERY)
        x_alone, w_alone = (each[run : run + 1].detach().requires_grad_() for each in (x, w))
        values = alone(x_alone, w_alone)
        assert torch.equal(values[0], together[run])
        own = torch.autograd.grad(values.sum(), (x_alone, w_alone))
        assert all(
            torch.equal(each[0], all_runs[run])
            for each, all_runs in zip(own, gradients, strict=True)
        )


def test_each_run_has_as_many_shots_as_it_is_given():
    x, w = draw(3, 5, 2), draw(3, 2, seed=1)
    device = Statevector(shots=1).drawing_each([0, 0, 0], [1, 7, 64])
    shares = device.run(measured(lambda: qml.probs(wires=[1, 0, 2])))(x, w).detach()
    for run, shots in enumerate([1, 7, 64]):
        counts = shots * shares[run]
        torch.testing.assert_close(counts, counts.round(), rtol=0, atol=1e-10)
    assert (shares[0].max(-1).values == 1).all()


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_what_memory_divides_is_drawn_the_same(monkeypatch, rows):
    """Values, a row of each of four runs, and gradients, with a row of each shift of theirs."""
    x, w = repeated(of=4)
    device = Statevector(shots=20).drawing_each(range(4), [20] * 4)
    whole, divided = (device.run(EVERY) for _ in range(2))
    values = whole(x, w)
    right = values, *torch.autograd.grad(values.sum(), (x, w))
    room = 8 * 24 * 2**EVERY.qubits * rows  # bytes
    monkeypatch.setattr(shot, "memory", SimpleNamespace(total=lambda: room))
    values = divided(x, w)
    found = values, *torch.autograd.grad(values.sum(), (x, w))
    assert all(torch.equal(each, other) for each, other in zip(found, right, strict=True))


def test_rows_that_the_runs_cannot_share_are_refused():
    x, w = repeated(of=3)
    with pytest.raises(ValueError, match="3 rows, which 2 runs cannot share"):
        Statevector(shots=2).drawing_each([0, 1], [2, 2]).run(EVERY)(x, w)
