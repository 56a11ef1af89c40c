"""The exported network runs without qtlrun, and is the trained one."""

import json
import subprocess
import sys

import pytest
import torch
from composition import compose_plan as composed
from composition import train_row
from rows import watched
from safetensors.torch import load_file
from sklearn.datasets import load_iris

from qtlrun.error import UsageError
from qtlrun.experiment import Experiment
from qtlrun.study.export import Export

IRIS = (
    "dataset=iris",
    "backbone=perceptron",
    "backbone.widths=[4]",
    "head=classical",
    "freeze=none",
    "recipe.epochs=2",
    "study=export",
    "parametrization=quantum_train_small",
    "parametrization.depth=1",
    "compare=[]",
    "seeds=2",
    "splits=1",
)
ALONE = """
import sys, torch
program = torch.export.load(sys.argv[1]).module()
given = torch.load(sys.argv[2])
whole, some = program(given).argmax(-1), program(given[:5]).argmax(-1)
loaded = [name for name in ("qtlrun", "pennylane") if name in sys.modules]
print(some.tolist() == whole[:5].tolist(), loaded)
torch.save(program(given).detach(), sys.argv[3])
"""


def plan_of(home, *words):
    return composed(f"home={home}", *words)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    place = tmp_path_factory.mktemp("export")
    plan = plan_of(place / "home", *IRIS)
    experiment = Experiment(str(place / "home"))
    return watched(Export(seed=1), [plan], experiment, place), experiment, plan


def test_both_files_give_what_the_trained_model_gives(exported):
    found, experiment, plan = exported
    assert found.well and set(found.frame["file"]) == {"network.safetensors", "network.pt2"}
    assert (found.frame["difference"] < 1e-6).all() and (
        found.frame["weights"] == 4 * 4 + 4 + 4 * 3 + 3
    ).all()
    row = train_row(experiment, "composed", plan.model, [0, 1])
    assert found.frame["accuracy"].tolist() == pytest.approx([row.metrics["test_accuracy"][1]] * 2)
    assert "35 weights" in found.said and "(seed 1)" in found.said


def test_the_program_runs_without_qtlrun_or_pennylane(exported, tmp_path):
    found, experiment, plan = exported
    items = experiment.dataset(plan.model).test.inputs.float()
    torch.save(items, tmp_path / "items.pt")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            ALONE,
            found.out / "network.pt2",
            tmp_path / "items.pt",
            tmp_path / "logits.pt",
        ],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.stdout.strip() == "True []"
    row = train_row(experiment, "composed", plan.model, [1])
    assert torch.load(tmp_path / "logits.pt").double().numpy() == pytest.approx(
        row.logits[0], abs=1e-6
    )


def test_the_weights_are_those_of_a_plain_network(exported):
    found, experiment, plan = exported
    state = load_file(found.out / "network.safetensors")
    net = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3))
    names = [
        "network.backbone.hidden1.weight",
        "network.backbone.hidden1.bias",
        "network.head.linear.weight",
        "network.head.linear.bias",
    ]
    assert sorted(state) == sorted(names)
    net.load_state_dict(
        dict(
            zip(
                net.state_dict(),
                (
                    state[name].reshape(one.shape)
                    for name, one in zip(names, net.state_dict().values(), strict=True)
                ),
                strict=True,
            )
        )
    )
    items = experiment.dataset(plan.model).test.inputs.float()
    row = train_row(experiment, "composed", plan.model, [1])
    assert net(items).detach().double().numpy() == pytest.approx(row.logits[0], abs=1e-5)


def test_classes_and_preprocessing_are_written(exported):
    found, experiment, plan = exported
    said = json.loads((found.out / "network.json").read_text())
    assert (
        said["classes"] == ["setosa", "versicolor", "virginica"]
        and said["input"] == ["items", 4]
        and said["seed"] == 1
    )
    bunch, program = load_iris(), torch.export.load(found.out / "network.pt2").module()
    scaled = (bunch.data - said["scaling"]["mean"]) / said["scaling"][
        "deviation"
    ]  # what a user has to do with a flower
    right = (program(torch.from_numpy(scaled).float()).argmax(-1).numpy() == bunch.target).mean()
    row = train_row(experiment, "composed", plan.model, [1])
    assert right == pytest.approx(
        row.metrics[["train_accuracy", "test_accuracy"]].mean(axis=None), abs=0.1
    )


def test_frozen_features_and_their_scaling_are_part_of_it(tmp_path):
    words = (
        "head=classical",
        "study=export",
        "compare=[]",
        "seeds=1",
        "recipe.epochs=2",
        "recipe.scale=standard",
        "backbone=small",
        "backbone.width=4",
        "backbone.pretrain.recipe.epochs=1",
        "dataset.train=6",
        "dataset.validation=4",
    )
    found = watched(
        Export(seed=None),
        [plan_of(tmp_path / "home", *words)],
        Experiment(str(tmp_path / "home")),
        tmp_path,
    )
    assert found.well and (found.frame["difference"] < 1e-4).all()
    assert json.loads((found.out / "network.json").read_text())["preprocessing"]["size"] == 8


def test_a_training_that_diverged_is_said_and_not_a_bug(tmp_path):
    words = (*IRIS, "recipe.lr=1e38", "recipe.backbone_lr=1e38")
    found = watched(
        Export(seed=None),
        [plan_of(tmp_path / "home", *words)],
        Experiment(str(tmp_path / "home")),
        tmp_path,
    )
    assert (
        not found.well
        and "seed 0: error: the loss is not finite from epoch 1 on" in found.said
        and not list(found.out.glob("network.*"))
    )


@pytest.mark.parametrize(
    "words, said",
    [
        (
            ("head=quantum",),
            (
                "study=export: a circuit is part of this model, and would have to be simulated"
                " wherever it runs; choose a classical head, as head=classical"
                " parametrization=quantum_train."
            ),
        ),
        (
            (
                "dataset=coherent",
                "backbone=photonic",
                "backbone.weights=none",
                "head=classical",
                "recipe=photonic",
            ),
            "study=export: a circuit is part of this model",
        ),
        (
            ("head=classical", "study.seed=5"),
            "study.seed=5: it is not among the seeds trained, [0, 1].",
        ),
    ],
)
def test_what_cannot_be_exported_is_refused(tmp_path, words, said):
    plan = plan_of(tmp_path, "study=export", "seeds=2", *words)
    with pytest.raises(UsageError) as error:
        Export(seed=plan.study["seed"]).check([plan], Experiment(str(tmp_path)))
    assert str(error.value).startswith(said)
