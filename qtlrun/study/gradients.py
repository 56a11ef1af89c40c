"""Derivatives of the composed model: methods, costs, the gradient's flow; no training."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from qtlrun.derivative.cost import measure_costs
from qtlrun.derivative.exploration import explore
from qtlrun.derivative.flow import follow_gradient
from qtlrun.derivative.method import compare_methods
from qtlrun.derivative.specimen import Specimen
from qtlrun.error import BadValue, UsageError, nearest
from qtlrun.experiment import Experiment
from qtlrun.experiment.parts import Parts
from qtlrun.mode import fresh
from qtlrun.plan import Plan, check_single
from qtlrun.report.report import Report
from qtlrun.report.section import Section

# By the name in `sections`
MAKERS: dict[str, Callable[[Specimen], list[Section]]] = {
    "methods": compare_methods,
    "cost": measure_costs,
    "flow": follow_gradient,
    "trainability": lambda specimen: explore(
        specimen.parts, specimen.seed, specimen.plateau_budget
    ),
}


@dataclass(frozen=True)
class Gradients:
    """Differentiate the composed model by all methods of this machine, and follow its gradient.

    sections: names of `MAKERS`, in the order in which they are shown
    batch: items of a step; null for the recipe's
    budget: processor seconds of methods, cost and flow, each; what would exceed it is forecast or
        left out
    plateau_budget: processor seconds of plateaus; larger circuits are left out
    """

    sections: list[str]
    batch: int | None
    budget: float
    plateau_budget: float
    takes_run = True
    trains = False

    def __post_init__(self):
        for name in self.sections:
            if name not in MAKERS:
                raise BadValue("sections", name, nearest(name, list(MAKERS)))
        if not self.sections or len(set(self.sections)) < len(self.sections):
            reason = "one of them or more, each once"
            raise BadValue("sections", self.sections, reason, ", ".join(MAKERS))
        if self.batch is not None and self.batch < 1:
            raise BadValue("batch", self.batch, "items of a step, from 1 up", "null: the recipe's")
        for name, budget in (("budget", self.budget), ("plateau_budget", self.plateau_budget)):
            if not budget > 0:
                raise BadValue(name, budget, "seconds of a section, above 0")

    def check(self, plans: list[Plan], experiment: Experiment) -> None:
        """Refuse several points, a head without a gradient, and a device elsewhere."""
        check_single(plans, "gradients")
        plan = plans[0]
        if plan.settings.run is not None:
            experiment.subjects(plan)
        parts = Parts(plan.model.redrawn(plan.redraws[0].change), experiment.session)
        if parts.solved:
            raise UsageError(
                "this one is solved for, so no gradient trains it",
                "choose one that is trained by epochs, as head=quantum",
                key="head",
            )
        if parts.device.remote:
            raise UsageError(
                "it may compute elsewhere, and gradients are compared on this machine alone",
                "use a simulator, as device=default.qubit",
                key="device.name",
                value=plan.model.device.get("name"),
            )

    def run(
        self, plans: list[Plan], experiment: Experiment, report: Report
    ) -> tuple[pd.DataFrame, bool]:
        """Numbers of the first section, and True."""
        specimen = Specimen(plans[0], experiment, self.batch, self.budget, self.plateau_budget)
        sections = []
        for number, name in enumerate(self.sections):
            report.progress.step("sections", number, len(self.sections))
            with fresh(), experiment.session.threads():
                sections += MAKERS[name](specimen)
        report.finish_sections(plans, sections)
        frames = [frame for section in sections for frame in section.frames.values()]
        return frames[0] if frames else pd.DataFrame(), True
