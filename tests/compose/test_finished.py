"""`run=` names one finished run, whose own plan answers what was trained."""

import shutil

import pandas as pd
import pytest
import yaml
from finished import SMALL, draw_pictures, train

from qtlrun.compose import main
from qtlrun.compose.command import compose
from qtlrun.compose.finished import take_run

ELSEWHERE = {"accelerator": "cuda"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Place of a run of one row, and of a sweep of two points."""
    place = tmp_path_factory.mktemp("runs")
    words = (*SMALL, "compare=[]", "seeds=1", "head=classical")
    train(place, *words).rename(place / "outputs/one")
    draw_pictures(place / "pictures", 1)
    sweep = train(place, "-m", *words, "recipe.lr=0.1,0.2")
    day = sweep.parent
    (place / "outputs/one").rename(day / "12-00-00-one")
    sweep.rename(day / "11-00-00-sweep")
    return place


@pytest.fixture
def refusal(place, capsys, tmp_path):
    """Words of the refusal of a command line, which leaves nothing behind."""

    def refuse(*words):
        command = [f"outputs={place / 'outputs'}", f"images={place / 'pictures'}", *words]
        before = sorted(place.rglob("*"))
        assert main(["study=predict", f"home={tmp_path / 'home'}", *command]) == 2
        assert sorted(place.rglob("*")) == before
        return capsys.readouterr().err.strip()

    return refuse


@pytest.mark.parametrize(
    "words, said",
    [
        ((), "study=predict: it predicts by a finished run; run=last takes the newest"),
        (("run=last", "seeds=3"), "seeds=3: the run has its own plan"),
        (("run=last", "recipe.lr=0.2"), "recipe.lr=0.2: the run has its own plan"),
        (("run=last", "~home"), "~home: the run has its own plan"),
        (("run=[a,b]",), "run="),
        (("run=last", "fresh=true"), "fresh=true: the run has its own plan"),
        (("run=none",), "run=none: there is no such folder, and no run in"),
        (("run=e",), "run=e: there is no such folder, and no run in"),
        (("run=00-sweep",), "is a sweep of 2 points; name one, as run="),
        (("run=last", "outputs=/nowhere"), "run=last: no folder in /nowhere has trained rows"),
        (("run=last", "study=compare"), "study.images: the option chosen has no such key"),
        (("-m", "run=last", "accelerator=cpu,cuda"), "run: one run comes back at a time"),
        (("run=last", "images=[]"), "study=predict: it has nothing to predict"),
        (("run=last", "images=/nowhere"), "images=/nowhere: there is no such file or folder"),
        (("run=last", "images=/nowhere/*.png"), "no file's name is of this pattern"),
        (("run=last", "images=tests/compose"), "images=tests/compose: "),
        (("run=one/", "study=power"), "study=predict has it"),
        (("run=one", "dataset.root=/nowhere"), "dataset.root: the plan has no such key"),
    ],
)
def test_what_names_no_run_is_refused(refusal, words, said):
    assert said in refusal(*words)


def test_a_study_that_trains_takes_no_run(place, capsys):
    command = [f"outputs={place / 'outputs'}", "run=last", f"home={place / 'other'}"]
    assert main(command) == 2
    assert "12-00-00-one: this study trains rows of its own" in capsys.readouterr().err


def test_a_tail_of_two_runs_is_no_name(place, refusal):
    copy = place / "outputs/2000-01-01/12-00-00-one"
    shutil.copytree(next(place.glob("outputs/*/12-00-00-one")), copy)
    try:
        assert "run=00-one: 2 runs end so: " in refusal("run=00-one")
    finally:
        shutil.rmtree(copy.parent)


def test_a_point_of_a_sweep_comes_back_with_its_own_plan(place):
    command = ["study=predict", "run=sweep/point-1", f"images={place / 'pictures'}"]
    folder = train(place, *command)
    assert yaml.safe_load((folder / "plan.yaml").read_text())["recipe"]["lr"] == 0.2
    shutil.rmtree(folder)


def test_a_run_has_the_rows_that_its_plan_asks_for(place, home):
    outputs = f"outputs={place / 'outputs'}"
    (run,) = take_run(compose([outputs, "run=last", "study=power", "accelerator=cuda"]))
    (plan,) = compose([outputs, "plan=last"])
    assert {name: each.key for name, each in run.variants.items()} == {
        name: each.key for name, each in plan.changed(ELSEWHERE).variants.items()
    }
    assert run.reader_key == plan.changed(ELSEWHERE).reader_key
    assert run.study["_target_"] != plan.study["_target_"]


def test_runs_are_joined_by_the_words_that_name_one(place):
    words = ["study=join", "runs=[last,sweep/point-1]"]
    folder = train(place, *words)
    joined = pd.read_csv(folder / "join.csv").set_index("run")
    sweep = next(place.glob("outputs/*/11-00-00-sweep"))
    rows = pd.read_csv(sweep / "rows.csv").query("metric == 'test_nll' and `recipe.lr` == 0.2")
    assert joined["nll"]["11-00-00-sweep/point-1"] == pytest.approx(rows["value"].mean())
    assert {*joined.index} == {"12-00-00-one", "11-00-00-sweep/point-1"}
    plan = yaml.safe_load((folder / "plan.yaml").read_text())
    assert plan["runs"] == [str(next(place.glob("outputs/*/12-00-00-one"))), f"{sweep}/point-1"]
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    "words, said",
    [
        ("last,none", "runs=none: there is no such folder, and no run in"),
        ("last,sweep", "it is a sweep of 2 points; join its points, as 11-00-00-sweep/point-0"),
        ("last,one", "two or more different folders are joined"),
    ],
)
def test_what_names_no_run_is_not_joined(place, capsys, words, said):
    command = ["study=join", f"outputs={place / 'outputs'}", f"home={place / 'other'}"]
    assert main([*command, f"runs=[{words}]"]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "file, content, said",
    [
        ("weights.json", None, "has no weights of trained rows; its command was `qtlrun home="),
        ("weights.json", b"{}", "weights.json lacks 'rows', as other versions of it do"),
        ("weights.json", b"{", "weights.json is damaged"),
        ("plan.yaml", None, "has no plan.yaml"),
        ("plan.yaml", b"a: [", "plan.yaml is no YAML"),
        ("plan.yaml", b"", "plan.yaml has no plan"),
        ("plan.yaml", b"mine: 1", "plan.yaml is no plan: it has no dataset"),
        ("plan.yaml", b"a: \xff", "plan.yaml is no YAML"),
        ("weights/C-seed0.safetensors", None, "weights/C-seed0.safetensors is not in it"),
        ("weights/C-seed0.safetensors", b"x", "is not the file that was written"),
    ],
)
def test_a_run_that_is_not_whole_is_refused(place, tmp_path, refusal, file, content, said):
    run = shutil.copytree(next(place.glob("outputs/*/12-00-00-one")), tmp_path / "run")
    (run / file).unlink()
    if content is not None:
        (run / file).write_bytes(content)
    assert said in refusal(f"run={run}")
