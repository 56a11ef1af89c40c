"""The exported network runs without qtlrun, and is the trained one."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from composition import compose_plan as composed
from composition import train_row
from finished import CLASSES, SMALL, draw_pictures, predict, table, train
from rows import watched
from safetensors.torch import load_file
from sklearn.datasets import load_iris

from qtlrun.error import UsageError
from qtlrun.experiment import Experiment
from qtlrun.experiment.program import export_onnx
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
    return watched(Export(row=None, seed=1), [plan], experiment, place), experiment, plan


def test_both_files_give_what_the_trained_model_gives(exported):
    found, experiment, plan = exported
    frame = found.frame.set_index("file").loc[["network.safetensors", "network.pt2"]]
    assert found.well and (frame["difference"] < 1e-6).all()
    assert (frame["weights"] == 4 * 4 + 4 + 4 * 3 + 3).all()
    row = train_row(experiment, "composed", plan.model, [0, 1])
    assert frame["accuracy"].tolist() == pytest.approx([row.metrics["test_accuracy"][1]] * 2)
    assert "35 weights" in found.said and ", seed 1)" in found.said


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
        "backbone.hidden1.weight",
        "backbone.hidden1.bias",
        "head.linear.weight",
        "head.linear.bias",
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
        Export(row=None, seed=None),
        [plan_of(tmp_path / "home", *words)],
        Experiment(str(tmp_path / "home")),
        tmp_path,
    )
    assert found.well and (found.frame["difference"] < 1e-4).all()
    assert json.loads((found.out / "network.json").read_text())["preprocessing"]["size"] == 8


def test_a_training_that_diverged_is_said_and_not_a_bug(tmp_path):
    words = (*IRIS, "recipe.lr=1e38", "recipe.backbone_lr=1e38")
    found = watched(
        Export(row=None, seed=None),
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
            ("head=classical", "study.row=twin"),
            "study.row=twin: without a run the composed model is exported",
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
        Export(row=plan.study["row"], seed=plan.study["seed"]).check(
            [plan], Experiment(str(tmp_path))
        )
    assert str(error.value).startswith(said)


# Programs that are run one after another as their command lines run them, and tell whether qtlrun
# was loaded; a line of its own ends what each prints
RUN = """
import json, runpy, sys
for folder, name, *files in json.loads(sys.argv[1]):
    sys.argv[1:] = files
    sys.path.insert(0, folder)
    runpy.run_path(f"{folder}/{name}", run_name="__main__")
    sys.path.pop(0)
    sys.modules.pop("network", None)
    print("end")
assert not [name for name in sys.modules if name.partition(".")[0] == "qtlrun"]
"""
# With how far their probabilities may be from qtlrun's in single precision: a machine sums over its
# vectors, and squares of differences are in its kernel
PROGRAMS = {
    ("A", "network.py"): 1e-6,
    ("A", "circuit.py"): 1e-6,
    ("B", "network.py"): 1e-6,
    ("svm", "network.py"): 1e-5,
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Place of a run, of what is exported of its rows, and of its predictions of pictures."""
    place = tmp_path_factory.mktemp("away")
    words = (*SMALL, "recipe.scale=standard", "compare=[B,C,svm]", "circuit.depth=2")
    root = draw_pictures(place / "pictures")
    run = train(place, "dataset=folder", f"dataset.root={root}", *words, "splits=1")
    for row in ("A", "B", "svm"):
        command = ("study=export", f"run={run}", f"study.row={row}", "study.seed=1")
        train(place, *command).rename(place / row)
    predict(place, f"run={run}", f"images={root}").rename(place / "predicted")
    return place


@pytest.fixture(scope="module")
def probabilities(place):
    """Probabilities that each program prints of some pictures, in a process without qtlrun."""
    files = list(map(str, some_pictures(place)))
    lines = [[str(place / row), name, *files] for row, name in PROGRAMS]
    command = [sys.executable, "-W", "ignore", "-c", RUN, json.dumps(lines)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=place)
    printed = [
        [json.loads(line) for line in text.split("\n") if line]
        for text in done.stdout.split("end\n")[:-1]
    ]
    values = [[[line[name] for name in CLASSES] for line in lines] for lines in printed]
    return dict(zip(PROGRAMS, map(np.array, values), strict=True))


