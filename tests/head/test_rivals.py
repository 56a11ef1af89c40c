"""Rivals that are fitted to convergence and bend: a hidden layer and a kernel."""

import itertools
import math

import numpy as np
import pytest
import torch
from composition import check, compose_plan, part, train_row, variants
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from qtlrun.circuit.dressed import Dressed
from qtlrun.dataset.spirals import spirals
from qtlrun.dataset.splitting import Splitting
from qtlrun.device.statevector import Statevector
from qtlrun.error import UsageError
from qtlrun.experiment import Experiment
from qtlrun.experiment.key import row_key
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.session import Session
from qtlrun.head import logistic, mlp, svm
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
SOLVED = {"logistic": logistic.Logistic, "mlp": mlp.MLP, "svm": svm.SVM}


def head(
    option,
    features,
    classes,
    seeds=(0,),
    dtype=torch.float64,
    qubits=4,
    circuit_angles=24,
    **values,
):
    return build(
        "head",
        part("head", option) | values,
        features=features,
        classes=classes,
        start=Start(list(seeds), dtype),
        qubits=qubits,
        circuit_angles=circuit_angles,
    )


def task(classes, items=60, features=5, dtype=torch.float64, shift=0.0, apart=1.5):
    """Classes that overlap: each has two centres, so that a straight line does not divide them."""
    draw = np.random.default_rng(classes)
    labels = np.arange(2 * items) % classes
    centres = apart * draw.normal(size=(classes, 2, features))
    known = (
        shift
        + draw.normal(size=(2 * items, features))
        + centres[labels, draw.integers(2, size=2 * items)]
    )
    known, labels = torch.from_numpy(known).to(dtype), torch.from_numpy(labels)
    return (known[:items], labels[:items]), (known[items:], labels[items:])


def nll(logits, labels):
    return torch.nn.functional.cross_entropy(logits.double(), labels).item()


@pytest.mark.parametrize("classes", [2, 4])
def test_the_hidden_layer_is_scikit_learns_best_of_the_penalties_for_each_seed(classes):
    train, validation = task(classes)
    made = head("mlp", 5, classes, seeds=[0, 3], width=3)
    made.solve(train, validation)
    logits = made(validation[0].expand(2, -1, -1)).detach()
    for run, seed in enumerate((0, 3)):
        scores = {}
        for penalty in part("head", "mlp")["penalties"]:
            model = MLPClassifier(
                3,
                activation="tanh",
                solver="lbfgs",
                alpha=60 * penalty,
                max_iter=1000,
                random_state=seed,
            )
            odds = model.fit(*(one.numpy() for one in train)).predict_proba(validation[0].numpy())
            scores[penalty] = (
                -np.log(odds[np.arange(60), validation[1].numpy()] + 1e-300).mean(),
                odds,
            )
        best = min(scores, key=lambda one: scores[one][0])
        assert best not in (min(scores), max(scores))
        np.testing.assert_allclose(
            logits[run].softmax(-1).numpy(), scores[best][1], rtol=0, atol=1e-12
        )  # two ways to one softmax
    assert not torch.equal(logits[0], logits[1])  # the start values are the seed's
    alone = head("mlp", 5, classes, seeds=[3], width=3)
    alone.solve(train, validation)
    assert torch.equal(alone(validation[0].unsqueeze(0))[0], logits[1])


def test_a_penalty_is_half_of_the_squared_weights_beside_the_mean_loss():
    """Where the gradient of that vanishes is the solution; two hidden units on 300 items."""
    train, validation = task(3, items=300)
    made = head("mlp", 5, 3, width=2, penalties=[0.05])
    made.solve(train, validation)
    loss = torch.nn.functional.cross_entropy(made(train[0].unsqueeze(0))[0], train[1])
    loss = loss + 0.05 / 2 * sum(layer.weight.square().sum() for layer in (made.pre, made.post))
    slopes = torch.autograd.grad(loss, list(made.parameters()))
    assert (
        max(one.abs().max().item() for one in slopes) < 1e-3
    )  # scikit-learn stops at 1e-4, or where the loss moves no more
    assert (
        max(one.abs().max().item() for one in made.parameters()) > 0.3
    )  # a penalty that leaves something to find


