"""References whose values the composed parts cannot have: refused if typed, else left out."""

import pytest
from composition import compose_plan

from qtlrun.compose.check import check_models, check_words
from qtlrun.contract.part import build_part
from qtlrun.error import UsageError
from qtlrun.experiment import Experiment

# Without its gates on two wires nothing reaches the one wire that a tree measures
WORDS = ("experiment=moons", "circuit=tree", "circuit.qubits=3", "circuit.depth=1", "seeds=1")


def checked(home, *words):
    """Plan that the checks of a command let pass."""
    plan = compose_plan(f"home={home}", *WORDS, *words)
    check_words([plan])
    experiment = Experiment(str(home))
    (plan,) = check_models([plan], build_part("study", plan.study, []), experiment)
    return plan


def test_one_that_a_preset_asked_for_is_left_out_with_a_line(home):
    plan = checked(home)
    assert [*plan.references] == ["twin", "frozen_circuit", "zeroed"]
    assert "unentangled" not in plan.labels.names
    (note,) = plan.notes
    assert note.startswith("compare.unentangled.head.entangle=false: without gates on several")


@pytest.mark.parametrize(
    "words", [("compare=[twin,unentangled]",), ("+compare=unentangled",), ("compare=unentangled",)]
)
def test_one_that_was_typed_is_refused(home, words):
    with pytest.raises(UsageError) as error:
        checked(home, *words)
    assert error.value.key == "compare.unentangled.head.entangle"


def test_what_the_composed_model_cannot_have_is_refused(home):
    with pytest.raises(UsageError) as error:
        checked(home, "head.entangle=false")
    assert error.value.key == "head.entangle"
