"""The output folder holds all that a prediction needs: read here without store, experiment and
dataset's scaling.
"""

import json

import numpy as np
import pytest
import torch
from composition import train_row, variants
from safetensors.torch import load_file
from sklearn.datasets import load_iris

from qtlrun import disk
from qtlrun.backbone.picture import Preprocess
from qtlrun.comparison.comparison import Comparison
from qtlrun.experiment import Experiment
from qtlrun.layer import Start
from qtlrun.plan import build
from qtlrun.report import output

DIGITS = (
    "backbone.width=4",
    "backbone.pretrain.recipe.epochs=1",
    "dataset.classes=[6,7]",
    "dataset.train=6",
    "dataset.validation=4",
    "recipe.epochs=2",
    "circuit.qubits=2",
    "circuit.depth=1",
)
IRIS = (
    "dataset=iris",
    "backbone=identity",
    "recipe.epochs=2",
    "circuit.qubits=2",
    "circuit.depth=1",
)


def written(home, folder, plan, label="A", seeds=(0, 3)):
    """The folder of a run of one row, and the row."""
    experiment = Experiment(str(home))
    row = train_row(experiment, label, plan, list(seeds))
    assert not row.errors
    output._write_weights(folder, Comparison({}, label, splits=[{label: row}]))
    return row, experiment.dataset(plan)


def part(values, group, **offered):
    """A part built from the values that weights.json has of it."""
    return build(
        group, {name: value for name, value in values.items() if name != "pretrain"}, **offered
    )


@torch.no_grad()
def predict(folder, label, seed, items):
    """Logits of raw items by one seed of a row, from the folder alone."""
    said = json.loads((folder / "weights.json").read_text())
    row = said["rows"][label]
    (file,) = [file for file in row["files"] if file["seed"] == seed]
    state = load_file(folder / file["file"])

    def of(place, state):
        return {
            name.removeprefix(f"{place}."): value
            for name, value in state.items()
            if name.startswith(f"{place}.")
        }

    dtype = getattr(torch, row["dtype"])
    if file["dataset_scaling"]:
        items = (items - torch.tensor(file["dataset_scaling"]["mean"])) / torch.tensor(
            file["dataset_scaling"]["deviation"]
        )
    if row["preprocessing"]:
        values = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in row["preprocessing"].items()
        }
        items = Preprocess(**values)(items)
    offered = {"numbers": items[0].numel()}
    weights = {"weights": "none"} if "weights" in row["backbone"] else {}
    backbone = part(row["backbone"] | weights, "backbone", **offered).to(dtype)
    backbone.load_state_dict(
        of("backbone", load_file(folder / file["backbone"]) if file["backbone"] else state)
    )
    features = backbone.eval()(items.to(dtype))
    if row["scale"] == "standard":
        features = (features - state["scaling.mean"]) / state["scaling.deviation"]
    circuit = part(row["circuit"], "circuit") if "_target_" in row["circuit"] else None
    device = part(row["device"], "device") if "device" in row else None
    widths = {}
    if "head.middle.weight" in state:  # of a twin, as wide as the circuit that it stands for
        outputs, inputs = state["head.middle.weight"].shape
        widths = {"circuit_inputs": inputs, "circuit_outputs": outputs}
    head = part(
        row["head"],
        "head",
        **widths,
        features=backbone.features,
        classes=len(row["classes"]),
        circuit=circuit,
        device=device,
        start=Start([seed], dtype),
        **row["circuit"],
    )
    head.load_state_dict({name: value.unsqueeze(0) for name, value in of("head", state).items()})
    return head.eval()(features.unsqueeze(0))[0].numpy()


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("head=classical",),
        ("head=twin",),
        ("recipe.scale=standard",),
        ("freeze=none", "head=classical", "recipe.scale=standard"),
        ("backbone.weights=none", "backbone.pretrain=null", "head=classical"),
        ("dtype=float64",),
        ("recipe.augment=true", "head=classical"),
    ],
    ids=" ".join,
)
def test_pictures_are_predicted_from_the_folder_alone(home, tmp_path, words):
    row, dataset = written(home, tmp_path, variants(*DIGITS, *words)["composed"])
    for place, seed in enumerate(row.seeds):
        found = predict(tmp_path, "A", seed, dataset.test.inputs)
        np.testing.assert_allclose(
            found, row.logits[place], rtol=1e-4, atol=1e-5
        )  # batches of another size are rounded otherwise


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("recipe.scale=standard", "head=classical"),
        ("backbone=perceptron", "freeze=none", "head=classical"),
    ],
)
def test_vectors_are_predicted_from_the_folder_alone_as_they_were_measured(home, tmp_path, words):
    row, dataset = written(home, tmp_path, variants(*IRIS, *words)["composed"])
    measured = torch.from_numpy(load_iris().data)
    scaling = dataset.scaling
    scaled = (measured - torch.tensor(scaling["mean"])) / torch.tensor(scaling["deviation"])
    places = [int((scaled - item).abs().sum(1).argmin()) for item in dataset.test.inputs]
    for place, seed in enumerate(row.seeds):
        np.testing.assert_allclose(
            predict(tmp_path, "A", seed, measured[places]), row.logits[place], rtol=1e-4, atol=1e-5
        )


def test_a_head_that_is_solved_for_is_predicted_from_the_folder_alone(home, tmp_path):
    plan = variants(*DIGITS, "+compare=logistic")["logistic"]
    row, dataset = written(home, tmp_path, plan, "logistic", [0])
    np.testing.assert_allclose(
        predict(tmp_path, "logistic", 0, dataset.test.inputs), row.logits[0], rtol=1e-4, atol=1e-4
    )


def test_weights_json_names_classes_in_order_and_every_file_with_its_hash(home, tmp_path):
    row, _ = written(home, tmp_path, variants(*DIGITS, "dataset.classes=[7,6]")["composed"])
    said = json.loads((tmp_path / "weights.json").read_text())
    assert said["rows"]["A"]["classes"] == list(row.classes) == ["7", "6"]
    files = sorted(
        path.relative_to(tmp_path).as_posix() for path in (tmp_path / "weights").iterdir()
    )
    assert sorted(said["sha256"]) == files and len(files) == 3  # two seeds and one backbone
    assert all(
        disk.digest((tmp_path / name).read_bytes()) == digest
        for name, digest in said["sha256"].items()
    )
    assert {
        name.split(".")[0]
        for name in load_file(tmp_path / said["rows"]["A"]["files"][0]["backbone"])
    } == {"backbone"}
