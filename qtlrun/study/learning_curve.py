"""Test figures against the number of training pictures, each size containing the smaller ones."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console

from qtlrun import plan as plans
from qtlrun import statistic
from qtlrun.comparison.comparison import Point
from qtlrun.experiment import Experiment
from qtlrun.plan import Refused
from qtlrun.report import figure, frame, output, sentence, terminal
from qtlrun.report.progress import Progress
from qtlrun.study import table

HALVES = 6  # sizes where none are named


@dataclass(frozen=True)
class LearningCurve:
    """Trains the composed model and its references on nested parts of the training split.

    `sizes` are numbers of training items; null halves all of them as long as every class keeps two,
    up to five times. Test and validation splits are the same for all. `margin` is that of the
    verdicts, in nats; `shots` that of the costs.
    """

    sizes: list[int] | None
    margin: float
    shots: int

    def __post_init__(self):
        statistic.check_nats(self.margin)
        statistic.check_shots(self.shots)
        if self.sizes is not None and (
            not self.sizes or min(self.sizes) < 1 or len(set(self.sizes)) < len(self.sizes)
        ):
            raise ValueError(
                f"sizes={self.sizes}: different numbers of training pictures, from 1 up."
            )

    def check(self, jobs: list[dict], experiment: Experiment) -> None:
        """Refuse several points, a dataset that cannot be cut, and sizes that it does not have."""
        table.check_one(jobs, "learning_curve", ())
        if "train_size" not in jobs[0]["dataset"]:
            raise Refused("study=learning_curve: this dataset has no train_size.")
        if jobs[0]["dataset"]["train_size"] is not None:
            raise Refused(
                f"dataset.train_size={jobs[0]['dataset']['train_size']}: the study varies it; name"
                " the sizes as study.sizes=[20,40]."
            )
        for job in self._jobs(jobs[0], experiment):
            for row in table.rows(job).values():
                for change in plans.redraws(job):
                    experiment.check(row | {"dataset": row["dataset"] | change})

    def run(
        self, jobs: list[dict], out: Path, experiment: Experiment, console: Console
    ) -> tuple[pd.DataFrame, bool]:
        """Rows of all sizes as a data frame, and whether all went well."""
        points = []
        cut = self._jobs(jobs[0], experiment)
        with Progress(console, out / "log.txt") as progress:
            experiment.session.step = progress.step
            for job in cut:
                points.append(table.begin(job, {"train_size": job["dataset"]["train_size"]}))
                progress.say(f"{points[-1].place}:")
                table.fill(points[-1], job, experiment, progress)
        frames = {
            "curve": self._frame(points),
            "contrasts": frame.contrasts_frame(points, self.margin),
            "rows": frame.rows_frame(points, self.shots),
        }
        labels = dict.fromkeys(label for point in points for label in point.labels)
        wide = (
            frames["curve"]
            .pivot(index="train_size", columns="row", values="NLL")
            .reindex(index=[point.keys["train_size"] for point in points], columns=labels)
        )
        lines = [
            (
                "Test NLL in nats, a line a size."
                if not any(point.failed for point in points)
                else "Test NLL in nats; a cell without a number failed."
            )
        ]
        lines += [
            f"{point.place}: {line}"
            for point in points
            for line in (*sentence.contrasts(point, self.margin), *sentence.chance(point))
        ]
        lines += [
            *points[0].notes,
            *sentence.foot(points[-1], max(point.reads for point in points)),
            points[-1].held,
            *(line for point in points for line in sentence.errors(point)),
        ]
        output.write_study(
            out, jobs, lines, frames, {"learning_curve": figure.sizes(frames["curve"])}
        )
        terminal.show_sweep(
            console,
            wide.rename_axis(None, axis=1).rename_axis("train_size").reset_index(),
            ("train_size",),
        )
        terminal.say(console, lines)
        return frames["rows"], not any(point.failed for point in points)

    def _jobs(self, job: dict, experiment: Experiment) -> list[dict]:
        """The plan at each size, from the smallest."""
        sizes = self.sizes
        if sizes is None:
            row = plans.row_plan(job)
            drawn = [
                experiment.dataset(row | {"dataset": row["dataset"] | change}).train.labels.tolist()
                for change in plans.redraws(job)
            ]
            labels = min(drawn, key=len)
            sizes = [
                size
                for number in range(HALVES)
                if (size := len(labels) >> number) >= 2 * len(set(labels))
            ] or [len(labels)]
        return [job | {"dataset": job["dataset"] | {"train_size": size}} for size in sorted(sizes)]

    def _frame(self, points: list[Point]) -> pd.DataFrame:
        lines = []
        for point in points:
            for label in point.labels:
                if point.of(label):
                    nll = point.estimate(label, lambda row: row.nll)
                    accuracy = point.accuracy(label)
                    lines.append(
                        {
                            **point.keys,
                            "row": label,
                            "NLL": nll.mean,
                            "NLL low": nll.low,
                            "NLL high": nll.high,
                            "accuracy": accuracy.mean,
                            "accuracy low": accuracy.low,
                            "accuracy high": accuracy.high,
                        }
                    )
        return pd.DataFrame(
            lines,
            columns=[
                "train_size",
                "row",
                "NLL",
                "NLL low",
                "NLL high",
                "accuracy",
                "accuracy low",
                "accuracy high",
            ],
        )