@pytest.mark.parametrize(
    "features, classes, qubits, depth",
    [(512, 2, 4, 6), (16, 4, 4, 6), (2, 2, 5, 5), (64, 4, 2, 1), (3, 2, 3, 40)],
)
def test_the_hidden_layer_has_as_many_numbers_as_the_dressed_head_or_nearly(
    features, classes, qubits, depth
):
    def count(made):
        return sum(one.numel() for one in made.parameters())

    wanted = count(
        build(
            "head",
            part("head", "quantum"),
            features=features,
            classes=classes,
            circuit=Dressed(qubits, depth),
            device=Statevector(),
            start=Start([0]),
        )
    )
    sizes = {
        width: abs(count(head("mlp", features, classes, width=width)) - wanted)
        for width in range(1, 60)
    }
    found = head("mlp", features, classes, qubits=qubits, circuit_angles=qubits * depth)
    assert abs(count(found) - wanted) == min(sizes.values())


def test_of_the_circuit_the_hidden_layer_has_all_values_in_its_key_but_not_the_device(home):
    def key(*words):
        return row_key(
            Parts(variants(*SHORT, "compare=[mlp]", *words)["mlp"], Session(str(home))), 0
        )

    first = key()
    assert key("device=lightning.qubit") == first
    assert (
        len(
            {
                first,
                key("circuit.depth=9"),
                key("circuit.qubits=3"),
                key("circuit=product"),
                key("+compare.mlp.head.width=9"),
            }
        )
        == 5
    )
    assert variants("compare=[mlp]")["mlp"].identity["circuit"] == {
        "_target_": "qtlrun.circuit.dressed.Dressed",
        "qubits": 4,
        "depth": 6,
        "readout": "z",
        "copies": 1,
    }


@pytest.mark.parametrize("width", [0, -3])
def test_a_hidden_layer_of_no_units_is_refused(width):
    with pytest.raises(UsageError) as error:
        head("mlp", 5, 2, width=width)
    assert (
        str(error.value)
        == f"head.width={width}: one hidden unit or more, or null for as many numbers as the"
        " quantum head has."
    )


@pytest.mark.parametrize(
    "option, name", [("mlp", "penalties"), ("svm", "gammas"), ("svm", "costs")]
)
@pytest.mark.parametrize("given", [[], [0.0], [0.1, -1.0], [math.nan], [math.inf]])
def test_strengths_that_cannot_be_are_refused(option, name, given):
    with pytest.raises(UsageError) as error:
        head(option, 5, 2, **{name: given})
    assert str(error.value) == f"head.{name}={given}: one or more numbers above 0."


