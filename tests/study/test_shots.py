"""study=shots by the command line."""

import math

import pandas as pd
import pytest
from composition import short_plan

from qtlrun.contract.part import build_part
from qtlrun.error import UsageError
from qtlrun.experiment import Experiment

STATES = (
    "backbone=heterodyne",
    "head=logistic",
    "dataset=coherent",
    "dataset.train=5",
    "dataset.validation=5",
    "dataset.test=5",
    "compare=[]",
    "study.axis=null",
)


@pytest.mark.parametrize(
    "words, value",
    [
        (("study.budgets=[0]",), "study.budgets=[0]: whole numbers of preparations, from 1 up"),
        (("study.budgets=[-5,100]",), "study.budgets=[-5, 100]"),
        (("study.budgets=[100,100]",), "each above the one before"),
        (("study.budgets=[1000,100]",), "each above the one before"),
        (("study.budgets=[]",), "study.budgets=[]: one or more"),
        (("study.budgets=[1.5]",), "whole numbers of preparations"),
        (("study.budgets=[.inf]",), "study.budgets"),
        (("study.budgets=[10]",), "study.budgets=[10]: none pays for the test alone"),
        (("study.fewest=0",), "study.fewest=0: shots of an execution, from 1 up"),
        (("study.penalties=[0]",), "study.penalties=[0]"),
        (("study.penalties=[inf]",), "study.penalties=[inf]"),
        (("study.axis=ibm_brisban",), "did you mean ibm_brisbane"),
        (("study.processors.ionq_aria.power=-1",), "study.processors.ionq_aria.power=-1"),
        (("+study.processors.ionq_aria.powr=1",), "did you mean power"),
        (("+study.processors.mine={single: 1}",), "study.processors.mine={single: 1}: it lacks"),
        (("+study.processors.mine=3",), "study.processors.mine: its times and its power"),
        (("study.processors.ionq_aria.parallel=3",), "parallel=3: true or false is needed here"),
        (("study.processors.ionq_aria.reset=long",), "reset=long: a number is needed here"),
        (("device.shots=10",), "device.shots=10: the study varies it"),
        (("tune=4",), "tune=4: study=shots does not use it"),
        (("head=classical",), "no row of it runs a circuit or measures states"),
        (("device=default.qubit", "device.remote=true"), "not known to compute on this machine"),
    ],
)
def test_what_has_no_budget_is_refused(refusal, words, value):
    assert value in refusal("study=shots", "compare=[]", *words)


def test_readouts_are_fitted_from_the_strongest_penalty_on_however_they_are_typed(home):
    plan = short_plan(home, "study=shots", "study.penalties=[0.1,10,1]")
    assert build_part("study", plan.study, plan.settings.plugins).readouts == [10, 1, 0.1]


def test_a_device_without_shots_is_refused(home, tmp_path):
    plugin = tmp_path / "plain_device.py"
    plugin.write_text(
        "from qtlrun.device.statevector import Statevector\n\n\n"
        "class Plain:\n"
        "    def run(self, circuit, entangle=True):\n"
        "        return Statevector().run(circuit, entangle)\n"
    )
    plan = short_plan(home, "study=shots", "compare=[]", f"plugins=[{plugin}]")
    plan = plan.changed({"device": {"_target_": "plain_device.Plain"}})
    study = build_part("study", plan.study)
    with pytest.raises(UsageError, match="device: this device has no shots"):
        study.check([plan], Experiment(str(home)))


@pytest.fixture
def curves(studied):
    """Two budgets of a row with a circuit, beside C: one cuts epochs, one has several shots."""
    return studied("study=shots", "compare=[C]", "recipe.epochs=2", budgets=[30, 3000, 30000])


def test_a_row_has_a_line_for_each_scheme_and_budget_and_its_files(curves):
    frame = curves.frame
    assert set(frame["scheme"]) == {"exact", "none", "trained", "tested", "refitted"}
    trained = frame[frame["scheme"] == "trained"]
    assert trained["budget"].tolist() == [3000, 30000]
    assert (frame["spent"].dropna() <= frame["budget"].dropna()).all()
    assert frame["failed"].sum() == 0 and curves.well
    assert frame[frame["row"] == "C*"]["budget"].isna().all()
    assert "composed, trained: 30 do not pay for one epoch and the test." in curves.said
    assert "Without any preparation, at every budget: C*." in curves.said
    files = {"curves.csv", "differences.csv", "crossings.csv", "processors.csv", "table.md"}
    assert files <= set(curves.files) and "figures/shots.png" in curves.files
    crossings = pd.read_csv(curves.out / "crossings.csv")
    assert set(crossings["criterion"]) == {"not worse", "better"}
    processors = pd.read_csv(curves.out / "processors.csv")
    ibm = processors[processors["processor"] == "ibm_brisbane"]
    ratio = ibm["joules"] / ibm["seconds"]
    assert ratio.tolist() == pytest.approx([25_000] * len(ibm))
    assert ibm["seconds"].iloc[-1] == pytest.approx(1000 * ibm["seconds"].iloc[0])


def test_a_budget_that_pays_for_no_epoch_pays_for_the_test_alone(studied):
    """388 test items; validation and train are 40 more, an epoch's gradients and checks 232."""
    found = studied("study=shots", "compare=[C]", "seeds=1", budgets=[400])
    assert found.frame["scheme"].tolist() == ["exact", "none", "tested"] and found.well
    assert found.frame["spent"].dropna().tolist() == [388]
    assert "composed, trained: 400 do not pay for one epoch and the test." in found.said
    assert "composed, refitted: 400 do not pay for what it measures once." in found.said


def test_one_seed_gives_no_interval_of_a_crossing(studied):
    found = studied("study=shots", "compare=[C]", "seeds=1", budgets=[30000])
    crossings = pd.read_csv(found.out / "crossings.csv")
    assert crossings["low"].isna().all()
    differences = pd.read_csv(found.out / "differences.csv")
    assert set(differences["verdict"]) <= {"undecided"}


def test_many_preparations_of_states_are_their_mean(studied):
    """Moments of ever more outcomes leave ever less to chance: the accuracy rises to its end."""
    found = studied("study=shots", *STATES, "seeds=2", budgets=[105, 105_000])
    accuracy = found.frame.set_index("budget")["accuracy"]
    assert accuracy[105_000] > accuracy[105] and found.frame["shots"].tolist() == [1, 1000]
    assert "no row runs a circuit of gates" in found.said


def test_states_that_are_read_without_shots_are_limits(studied):
    words = ("backbone=photonic", "backbone.weights=none", "backbone.layers=1", "head=classical")
    words = (*STATES[2:6], *words, "compare=[heterodyne]", "backbone.cutoff=5", "study.axis=null")
    found = studied("study=shots", *words, budgets=[1050])
    assert "Read without shots, as if of infinitely many preparations" in found.said
    crossings = pd.read_csv(found.out / "crossings.csv")
    assert set(crossings["row"]) == {"heterodyne"}
    assert math.isfinite(crossings["level"].iloc[0])
