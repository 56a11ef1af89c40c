import json
import subprocess
import warnings
from importlib import metadata

import composition
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from rows import generated, point
from safetensors.numpy import load_file

from qtlrun.experiment.drawing import readable_circuit
from qtlrun.report import frame as frames
from qtlrun.report import output
from qtlrun.report.figure import circuit
from qtlrun.store import Store

FIGURES = [
    f"figures/{name}.{kind}"
    for name in ("accuracy", "circuit", "confusion", "learning_curves")
    for kind in ("png", "svg")
]
TABLES = [
    "contrasts.csv",
    "environment.json",
    "epochs.csv",
    "log.txt",
    "plan.yaml",
    "rows.csv",
    "table.csv",
    "table.md",
]
MODELS = ["predictions.csv", "weights.json"]


def strict(path):
    """JSON without the words that JSON does not have."""

    def refuse(word):
        raise ValueError(word)

    return json.loads(path.read_text(), parse_constant=refuse)


def test_a_run_leaves_these_files(once):
    weights = [
        f"weights/{label}-seed{seed}.safetensors" for label in ("A", "B", "twin") for seed in (0, 1)
    ]
    assert once.files == sorted([*TABLES, *FIGURES, *weights, *MODELS])
    assert not any(path.name.startswith(".") for path in once.out.rglob("*"))


def test_a_sweep_leaves_these_files(compare):
    found = compare(
        [
            ["circuit.qubits=2", "compare=[C]", "seeds=1"],
            ["circuit.qubits=3", "compare=[C]", "seeds=1"],
        ]
    )
    each = [*FIGURES, *MODELS, "weights/A-seed0.safetensors", "weights/C-seed0.safetensors"]
    points = [f"point-{number}/{name}" for number in (0, 1) for name in each]
    assert found.files == sorted([*TABLES, *points, "figures/sweep.png", "figures/sweep.svg"])


def test_a_generated_row_leaves_its_accuracy_by_shots_its_figure_and_its_line(compare):
    def outcome(label, plan, seeds):
        made = point((label,), seeds=len(seeds))
        return (generated(made, label, {10**3: 0.5, 10**6: 0.75}) if label == "A" else made).splits[
            0
        ][label]

    found = compare([["compare=[B]", "seeds=2"]], outcome)
    each = [*FIGURES, "figures/shots.png", "figures/shots.svg", *MODELS, "shots.csv"]
    assert found.files == sorted(
        [
            *TABLES,
            *each,
            *(f"weights/{label}-seed{seed}.safetensors" for label in "AB" for seed in (0, 1)),
        ]
    )
    shots = pd.read_csv(found.out / "shots.csv")
    assert shots["shots"].tolist() == [10**3, 10**6] * 2 and shots["accuracy"].tolist() == [
        0.5,
        0.75,
        0.51,
        0.76,
    ]
    line = "A: 1497 numbers generate 6690 weights: 4.5 times fewer; "
    assert line in " ".join(found.said.split()) and line in (found.out / "table.md").read_text()


def test_the_plan_is_what_was_composed(once):
    assert list(yaml.safe_load_all((once.out / "plan.yaml").read_text())) == [
        plan.values for plan in once.plans
    ]


def test_every_csv_is_a_frame_of_the_result(once):
    rows = pd.read_csv(once.out / "rows.csv")
    pd.testing.assert_frame_equal(rows, once.rows, check_exact=True, check_dtype=False)
    assert pd.read_csv(once.out / "contrasts.csv")["reference"].tolist() == ["B", "twin"] * 3
    assert pd.read_csv(once.out / "table.csv")["row"].tolist() == ["A", "B", "twin"]


def test_predictions_have_probabilities_that_sum_to_one(once):
    frame = pd.read_csv(once.out / "predictions.csv")
    odds = frame[[name for name in frame if name.startswith("p(")]].to_numpy()
    assert frame.groupby(["row", "seed"]).size().tolist() == [40] * 6 and odds.shape == (240, 4)
    np.testing.assert_allclose(
        odds.sum(1), 1, rtol=1e-12
    )  # a few roundings, and seventeen digits in the file
    names = np.array([f"class {number}" for number in range(4)])
    assert (names[odds.argmax(1)] == frame["predicted"]).all()
    own = odds[np.arange(240), [list(names).index(name) for name in frame["class"]]]
    np.testing.assert_allclose(
        frame["nll"], -np.log(own), rtol=1e-9
    )  # the logarithm magnifies those roundings where p is near 1
    nll = frame.groupby(["row", "seed"])["nll"].mean()
    metric = once.rows[once.rows["metric"] == "test_nll"].set_index(["row", "seed"])["value"]
    np.testing.assert_allclose(nll, metric[nll.index], rtol=1e-12)
    assert frame["picture"][0] == "ants/0.png"


def test_pictures_without_names_are_numbered():
    frame = frames.predictions_frame(point(("A",), seeds=1))
    assert frame["picture"].tolist() == list(range(40))


def test_weights_are_those_of_the_row(once):
    for label in ("A", "B", "twin"):
        for seed in (0, 1):
            weights = load_file(once.out / f"weights/{label}-seed{seed}.safetensors")
            assert weights.keys() == {"head.weight", "head.steps"}
            np.testing.assert_array_equal(weights["head.weight"], [[0, 1, 2], [3, 4, 5]])
            assert weights["head.steps"].shape == () and weights["head.steps"] == 7


