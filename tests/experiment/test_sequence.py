"""Training in sequence: the first layer behind a classical block, then the circuit."""

import numpy as np
import pytest
from composition import variants

from qtlrun.experiment import Experiment
from qtlrun.plan import Redraw

WORDS = (
    "backbone=identity",
    "dataset=moons",
    "dataset.points=400",
    "circuit.qubits=2",
    "circuit.depth=2",
    "recipe.epochs=4",
    "recipe.select=last",
)
TWO = ("recipe.epochs=2",)
REDRAW = [Redraw({}, [0, 3], [])]


def trained(home, name, *words):
    """Weights of the seeds of a row, its outcomes among them."""
    (row,) = Experiment(str(home)).train(name, variants(*WORDS, *words)[name], REDRAW)
    return row


@pytest.fixture
def sequential(home):
    return trained(home, "sequential", "compare=[sequential]")


def test_the_first_layer_is_that_of_the_classical_row_after_as_many_epochs(home, sequential):
    twin = trained(home, "twin", "compare=[twin]", "recipe.epochs=2")
    for seed in (0, 3):
        for name in ("head.pre.weight", "head.pre.bias"):
            found, right = (row.outcomes[seed].weights[name] for row in (sequential, twin))
            assert np.array_equal(found, right)


def test_the_circuit_is_trained_behind_it_as_behind_any_frozen_layer(home, sequential):
    """Circuit and last layer begin at their own start, and move."""
    start = trained(
        home,
        "composed",
        "compare=[]",
        "head.pre=frozen",
        "head.angles=frozen",
        "head.post=frozen",
    )
    for seed in (0, 3):
        weights, first = (row.outcomes[seed].weights for row in (sequential, start))
        for name in ("head.angles", "head.post.weight"):
            assert not np.array_equal(weights[name], first[name])
        assert np.abs(weights["head.angles"] - first["head.angles"]).max() < 1  # of radians


def test_its_epochs_are_numbered_through_and_the_best_is_one_of_the_circuit(home, sequential):
    outcome = sequential.outcomes[0]
    assert [epoch["epoch"] for epoch in outcome.curves] == [1, 2, 3, 4]
    assert outcome.best_epoch == 4
    by_nll = trained(home, "sequential", "compare=[sequential]", "recipe.select=nll").outcomes[0]
    assert by_nll.best_epoch > 2
    assert by_nll.validation_nll == min(epoch["nll"] for epoch in by_nll.curves[2:])


def test_it_counts_all_its_numbers_and_the_circuits_of_its_own_epochs(home, sequential):
    plain = trained(home, "composed", "compare=[]")
    half = trained(home, "composed", "compare=[]", "recipe.epochs=2")
    figures, whole, short = (row.outcomes[0].figures for row in (sequential, plain, half))
    for name in ("parameters_head", "parameters_circuit"):
        assert figures[name] == whole[name]
    for name in ("executions", "evaluations"):
        assert figures[name] == short[name] < whole[name]


def test_a_head_without_a_circuit_is_trained_as_ever(home):
    rows = [
        trained(home, name, f"compare=[{name}]", *words)
        for name in ("C", "twin")
        for words in ((), ("recipe.sequential=0.5",))
    ]
    for plain, other in (rows[:2], rows[2:]):
        assert np.array_equal(plain.logits, other.logits)


@pytest.mark.parametrize(
    "words, value",
    [
        (("recipe.sequential=1",), "recipe.sequential=1: from 0 up, below 1"),
        (("recipe.sequential=-0.5",), "recipe.sequential=-0.5"),
        (("recipe=sequential", "recipe.epochs=1"), "recipe.sequential=0.5: it takes one epoch"),
        (("recipe.sequential=0.5", *TWO, "freeze=none", "backbone=perceptron"), "that do not"),
        (("recipe.sequential=0.5", *TWO, "circuit=amplitude", "circuit.qubits=6"), "no layer"),
    ],
)
def test_what_cannot_be_trained_in_sequence_is_refused(refusal, words, value):
    assert value in refusal("compare=[]", *words)
