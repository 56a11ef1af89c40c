"""Diagnosis of the composed model, or of a module of the user's."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from qtlrun import statistic
from qtlrun.diagnosis import CHECKS, Examination, compose_case, examine, load_case
from qtlrun.experiment import Experiment
from qtlrun.experiment.parts import Parts
from qtlrun.plan import Plan, check_single
from qtlrun.report import terminal
from qtlrun.report.frame.finding import FINDINGS
from qtlrun.report.report import Report
from qtlrun.report.sentence import Note, count


@dataclass(frozen=True)
class Diagnose:
    """Examine a model by all checks, without training it for long.

    A finding has a code, a number, a threshold and a remedy.

    module: FILE.py:NAME of a function that gives a torch.nn.Module and a batch; null for the
        composed model
    margin: difference in NLL within which two rows would count as equivalent, in nats
    """

    module: str | None
    margin: float
    trains = False

    def __post_init__(self):
        statistic.Margin.of(self.margin)

    def check(self, plans: list[Plan], experiment: Experiment) -> None:
        """Refuse a sweep, and a module that does not load."""
        check_single(plans, "diagnose")
        if self.module is not None:
            load_case(self.module)

    def run(
        self, plans: list[Plan], experiment: Experiment, report: Report
    ) -> tuple[pd.DataFrame, bool]:
        """Findings as a frame, and whether none is graver than a note."""
        examination = self._examine(plans[0], experiment)
        frame = FINDINGS.frame([*_lines(examination)])
        report.finish(
            plans,
            _notes(examination),
            {"findings": frame},
            show=lambda console: terminal.show_words(console, frame[["code", "name", "severity"]]),
        )
        return frame, examination.is_sound

    def _examine(self, plan: Plan, experiment: Experiment) -> Examination:
        """Examination of the module, or of the composed model."""
        if self.module is not None:
            return examine(load_case(self.module), CHECKS)

        def work(parts: Parts) -> Examination:
            return examine(compose_case(plan.composed, parts, self.margin), CHECKS)

        return experiment.explore(plan.model, work)


def _lines(examination: Examination) -> Iterator[dict[str, object]]:
    """Line of the frame for each finding."""
    for finding in examination.findings:
        yield {
            "code": finding.check.code,
            "name": finding.check.name,
            "severity": finding.check.severity.name.lower(),
            "value": float(finding.evidence.value),
            "limit": float(finding.check.limit),
            "finding": finding.evidence.sentence,
            "reason": finding.check.reason,
            "fix": finding.evidence.fix,
            "override": finding.evidence.override,
        }


def _notes(examination: Examination) -> list[Note]:
    """Sentence of each finding with its remedy; at last how many checks were made."""
    notes = []
    for finding in examination.findings:
        evidence = finding.evidence
        override = f" ({evidence.override})" if evidence.override else ""
        notes.append(
            Note(
                f"{finding.check.code} {finding.check.name}: {evidence.sentence}. {evidence.fix}"
                f"{override}."
            )
        )
    sound = "nothing was found" if not examination.findings else "the others found nothing"
    notes.append(Note(f"{count(examination.checks, 'check')} of {examination.name}; {sound}."))
    return notes
