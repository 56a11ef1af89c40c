"""Rations of a budget, by hand for the default circuit."""

import pytest
from composition import compose_plan

from qtlrun.experiment.cost import count_circuits
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.sequence import count_epochs
from qtlrun.experiment.session import Session
from qtlrun.shot_budget.ration import REFITTED, TESTED, TRAINED, Expense, find_expenses, ration

EPOCH = Expense(epoch=100, once=10, epochs=(1, 2, 3, 4, 5))


def expenses(home, *words, **counts):
    return find_expenses(Parts(compose_plan(f"home={home}", *words).model, Session(str(home))))


@pytest.mark.parametrize(
    "budget, shots, epochs, spent",
    [
        (109, None, None, None),
        (110, 1, 1, 110),
        (509, 1, 4, 410),
        (510, 1, 5, 510),
        (1019, 1, 5, 510),
        (1020, 2, 5, 1020),
        (51_000, 100, 5, 51_000),
    ],
)
def test_a_budget_is_divided_by_the_executions_of_the_recipe(budget, shots, epochs, spent):
    found = ration(budget, EPOCH, 1)
    assert (found and (found.shots, found.epochs, found.spent)) == (
        None if shots is None else (shots, epochs, spent)
    )


def test_epochs_are_cut_at_the_fewest_shots():
    found = ration(1020, EPOCH, 4)
    assert (found.shots, found.epochs, found.spent) == (4, 2, 840)
    assert ration(439, EPOCH, 4) is None and ration(440, EPOCH, 4).epochs == 1


def test_what_is_measured_once_is_not_paid_by_epochs():
    found = ration(35, Expense(0, 10), 1)
    assert (found.shots, found.epochs, found.spent) == (3, None, 30)
    assert found.change == {"device.shots": 3}
    assert ration(9, Expense(0, 10), 1) is None


@pytest.mark.parametrize("budget", [110, 333, 4711, 10**6])
def test_no_ration_spends_more_than_its_budget(budget):
    assert ration(budget, EPOCH, 1).spent <= budget


def test_the_expense_of_the_default_circuit_is_that_of_its_rotations(home):
    """Four inputs and six layers of four rotations: 57 executions of a gradient, one basis.

    40 scans train, 80 validate after each of 60 epochs, 308 are tested.
    """
    found = expenses(home)
    assert found[TRAINED] == Expense(40 * 57 + 80, 308, tuple(range(1, 61)))
    assert found[TESTED] == Expense(0, 308)
    assert found[REFITTED] == Expense(0, 40 + 80 + 308)


def test_each_basis_and_each_copy_is_paid_for(home):
    """Z on each wire and X on each wire are two bases; two copies of a circuit are two circuits."""
    plain = expenses(home)[TRAINED]
    copies = expenses(home, "circuit.copies=2")[TRAINED]
    assert copies == Expense(2 * plain.epoch, 2 * plain.once, tuple(range(1, 61)))


def test_of_a_sequential_recipe_the_circuit_s_epochs_are_paid(home):
    """As many as training counts; a classical block stands in the circuit's place before them."""
    words = ("recipe.sequential=0.5", "recipe.epochs=6")
    found = expenses(home, *words)[TRAINED]
    assert found.epochs == (1, 1, 1, 2, 3, 3)
    parts = Parts(compose_plan(f"home={home}", *words).model, Session(str(home)))
    assert count_epochs(parts) == [3, 3]
    sizes = {name: len(split) for name, split in parts.dataset.splits.items()}
    right = count_circuits(parts.head(parts.bare.features, [0]), 3, sizes)["executions"]
    assert ration(right, found, 1).spent == right and ration(right, found, 1).epochs == 6
    assert ration(right - 1, found, 1).epochs == 4


def test_frozen_angles_are_not_differentiated(home):
    """The inputs' four rotations are, for the layer before them is trained."""
    assert expenses(home, "head.angles=frozen")[TRAINED].epoch == 40 * 9 + 80


@pytest.mark.parametrize("words", [("head=classical",), ("head=twin",), ("head=logistic",)])
def test_a_row_without_a_circuit_costs_nothing(home, words):
    assert expenses(home, *words) == {}


def test_measured_states_cost_their_copies(home):
    words = ("backbone=heterodyne", "head=logistic", "dataset=coherent", "dataset.train=10")
    found = expenses(home, *words, "dataset.validation=2", "dataset.test=3")
    assert found == {TRAINED: Expense(0, 7 * 15, key="backbone.shots")}
    assert ration(1000, found[TRAINED], 1).change == {"backbone.shots": 9}


def test_the_test_split_chooses_no_penalty(home):
    words = ("dataset=spirals", "backbone=identity")
    assert set(expenses(home, *words)) == {TRAINED, TESTED, REFITTED}
    assert set(expenses(home, *words, "dataset.validation=test")) == {TRAINED, TESTED}
