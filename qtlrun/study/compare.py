"""Comparison of the composed model with its references: trained, tabled, drawn, written."""

from dataclasses import dataclass
from functools import cached_property, partial

import pandas as pd

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison, Stopped, point_name
from qtlrun.experiment import Experiment
from qtlrun.experiment.drawing import readable_circuit
from qtlrun.ledger import Readings
from qtlrun.lens import inspect
from qtlrun.plan import Plan
from qtlrun.plan.override import swept_values
from qtlrun.report import frame, output, sentence, terminal
from qtlrun.report.report import Report
from qtlrun.report.sentence import Note


@dataclass(frozen=True)
class Compare:
    """Train every point of a sweep, of which a single run is one, with its references.

    margin: difference in NLL within which two rows count as equivalent, in nats or as a percentage
        of the reference's, as 5%
    shots: measurements of each execution that the cost columns assume
    diagnose: whether rows that went wrong are examined, by the checks of their data
    surrogates: whether rows get figures of the classical surrogates of their circuits
    """

    margin: float | str
    shots: int
    diagnose: bool = True
    surrogates: bool = True

    heeds_seal = True
    takes_lenses = True

    @cached_property
    def limit(self) -> statistic.Margin:
        """The margin, parsed."""
        return statistic.Margin.of(self.margin)

    def __post_init__(self):
        _ = self.limit
        statistic.check_shots(self.shots)

    def run(
        self, plans: list[Plan], experiment: Experiment, report: Report
    ) -> tuple[pd.DataFrame, bool]:
        """Rows of all points as a data frame, and whether all went well.

        What is finished when the user stops it, or the disk of the store is full, is written and
        shown all the same.
        """
        points = []
        stop: Stopped | None = None
        for keys, plan in zip(swept_values([plan.overrides for plan in plans]), plans, strict=True):
            if keys:
                report.progress.say(f"{point_name(keys)}:")
            try:
                points.append(experiment.compare(plan, keys, certified=self.surrogates))
            except Stopped as error:
                points.append(error.comparison)
                stop = error
                break
        points = [point for point in points if point.labels or point.errors]
        if len(plans) == len(points) == 1 and not stop:
            points[0].notes.extend(self._explain_troubles(plans[0], points[0], experiment))
        if points:
            frames = self._frames(points)
            self._finish(plans, points, frames, report)
        if stop:
            raise stop
        failed = any(point.failed for point in points)
        if plans[0].lenses:
            failed |= self._look(plans, points, experiment, report)
        return frames["rows"], not failed

    def _explain_troubles(self, plan: Plan, point: Comparison, experiment: Experiment) -> list[str]:
        """Findings on rows that failed, died or are saturated, on the split of the first seed.

        None on a row that the store had whole.
        """
        if not self.diagnose:
            return []
        names = {label: name for name, label in plan.labels.names.items() if _is_ill(point, label)}
        if not names:
            return []
        from qtlrun.diagnosis import explain_trouble  # which loads PennyLane

        notes: list[str] = []
        for label, name in names.items():
            variant = plan.variants[name].redrawn(plan.redraws[0].change)
            notes += experiment.explore(variant, partial(explain_trouble, label))
        return notes

    def _look(
        self,
        plans: list[Plan],
        points: list[Comparison],
        experiment: Experiment,
        report: Report,
    ) -> bool:
        """Look at the rows of each point through the lenses; whether any of it failed."""
        failed = False
        for number, (plan, point) in enumerate(zip(plans, points, strict=True)):
            if not point.labels:
                continue
            folder = output.point_folder(report.folder, number, len(points))
            sections = inspect(plan.changed({"run": str(folder)}), experiment)
            title = f"{point.name}, in {folder.name}:" if len(points) > 1 else ""
            report.add_sections(folder, sections, title)
            failed |= any(section.is_failed for section in sections)
        return failed

    def _frames(self, points: list[Comparison]) -> dict[str, pd.DataFrame]:
        """Frames of the output folder, by the name of their file."""
        frames = {
            "rows": frame.rows_frame(points, self.shots),
            "contrasts": frame.contrasts_frame(points, self.limit),
            "table": self._table(points),
        }
        if len(epochs := frame.epochs_frame(points)):
            frames["epochs"] = epochs
        if len(shots := frame.shots_frame(points)):
            frames["shots"] = shots
        if any(point.tuned for point in points):
            frames["trials"] = frame.trials_frame(points)
        if any(point.failed for point in points):
            frames["errors"] = frame.errors_frame(points)
        return frames

    def _table(self, points: list[Comparison]) -> pd.DataFrame:
        """The table of a sweep, or of its only point."""
        if len(points) > 1:
            return frame.sweep_table(points)
        return frame.table(points[0], self.limit, self.shots)

    def _finish(
        self,
        plans: list[Plan],
        points: list[Comparison],
        frames: dict[str, pd.DataFrame],
        report: Report,
    ) -> None:
        """Write all files, then print: whoever reads what is printed may have gone."""
        report.progress.end()
        with terminal.later(report.console):
            markdown = self._show(plans, points, frames["table"], report)
            plans = plans[: len(points)]
            output.write(report.folder, plans, points, markdown, frames, readable_circuit)
            output.write_environment(report.folder, plans, points)

    def _show(
        self, plans: list[Plan], points: list[Comparison], table: pd.DataFrame, report: Report
    ) -> str:
        """Print the table and the lines under it; both as Markdown.

        Of a sweep also the table of the point that validation chose.
        """
        console = report.console
        exact = tuple(points[0].keys)
        if len(points) == 1:
            terminal.show(console, points[0], table)
            notes = self._notes(plans[0], points[0], points)
            terminal.say(console, sentence.shown(notes))
            return _join([frame.markdown(table, exact), *sentence.written(notes)])
        terminal.show_sweep(console, table, exact, points[0].composed)
        explanation = _explain_sweep(table, points[0].composed)
        terminal.say(console, [explanation])
        parts = [frame.markdown(table, exact), explanation]
        chosen = [index for index, mark in enumerate(table["chosen"]) if mark]
        if chosen:
            point = points[chosen[0]]
            title = (
                f"Chosen by validation NLL: {point.name}. The test figures below are those of"
                " that point alone."
            )
            terminal.say(console, [title])
            table = self._table([point])
            terminal.show(console, point, table)
            parts += [title, frame.markdown(table)]
            notes = self._notes(plans[chosen[0]], point, points)
        else:
            seal = sentence.sealed(plans[0], points[0].noun, points[0].exploratory)
            notes = [
                *seal,
                *_unchosen(points),
                *sentence.repeats(points, self.limit),
                *sentence.corrected(points, self.limit),
                *_errors(points),
            ]
        terminal.say(console, sentence.shown(notes))
        return _join([*parts, *sentence.written(notes)])

    def _notes(self, plan: Plan, point: Comparison, points: list[Comparison]) -> list[Note]:
        """Sentences under the table of a point."""
        return [
            *sentence.sealed(plan, point.noun, point.exploratory),
            *sentence.answer(plan, point, self.limit),
            *sentence.contrasts(point, self.limit),
            *sentence.corrected(points, self.limit),
            *sentence.scores(point, self.limit),
            *sentence.generated(point),
            *sentence.surrogates(point),
            *sentence.chance(point),
            *map(Note, point.notes),
            *sentence.legend(point, self.limit),
            *sentence.foot(point, Readings.largest(each.reads for each in points)),
            sentence.held_fixed(plan, point),
            *_errors(points),
        ]


def _is_ill(point: Comparison, label: str) -> bool:
    """Whether a row that was trained now failed, died or is saturated."""
    rows = point.of(label)
    if rows and all(row.stored for row in rows):
        return False
    is_dead = bool(point.failures(label) or point.dead(label))
    return is_dead or label in sentence.saturated(point)


def _explain_sweep(table: pd.DataFrame, composed: str) -> str:
    """Sentence on the columns of a sweep's table."""
    differences = any(name.startswith("minus ") for name in table)
    favour = f"; a difference below 0 is in favour of {composed}" * differences
    return f"Validation NLL in nats, lower is better{favour}."


def _unchosen(points: list[Comparison]) -> list[Note]:
    """Why validation chose no point, where none of them may be chosen."""
    if any(point.choosable for point in points):
        return []
    return [
        Note(
            "No point is chosen: what is swept is the task, the seeds, the references or"
            " the simulation, or validation is the test split. table.csv and rows.csv have"
            " all points."
        )
    ]


def _errors(points: list[Comparison]) -> list[Note]:
    """Sentences on the failures of all points."""
    return [note for point in points for note in sentence.errors(point)]


def _join(parts: list[str]) -> str:
    """Paragraphs of a Markdown file."""
    return "\n\n".join(parts) + "\n"
