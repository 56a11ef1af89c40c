"""study=gradients by the command line."""

import pandas as pd
import pytest
from finished import train

QUICK = ("study.budget=0.5",)


@pytest.mark.parametrize(
    "words, value",
    [
        (("study.sections=[method]",), "did you mean methods"),
        (("study.sections=[]",), "study.sections=[]"),
        (("study.sections=[flow,flow]",), "each once"),
        (("study.batch=0",), "study.batch=0: items of a step"),
        (("study.budget=0",), "study.budget=0"),
        (("study.plateau_budget=-1",), "study.plateau_budget=-1"),
        (("head=logistic",), "head: this one is solved for, so no gradient trains it"),
        (("device=pennylane", "device.name=default.mixed", "device.remote=true"), "elsewhere"),
    ],
)
def test_what_cannot_be_differentiated_is_refused(refusal, words, value):
    assert value in refusal("study=gradients", "compare=[]", *words)


def test_a_head_without_a_circuit_has_its_flow(studied):
    found = studied("study=gradients", "head=classical", "compare=[]")
    assert "no circuit" in found.said and "flow.csv" in found.files
    assert "methods.csv" not in found.files and found.well


def test_sections_are_chosen(studied):
    found = studied("study=gradients", "compare=[]", sections=["flow"], budget=0.5)
    assert "flow.csv" in found.files and not {"methods.csv", "cost.csv"} & set(found.files)
    assert found.frame["layer"].tolist() == ["post", "circuit", "pre"]


def test_generated_weights_have_a_flow_through_their_generator(studied):
    words = ("head=classical", "parametrization=quantum_train", "compare=[]")
    found = studied("study=gradients", *words, sections=["flow"], budget=0.5)
    assert len(found.frame) > 1 and found.frame["norm"].gt(0).any()


def test_a_finished_run_has_its_start_and_its_end(vectors_run, tmp_path):
    words = ["study=gradients", "study.sections=[flow]", f"run={vectors_run}", *QUICK]
    flow = pd.read_csv(train(tmp_path, *words) / "flow.csv")
    composed = flow[flow["row"] == flow["row"][0]]
    assert composed["state"].unique().tolist() == ["start", "trained"]
    by_state = composed.groupby("state")["layer"].agg(set)
    assert by_state["start"] == by_state["trained"]
    start, end = (composed[composed["state"] == state]["norm"] for state in ("start", "trained"))
    assert not (start.to_numpy() == end.to_numpy()).all()
