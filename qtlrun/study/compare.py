"""The composed model beside its references: trained, tabled, drawn, written."""
import errno
import json
import math
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console

from qtlrun import plan as plans, result
from qtlrun.experiment import Experiment
from qtlrun.result import Point
from qtlrun.study import record, terminal
from qtlrun.study.progress import Progress

DEFECTS = (("freeze", "batch_norm", "train"), ("dataset", "validation", "test"), ("recipe", "schedule_step", "start"))
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
        with Progress(console) as progress:
            experiment.session.step = progress.step
            try:
                for keys, job in zip(result.swept([job["overrides"] for job in jobs]), jobs, strict=True):
                    points.append(Point(keys, plans.letter(plans.row_plan(job))[0] or "composed", _held(job)))
                    _train(points[-1], job, experiment)
            except KeyboardInterrupt as signal:
                stopped = signal
        points = [point for point in points if point.rows or point.errors]
        if points:
            lines = self._show(points, console)
            frames = {"rows": result.rows_frame(points, self.shots), "contrasts": result.contrasts_frame(points, self.margin),
                      "table": self._table(points)}
            if any(point.failed for point in points):
                frames["errors"] = result.errors_frame(points)
            text = "\n\n".join([result.markdown(frames["table"]), *lines]) + "\n"
            record.write(out, jobs[:len(points)], points, text, frames)
            record.write_environment(out, jobs, points)
        if stopped:
            raise stopped
        return frames["rows"], not any(point.failed for point in points)

    def _table(self, points: list[Point]) -> pd.DataFrame:
        if len(points) == 1:
            return result.table(points[0], self.margin, self.shots)
        return result.sweep_table(points)

    def _show(self, points: list[Point], console: Console) -> list[str]:
        """Print the table, and return what stands under it; of a sweep also the table of the point that validation chose."""
        lines, point = [], points[0]
        if len(points) > 1:
            frame = result.sweep_table(points)
            terminal.show_frame(console, frame)
            lines.append("Chosen by validation NLL (*); the test figures below are those of that point alone.")
            if not frame["chosen"].any():
                return lines + [line for point in points for line in _errors(point)]
            point = points[int(frame["chosen"].argmax())]
            lines.append("Chosen: " + ", ".join(f"{key}={value}" for key, value in point.keys.items()) + ".")
            for line in lines:
                console.print(line, markup=False, highlight=False)
        terminal.show(console, point, result.table(point, self.margin, self.shots))
        said = [*result.sentences(point, self.margin), *point.notes, *_foot(point), point.held]
        said += [line for one in points for line in _errors(one)]
        for line in said:
            console.print(line, markup=False, highlight=False, soft_wrap=False)
        return lines + ([result.markdown(result.table(point, self.margin, self.shots))] if len(points) > 1 else []) + said


def _train(point: Point, job: dict, experiment: Experiment) -> None:
    """Fill a point with its rows: the composed one, then its references; equal plans are one row."""
    references, left_out = plans.references(job)
    point.notes.extend(left_out)
    seen = set()
    for name, row in [(point.composed, plans.row_plan(job)), *references.items()]:
        identity = json.dumps([plans.identity(row), row["dataset"]], sort_keys=True)
        if identity in seen:
            continue
        seen.add(identity)
        label, reason = name, ""
        if name in plans.LETTERS.values():
            letter, reason = plans.letter(row)
            label = name if letter == name else f"{name}*"
            reason = reason or f"it is {letter}"
        if label != name:
            point.notes.append(f"{label} is not {name} in the sense of the literature: {reason}.")
        point.isolates[label] = (job.get("compare") or {}).get(name, {}).get("isolates", "")
        try:
            point.rows[label] = experiment.row(label, row, plans.seeds(job))
        except Exception as error:  # the border of a row: what fails here costs this row and no other
            if isinstance(error, OSError) and error.errno in FULL:
                raise
            point.errors[label] = f"{type(error).__name__}: {error}"


def _errors(point: Point) -> list[str]:
    where = ", ".join(f"{key}={value}" for key, value in point.keys.items())
    where = f" at {where}" if where else ""
    return [f"{label}{where}: error: {words}." for label, words in point.errors.items()] + [
        f"{label}{where}, seed {seed}: error: {words}." for label, row in point.rows.items() for seed, words in row.errors.items()]


def _foot(point: Point) -> list[str]:
    """How to read the table."""
    rows = [row for row in point.rows.values() if row.entries]
    if not rows:
        return []
    row = rows[0]
    lines = [f"{len(row.seeds)} seeds on the same {len(row.labels)} test pictures; 95 % intervals over seeds and pictures; trained: "
             "circuit + head + backbone; seconds per seed."]
    if len(row.seeds) == 2:
        lines.append("Two seeds: intervals may be too narrow; their coverage is tested from three on.")
    if any(row.stored for row in rows):
        lines.append("† found in the store, not trained again.")
    return lines + sorted({row.caution for row in rows if row.caution})


def _held(job: dict) -> str:
    """What all rows have in common and no interval covers, and the published defects that were asked for."""
    backbone, recipe = job["backbone"], job["recipe"]
    weights = backbone.get("weights")
    said = [f"split seed {job['dataset']['split_seed']}" if "split_seed" in job["dataset"] else "",
            f"weights {weights}" + (f" (seed {backbone['pretrain']['seed']})" if weights == "pretrain" else "") if weights else "",
            f"one untuned recipe ({recipe['optimizer']}, lr {recipe['lr']:g}, {recipe['epochs']} epochs)"]
    defects = [f"{group}.{name}={value}" for group, name, value in DEFECTS if job[group].get(name) == value]
    kept = f" Published defects kept: {', '.join(defects)}." if defects else ""
    return f"Held fixed for every row: {', '.join(filter(None, said))}.{kept}"
