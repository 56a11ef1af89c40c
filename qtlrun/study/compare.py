"""The composed model beside its references: trained, tabled, drawn, written."""
import errno
import json
import math
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console

from qtlrun import disk, plan as plans, result
from qtlrun.experiment import Experiment
from qtlrun.row import Point
from qtlrun.study import record, sentence, terminal
from qtlrun.study.progress import Progress

FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Compare:
    """Trains every point of a sweep (a single run is one) with its references, and writes what came out.

    `margin` is the difference in nats of NLL below which two rows count as equivalent; `shots` the measurements of each
    execution that the cost columns assume.
    """
    margin: float
    shots: int

    def __post_init__(self):
        if not (math.isfinite(self.margin) and 0 < self.margin <= .5):
            raise ValueError(f"margin={self.margin}: nats of negative log-likelihood, above 0 and at most 0.5.")
        if self.shots < 1:
            raise ValueError(f"shots={self.shots}: measurements of an execution, from 1 up.")

    def run(self, jobs: list[dict], out: Path, experiment: Experiment, console: Console) -> tuple[pd.DataFrame, bool]:
        """Rows of all points as a data frame, and whether all went well.

        A row that fails costs that row. What is finished when the user stops it is shown and written all the same.
        """
        points, stopped = [], None
        with Progress(console, out / "log.txt") as progress:
            experiment.session.step = progress.step
            try:
                for keys, job in zip(result.swept([job["overrides"] for job in jobs]), jobs, strict=True):
                    points.append(Point(keys, _name(job), sentence.held(job, _rows(job))))
                    if keys:
                        progress.say(f"{points[-1].place}:")
                    _train(points[-1], job, experiment, progress)
            except KeyboardInterrupt as signal:
                stopped = signal
        points = [point for point in points if point.rows or point.errors]
        if points:
            frames = {"rows": result.rows_frame(points, self.shots), "contrasts": result.contrasts_frame(points, self.margin),
                      "table": self._table(points)}
            if any(point.failed for point in points):
                frames["errors"] = result.errors_frame(points)
            record.write(out, jobs[:len(points)], points, self._show(points, frames["table"], console), frames)
            record.write_environment(out, jobs, points)
        if stopped:
            raise stopped
        return frames["rows"], not any(point.failed for point in points)

    def _table(self, points: list[Point]) -> pd.DataFrame:
        return result.sweep_table(points) if len(points) > 1 else result.table(points[0], self.margin, self.shots)

    def _show(self, points: list[Point], table: pd.DataFrame, console: Console) -> str:
        """Print the table, of a sweep also that of the point that validation chose, and what stands under it; all as Markdown."""
        point, exact, said = points[0], tuple(points[0].keys), []
        parts = [result.markdown(table, exact)]
        if len(points) > 1:
            terminal.show_sweep(console, table, exact)
            point = next((point for point, chosen in zip(points, table["chosen"], strict=True) if chosen), None)
            if point:
                parts.append(f"Chosen by validation NLL: {point.place}. The test figures below are those of that point alone.")
                terminal.say(console, parts[-1:])
                parts.append(result.markdown(self._table([point])))
        if point:
            terminal.show(console, point, self._table([point]))
            said = [*sentence.contrasts(point, self.margin), *point.notes, *sentence.foot(point), point.held]
        said += [line for one in points for line in sentence.errors(one)]
        terminal.say(console, said)
        return "\n\n".join([*parts, *said]) + "\n"


def _name(job: dict) -> str:
    """The composed row's letter, where it has one that no other row goes by."""
    row = plans.row_plan(job)
    letter, _ = plans.letter(row)
    other = plans.references(job)[0].get(letter, row)
    return letter if letter and _identity(other) == _identity(row) else "composed"


def _train(point: Point, job: dict, experiment: Experiment, progress: Progress) -> None:
    """Fill a point with its rows: the composed one, then its references; equal plans are one row."""
    point.notes.extend(plans.references(job)[1])
    composed, seen = plans.row_plan(job), {}
    for name, row in _rows(job).items():
        if same := seen.get(_identity(row)):
            point.notes.extend([f"{name} is the same model as {same}: one row."] if name != same else [])
            continue
        seen[_identity(row)] = name
        label, reason = name, ""
        if name in plans.LETTERS.values():
            letter, reason = plans.letter(row)
            label = name if letter == name else f"{name}*"
            reason = reason or f"it is {letter}"
        if label != name:
            point.notes.append(f"{label} is not {name} in the sense of the literature: {reason}.")
        claims = job["compare"][name]["isolates"] if row != composed and label == name else None
        point.isolates[label] = (claims or {}).get(point.composed) or plans.differences(composed, row)
        try:
            point.rows[label] = experiment.row(label, row, plans.seeds(job))
        except Exception as error:  # the border of a row: what fails here costs this row and no other
            if isinstance(error, OSError) and error.errno in FULL:
                raise
            point.errors[label] = f"{type(error).__name__}: {error}"
            progress.trace()


def _rows(job: dict) -> dict[str, dict]:
    """The plans of a point's rows by name, the composed one first."""
    return {_name(job): plans.row_plan(job)} | plans.references(job)[0]


def _identity(row: dict) -> str:
    return json.dumps([plans.identity(row), row["dataset"]], sort_keys=True)
