"""Sentences on curves of rows made by hand."""

import pytest
from composition import compose_plan
from rows import random_logits, row

from qtlrun import statistic
from qtlrun.shot_budget.curve import Curve, Outlook
from qtlrun.shot_budget.overview import describe_curves
from qtlrun.shot_budget.ration import REFITTED, TESTED, Expense, Ration

BUDGETS = [15_000, 25_000]
LEFT_OUT = "refitted is left out"


@pytest.fixture
def describe(home):
    """Sentences of a row at two budgets under schemes, beside C."""
    plan = compose_plan(f"home={home}", "compare=[C]")
    composed, other = plan.labels.names.values()

    def sentences(*schemes, blind=True):
        rows = {label: [row(label, *random_logits(3), said={"blind": blind})] for label in "AC"}
        rations = {budget: Ration(budget, 1, None, budget, "device.shots") for budget in BUDGETS}
        measured = dict.fromkeys(BUDGETS, rows["A"])
        cost = Expense(0, 10)
        curves = [Curve(composed, scheme, cost, rations, measured) for scheme in schemes]
        exact = {composed: rows["A"], other: rows["C"]}
        outlook = Outlook(plan, BUDGETS, plan.redraws[:1], curves, exact)
        section = describe_curves(outlook, statistic.Margin.of(0.05), None, None)
        return " ".join(note.full for note in section.notes)

    return sentences


def test_budgets_that_share_a_first_digit_are_told_apart(describe):
    assert "tested: undecided at 1.5e4, 2.5e4." in describe(TESTED)


def test_what_the_test_split_would_choose_is_said_to_be_left_out(describe):
    assert LEFT_OUT in describe(TESTED, blind=False)
    assert LEFT_OUT not in describe(TESTED, REFITTED)
