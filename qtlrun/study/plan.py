"""Plan of a command before it runs: trainings, minutes, memory, circuit executions."""

import os
import time
from dataclasses import dataclass

import pandas as pd

from qtlrun import statistic
from qtlrun.experiment import Experiment
from qtlrun.experiment.forecast import Duration, Forecaster
from qtlrun.plan import Plan
from qtlrun.plan.override import swept_values
from qtlrun.report import schema, terminal
from qtlrun.report.report import Report
from qtlrun.report.sentence import Note

MINUTE_S = 60
# Processor time of tables, figures and files at the end of a run, by that of its start without
# weights and items: 3.0 s to 3.9 s of the default experiment, where all rows come from the store
FINISH_PER_START = 0.8


@dataclass(frozen=True)
class Preview:
    """Say what the rows of a command would take; train nothing, download nothing.

    Each row is timed for some tenths of a second on random features of its shape, or from random
    weights. Rows that the store has cost nothing.

    shots: measurements of each execution on a quantum processor
    """

    shots: int

    trains = False
    takes_lenses = True
    downloads = False

    def __post_init__(self):
        statistic.check_shots(self.shots)

    def run(
        self, plans: list[Plan], experiment: Experiment, report: Report
    ) -> tuple[pd.DataFrame, bool]:
        """A line per point and row, as a data frame; and True."""
        start = time.process_time()
        began = time.perf_counter()
        forecaster = Forecaster(experiment.session)
        lines = []
        downloads: dict[str, None] = {}
        swept = swept_values([plan.overrides for plan in plans])
        for number, (keys, plan) in enumerate(zip(swept, plans, strict=True)):
            if plan.refusal:
                downloads |= dict.fromkeys(forecaster.list_downloads(plan))
            for name, label in plan.labels.names.items():
                lines.append(keys | {"row": label} | self._line(forecaster, plan, name))
            report.progress.step("points", number + 1, len(plans))
        frame = schema.FORECAST.with_keys(swept[0]).frame(lines)
        waiting = (time.perf_counter() - began) / max(time.process_time() - start, 1e-3)
        processor = start + FINISH_PER_START * (start - experiment.session.loading_s)
        overhead = Duration(processor * max(1, waiting), processor)
        notes = [*_sum(frame, overhead), *map(_download, downloads), *_explain(frame)]
        if plans[0].lenses:
            notes.append(Note("What the lenses take is not in it."))
        report.finish(
            plans,
            notes,
            {"forecast": frame},
            show=lambda console: terminal.show_words(console, frame),
        )
        return frame, True

    def _line(self, forecaster: Forecaster, plan: Plan, name: str) -> dict[str, object]:
        """Figures of a row; of one whose data would be downloaded only the count of trainings."""
        if plan.refusal:
            return {"trainings": forecaster.count_trainings(plan, name)}
        forecast = forecaster.forecast(plan, name)
        line: dict[str, object] = {
            "trainings": forecast.trainings,
            "stored": forecast.stored,
            "minutes": forecast.duration.seconds / MINUTE_S,
            "processor": forecast.duration.processor / MINUTE_S,
            "MiB": round(forecast.mebibytes),
        }
        if forecast.executions is not None:
            line["executions"] = forecast.executions
            line["shots"] = forecast.executions * self.shots
        return line


def _sum(frame: pd.DataFrame, overhead: Duration) -> list[Note]:
    """Sentence on all rows together; `overhead` is that of start, figures and files."""
    trainings = int(frame["trainings"].sum())
    if "minutes" not in frame:
        return [Note(f"Together {trainings:,} trainings.")]
    stored = int(frame["stored"].sum())
    minutes = frame["minutes"].sum() + overhead.seconds / MINUTE_S
    processor = frame["processor"].sum() + overhead.processor / MINUTE_S
    largest = frame["MiB"].max() / 2**10
    return [
        Note(
            f"Together {trainings:,} trainings, of which the store has {stored:,}; the others take"
            f" about {_duration(minutes)} in the present load, {_duration(processor)} of processor"
            f" time and {largest:.1f} GiB of memory, with start, figures and files."
        )
    ]


def _download(file: str) -> Note:
    return Note(f"Would be downloaded: {file}.")


def _explain(frame: pd.DataFrame) -> list[Note]:
    """Sentences on how the figures were obtained."""
    notes = []
    if "minutes" in frame:
        load = os.getloadavg()[0]
        notes.append(
            Note(
                "Nothing was trained or kept: each row was timed on random features, or from"
                " random weights on training items, in this machine's present load"
                f" ({load:.1f} on {os.cpu_count()} cores); where nothing else runs, the minutes are"
                " those of the processor or fewer. Features and pre-training count in the"
                " first row that needs them. The surrogates of study=compare are not in it.",
                f"Timed on stand-ins under a load of {load:.1f} on {os.cpu_count()} cores; nothing"
                " was trained or kept.",
            )
        )
    if "executions" in frame:
        notes.append(
            Note(
                "Executions and shots are those of a quantum processor, which finds no row in the"
                " store, under the parameter-shift rule."
            )
        )
    return notes


def _duration(minutes: float) -> str:
    """Duration in words."""
    if minutes < 1:
        return f"{minutes * MINUTE_S:.0f} s"
    return f"{minutes:.1f} min" if minutes < MINUTE_S else f"{minutes / MINUTE_S:.1f} h"
