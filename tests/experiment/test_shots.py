"""Trainings with shots: all of them in one program, and trained rows that are measured again."""

import numpy as np
import pytest
from composition import compose_plan

from qtlrun.experiment import Experiment

WORDS = (
    "backbone=identity",
    "dataset=moons",
    "dataset.train_size=12",
    "recipe=smoke",
    "recipe.epochs=2",
    "circuit.qubits=2",
    "circuit.depth=1",
    "compare=[]",
)
COMPARED = 30  # items of a split, by PennyLane one after another


def composed(home, *words):
    return compose_plan(f"home={home}", *WORDS, *words)


def trained(home, *words):
    plan = composed(home, *words)
    experiment = Experiment(str(home))
    return experiment, plan, experiment.train("A", plan.model, experiment.distinct_redraws(plan))


def remeasured(experiment, plan, rows, shots, penalties=None):
    variants = {"": plan.model.changed({"device.shots": shots})}
    return experiment.remeasure(rows, variants, experiment.distinct_redraws(plan), penalties)[""]


def test_seeds_with_shots_are_one_program(home, programs):
    trained(home, "device.shots=20", "seeds=3", "splits=1")
    assert programs == [3]


def test_a_training_with_shots_is_the_same_beside_others(home, tmp_path):
    _, _, together = trained(home, "device.shots=20", "seeds=3", "splits=1")
    _, _, alone = trained(tmp_path / "alone", "device.shots=20", "seeds=[2]", "splits=1")
    np.testing.assert_array_equal(alone[0].logits[0], together[0].logits[2])


def test_budgets_of_several_shots_are_one_program(home, tmp_path, programs):
    plan = composed(home, "seeds=2", "splits=1")
    experiment = Experiment(str(home))
    variants = {shots: plan.model.changed({"device.shots": shots}) for shots in (1, 100)}
    rows = experiment.train_all("A", variants, experiment.distinct_redraws(plan))
    assert programs == [4]
    for shots, (row,) in rows.items():
        words = f"device.shots={shots}", "seeds=2", "splits=1"
        _, _, (alone,) = trained(tmp_path / str(shots), *words)
        np.testing.assert_array_equal(row.logits, alone.logits)


def test_rows_with_and_without_shots_are_programs_of_their_own(home, programs):
    plan = composed(home, "seeds=2", "splits=1")
    experiment = Experiment(str(home))
    variants = {shots: plan.model.changed({"device.shots": shots}) for shots in (None, 10)}
    experiment.train_all("A", variants, experiment.distinct_redraws(plan))
    assert programs == [2, 2]


def test_many_shots_at_the_test_leave_the_exact_logits(home):
    """A logit is a sum of values of Z with weights: its deviation is that of the shots."""
    experiment, plan, rows = trained(home, "seeds=3")
    shots = 10**9
    measured = remeasured(experiment, plan, rows, shots)
    for row, other in zip(rows, measured, strict=True):
        (weights,) = (each.weights["head.post.weight"] for each in row.outcomes.values())
        limit = 6 * np.abs(weights).sum() / np.sqrt(shots) + 1e-5
        assert np.abs(row.logits - other.logits).max() < limit
        assert not np.array_equal(row.logits, other.logits)
        assert row.seeds == other.seeds and row.items == other.items


def test_a_single_shot_gives_two_values_of_each_wire(home):
    """Logits of 2 wires that are each found up or down are at most four points."""
    experiment, plan, rows = trained(home, "seeds=1")
    (measured,) = remeasured(experiment, plan, rows, 1)
    assert 2 <= len(np.unique(measured.logits[0].round(5), axis=0)) <= 4


def test_a_readout_refitted_to_exact_outputs_is_a_logistic_regression_of_them(home):
    """Scikit-learn on the outputs of PennyLane's own simulation of the trained circuit."""
    sklearn = pytest.importorskip("sklearn.linear_model")
    experiment, plan, rows = trained(home, "seeds=2")
    refitted = remeasured(experiment, plan, rows, 10**12, [0.1])
    for redraw, row, other in zip(experiment.distinct_redraws(plan), rows, refitted, strict=True):
        dataset = experiment.dataset(plan.model.redrawn(redraw.change))
        (outcome,) = row.outcomes.values()
        outputs = {
            name: _outputs(plan, outcome.weights, dataset, name) for name in ("train", "test")
        }
        labels = dataset.train.labels.numpy()
        model = sklearn.LogisticRegression(C=1 / (0.1 * len(labels)), tol=1e-8, max_iter=10000)
        scores = model.fit(outputs["train"], labels).decision_function(outputs["test"])
        logits = other.logits[0][:COMPARED]
        found = logits[:, 1] - logits[:, 0]
        np.testing.assert_allclose(found, scores, atol=1e-3)


def _outputs(plan, weights, dataset, split):
    """Values of Z of the trained dressed circuit, by PennyLane."""
    import pennylane as qml
    import torch

    from qtlrun.plan import build

    circuit = build("circuit", plan.model.circuit)
    node = qml.QNode(circuit, qml.device("default.qubit", wires=2))
    items = dataset.splits[split].inputs[:COMPARED].double().numpy()
    if "scaling.mean" in weights:
        items = (items - weights["scaling.mean"]) / weights["scaling.deviation"]
    inner = items @ weights["head.pre.weight"].T + weights["head.pre.bias"]
    angles = np.pi / 2 * np.tanh(inner)
    trained = torch.from_numpy(weights["head.angles"]).double()
    return np.array([np.stack(node(torch.from_numpy(each), trained)) for each in angles])
