"""Trained rows under noise: where the circuit loses, and what mitigation recovers."""

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from qtlrun import statistic
from qtlrun.error import BadValue, UsageError
from qtlrun.experiment import Experiment
from qtlrun.mode import fresh
from qtlrun.plan import Plan, check_single
from qtlrun.report.report import Report
from qtlrun.robustness.description import describe_results, summarise
from qtlrun.robustness.exposure import expose, read_flat, read_rows
from qtlrun.robustness.folding import check_factors
from qtlrun.robustness.kind import Grid, read_grids
from qtlrun.robustness.mitigation import Mitigation
from qtlrun.robustness.recovery import describe_mitigation
from qtlrun.robustness.selection import select_rows
from qtlrun.robustness.training import add_trained, check_trained
from qtlrun.simulator.noise import Noise, read_noise


@dataclass(frozen=True)
class Robustness:
    """Evaluate the rows of a finished run under noise; train the composed one under it too.

    strengths: of each kind of noise, ascending; shots from the most
    after: gates that channels stand behind
    train: whether the composed row is trained under each strength, too
    mitigated: strengths of the noise that mitigation is tried under; None: none is
    factors: of zero-noise extrapolation, odd
    shots: measurements of each circuit, for mitigation
    rows: labels; None for all
    margin: within which two rows count as equivalent, nats of NLL or a percentage of the
        reference's under the same noise
    seed: of the shots
    """

    strengths: dict
    after: str
    train: bool
    mitigated: dict | None
    factors: list[int]
    shots: int
    rows: list[str] | None
    margin: float | str
    seed: int
    takes_run = True
    trains = False

    def __post_init__(self):
        _ = self.grids
        _ = self.limit
        noise = self.noise
        if noise is not None and noise.is_silent:
            reason = "there is no noise to mitigate"
            raise BadValue("mitigated", self.mitigated, reason, "null leaves mitigation out")
        if noise is not None and not noise.reading[0]:
            reason = "where readout_0 and readout_1 add up to 1, what is read tells nothing"
            raise BadValue("mitigated", self.mitigated, reason, "name smaller ones")
        check_factors(self.factors)
        if not 1 <= self.shots < 2**63 // len(self.factors):
            reason = "at least one, and below 2**63 for all factors together"
            raise BadValue("shots", self.shots, reason)
        if self.seed < 0:
            raise BadValue("seed", self.seed, "a whole number from 0 up")
        if self.rows == []:
            raise BadValue("rows", self.rows, "one label or more", "null for all")

    @cached_property
    def limit(self) -> statistic.Margin:
        """The margin, parsed."""
        return statistic.Margin.of(self.margin)

    @property
    def grids(self) -> list[Grid]:
        """Strengths of each kind."""
        return read_grids(self.strengths, self.after)

    @property
    def noise(self) -> Noise | None:
        """Noise that mitigation is tried under."""
        if self.mitigated is None:
            return None
        try:
            return read_noise(self.mitigated)
        except UsageError as error:
            name = error.key.partition(".")[2]
            raise BadValue(f"mitigated.{name}", error.value, error.reason, error.fix) from error

    def check(self, plans: list[Plan], experiment: Experiment) -> None:
        """Refuse no run, rows that it lacks, and a run without a circuit."""
        check_single(plans, "robustness")
        plan = plans[0]
        if plan.settings.run is None:
            raise UsageError(
                "it takes a finished run",
                "run=last takes the newest, run=FOLDER another",
                key="study",
                value="robustness",
            )
        selection = select_rows(plan, experiment, self.rows)
        if self.train:
            check_trained(plan, experiment, selection)

    def run(
        self, plans: list[Plan], experiment: Experiment, report: Report
    ) -> tuple[pd.DataFrame, bool]:
        """Curves of all kinds of noise, and True."""
        plan = plans[0]
        selection = select_rows(plan, experiment, self.rows)
        label = selection.composed
        rows = read_rows(selection.trainings)
        with fresh(), experiment.session.threads():
            flat = read_flat(selection.trainings)
        results = []
        for number, grid in enumerate(self.grids):
            report.progress.step("kinds of noise", number, len(self.grids))
            with fresh(), experiment.session.threads():
                exposure = expose(selection.trainings, rows, flat, label, grid, self.seed)
            exposure = dataclasses.replace(exposure, failures=selection.failures)
            if self.train and not grid.is_sampled:
                exposure = add_trained(exposure, plan, experiment, label)
            results.append(summarise(exposure, self.limit))
        sections = describe_results(results, selection)
        if self.noise is not None:
            trial = Mitigation(rows[label], self.noise, self.factors, self.shots, self.seed)
            with fresh(), experiment.session.threads():
                sections.append(describe_mitigation(trial, selection, self.limit))
        report.finish_sections(plans, sections)
        return sections[0].frames["robustness"], True