def test_the_environment_is_strict_json_that_says_where_and_with_what(once):
    said = strict(once.out / "environment.json")
    assert said["command"] == ["qtlrun", "compare=[B,twin]", "seeds=2"]
    assert {"torch", "pennylane", "numpy", "pillow", "hydra-core", "qtlrun"} <= said[
        "versions"
    ].keys()
    assert all(metadata.version(name) == version for name, version in said["versions"].items())
    assert said["machine"].keys() == {"system", "processor", "cores", "threads", "accelerators"}
    assert said["machine"]["threads"] == torch.get_num_threads() and said["machine"]["cores"] >= 1
    assert (said["accelerator"], said["dtype"]) == ("cpu", "float32")
    each = {"data": "d" * 64, "weights": "w" * 64}
    assert said["fingerprints"] == [[{"A": each, "B": each, "twin": each}]]
    nothing = {"items": {}, "duplicates": None, "likeness": None, "caution": "", "files": {}}
    nothing |= {"pool": 0, "independent": False}
    assert said["data"] == [[{"A": nothing, "B": nothing, "twin": nothing}]]
    assert said["time"][:2] == "20" and said["python"].startswith("3.")


def test_every_point_of_a_sweep_has_its_fingerprints(compare):
    found = compare([["compare=[]", f"dataset.split_seed={seed}"] for seed in (0, 1)])
    points = strict(found.out / "environment.json")["fingerprints"]
    assert [[list(rows) for rows in splits] for splits in points] == [[["A"]], [["A"]]]


def test_the_state_of_the_folder_is_its_commit_and_whether_it_differs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert output._git() is None  # no repository
    for words in (
        ["init"],
        ["-c", "user.name=n", "-c", "user.email=e", "commit", "--allow-empty", "-m", "m"],
    ):
        subprocess.run(["git", *words], check=True, capture_output=True)
    clean = output._git()
    assert len(clean["commit"]) == 40 and clean["changed"] is False
    (tmp_path / "new").write_text("")
    assert output._git() == clean | {"changed": True}
    monkeypatch.setenv("PATH", "")
    assert output._git() is None  # no git


def test_no_secret_of_the_environment_is_written(once):
    assert len(once.files) > 15
    for name in once.files:
        assert b"planted-secret" not in (once.out / name).read_bytes(), name
    assert "planted-secret" not in once.said


def test_of_the_environment_the_plan_holds_the_home_alone(home, monkeypatch):
    monkeypatch.setenv("QTLRUN_HOME", "/planted/home")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-secret")
    made = composition.compose_plan().values
    assert made["home"] == "/planted/home"
    text = yaml.safe_dump(made)
    assert text.count("planted") == 1 and "${" not in text
    monkeypatch.delenv("QTLRUN_HOME")
    assert composition.compose_plan().settings.home == "~/.cache/qtlrun"


@pytest.mark.parametrize(
    "names", [("a,b", 'say "x"', "two\nlines", "c|d"), ("=1+1", "+cmd", "-1+2", "@x")]
)
def test_classes_of_any_name_come_back_from_the_predictions(compare, names):
    def outcome(label, plan, seeds):
        made = point((label,), seeds=len(seeds)).splits[0][label]
        made.classes = names
        return made

    found = compare([["compare=[]", "seeds=1"]], outcome)
    frame = pd.read_csv(found.out / "predictions.csv", lineterminator="\n")
    assert found.well and set(frame["class"]) == {
        ("'" if name[0] in "=+-@" else "") + name for name in names
    }
    assert [f"p({name})" for name in names] == list(frame.columns)[6:]


def test_a_model_without_a_circuit_has_no_drawing_of_one(compare):
    found = compare([["head=classical", "compare=[]", "seeds=1"]])
    assert found.well and not any("circuit" in name for name in found.files)


def readable(*words):
    """The circuit that would be drawn of a plan."""
    return readable_circuit(composition.compose_plan(*words).model)


def test_the_circuit_drawn_is_the_one_that_runs():
    words = ("circuit.qubits=3", "circuit.depth=2", "compare=[]")
    dressed = readable(*words)
    assert type(dressed).__name__ == "Dressed" and dressed.shape == (2, 3)
    product = readable(*words, "head.product=true")
    assert type(product).__name__ == "Product" and (
        product.qubits,
        product.inputs,
        product.shape,
    ) == (3, 3, (6,))


def test_a_circuit_whose_entanglers_are_dropped_is_not_drawn_with_them():
    assert readable("head.entangle=false", "compare=[]") is None


def test_a_circuit_too_large_to_be_read_is_not_drawn(tmp_path):
    for words in (["circuit.qubits=17"], ["circuit.depth=126"]):
        model = composition.compose_plan(*words).model
        assert circuit.drawing(model, readable_circuit, Store(str(tmp_path))) == {}


def test_a_circuit_is_drawn_with_the_same_bytes_and_no_figure_is_left_open(tmp_path):
    from matplotlib import pyplot

    open_before, model = pyplot.get_fignums(), composition.compose_plan("circuit.depth=2").model
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, second = (
            circuit.drawing(model, readable_circuit, Store(str(tmp_path / name)))
            for name in ("one", "two")
        )
    assert pyplot.get_fignums() == open_before
    assert first == second and list(first) == ["png", "svg"]
    assert min(map(len, first.values())) > 5000


def test_a_circuit_is_drawn_once_and_another_one_anew(tmp_path, monkeypatch):
    drawn, draw = [], circuit._draw
    monkeypatch.setattr(circuit, "_draw", lambda each: drawn.append(each.shape) or draw(each))
    files = [
        circuit.drawing(
            composition.compose_plan(*words).model, readable_circuit, Store(str(tmp_path))
        )
        for words in (
            ["circuit.depth=2"],
            ["circuit.depth=2", "recipe.lr=0.5"],
            ["circuit.depth=3"],
            ["circuit.depth=2", "head.product=true"],
        )
    ]
    assert drawn == [(2, 4), (3, 4), (8,)] and files[0] == files[1]
    assert len({each["svg"] for each in files}) == 3
