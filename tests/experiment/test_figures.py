"""Many rows at once: what each would be alone, as far as its test figures."""

import numpy as np
import pytest
from composition import train_row, variants

from qtlrun.comparison.outcome import Failure
from qtlrun.experiment import Experiment, supply
from qtlrun.ledger import Readings

SHORT = (
    "backbone=identity",
    "recipe.epochs=2",
    "dataset.train=5",
    "dataset.validation=4",
    "circuit.qubits=2",
    "circuit.depth=1",
    "compare=[C,twin]",
)
WHOLE = (
    "backbone.weights=none",
    "backbone.width=4",
    "recipe.epochs=1",
    "dataset.train=5",
    "dataset.validation=4",
)
PROTOCOLS = [
    {"recipe.lr": 0.01, "recipe.scale": "none"},
    {"recipe.lr": 0.05, "recipe.scale": "standard"},
    {"recipe.lr": 0.01, "recipe.scale": "none", "recipe.epochs": 1},
    {"dataset.split_seed": 1},
    {"head.spread": 1.0},
]


@pytest.mark.parametrize("name", ["composed", "C", "twin"])
def test_each_of_many_has_the_very_bits_that_it_has_as_a_row(home, tmp_path, name):
    plan = variants(*SHORT)[name]
    found = Experiment(str(home)).predict(
        name,
        [plan.changed(one) for one in PROTOCOLS],
        [[0, 3]] * len(PROTOCOLS),
    )
    for protocol, made in zip(PROTOCOLS, found, strict=True):
        row = train_row(
            Experiment(str(tmp_path / "elsewhere")), name, plan.changed(protocol), [0, 3]
        )
        assert (
            np.array_equal(made.logits, row.logits)
            and np.array_equal(made.labels, row.labels)
            and np.array_equal(made.nll, row.nll)
        )
        assert made.validation.tolist() == row.metrics["validation_nll"].tolist()


def test_a_trained_backbone_has_them_too(home, tmp_path):
    plan = variants(*WHOLE)["B"]
    first, second = Experiment(str(home)).predict(
        "B", [plan, plan.changed({"recipe.lr": 0.05})], [[0, 1]] * 2
    )
    row = train_row(Experiment(str(tmp_path / "elsewhere")), "B", plan, [0, 1])
    assert np.array_equal(first.logits, row.logits) and not np.array_equal(
        second.logits, row.logits
    )


def test_equal_rows_are_trained_once_and_stand_in_their_order(home, programs):
    plan = variants(*SHORT)["twin"]
    other = plan.changed({"recipe.lr": 0.05})
    found = Experiment(str(home)).predict(
        "twin", [plan, other, plan, plan.changed({"head.spread": 1.0})], [[0, 1, 2]] * 4
    )
    assert programs == [6]
    assert np.array_equal(found[0].logits, found[2].logits) and np.array_equal(
        found[0].logits, found[3].logits
    )
    assert not np.array_equal(found[0].logits, found[1].logits)


def test_they_are_found_in_the_store_and_asked_for_afresh_they_are_trained_anew_once(
    home, programs
):
    plan = variants(*SHORT)["C"]
    both = [plan, plan.changed({"recipe.lr": 0.05})]
    first = Experiment(str(home)).predict("C", both, [[0, 1]] * 2)
    second = Experiment(str(home)).predict("C", both[::-1], [[0, 1]] * 2)
    assert programs == [4]
    more = Experiment(str(home)).predict(
        "C",
        [*both, plan.changed({"recipe.lr": 0.1})],
        [[0, 1]] * 3,
    )
    assert programs == [4, 2]  # only what is new
    one = Experiment(str(home), fresh=True)
    third, fourth = (one.predict("C", both, [[0, 1]] * 2) for _ in range(2))
    assert programs == [4, 2, 4]
    for found in (second[::-1], more[:2], third, fourth):
        assert all(
            np.array_equal(one.logits, other.logits)
            and one.validation.tolist() == other.validation.tolist()
            for one, other in zip(first, found, strict=True)
        )


def test_what_fails_is_nan_and_the_others_go_on(home, tmp_path):
    plan = variants(*SHORT, "recipe.optimizer=sgd")["composed"]
    sick = {"recipe.lr": 1e30, "recipe.weight_decay": 0.1}
    one = Experiment(str(home))
    found = one.predict(
        "A", [plan, plan.changed(sick), plan.changed({"recipe.lr": 0.05})], [[0, 1]] * 3
    )
    assert (
        np.isnan(found[1].logits).all()
        and np.isnan(found[1].validation).all()
        and np.isnan(found[1].nll).all()
    )
    assert found[1].logits.shape == found[0].logits.shape and set(found[1].errors) == {"0", "1"}
    assert all(
        words.startswith("the loss is not finite from epoch ") for words in found[1].errors.values()
    )
    for made, protocol in ((found[0], {}), (found[2], {"recipe.lr": 0.05})):
        row = train_row(
            Experiment(str(tmp_path / "elsewhere")), "A", plan.changed(protocol), [0, 1]
        )
        assert np.array_equal(made.logits, row.logits) and made.errors == {}


def test_a_seed_that_fails_costs_that_seed(home, monkeypatch):
    trained = supply.fit

    def sick(label, runs):
        for outcomes in trained(label, runs):
            yield [
                (run, Failure("diverged") if run.seed == 3 else outcome)
                for run, outcome in outcomes
            ]

    plan = variants(*SHORT)["C"]
    (whole,) = Experiment(str(home)).predict("C", [plan], [[0, 3, 5]])
    monkeypatch.setattr(supply, "fit", sick)
    (found,) = Experiment(str(home), fresh=True).predict("C", [plan], [[0, 3, 5]])
    assert (
        np.array_equal(found.logits[[0, 2]], whole.logits[[0, 2]])
        and np.isnan(found.logits[1]).all()
    )
    assert np.isnan(found.validation).tolist() == [False, True, False] and found.errors == {
        "3": "diverged"
    }


def test_readers_of_the_test_split_are_counted_by_plan(home):
    plan, one = variants(*SHORT)["C"], Experiment(str(home))
    both = [plan, plan.changed({"recipe.lr": 0.05})]
    assert [made.reads for made in one.predict("C", both, [[0]] * 2)] == [Readings(), Readings()]
    for _ in range(2):
        found = one.predict("C", both, [[0]] * 2, readers=["one", "two"])
        assert [made.reads for made in found] == [Readings(2, 2)] * 2
    assert train_row(one, "C", plan, [0], reader="three").reads == Readings(3, 3)
