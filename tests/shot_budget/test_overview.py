"""Sentences on curves of rows made by hand."""

import pytest
from composition import compose_plan
from rows import random_logits, row

from qtlrun import statistic
from qtlrun.ledger import Readings
from qtlrun.shot_budget.curve import Curve, Outlook
from qtlrun.shot_budget.overview import describe_curves
from qtlrun.shot_budget.ration import REFITTED, TESTED, TRAINED, Expense, Ration

BUDGETS = [15_000, 25_000]
LEFT_OUT = "refitted is left out"


@pytest.fixture
def plan(home):
    """Plan of a row and of C."""
    return compose_plan(f"home={home}", "compare=[C]")


@pytest.fixture
def section(plan):
    """Section on a row at two budgets under schemes, beside C.

    exact: whether it has values without shots too; C always has
    """
    composed, other = plan.labels.names.values()

    def describe(*schemes, blind=True, exact=True):
        rows = {label: [row(label, *random_logits(3), said={"blind": blind})] for label in "AC"}
        rations = {budget: Ration(budget, 1, None, budget, "device.shots") for budget in BUDGETS}
        measured = dict.fromkeys(BUDGETS, rows["A"])
        cost = Expense(0, 10)
        curves = [Curve(composed, scheme, cost, rations, measured) for scheme in schemes]
        values = {composed: rows["A"]} if exact else {}
        values[other] = rows["C"]
        outlook = Outlook(plan, BUDGETS, plan.redraws[:1], curves, values)
        return describe_curves(outlook, statistic.Margin.of(0.05), None, None)

    return describe


@pytest.fixture
def describe(section):
    """Sentences of the section."""
    return lambda *schemes, **values: " ".join(
        note.full for note in section(*schemes, **values).notes
    )


@pytest.mark.parametrize("exact", [True, False])
def test_verdicts_stand_in_the_lines_of_the_composed_row(section, exact):
    """Also where a reference has the first line, for the composed row is measured alone."""
    found = section(TRAINED, exact=exact)
    table = found.table.set_index(["row", "budget"])
    verdicts = found.frames["differences"]
    for budget, verdict in zip(verdicts["budget"], verdicts["verdict"], strict=True):
        assert table.loc[("A", f"{budget:,}"), "against C"] == verdict == "undecided"
    assert set(table.loc["C", "against C"]) == {""}


def test_budgets_that_share_a_first_digit_are_told_apart(describe):
    assert "tested: undecided at 1.5e4, 2.5e4." in describe(TESTED)


def test_what_the_test_split_would_choose_is_said_to_be_left_out(describe):
    assert LEFT_OUT in describe(TESTED, blind=False)
    assert LEFT_OUT not in describe(TESTED, REFITTED)


def test_a_row_that_no_budget_pays_for_costs_a_sentence(plan):
    """C is measured too here: neither has values without shots."""
    composed, other = plan.labels.names.values()
    rations = {25_000: Ration(25_000, 1, None, 25_000, "device.shots")}
    rows = {25_000: [row(other, *random_logits(3), said={"reads": Readings(7, 7)})]}
    curves = [
        Curve(composed, TRAINED, Expense(0, 10**6), {}, {}),
        Curve(other, TRAINED, Expense(0, 10), rations, rows),
    ]
    outlook = Outlook(plan, BUDGETS, plan.redraws[:1], curves)
    section = describe_curves(outlook, statistic.Margin.of(0.05), None, None)
    words = " ".join(note.full for note in section.notes)
    assert f"{composed}, trained: 15,000, 25,000 do not pay for what it measures once." in words
    assert "read by up to 7 plans" in words and set(section.frames["curves"]["row"]) == {other}