@pytest.mark.parametrize(
    "dtype, shift", [(torch.float64, 0.0), (torch.float32, 0.0), (torch.float32, 20.0)]
)
@pytest.mark.parametrize("classes", [2, 3, 4])
def test_the_decision_values_are_scikit_learns(classes, dtype, shift):
    train, validation = task(classes, dtype=dtype, shift=shift)
    made = head("svm", 5, classes, seeds=[0, 3], dtype=dtype, gammas=[1.0], costs=[3.0])
    made.solve(train, validation)
    model = SVC(C=3.0, gamma="scale", decision_function_shape="ovo", tol=1e-9).fit(
        train[0].double().numpy(), train[1].numpy()
    )
    expected = model.decision_function(validation[0].double().numpy()).reshape(60, -1)
    found = made.decisions(validation[0].expand(2, -1, -1)).detach().double().numpy()
    for run in found:
        # the optimum is met to 1e-5, and some dozen numbers of order 1 are summed in float32
        np.testing.assert_allclose(run, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("classes", [2, 3])
def test_logits_are_the_penalised_logistic_regression_on_the_decision_values(classes):
    """The gradient of its loss vanishes; of two classes one line is penalised, whose halves the two
    rows are.
    """
    train, validation = task(classes)
    made = head("svm", 5, classes, gammas=[1.0], costs=[1.0])
    made.solve(train, validation)
    values = made.decisions(validation[0].unsqueeze(0))[0].detach()
    values = torch.cat(
        [values, torch.zeros(classes, values.shape[1])]
    )  # an item of each class at 0
    loss = torch.nn.functional.cross_entropy(
        values @ made.post.weight[0].T + made.post.bias[0],
        torch.cat([validation[1], torch.arange(classes)]),
        reduction="sum",
    )
    loss = loss + made.post.weight.square().sum() * (1 if classes == 2 else 0.5)
    slopes = torch.autograd.grad(loss, [made.post.weight, made.post.bias])
    assert (
        max(one.abs().max().item() for one in slopes) < 1e-2
    )  # scikit-learn stops at 1e-4 of the mean loss of 62 items
    assert made.post.weight.abs().max() > 0.3


@pytest.mark.parametrize("apart", [0.7, 3.0])
def test_validation_chooses_gamma_and_cost_together(apart):
    """Of all pairs, those too that are not fitted since no vector reaches the cost before them,
    which classes far apart have.
    """
    train, validation = task(3, items=90, apart=apart)
    lists = part("head", "svm")
    scores = {}
    for pair in itertools.product(lists["gammas"], lists["costs"]):
        alone = head("svm", 5, 3, gammas=[pair[0]], costs=[pair[1]])
        alone.solve(train, validation)
        scores[pair] = nll(alone(validation[0].unsqueeze(0))[0], validation[1])
    made = head("svm", 5, 3)
    made.solve(train, validation)
    assert nll(made(validation[0].unsqueeze(0))[0], validation[1]) == pytest.approx(
        min(scores.values()), abs=1e-12
    )
    assert len({round(score, 3) for score in scores.values()}) > 6


def test_a_spiral_of_many_turns_is_told_by_a_narrow_kernel_alone():
    """Of scikit-learn's width alone no cost is enough for two and a half turns."""
    data = spirals(2200, 2.5, 0.7, 21, False, "train", "stratified", None, Splitting(), 0.2)
    train, validation = (
        (split.inputs[::2], split.labels[::2]) for split in (data.train, data.validation)
    )
    right = {}
    for gammas in ([1.0], part("head", "svm")["gammas"]):
        made = head("svm", 2, 2, gammas=gammas)
        made.solve(train, validation)
        right[len(gammas)] = (
            (made(data.test.inputs.unsqueeze(0))[0].argmax(-1) == data.test.labels).double().mean()
        )
    assert right[3] > 0.98 and right[1] < 0.95


@pytest.mark.parametrize("option, least", [("logistic", 0.0), ("mlp", 0.95), ("svm", 0.95)])
def test_a_ring_about_a_point_is_told_by_what_bends_alone(option, least):
    draw = np.random.default_rng(0)
    labels, turns = np.arange(400) % 2, draw.uniform(0, 2 * math.pi, 400)
    known = np.stack([np.cos(turns), np.sin(turns)], 1) * (1 + 2 * labels)[
        :, None
    ] + 0.2 * draw.normal(size=(400, 2))
    known, labels = torch.from_numpy(known), torch.from_numpy(labels)
    made = head(option, 2, 2)
    made.solve((known[:200], labels[:200]), (known[200:300], labels[200:300]))
    right = (made(known[300:].unsqueeze(0))[0].argmax(-1) == labels[300:]).double().mean().item()
    assert right >= least if least else right < 0.7


def test_a_class_that_validation_lacks_has_a_finite_logit():
    train, (seen, answers) = task(3)
    made = head("svm", 5, 3)
    made.solve(train, (seen[answers < 2], answers[answers < 2]))
    assert made(seen.unsqueeze(0)).isfinite().all()


def test_a_support_vector_machine_takes_a_state_of_another_size():
    states = []
    for items in (20, 60):
        made = head("svm", 5, 3, seeds=[0, 1], dtype=torch.float32, gammas=[1.0], costs=[1.0])
        made.solve(*task(3, items=items, dtype=torch.float32))
        states.append(made)
    assert states[0].vectors.shape != states[1].vectors.shape
    x = task(3, dtype=torch.float32)[1][0].expand(2, -1, -1)
    other = head("svm", 5, 3, seeds=[0, 1], dtype=torch.float32)
    for made in (*states, states[0]):  # larger, then smaller again
        other.load_state_dict(made.state_dict())
        assert torch.equal(other(x), made(x)) and other.duals.dtype == torch.float32


@pytest.mark.parametrize("option", ["mlp", "svm"])
@pytest.mark.parametrize("words", ["freeze=none", "recipe.augment=true"])
def test_features_that_change_are_refused(home, option, words):
    with pytest.raises(UsageError) as error:
        check(
            compose_plan(f"home={home}", "backbone.width=4", "compare=[]", f"head={option}", words)
        )
    assert (
        str(error.value)
        == "head: this one is solved for on features that do not change; use freeze=backbone and"
        " recipe.augment=false."
    )


@pytest.fixture
def solved(monkeypatch):
    """How many items were fitted, each time, by any head."""
    calls = []
    for kind in SOLVED.values():

        def counted(self, train, validation, solve=kind.solve):
            calls.append(len(train[1]))
            return solve(self, train, validation)

        monkeypatch.setattr(kind, "solve", counted)
    return calls


def test_a_row_of_the_hidden_layer_is_solved_once_a_seed_for_equal_features(home, solved):
    plan, one = variants(*SHORT, "compare=[mlp]")["mlp"], Experiment(str(home))
    draws = [{"recipe.lr": 0.1}, {"recipe.lr": 0.2}]
    row = train_row(one, "mlp", plan, [0, 1, 7], draws=draws)
    assert solved == [24, 24, 24] and row.errors == {} and row.seeds == [0, 1, 7]
    assert len({logits.tobytes() for logits in row.logits}) == 3
    assert (row.metrics["parameters_head"] == 65 * 2 + 3 * 4).all() and (
        row.metrics["best_epoch"] == 1
    ).all()
    assert row.metrics["test_accuracy"].mean() > 0.4  # digits of four classes, by two hidden units
    single = train_row(Experiment(str(home), fresh=True), "mlp", plan, [7], draws=draws)
    assert np.array_equal(single.logits[0], row.logits[2])  # no seed feels the others


def test_a_row_of_the_support_vector_machine_is_the_same_for_every_seed_and_solved_once(
    home, solved
):
    plan = variants(*SHORT, "compare=[svm]")["svm"]
    row = train_row(Experiment(str(home)), "svm", plan, [0, 1])
    assert solved == [24] and row.errors == {} and np.array_equal(row.logits[0], row.logits[1])
    assert row.metrics["test_accuracy"][0] > 0.6  # digits of four classes, from 24 of them
    again = train_row(Experiment(str(home)), "svm", plan, [0, 1])
    assert solved == [24] and np.array_equal(again.logits, row.logits)


@pytest.mark.parametrize(
    "option, claim",
    [
        ("svm", "the whole head and its training against a support vector machine"),
        (
            "mlp",
            "the whole head and its training against a converged hidden layer of as many numbers",
        ),
    ],
)
def test_a_table_has_them_as_references_and_says_what_they_show(option, claim):
    plan = compose_plan(f"compare=[{option}]", "freeze=none", "recipe.augment=true")
    made = plan.references[option]
    assert (
        made.head == part("head", option)
        and made.recipe["augment"] is False
        and made.freeze["frozen"] == "all"
    )
    assert plan.changes[option]["by_letter"]["A"] == claim