def expected(place, row, files):
    """Probabilities that study=predict gives of the same pictures."""
    frame = table(place / "predicted", "predictions_by_seed", "seed", "picture")
    names = [str(file.relative_to(place / "pictures")) for file in files]
    cells = [(row, 1, name) for name in names]
    return frame.loc[cells, [f"p({name})" for name in CLASSES]].to_numpy()


def some_pictures(place):
    return sorted((place / "pictures").rglob("*.png"))[::6]


@pytest.mark.parametrize("row, name", PROGRAMS)
def test_pictures_are_predicted_without_qtlrun_as_by_it(place, probabilities, row, name):
    found = probabilities[row, name]
    limit = PROGRAMS[row, name]
    assert np.abs(found - expected(place, row, some_pictures(place))).max() < limit
    assert len(found) == 5 and np.ptp(found, axis=0).max() > 0.01


def test_the_program_of_a_network_has_few_lines_of_plain_torch(place):
    lines = (place / "A/network.py").read_text().splitlines()
    assert len([line for line in lines if line.strip()]) < 80
    assert "import qtlrun" not in "".join(lines)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_circuit_in_openqasm_predicts_between_its_two_programs(place):
    pytest.importorskip("qiskit_qasm3_import")
    from qiskit import qasm3
    from qiskit.quantum_info import Statevector

    files = some_pictures(place)
    sys.path.insert(0, str(place / "A"))
    try:
        from network import read
    finally:
        sys.path.pop(0)
    front, back = (
        torch.export.load(place / f"A/{name}.pt2").module() for name in ("front", "back")
    )
    circuit = qasm3.load(place / "A/circuit.qasm")
    circuit.remove_final_measurements()
    numbers = front(torch.cat(list(map(read, files)))).detach()
    values = []
    for item in numbers.tolist():
        bound = circuit.assign_parameters(
            {each: item[int(each.name[1:])] for each in circuit.parameters}
        )
        chances = np.abs(Statevector(bound).data) ** 2
        signs = 1 - 2 * (np.arange(len(chances))[:, None] >> np.arange(circuit.num_qubits) & 1)
        values.append(chances @ signs)
    logits = back(torch.tensor(np.array(values), dtype=numbers.dtype)).detach().double()
    found = logits.softmax(-1).numpy()
    assert np.abs(found - expected(place, "A", files)).max() < 1e-6


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("row", ["A", "B"])
def test_onnx_gives_the_same_logits(place, row):
    pytest.importorskip("onnxscript")
    from onnx.reference import ReferenceEvaluator

    program = torch.export.load(place / row / "network.pt2").module()
    pictures = torch.randn(5, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    session = ReferenceEvaluator(str(place / row / "network.onnx"))
    (logits,) = session.run(None, {session.input_names[0]: pictures.numpy()})
    assert logits == pytest.approx(program(pictures).detach().numpy(), abs=1e-4)


def test_an_absent_library_is_named_with_its_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UsageError) as error:
        export_onnx(torch.nn.Linear(2, 2), torch.zeros(2, 2))
    assert error.value.reason == "onnx is not installed"
    assert error.value.fix == "pip install 'qtlrun[onnx]' brings it"


@pytest.mark.parametrize(
    "words, said",
    [
        (("study.row=D",), "study.row=D: the run has no such row"),
        (("study.seed=7",), "study.seed=7: it is not among the seeds trained, [0, 1]"),
        (("images=x",), "study.images: the option chosen has no such key"),
    ],
)
def test_a_row_or_seed_that_a_run_has_not_is_refused(place, capsys, words, said):
    from qtlrun.compose import main

    run = next(path for path in (place / "outputs").glob("*/*") if (path / "weights").is_dir())
    assert main(["study=export", f"run={run}", f"home={place / 'home'}", *words]) == 2
    assert said in capsys.readouterr().err
