"""Crossings of rows made by hand: which trainings they are of, and the words on them."""

import numpy as np
import pytest
from composition import compose_plan
from rows import row

from qtlrun import statistic
from qtlrun.shot_budget.crossing import describe_crossings
from qtlrun.shot_budget.curve import Curve, Outlook
from qtlrun.shot_budget.ration import TRAINED, Expense, shorten

BUDGETS = [15_000, 25_000]
LABELS = np.arange(40) % 2
LIMIT = statistic.Margin.of(0.05)


def trained(label, split, losses):
    """A row of seeds whose NLL is given, None of a failed one; each split has items of its own."""
    ended = [seed for seed, loss in enumerate(losses) if loss is not None]
    lines = [confident(losses[seed]) for seed in ended]
    errors = dict.fromkeys(set(range(len(losses))) - set(ended), "not finite")
    names = tuple(f"{split}/{item}" for item in range(len(LABELS)))
    logits = np.reshape(lines, (-1, len(LABELS), 2))
    return row(label, logits, LABELS, ended, errors=errors, said={"items": names})


def confident(loss):
    """Logits of every item at an NLL."""
    return np.where(np.eye(2)[LABELS] > 0, -loss, np.log1p(-np.exp(-loss)))


@pytest.fixture
def described(home):
    """Table, frame and notes of the crossings of a row, by budget, split and seed, and of C."""
    plan = compose_plan(f"home={home}", "compare=[C]")
    composed, other = plan.labels.names.values()

    def describe(model, losses):
        rows = {
            budget: [trained(composed, *each) for each in enumerate(splits)]
            for budget, splits in model.items()
        }
        exact = {other: [trained(other, *each) for each in enumerate(losses)]}
        curves = [Curve(composed, TRAINED, Expense(0, 10), {}, rows)]
        outlook = Outlook(plan, list(model), plan.redraws[:1] * len(losses), curves, exact)
        section = describe_crossings(outlook, LIMIT)
        return section.table.set_index("criterion"), section.frames["crossings"], section.notes

    return describe


def test_a_failed_training_withholds_what_it_would_have_said(described):
    """Five splits of two seeds, of which one fails at the second budget: all else is kept."""
    whole = [[0.5, 0.5]] * 5
    model = {15_000: whole, 25_000: [*whole[:4], [0.5, None]]}
    table, frame, notes = described(model, [[0.6, 0.6]] * 5)
    assert set(table["preparations"]) == {"withheld"} and set(table["95 %"]) == {""}
    assert frame["lost"].all() and frame["budget"].tolist() == pytest.approx([15_000] * 2)
    assert notes[0].full.endswith("failed; the others are no sample of all.")


def test_splits_and_seeds_are_paired_with_themselves_where_others_are_lost(described):
    """Split k and seed k have an NLL of their own: what is left of both is at C's throughout."""
    levels = [[0.2, 0.3], [0.5, 0.6], [0.8, 0.9], [1.1, 1.2]]
    lacking = [[None, None], [0.5, None], *levels[2:]]
    first = [*levels[:2], [0.8, None], levels[3]]
    _, frame, _ = described({15_000: first, 25_000: lacking}, levels)
    line = frame.set_index("criterion").loc["better"]
    assert line["budget"] == pytest.approx(15_000) and line["at start"]


def test_a_budget_at_which_all_trainings_fail_withholds_the_others(described):
    model = {15_000: [[None, None]] * 3, 25_000: [[0.5, 0.5]] * 3}
    table, _, _ = described(model, [[0.6, 0.6]] * 3)
    assert set(table["preparations"]) == {"withheld"}


def test_what_holds_at_the_first_budget_holds_at_most_from_it(described):
    table, _, notes = described({key: [[0.5] * 4] for key in BUDGETS}, [[0.6] * 4])
    assert set(table["preparations"]) == {"at most 1.5e4"}
    assert set(table["95 %"]) == {"[at most 1.5e4, at most 1.5e4]"}
    assert "from the first budget on, 15,000 [at most 1.5e4, at most 1.5e4]." in notes[0].full


def test_an_end_beyond_the_grid_is_named_so(described):
    table, _, _ = described({key: [[0.7] * 4] for key in BUDGETS}, [[0.6] * 4])
    assert set(table["preparations"]) == {"never here"}
    assert set(table["95 %"]) == {"[beyond, beyond]"}


@pytest.mark.parametrize("splits, seeds, noun", [(2, 5, "splits"), (1, 2, "trainings")])
def test_too_few_are_called_what_they_are(described, splits, seeds, noun):
    budgets = {key: [[0.5] * seeds] * splits for key in BUDGETS}
    _, _, notes = described(budgets, [[0.6] * seeds] * splits)
    assert f"fewer than 3 {noun} give no interval" in notes[0].full


@pytest.mark.parametrize(
    "budget, digits, words",
    [(15_000, 0, "1.5e4"), (25_000, 0, "2.5e4"), (30, 0, "3e1"), (6_612_345.6, 2, "6.6e6")],
)
def test_budgets_have_all_of_their_digits_and_estimates_two(budget, digits, words):
    assert shorten(budget, digits) == words
