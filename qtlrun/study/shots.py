"""Shots as a budget: rows against the total number of preparations, training and test."""

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from qtlrun import statistic
from qtlrun.error import BadValue, UsageError, nearest
from qtlrun.experiment import Experiment
from qtlrun.head import scikit
from qtlrun.plan import Plan, check_single
from qtlrun.report.report import Report
from qtlrun.shot_budget.crossing import describe_crossings
from qtlrun.shot_budget.curve import list_expenses, list_rations, measure_rows
from qtlrun.shot_budget.machine import describe_machines, find_reading
from qtlrun.shot_budget.overview import describe_curves
from qtlrun.shot_budget.processor import Processor

UNTUNED = ("tune", "folds")


@dataclass(frozen=True)
class ShotBudget:
    """Train the rows of a plan at each budget of preparations, circuit executions times shots.

    budgets: totals of one training, its validation and its test, increasing
    fewest: shots of an execution, below which epochs are cut
    penalties: of the readout that is refitted to measured outputs, as those of head=logistic
    margin: of the verdicts, nats of NLL or a percentage of the reference's
    processors: microseconds and kilowatts of each, by its name
    axis: name of the processor whose seconds stand above the figure; null for none
    """

    budgets: list[float]
    fewest: int
    penalties: list[float]
    margin: float | str
    processors: dict
    axis: str | None

    @cached_property
    def limit(self) -> statistic.Margin:
        """The margin, parsed."""
        return statistic.Margin.of(self.margin)

    @cached_property
    def machines(self) -> dict[str, Processor]:
        """Processors by name."""
        return {name: _build_processor(name, part) for name, part in self.processors.items()}

    @cached_property
    def totals(self) -> list[int]:
        """Budgets as whole numbers."""
        return [int(budget) for budget in self.budgets]

    @property
    def readouts(self) -> list[float]:
        """Penalties of refitted readouts from the strongest on, as head=logistic fits them."""
        return scikit.strengths("penalties", self.penalties)

    def __post_init__(self):
        _ = self.limit, self.machines, self.readouts
        for budget in self.budgets:
            if not (1 <= budget < 2**63 and budget == int(budget)):
                reason = "whole numbers of preparations, from 1 up"
                raise BadValue("budgets", self.budgets, reason, "as [1e4, 1e6, 1e8]")
        if not self.budgets or sorted(set(self.budgets)) != self.budgets:
            raise BadValue("budgets", self.budgets, "one or more, each above the one before")
        if self.fewest < 1:
            raise BadValue("fewest", self.fewest, "shots of an execution, from 1 up")
        if self.axis is not None and self.axis not in self.machines:
            raise BadValue("axis", self.axis, nearest(self.axis, list(self.machines)), "null")

    def check(self, plans: list[Plan], experiment: Experiment) -> None:
        """Refuse several points, tuning, rows without shots, and a grid that pays for nothing."""
        check_single(plans, "shots", UNTUNED)
        plan = plans[0]
        for name in plan.labels.names:
            _check_device(plan, name)
        expenses = [list_expenses(plan, name, experiment) for name in plan.labels.names]
        paid = [expense for each in expenses for expense in each.values()]
        if not paid:
            raise UsageError(
                "no row of it runs a circuit or measures states, so none costs preparations",
                "choose a head with a circuit, as head=quantum",
                key="study",
                value="shots",
            )
        if not any(list_rations(self.totals, expense, self.fewest) for expense in paid):
            least = min(each.once + bool(each.epochs) * each.epoch for each in paid) * self.fewest
            raise UsageError(
                f"none pays for the test alone, let alone for training: the least is {least:,}",
                "name larger ones",
                key="study.budgets",
                value=self.budgets,
            )

    def run(
        self, plans: list[Plan], experiment: Experiment, report: Report
    ) -> tuple[pd.DataFrame, bool]:
        """Curves, a line per row, scheme and budget; whether all went well."""
        outlook = measure_rows(plans[0], experiment, self.totals, self.fewest, self.readouts)
        circuit = find_reading(outlook, experiment)
        seconds = None
        if self.axis is not None and circuit is not None:
            seconds = self.machines[self.axis].seconds(circuit[1])
        sections = [
            describe_curves(outlook, self.limit, seconds, self.axis),
            describe_crossings(outlook, self.limit),
            describe_machines(outlook, circuit, self.machines),
        ]
        report.finish_sections(plans, sections)
        return sections[0].frames["curves"], not any(section.is_failed for section in sections)


def _check_device(plan: Plan, name: str) -> None:
    """Refuse a row whose circuit is measured by a device that has no shots, or others already."""
    variant = plan.variants[name]
    if "device" not in variant.identity:
        return
    if not variant.has("device.shots"):
        raise UsageError(
            "this device has no shots, of which a budget could be made",
            "choose one that has, as device=statevector",
            key="device",
        )
    if variant.device["shots"] is not None:
        raise UsageError(
            "the study varies it",
            "name budgets as study.budgets=[1e4,1e6]",
            key="device.shots",
            value=variant.device["shots"],
        )


def _build_processor(name: str, part: object) -> Processor:
    """Processor of its values; refused where they are others than it has."""
    key = f"study.processors.{name}"
    fields = {field.name: field.type for field in dataclasses.fields(Processor)}
    if not isinstance(part, dict):
        raise UsageError("its times and its power are needed", ", ".join(fields), key=key)
    for field, value in part.items():
        if field not in fields:
            raise UsageError(nearest(field, fields), key=f"{key}.{field}", value=value)
        is_flag = fields[field] is bool
        if type(value) not in ((bool,) if is_flag else (int, float)):
            kind = "true or false" if is_flag else "a number"
            raise UsageError(f"{kind} is needed here", key=f"{key}.{field}", value=value)
    lacking = [field for field in fields if field not in part]
    if lacking:
        raise UsageError(f"it lacks {', '.join(lacking)}", key=key, value=part)
    try:
        return Processor(**part)
    except BadValue as error:
        raise error.under(key) from error
