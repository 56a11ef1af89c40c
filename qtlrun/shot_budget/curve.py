"""Curves of rows over budgets of preparations, and their comparisons at each budget."""

from dataclasses import dataclass, field

from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.row import Row
from qtlrun.experiment import Experiment
from qtlrun.plan import Plan, Redraw, simulates
from qtlrun.shot_budget.ration import (
    REFITTED,
    SCHEMES,
    TESTED,
    TRAINED,
    Expense,
    Ration,
    find_expenses,
    ration,
)


@dataclass(frozen=True)
class Curve:
    """Row under a scheme, at each budget that pays for it.

    expense: of one training
    rations: by budget
    rows: of each redraw, by budget
    """

    label: str
    scheme: str
    expense: Expense
    rations: dict[int, Ration]
    rows: dict[int, list[Row]]

    @property
    def all_rows(self) -> list[Row]:
        """Rows of all budgets and redraws."""
        return [row for rows in self.rows.values() for row in rows]

    @property
    def whole_budgets(self) -> list[int]:
        """Budgets that pay for all epochs, or for all that is measured once."""
        epochs = len(self.expense.epochs) or None
        return [budget for budget, each in self.rations.items() if each.epochs == epochs]


@dataclass(frozen=True)
class Outlook:
    """Rows of a plan: those whose circuits or states are measured, over budgets, and the others.

    curves: those that are measured
    exact: all that have values without shots, by label
    redraws: divisions of the items
    """

    plan: Plan
    budgets: list[int]
    redraws: list[Redraw]
    curves: list[Curve] = field(default_factory=list)
    exact: dict[str, list[Row]] = field(default_factory=dict)

    def curve(self, label: str, scheme: str) -> Curve | None:
        """Curve of a row under a scheme, or under that of its training."""
        by_scheme = {curve.scheme: curve for curve in self.curves if curve.label == label}
        return by_scheme.get(scheme, by_scheme.get(TRAINED))

    def has(self, label: str, scheme: str) -> bool:
        """Whether a row has a curve of a scheme."""
        return any(curve.label == label and curve.scheme == scheme for curve in self.curves)

    @property
    def unmeasured(self) -> dict[str, bool]:
        """Labels of the rows without a curve, each with whether it simulates states."""
        measured = {curve.label for curve in self.curves}
        names = self.plan.labels.names.items()
        return {
            label: simulates(self.plan.variants[name])
            for name, label in names
            if label not in measured
        }

    @property
    def schemes(self) -> list[str]:
        """Schemes of the curves, in order."""
        present = {curve.scheme for curve in self.curves}
        return [scheme for scheme in SCHEMES if scheme in present]

    def compare(self, scheme: str, budget: int) -> Comparison | None:
        """Rows at a budget under a scheme; None where the composed one has none there."""
        plan = self.plan
        splits: list[dict[str, Row]] = [{} for _ in self.redraws]
        for label in plan.labels.names.values():
            curve = self.curve(label, scheme)
            rows = self.exact.get(label) if curve is None else curve.rows.get(budget)
            for split, row in zip(splits, rows or (), strict=False):
                split[label] = row
        if plan.composed not in splits[0]:
            return None
        return Comparison(
            {"budget": budget},
            plan.composed,
            splits=splits,
            isolates=dict(plan.labels.isolates),
            declared=plan.declared,
            drawn=len(splits) > 1,
        )


def measure_rows(
    plan: Plan, experiment: Experiment, budgets: list[int], fewest: int, penalties: list[float]
) -> Outlook:
    """Train the rows of a plan at every budget under each scheme that they have.

    Under one scheme all budgets and seeds of a row are trained in as few programs as possible.
    """
    redraws = experiment.distinct_redraws(plan)
    outlook = Outlook(plan, budgets, redraws)
    for name, label in plan.labels.names.items():
        variant = plan.variants[name]
        expenses = list_expenses(plan, name, experiment)
        if not expenses or TESTED in expenses:
            outlook.exact[label] = experiment.train(label, variant, redraws, reader=plan.reader_key)
        for scheme, expense in expenses.items():
            rations = list_rations(budgets, expense, fewest)
            variants = {budget: variant.changed(each.change) for budget, each in rations.items()}
            if scheme == TRAINED:
                rows = experiment.train_all(label, variants, redraws, reader=plan.reader_key)
            else:
                readout = penalties if scheme == REFITTED else None
                rows = experiment.remeasure(outlook.exact[label], variants, redraws, readout)
            outlook.curves.append(Curve(label, scheme, expense, rations, rows))
    return outlook


def list_expenses(plan: Plan, name: str, experiment: Experiment) -> dict[str, Expense]:
    """Expense of a row of a plan by scheme, on its first division."""
    variant = plan.variants[name].redrawn(plan.redraws[0].change)
    return experiment.explore(variant, find_expenses)


def list_rations(budgets: list[int], expense: Expense, fewest: int) -> dict[int, Ration]:
    """Rations of the budgets that pay for anything, by budget."""
    rations = {budget: ration(budget, expense, fewest) for budget in budgets}
    return {budget: each for budget, each in rations.items() if each is not None}
