"""Classical surrogates of trained rows: kept with the row, and absent with a reason."""

import dataclasses

import numpy as np
import pytest
from composition import compose_plan, train_row, variants

from qtlrun.comparison.obstacle import Obstacle
from qtlrun.device.mixed import Mixed
from qtlrun.experiment import Experiment, certificate
from qtlrun.plan import Redraw

ONCE = "recipe.epochs=1"
SHORT = (ONCE, "backbone=identity", "dataset=moons", "dataset.points=400")


def trained(home, *words, name="composed", seeds=(0, 1)):
    variant = variants(f"home={home}", *words)[name]
    experiment = Experiment(str(home))
    row = train_row(experiment, "A", variant, list(seeds))
    (certified,) = experiment.certify(variant, [Redraw({}, list(seeds), [])], [row])
    return certified


def test_a_row_has_the_figures_of_each_seed_and_the_store_keeps_them(home):
    first, second = (trained(home, *SHORT, "compare=[]") for _ in range(2))
    names = [name for name in first.metrics if "surrogate" in name]
    assert {"surrogate_terms", "surrogate_words_agreement", "seconds_surrogate"} <= set(names)
    assert (first.metrics["surrogate_deviation"] <= 1e-10).all()
    most, whole = (first.metrics[f"surrogate_terms_{share}"] for share in (99, 100))
    assert (most <= whole).all() and (whole <= first.metrics["surrogate_terms"]).all()
    assert second.stored and second.metrics[names].equals(first.metrics[names])


def test_other_weights_under_the_key_of_a_row_have_figures_of_their_own(home):
    """As a training anew leaves them, where its numbers are not the same to the bit."""
    variant = variants(f"home={home}", *SHORT, "compare=[]")["composed"]
    experiment = Experiment(str(home))
    row = train_row(experiment, "A", variant, [0, 1])
    (certified,) = experiment.certify(variant, [Redraw({}, [0, 1], [])], [row])
    first, second = certified.metrics["surrogate_words_r2"]
    assert first != second
    other = dataclasses.replace(row, outcomes={0: row.outcomes[1]})
    (again,) = experiment.certify(variant, [Redraw({}, [0], [])], [other])
    assert again.metrics["surrogate_words_r2"].tolist() == [second]


def test_a_row_stays_without_them_where_they_fail(home, monkeypatch):
    def run_out(*_):
        raise MemoryError

    monkeypatch.setattr(certificate, "_certify_ensemble", run_out)
    row = trained(home, *SHORT, "compare=[]")
    assert not [name for name in row.metrics if "surrogate" in name]
    assert sorted(row.outcomes) == [0, 1]


def test_a_comparison_has_them_where_they_are_asked_for(home):
    """Of rows that are trained once, in the same figures."""
    plan = compose_plan(f"home={home}", *SHORT, "compare=[twin]", "seeds=2", "splits=1")
    bare = Experiment(str(home)).compare(plan)
    certified = Experiment(str(home)).compare(plan, certified=True)
    label = plan.labels.names[plan.composed]
    assert not [name for name in bare.metrics(label) if "surrogate" in name]
    assert certified.of(label)[0].stored
    figures = certified.metrics(label).filter(regex="surrogate_(terms|products)")
    right = trained(home, *SHORT, "compare=[]").metrics[list(figures)]
    assert figures.to_numpy().tolist() == right.to_numpy().tolist()
    assert not [name for name in certified.metrics("twin") if "surrogate" in name]


@pytest.mark.parametrize("asked", ["true", "false"])
def test_the_sentence_on_them_is_left_out_by_a_word(studied, asked):
    found = studied("head=quantum", "compare=[]", "seeds=1", surrogates=asked == "true")
    assert ("Sine and cosine terms" in found.said) == (asked == "true")


