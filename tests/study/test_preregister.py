"""Sealed plans, by the command line: sealed, run, and refused where they differ."""

import re
import signal
import time
from types import SimpleNamespace

import composition
import numpy as np
import pandas as pd
import pytest
import yaml
from figures import leave_undrawn
from PIL import Image
from studied import FILES

from qtlrun import train
from qtlrun.compose import main, worker
from qtlrun.error import UsageError
from qtlrun.plan.seal import FILE, load_seal
from qtlrun.store import Store

PLAN = (*composition.SMALL, "seeds=2", "compare=[C,twin]")


@pytest.fixture(autouse=True)
def place(tmp_path, home, monkeypatch):
    """An empty folder to run in; what the command line does to signals is undone."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    leave_undrawn(monkeypatch, lambda drawing: FILES)
    yield tmp_path / "work"
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def command(place, capsys):
    """A command line: its exit code, what it printed, and the folder that it wrote, if any."""

    def run(*words):
        before = set(place.glob("outputs/*/*"))
        code = main(list(words))
        out, err = capsys.readouterr()
        (folder,) = set(place.glob("outputs/*/*")) - before or {None}
        return SimpleNamespace(
            code=code, out=" ".join(out.split()), error=" ".join(err.split()), folder=folder
        )

    return run


@pytest.fixture
def sealed(command):
    """A sealed command line: the seal, the folder that it is in, what was printed."""

    def seal(*words):
        made = command("study=preregister", *words)
        assert made.code == 0, made.error
        return SimpleNamespace(
            seal=load_seal(yaml.safe_load((made.folder / FILE).read_text())), **vars(made)
        )

    return seal


def test_sealing_trains_nothing_and_writes_what_the_plan_is(sealed, home, monkeypatch):
    monkeypatch.setattr(train, "fit", None)
    made = sealed(*PLAN, "study.contrasts=[twin]", "study.margin=0.1")
    seal = made.seal
    assert (seal.declared, seal.margin, seal.metric) == (["twin"], 0.1, "test_nll")
    composed = composition.values(*PLAN)
    expected = {key: composed[key] for key in seal.plans[0]}
    assert seal.plans == [expected] and set(composed) - set(expected) == {
        *("home", "outputs", "fresh", "seal", "plan", "run", "runs", "study"),
        *("name", "overrides", "command"),
    }
    assert f"Sealed plan {seal.name} of {time.strftime('%Y-%m-%d')}." in made.out
    assert f"study.margin=0.1 seal={seal.name}" in made.out
    assert seal.hash in (made.folder / "table.md").read_text()
    status = pd.read_csv(made.folder / "declared.csv").set_index("reference")["status"]
    assert dict(status) == {"C": "exploratory", "twin": "declared"}
    entry = Store(home).get("seals", seal.hash)
    assert load_seal(entry.values) == seal
    assert not (home / "store/readings").exists() and not list(home.glob("store/row/*"))


def test_a_run_of_it_names_it_and_marks_what_was_not_declared(sealed, command):
    made = sealed(*PLAN, "study.contrasts=[twin]")
    found = command(*PLAN, "compare=[C,twin,logistic]", f"seal={made.seal.hash[:8]}")
    assert found.code == 0, found.error
    date = made.seal.date
    named = f"Sealed plan {made.seal.name} of {date[:10]}. Exploratory, not declared: C*, logistic."
    assert named in found.out and found.out.count("exploratory") >= 2 + 2
    assert "- twin, " in found.out and "- C* (exploratory), " in found.out
    details = (found.folder / "table.md").read_text()
    assert f"Sealed plan {made.seal.hash} of {date}." in details
    contrasts = pd.read_csv(found.folder / "contrasts.csv").set_index(["metric", "reference"])
    declared = contrasts[contrasts["status"] == "declared"]
    assert list(declared.index) == [("test_nll", "twin")]
    assert set(contrasts["status"]) == {"declared", "exploratory"} and len(contrasts) == 3 * 4
    table = pd.read_csv(found.folder / "table.csv").set_index("row")["status"]
    assert table["twin"] == "declared" and table["C*"] == table["logistic"] == "exploratory"
    free = command(*PLAN)
    assert "Sealed" not in free.out and "xploratory" not in free.out
    for name in ("contrasts", "table"):
        assert "status" not in pd.read_csv(free.folder / f"{name}.csv")


def test_its_figures_are_those_of_the_plan_without_a_seal(sealed, command, programs):
    free = command(*PLAN)
    made = sealed(*PLAN)
    before = len(programs)
    found = command(*PLAN, f"seal={made.folder}")
    assert found.code == 0 and len(programs) == before  # found in the store: the same keys
    first, second = (pd.read_csv(each.folder / "contrasts.csv") for each in (free, found))
    pd.testing.assert_frame_equal(first, second.drop(columns="status"), check_exact=True)
    assert "When it was sealed, 1 plan of this store had read its test pictures." in found.out


def test_a_sweep_is_sealed_and_run_whole(sealed, command):
    words = ("-m", *PLAN[:-1], "compare=[twin]", "circuit.depth=1,2")
    made = sealed(*words)
    assert len(made.seal.plans) == 2 and "; 2 points." in made.out
    found = command(*words, f"seal={made.folder}/{FILE}")
    assert found.code == 0 and f"Sealed plan {made.seal.name}" in found.out
    for other, key in (
        ((*PLAN[:-1], "compare=[twin]"), "the number of points is 1 (sealed: 2)"),
        ((*words[:-1], "circuit.depth=1,2,3"), "the number of points is 3 (sealed: 2)"),
        ((*words[:-1], "circuit.depth=1,3"), "point 2, circuit.depth is 3 (sealed: 2)"),
    ):
        assert key in refused(command(*other, f"seal={made.seal.name}"))


def refused(found):
    """The words of a refusal; nothing was written."""
    assert (found.code, found.out, found.folder) == (2, "", None)
    return found.error


@pytest.mark.parametrize(
    "words, difference",
    [
        (["recipe.epochs=2"], "recipe.epochs is 2 (sealed: 1)"),
        (["seeds=3"], "seeds is 3 (sealed: 2)"),
        (["study.margin=0.2"], "study.margin is 0.2 (sealed: 0.05)"),
        (["compare=[C]"], "compare.twin is absent (sealed: there)"),
        (["recipe=smoke"], "recipe.epochs"),
        (["tune=2", "dtype=float64"], "tune is 2 (sealed: 0), dtype is float64 (sealed: float32)"),
    ],
)
def test_a_plan_that_was_changed_is_refused_before_torch_is_asked(
    sealed, command, monkeypatch, words, difference
):
    made = sealed(*PLAN)
    monkeypatch.setattr("qtlrun.experiment.Experiment", None)
    plan = [word for word in PLAN if word != "recipe.epochs=1" or words != ["recipe=smoke"]]
    error = refused(command(*plan, *words, f"seal={made.seal.name}"))
    assert error.startswith(
        f"qtlrun: seal={made.seal.name}: this is not the plan that was sealed: "
    )
    assert difference in error and f"seal={made.seal.name}`" in error  # and the command that is it


def test_a_default_that_changed_since_is_seen_as_a_word_would_be(sealed, command, monkeypatch):
    """The composed values are compared, not the words."""
    made = sealed(*PLAN)
    compose = worker.Plan  # the plan of a point, as the command makes it

    def changed(values):
        return compose(values | {"recipe": values["recipe"] | {"weight_decay": 0.125}})

    monkeypatch.setattr("qtlrun.compose.command.Plan", changed)
    error = refused(command(*PLAN, f"seal={made.seal.name}"))
    assert "recipe.weight_decay is 0.125 (sealed: 0.0" in error


@pytest.mark.parametrize(
    "name, words",
    [
        ("nowhere", "there is no such folder, and a hash has the digits"),
        ("abc", "a hash is named by 8 digits or more"),
        ("00000000", "no seal in "),
        ("12345678901", "no seal in "),  # digits that are read as a number
        ("1234567e8", "no seal in "),
        (".", f"there is no {FILE} in it"),
        ("''", "a folder is needed here"),
        ("[a]", "a text or a number or null is needed here"),
    ],
)
def test_a_seal_that_is_not_there_is_said_to_be_missing(command, name, words):
    error = refused(command(*PLAN, f"seal={name}"))
    typed = name if name not in ("''", "[a]") else ""
    assert error.startswith(f"qtlrun: seal={typed}") and words in error and error.endswith(".")


def test_a_beginning_of_two_seals_asks_for_more_digits(sealed, command, home):
    made = sealed(*PLAN)
    other = made.seal.hash[:20] + "0" * 44
    Store(home).put("seals", other, Store(home).get("seals", made.seal.hash))
    error = refused(command(*PLAN, f"seal={made.seal.hash[:12]}"))
    assert "2 seals begin so: " in error and "give more digits" in error
    assert "damaged" in refused(command(*PLAN, f"seal={other}"))


def test_a_file_that_was_edited_is_refused_with_what_differs(sealed, command):
    made = sealed(*PLAN)
    file = made.folder / FILE
    file.write_text(file.read_text().replace("margin: 0.05", "margin: 0.5"))
    error = refused(command(*PLAN, "study.margin=0.5", f"seal={made.folder}"))
    assert "changed after it was sealed" in error and "margin is 0.5 (sealed: 0.05)" in error
    assert command(*PLAN, f"seal={made.seal.name}").code == 0  # the store has it whole
    file.write_text("no: [seal")
    assert "no YAML" in refused(command(*PLAN, f"seal={made.folder}"))


def test_data_that_changed_since_are_refused(sealed, command, place):
    generator = np.random.default_rng(0)
    for label in ("ants", "bees"):
        (place / "pictures" / label).mkdir(parents=True)
        for number in range(20):
            pixels = generator.integers(0, 256, (8, 8, 3), np.uint8)
            Image.fromarray(pixels).save(place / "pictures" / label / f"{number}.png")
    words = (
        *("dataset=folder", "dataset.root=pictures", "backbone.weights=none", "backbone.width=4"),
        *("recipe.epochs=1", "seeds=1", "compare=[C]", "circuit.qubits=2", "circuit.depth=1"),
    )
    made = sealed(*words, "backbone=small")
    Image.new("RGB", (8, 8)).save(place / "pictures/ants/0.png")
    error = refused(command(*words, "backbone=small", f"seal={made.seal.name}"))
    assert "other bytes than when the plan was sealed: data of the composed model" in error


@pytest.mark.parametrize("study", ["power", "preregister", "learning_curve"])
def test_a_study_without_that_table_takes_no_seal(sealed, command, study):
    made = sealed(*PLAN, "seeds=3")
    error = refused(command(*PLAN, "seeds=3", f"study={study}", f"seal={made.seal.name}"))
    assert "study=compare has it" in error


@pytest.mark.parametrize(
    "words, reason",
    [
        (["study.contrasts=[twn]"], "study.contrasts=twn: no row of this plan is called so; did"),
        (["study.contrasts=[]"], "study.contrasts=[]: one or more different references"),
        (["study.contrasts=[twin,twin]"], "one or more different references"),
        (["study.contrasts=3"], "study.contrasts=3: a list"),
        (["compare=[]"], "compare=[]: a plan declares differences to references"),
        (["study.margin=-1"], "study.margin=-1"),
        (["compare=[C,logistic]", "study.contrasts=[twin]"], "study.contrasts=twin"),
    ],
)
def test_what_cannot_be_sealed_is_refused(command, words, reason):
    assert reason in refused(command("study=preregister", *PLAN, *words))


def test_a_reference_that_is_no_row_of_its_own_cannot_be_declared(command):
    plan = (*PLAN[:-1], "compare=[C,twin]", "head=classical")
    error = refused(command("study=preregister", *plan, "study.contrasts=[C]"))
    assert "study.contrasts=C: no row of this plan is called so" in error


def test_a_process_of_a_launcher_heeds_the_seal_and_trains_nothing_for_one(
    sealed, home, place, programs
):
    made = sealed(*PLAN)
    values = composition.values(*PLAN)
    values["study"] = composition.part("study", "preregister")
    worker.train(values, place, 0)
    assert not programs
    other = composition.values(*PLAN, "recipe.epochs=2", f"seal={made.seal.name}")
    with pytest.raises(UsageError, match=re.escape("recipe.epochs is 2 (sealed: 1)")):
        worker.train(other, place, 0)
    assert not programs
    worker.train(composition.values(*PLAN, f"seal={made.seal.name}"), place, 0)
    assert programs
