"""The converged linear rival."""

import numpy as np
import pytest
import torch
from composition import check, compose_plan, part, train_row, variants
from sklearn.linear_model import LogisticRegression

from qtlrun.error import UsageError
from qtlrun.experiment import Experiment
from qtlrun.head import logistic
from qtlrun.layer import Start
from qtlrun.plan import build

SHORT = (
    "backbone=identity",
    "recipe.epochs=1",
    "dataset.train=6",
    "dataset.validation=4",
    "circuit.qubits=2",
    "circuit.depth=1",
)
PENALTIES = part("head", "logistic")["penalties"]


def head(features, classes, seeds=(0,), penalties=PENALTIES):
    return build(
        "head",
        part("head", "logistic") | {"penalties": penalties},
        features=features,
        classes=classes,
        start=Start(list(seeds), torch.float64),
    )


def task(classes, items=60, features=5):
    """Classes that overlap, so that every penalty has an optimum far from the others'."""
    draw = np.random.default_rng(classes)
    labels = np.arange(2 * items) % classes
    known = (
        draw.normal(size=(2 * items, features))
        + 0.7 * draw.normal(size=(classes, features))[labels]
    )
    known, labels = torch.from_numpy(known), torch.from_numpy(labels)
    return (known[:items], labels[:items]), (known[items:], labels[items:])


@pytest.mark.parametrize("classes", [2, 4])
def test_it_is_scikit_learns_best_of_the_penalties_by_validation(classes):
    train, validation = task(classes)
    made = head(5, classes, seeds=[0, 3])
    made.solve(train, validation)
    scores = {}
    for penalty in PENALTIES:
        model = LogisticRegression(C=1 / (penalty * len(train[1])), tol=1e-8, max_iter=5000).fit(
            train[0].numpy(), train[1].numpy()
        )
        odds = model.predict_proba(validation[0].numpy())
        scores[penalty] = -np.log(odds[np.arange(len(odds)), validation[1].numpy()]).mean(), odds
    best = min(scores, key=lambda one: scores[one][0])
    assert len({round(nll, 4) for nll, _ in scores.values()}) > 3 and best not in (
        min(PENALTIES),
        max(PENALTIES),
    )
    logits = made(validation[0].expand(2, -1, -1)).detach()
    assert logits.shape == (2, len(validation[1]), classes) and torch.equal(
        logits[0], logits[1]
    )  # no seed plays a part
    # theirs stops at a gradient of 1e-8, ours at scikit-learn's default of 1e-4
    np.testing.assert_allclose(logits[0].softmax(-1).numpy(), scores[best][1], rtol=0, atol=2e-3)


def test_an_order_of_the_penalties_changes_nothing():
    train, validation = task(4)
    first, second = head(5, 4), head(5, 4, penalties=PENALTIES[::-1])
    for one in (first, second):
        one.solve(train, validation)
    assert torch.equal(first.linear.weight, second.linear.weight)


@pytest.mark.parametrize("penalties", [[], [0.0], [0.1, -1.0], [float("nan")], [float("inf")]])
def test_penalties_that_cannot_be_are_refused(penalties):
    with pytest.raises(UsageError) as error:
        head(5, 2, penalties=penalties)
    assert str(error.value) == f"head.penalties={penalties}: one or more numbers above 0."


@pytest.mark.parametrize("word", ["freeze=none", "recipe.augment=true"])
def test_features_that_change_are_refused(home, word):
    with pytest.raises(UsageError) as error:
        check(compose_plan(f"home={home}", "backbone.width=4", "compare=[]", "head=logistic", word))
    assert (
        str(error.value)
        == "head: this one is solved for on features that do not change; use freeze=backbone and"
        " recipe.augment=false."
    )


@pytest.fixture
def solved(monkeypatch):
    """How many items were fitted, each time."""
    calls, solve = [], logistic.Logistic.solve

    def counted(self, train, validation):
        calls.append(len(train[1]))
        return solve(self, train, validation)

    monkeypatch.setattr(logistic.Logistic, "solve", counted)
    return calls


def test_a_row_of_it_is_the_same_for_every_seed_and_solved_once(home, solved):
    plan = variants(*SHORT, "compare=[logistic]")["logistic"]
    row = train_row(Experiment(str(home)), "logistic", plan, [0, 1, 7])
    assert solved == [24] and row.seeds == [0, 1, 7] and row.errors == {}
    assert all(np.array_equal(row.logits[0], other) for other in row.logits[1:])
    assert (row.metrics["best_epoch"] == 1).all() and (
        row.metrics["parameters_head"] == 65 * 4
    ).all()
    assert (
        row.metrics["test_accuracy"][0] > 0.6
    )  # digits, by a linear map of 64 pixels learned from 24 of them


def test_for_equal_features_it_is_solved_once_though_there_are_draws(home, solved):
    plan = variants(*SHORT, "compare=[logistic]")["logistic"]
    draws = [
        {"recipe.lr": lr, "recipe.weight_decay": decay, "recipe.scale": scale}
        for lr, decay, scale in (
            (0.1, 0.0, "none"),
            (0.2, 0.1, "standard"),
            (0.3, 0.0, "none"),
            (0.4, 0.2, "standard"),
        )
    ]
    row = train_row(Experiment(str(home)), "logistic", plan, [0, 1], draws=draws)
    assert solved == [24, 24]  # scaled and not
    nll = list(row.tuning.nll.values())
    assert nll[0] == nll[2] != nll[1] == nll[3] and row.tuning.best in (0, 1)


def test_other_training_items_are_solved_anew(home, solved):
    one = Experiment(str(home))
    for words in (
        (),
        ("dataset.split_seed=1",),
        ("dataset.train_size=12",),
        ("+compare.logistic.head.penalties=[.5]",),
    ):
        train_row(one, "logistic", variants(*SHORT, "compare=[logistic]", *words)["logistic"], [0])
    assert solved == [24, 24, 12, 24]


def test_a_table_has_it_as_a_reference_and_says_what_it_shows(home):
    plan = compose_plan(f"home={home}", "backbone.width=4", "compare=[logistic]")
    made = plan.references["logistic"]
    assert made.head["_target_"].endswith("Logistic") and made.recipe["augment"] is False
    assert (
        plan.changes["logistic"]["by_letter"]["A"]
        == "the whole head and its training against a converged linear rival"
    )