def test_a_network_whose_backbone_is_trained_has_them_too(home):
    row = trained(home, ONCE, "freeze=none", "compare=[]", seeds=(0,))
    assert row.metrics.loc[0, "surrogate_products"] == 81
    assert row.metrics.loc[0, "surrogate_deviation"] <= 1e-10


@pytest.mark.parametrize("name", ["twin", "surrogate"])
def test_a_row_without_a_circuit_has_none(home, name):
    row = trained(home, *SHORT, f"compare=[{name}]", name=name)
    assert not [each for each in row.metrics if "surrogate" in each]


LIGHT = (
    ONCE,
    "backbone.weights=none",
    *(f"dataset.{split}=4" for split in ("train", "validation", "test")),
)
GENERATED = (ONCE, "backbone=perceptron", "dataset=iris", "freeze=none", "head=classical")


NOISY = (*SHORT, "device=mixed", "device.noise.depolarizing=0.05", "circuit.qubits=2")
IRIS = (ONCE, "backbone=identity", "dataset=iris", "parametrization=quantum_train_network")


@pytest.mark.parametrize(
    ("words", "obstacle"),
    [
        ((*SHORT, "circuit=amplitude", "circuit.qubits=2"), Obstacle.AMPLITUDES),
        ((*SHORT, "circuit=reupload"), Obstacle.TERMS),
        ((*SHORT, "head=paulis"), Obstacle.FIXED),
        ((*GENERATED, "parametrization=quantum_train_small"), Obstacle.GENERATOR),
        (NOISY, Obstacle.NOISE),
        ((*NOISY, "device.shots=20", "dataset.points=40"), Obstacle.NOISE),
        (("dataset=coherent", "backbone=photonic", "head=classical", *LIGHT), Obstacle.LIGHT),
        (("dataset=gaussian", "backbone=photonic_mode", "head=photonic", *LIGHT), Obstacle.LIGHT),
    ],
)
def test_a_quantum_row_without_a_polynomial_has_the_reason(home, words, obstacle):
    row = trained(home, *words, "compare=[]", seeds=(0,))
    assert not row.errors
    assert row.metrics.loc[0, "surrogate_obstacle"] == obstacle
    assert "surrogate_terms" not in row.metrics


def test_the_surrogate_of_a_device_of_pennylane_is_that_of_the_statevector(home):
    rows = [
        trained(home, *SHORT, f"device={device}", "dtype=float64", "compare=[]", seeds=(0,))
        for device in ("statevector", "default.qubit")
    ]
    first, second = (row.metrics.filter(like="surrogate_terms") for row in rows)
    assert first.equals(second)
    r2 = [row.metrics["surrogate_words_r2"] for row in rows]
    assert np.allclose(*r2, atol=1e-6)


@pytest.mark.parametrize("source", ["circuit", "low_rank", "hashing"])
def test_a_circuit_whose_weights_are_generated_has_the_surrogate_of_those_weights(home, source):
    """It takes items, whatever gives its weights."""
    words = (*IRIS, "circuit.qubits=2", "circuit.depth=1", f"parametrization.source={source}")
    row = trained(home, *words, "dtype=float64", "compare=[]", seeds=(0,))
    assert not row.errors and "surrogate_obstacle" not in row.metrics
    assert row.metrics.loc[0, "surrogate_products"] == 9
    assert row.metrics.loc[0, "surrogate_deviation"] <= 1e-10


@pytest.mark.parametrize("values", ["device.method=jumps", "device.shots=5"])
def test_a_random_device_of_many_qubits_is_trained_without_what_takes_its_mean(
    home, values, monkeypatch
):
    monkeypatch.setattr(Mixed, "exact_qubits", 1)
    row = trained(home, *NOISY, values, "dataset.points=40", "compare=[]", seeds=(0,))
    assert not row.errors
    assert row.metrics.loc[0, "surrogate_obstacle"] == Obstacle.CHANCE
    assert np.isnan(row.metrics.loc[0, "angles_effective"])
