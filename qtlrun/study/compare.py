"""The composed model beside its references: trained, tabled, drawn, written."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console

from qtlrun import disk, statistic
from qtlrun.comparison.comparison import Point
from qtlrun.experiment import Experiment
from qtlrun.report import frame, output, sentence, terminal
from qtlrun.report.progress import Progress
from qtlrun.study import table


@dataclass(frozen=True)
class Compare:
    """Trains every point of a sweep (a single run is one) with its references, and writes what came
    out.

    `margin` is the difference in nats of NLL below which two rows count as equivalent; `shots` the
    measurements of each execution that the cost columns assume.
    """

    margin: float
    shots: int

    def __post_init__(self):
        statistic.check_nats(self.margin)
        statistic.check_shots(self.shots)

    def run(
        self, jobs: list[dict], out: Path, experiment: Experiment, console: Console
    ) -> tuple[pd.DataFrame, bool]:
        """Rows of all points as a data frame, and whether all went well.

        A row that fails costs that row. What is finished when the user stops it, or the disk of the
        store is full, is written and shown all the same: files first, for whoever reads what is
        printed may have gone.
        """
        points = []
        stopped = None
        with Progress(console, out / "log.txt") as progress:
            experiment.session.step = progress.step
            try:
                for keys, job in zip(
                    frame.swept([job["overrides"] for job in jobs]), jobs, strict=True
                ):
                    points.append(table.begin(job, keys))
                    if keys:
                        progress.say(f"{points[-1].place}:")
                    table.fill(points[-1], job, experiment, progress)
            except (KeyboardInterrupt, disk.Unwritable) as reason:
                stopped = reason
        points = [point for point in points if point.labels or point.errors]
        if points:
            frames = {
                "rows": frame.rows_frame(points, self.shots),
                "contrasts": frame.contrasts_frame(points, self.margin),
                "table": self._table(points),
            }
            if len(shots := frame.shots_frame(points)):
                frames["shots"] = shots
            if any(point.tuned for point in points):
                frames["trials"] = frame.trials_frame(points)
            if any(point.failed for point in points):
                frames["errors"] = frame.errors_frame(points)
            with terminal.later(console):
                output.write(
                    out,
                    jobs[: len(points)],
                    points,
                    self._show(points, frames["table"], console),
                    frames,
                )
                output.write_environment(out, jobs, points)
        if stopped:
            raise stopped
        return frames["rows"], not any(point.failed for point in points)

    def _table(self, points: list[Point]) -> pd.DataFrame:
        return (
            frame.sweep_table(points)
            if len(points) > 1
            else frame.table(points[0], self.margin, self.shots)
        )

    def _show(self, points: list[Point], shown: pd.DataFrame, console: Console) -> str:
        """Print the table, of a sweep also that of the point that validation chose, and what stands
        under it; all as Markdown.
        """
        point = points[0]
        exact = tuple(points[0].keys)
        said = []
        parts = [frame.markdown(shown, exact)]
        if len(points) > 1:
            terminal.show_sweep(console, shown, exact)
            point = next(
                (point for point, chosen in zip(points, shown["chosen"], strict=True) if chosen),
                None,
            )
            if point:
                parts.append(
                    f"Chosen by validation NLL: {point.place}. The test figures below are those of"
                    " that point alone."
                )
                terminal.say(console, parts[-1:])
                parts.append(frame.markdown(self._table([point])))
            elif not any(one.choosable for one in points):
                said = [
                    "No point is chosen: what is swept is the task, the seeds, the references or"
                    " the simulation, or validation is the test split. table.csv and rows.csv have"
                    " all points."
                ]
        if point:
            terminal.show(console, point, self._table([point]))
            said += [
                *sentence.generated(point),
                *sentence.contrasts(point, self.margin),
                *sentence.chance(point),
                *point.notes,
            ]
            said += [*sentence.foot(point, max(one.reads for one in points)), point.held]
        said += [line for one in points for line in sentence.errors(one)]
        terminal.say(console, said)
        return "\n\n".join([*parts, *said]) + "\n"
