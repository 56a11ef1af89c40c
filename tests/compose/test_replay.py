"""`plan=FILE`: the points of a run's plan.yaml again, with what is typed beside them."""

import json

import pytest
import yaml

from qtlrun.compose.command import compose
from qtlrun.error import UsageError

WORDS = ["circuit=product", "circuit.inputs=3", "compare=[C,twin]", "seeds=[0,3]", "recipe.lr=0.1"]


@pytest.fixture
def write(tmp_path, home):
    """Write the plans of a command line as a run does; the path of the file."""

    def write_plans(*words):
        file = tmp_path / "run" / "plan.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(yaml.safe_dump_all([plan.values for plan in compose(list(words))]))
        return file

    return write_plans


def parts(plan):
    """All values of each row."""
    return {name: variant.key for name, variant in plan.variants.items()}


@pytest.mark.parametrize("place", ["file", "folder"])
def test_a_plan_runs_again_with_the_same_rows(write, place):
    file = write(*WORDS)
    (before,) = compose(WORDS)
    (after,) = compose([f"plan={file if place == 'file' else file.parent}"])
    assert parts(after) == parts(before) and after.reader_key == before.reader_key
    assert (after.seeds, after.name, after.notes) == (before.seeds, before.name, before.notes)
    assert after.labels == before.labels and after.study == before.study


def test_a_plan_without_references_or_lenses_gets_those_that_are_typed_and_no_others(write):
    file = write("compare=[]")
    (after,) = compose([f"plan={file}"])
    assert not after.references and not after.lenses
    (typed,) = compose([f"plan={file}", "compare=[C]", "lens=[tsne]", "lens.tsne.items=20"])
    assert [*typed.references] == ["C"] and typed.lenses["tsne"]["items"] == 20
    file = write("compare=[C,twin]", "lens=[tsne]")
    (none,) = compose([f"plan={file}", "compare=[]", "lens=[]"])
    assert not none.references and not none.lenses
    (kept,) = compose([f"plan={file}", "lens.tsne.items=20"])
    assert [*kept.references] == ["C", "twin"] and kept.lenses["tsne"]["items"] == 20


def test_typed_values_and_options_take_the_place_of_those_of_the_file(write):
    file = write(*WORDS)
    typed = ["seeds=4", "circuit.inputs=2", "device=default.qubit", "compare=[twin]", "study=power"]
    (after,) = compose([f"plan={file}", *typed])
    (direct,) = compose([*WORDS[:1], "recipe.lr=0.1", *typed])
    assert parts(after) == parts(direct) and after.study == direct.study
    assert after.seeds == [0, 1, 2, 3] and after.sets("recipe.lr") and after.sets("circuit.inputs")


def test_a_sweep_comes_back_as_its_points_and_each_is_swept_further(write):
    file = write("-m", "circuit.depth=1,2", "compare=[C]")
    again = compose([f"plan={file}"])
    assert [plan.model.circuit["depth"] for plan in again] == [1, 2]
    further = compose(["-m", f"plan={file}", "circuit.qubits=2,3"])
    sizes = [(plan.model.circuit["qubits"], plan.model.circuit["depth"]) for plan in further]
    assert sizes == [(2, 1), (2, 2), (3, 1), (3, 2)]


def test_the_store_and_the_folders_are_those_of_the_command_at_hand(write):
    file = write("home=/elsewhere", "outputs=there", "fresh=true")
    (after,) = compose([f"plan={file}", "outputs=here"])
    settings = after.settings
    assert settings.home != "/elsewhere" and settings.outputs == "here" and not settings.fresh


def test_a_key_that_an_older_file_lacks_has_its_default(write):
    file = write(*WORDS)
    values = yaml.safe_load(file.read_text())
    del values["plan"], values["folds"]
    file.write_text(json.dumps(values))
    (after,) = compose([f"plan={file}"])
    assert after.settings.folds is None


@pytest.mark.parametrize(
    "words, key, reason",
    [
        (["circuit.twists=2"], "circuit.twists", "the plan has no such key"),
        (["experiment=moons"], "experiment=moons", "a preset is chosen before a plan is made"),
        (["+compare=scratch"], "+compare=scratch", "a plan has its references"),
        (["~recipe.lr"], "~recipe.lr", "a plan has its values, and loses none"),
        (["--cfg", "job"], "plan", "the file has the composed values already"),
    ],
)
def test_what_a_plan_does_not_take_is_refused(write, words, key, reason):
    file = write(*WORDS)
    with pytest.raises(UsageError) as error:
        compose([f"plan={file}", *words])
    assert (error.value.key, error.value.reason) == (key, reason)


@pytest.mark.parametrize(
    "content, reason",
    [
        (None, "there is no such folder, and no run in outputs whose name ends so"),
        ("a: [", "plan.yaml is no YAML"),
        ("a: 1", "plan.yaml is no plan: it has no dataset"),
        ("", "plan.yaml has no plan"),
    ],
)
def test_what_is_no_plan_is_refused(tmp_path, home, content, reason):
    file = tmp_path / "plan.yaml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UsageError) as error:
        compose([f"plan={file}"])
    assert error.value.key == "plan" and error.value.reason.endswith(reason)


@pytest.mark.parametrize("name", ["last", "10-00-00-mine", "mine", "2026-01-02/10-00-00-mine"])
def test_a_plan_is_named_as_a_run_is(write, tmp_path, name):
    file = write(*WORDS)
    for run in ("2026-01-01/11-00-00-old", "2026-01-02/10-00-00-mine"):
        (tmp_path / "outputs" / run).mkdir(parents=True)
    file.rename(tmp_path / "outputs" / run / file.name)
    (after,) = compose([f"plan={name}", f"outputs={tmp_path / 'outputs'}"])
    (before,) = compose(WORDS)
    assert parts(after) == parts(before)


def test_a_point_of_a_sweep_has_its_own_plan(write):
    folder = write("-m", "circuit.depth=1,2", "compare=[C]").parent
    (folder / "point-1").mkdir()
    (after,) = compose([f"plan={folder}/point-1"])
    assert after.model.circuit["depth"] == 2
