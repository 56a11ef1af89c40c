"""Diagnosis of the composed model, or of a module of the user's."""

import itertools
import math
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from qtlrun import disk, statistic
from qtlrun.diagnosis import CHECKS, Examination, compose_case, examine, load_case
from qtlrun.diagnosis.finding import Check, Severity
from qtlrun.error import BadValue, nearest
from qtlrun.experiment import Experiment
from qtlrun.experiment.parts import Parts
from qtlrun.plan import Plan, check_single
from qtlrun.report import terminal
from qtlrun.report.frame.finding import FINDINGS
from qtlrun.report.report import Report
from qtlrun.report.sentence import Note, count

FINDINGS_FILE = "findings.json"


@dataclass(frozen=True)
class Diagnose:
    """Examine a model by all checks, without training it for long.

    A finding has a code, a number, a threshold and a remedy.

    module: FILE.py:NAME of a function that gives a torch.nn.Module and a batch; null for the
        composed model
    margin: difference in NLL within which two rows would count as equivalent, in nats or as a
        percentage of a logistic regression's on validation items
    skip: codes of checks that are left out
    """

    module: str | None
    margin: float | str
    skip: list[str] = field(default_factory=list)
    trains = False

    def __post_init__(self):
        _ = self.limit
        codes = [check.code for check in CHECKS]
        for code in self.skip:
            if code not in codes:
                raise BadValue("skip", code, "no check has this code", nearest(code, codes))

    @cached_property
    def limit(self) -> statistic.Margin:
        """The margin, parsed."""
        return statistic.Margin.of(self.margin)

    @property
    def loads(self) -> bool:
        """Whether it needs the parts of the composed model."""
        return self.module is None

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
        frame = FINDINGS.frame(examination.lines)
        disk.write_json(report.folder / FINDINGS_FILE, self._describe(examination))
        report.finish(
            plans,
            [Note(_summarise(examination))],
            {"findings": frame},
            show=lambda console: terminal.show_findings(console, frame),
        )
        return frame, examination.is_sound

    @property
    def checks(self) -> list[Check]:
        """Checks that are made."""
        return [check for check in CHECKS if check.code not in self.skip]

    def _examine(self, plan: Plan, experiment: Experiment) -> Examination:
        """Examination of the module, or of the composed model."""
        if self.module is not None:
            return examine(load_case(self.module), self.checks)

        def work(parts: Parts) -> Examination:
            case = compose_case(
                plan.composed, parts, self.limit, first.seeds[0], seeds=len(plan.seeds)
            )
            return examine(case, self.checks)

        first = plan.redraws[0]
        return experiment.explore(plan.model.redrawn(first.change), work)

    def _describe(self, examination: Examination) -> dict[str, object]:
        """Examination in plain values; an infinite number is null."""
        findings = []
        for line in examination.lines:
            value = line["value"]
            is_finite = isinstance(value, float) and math.isfinite(value)
            findings.append(line | {"value": value if is_finite else None})
        return {
            "model": examination.name,
            "sound": examination.is_sound,
            "checks": [check.code for check in self.checks],
            "not_applicable": sorted(itertools.chain(*examination.idle.values())),
            "unable": examination.unable,
            "findings": findings,
        }


def _summarise(examination: Examination) -> str:
    """Sentence on how many checks were made, and what they found."""
    numbers = Counter(finding.check.severity for finding in examination.findings)
    phrases = [
        count(numbers[severity], severity.name.lower())
        for severity in sorted(Severity, reverse=True)
        if numbers[severity]
    ]
    summary = ", ".join(phrases) or "nothing was found"
    sentence = f"{count(examination.checks, 'check')} of {examination.name}: {summary}."
    if examination.unable:
        sentence += f" An error kept {', '.join(examination.unable)} from looking."
    if examination.idle:
        phrases = [f"{len(codes)} that need {need}" for need, codes in examination.idle.items()]
        sentence += f" Checks left out: {', '.join(phrases)}."
    return sentence
