"""Looks into the rows of a finished run: saliency, dreams, layers, manifolds, landscapes."""

from dataclasses import dataclass

import pandas as pd

from qtlrun.error import BadValue, UsageError
from qtlrun.experiment import Experiment
from qtlrun.experiment.finished import find_labels
from qtlrun.lens import inspect
from qtlrun.plan import Plan, check_single
from qtlrun.report.report import Report


@dataclass(frozen=True)
class Interpret:
    """Show what trained rows have learned, side by side, through the lenses that are chosen.

    rows: labels of the rows; null for all
    """

    rows: list[str] | None
    takes_lenses = True
    takes_run = True
    trains = False

    def __post_init__(self):
        if self.rows == []:
            raise BadValue("rows", self.rows, "one label or more", "null for all")

    def check(self, plans: list[Plan], experiment: Experiment) -> None:
        """Refuse an absent run, no lens, rows that the run lacks, and other items than its own."""
        check_single(plans, "interpret")
        plan = plans[0]
        if plan.settings.run is None:
            raise UsageError(
                "it looks into a finished run",
                "run=last takes the newest, run=FOLDER another; lens=[saliency] beside a"
                " comparison looks at its rows once they are trained",
                key="study",
                value="interpret",
            )
        if not plan.lenses:
            raise UsageError("it looks through one lens or more", key="lens", value=[])
        find_labels(plan, list(experiment.finished(plan).rows), self.rows)
        experiment.subjects(plan)

    def run(
        self, plans: list[Plan], experiment: Experiment, report: Report
    ) -> tuple[pd.DataFrame, bool]:
        """Numbers of all lenses, and whether none of them failed."""
        labels = find_labels(plans[0], list(experiment.finished(plans[0]).rows), self.rows)
        sections = inspect(plans[0], experiment, labels, strict=True)
        report.finish_sections(plans, sections)
        frames = [
            section.frames[section.title].assign(lens=section.title)
            for section in sections
            if not section.is_failed
        ]
        numbers = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
        return numbers, not any(section.is_failed for section in sections)
