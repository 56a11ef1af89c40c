"""Rows of several runs in one table; differences where they share data."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.error import UsageError
from qtlrun.experiment import Experiment
from qtlrun.plan import Plan
from qtlrun.report import terminal
from qtlrun.report.folder import RunFolder
from qtlrun.report.report import Report
from qtlrun.report.sentence import Note

LEAST_RUNS = 2
LEAST_SPLITS = 2  # that may share test items
COLUMNS = ["difference", "low", "high", "verdict"]


@dataclass(frozen=True)
class Join:
    """Put the rows of several runs into one table, from their folders; train nothing.

    The composed row of the first run is compared with every row that was trained and tested on the
    same items, seed by seed. A row that stands in two runs is shown once.

    margin: within which two rows count as equivalent, nats of NLL or a percentage as 5%
    """

    margin: float | str

    trains = False
    loads = False
    takes_runs = True

    @cached_property
    def limit(self) -> statistic.Margin:
        """The margin, parsed."""
        return statistic.Margin.of(self.margin)

    def __post_init__(self):
        _ = self.limit

    def check(self, plans: list[Plan], experiment: Experiment) -> None:
        """Refuse fewer than two folders, one that stands twice, and what is no run's folder."""
        runs = plans[0].settings.runs
        if len({Path(run).resolve() for run in runs}) < max(LEAST_RUNS, len(runs)):
            raise UsageError(
                "two or more different folders are joined",
                "name them, as runs=[outputs/DATE/TIME-A,outputs/DATE/TIME-B]",
                key="runs",
                value=runs,
            )
        for run in runs:
            RunFolder(Path(run)).check()
        first = RunFolder(Path(runs[0]))
        if first.composed not in first.labels:
            raise UsageError(
                f"its composed row, {first.composed}, has no prediction: every training failed",
                "name a run first whose composed row has some",
                key="runs",
                value=runs[0],
            )

    def run(
        self, plans: list[Plan], experiment: Experiment, report: Report
    ) -> tuple[pd.DataFrame, bool]:
        """A line per run and row, as a data frame; and True."""
        folders = [RunFolder(Path(run)) for run in plans[0].settings.runs]
        distinct = dict(_distinct(folders))
        first = folders[0]
        composed = first.composed
        same = first.data(composed)
        lines = []
        apart = 0
        for (folder, label), also in distinct.items():
            line: dict[str, object] = {"run": folder.name, "row": label}
            line |= folder.means(label)
            if (folder, label) == (first, composed):
                pass
            elif folder.data(label) == same:
                hashed = first.hashes_items and folder.hashes_items
                rows = (first.rows(composed, hashed=hashed), folder.rows(label, hashed=hashed))
                line |= self._compare(*rows)
            else:
                apart += 1
            lines.append(line | {"also in": ", ".join(also)})
        frame = pd.DataFrame(lines)
        joined = pd.concat(
            [each.metrics.assign(run=each.name) for each in folders], ignore_index=True
        )
        report.finish(
            plans,
            [*_explain(first, composed, apart, frame), *_warn_of_older(folders, same)],
            {"join": frame, "rows": joined},
            show=lambda console: terminal.show_words(console, frame),
        )
        return frame, True

    def _compare(self, composed: list, others: list) -> dict[str, object]:
        """Difference in NLL of two rows on the same splits, and its verdict."""
        splits = [
            {"composed": one, "other": other} for one, other in zip(composed, others, strict=True)
        ]
        comparison = Comparison({}, "composed", splits=splits, drawn=True)
        verdict = comparison.contrasts(self.limit).get("other")
        if verdict is None:
            return {}
        gap = verdict.interval
        return dict(zip(COLUMNS, (gap.mean, gap.low, gap.high, verdict.phrase), strict=True))


def _distinct(folders: list[RunFolder]) -> Iterator[tuple[tuple[RunFolder, str], list[str]]]:
    """Rows of all runs, each once, with the other runs that have it too."""
    runs: dict[tuple, list] = {}
    for folder in folders:
        for label in folder.labels:
            runs.setdefault(_identity(folder, label), []).append((folder, label))
    for equal in runs.values():
        yield equal[0], [folder.name for folder, _ in equal[1:]]


def _identity(folder: RunFolder, label: str) -> tuple:
    """Values that make a row: its model's, its data and weights, its seeds."""
    plan = folder.plan
    names = {each: name for name, each in plan.labels.names.items()}
    lines = folder.metrics[folder.metrics["row"] == label]
    seeds = tuple(sorted(set(zip(lines["split"], lines["seed"], strict=True))))
    key = plan.variants[names[label]].identity_key
    return key, plan.settings.tune, *folder.data(label), *folder.weights(label), seeds


def _explain(first: RunFolder, composed: str, apart: int, frame: pd.DataFrame) -> list[Note]:
    """Sentences on what is compared, and on what cannot be."""
    notes = []
    if "difference" in frame:
        notes.append(
            Note(
                f"difference: NLL in nats of {composed} of {first.name} minus that of the"
                " row, on the same seeds and items, with its 95 % interval; below 0 is in favour"
                f" of {composed}."
            )
        )
    if apart:
        rows = "One row was" if apart == 1 else f"{apart} rows were"
        notes.append(
            Note(
                f"{rows} trained or tested on other items than {composed} of {first.name}:"
                " they stand side by side, and no difference between them can be drawn."
            )
        )
    return notes


def _warn_of_older(folders: list[RunFolder], splits: list[str]) -> list[Note]:
    """Runs on several splits whose predictions do not tell which test items these share."""
    names = [folder.name for folder in folders if not folder.hashes_items]
    if len(splits) < LEAST_SPLITS or not names:
        return []
    return [
        Note(
            f"{', '.join(names)}: written without hashes of the test items. One without a name that"
            " several splits test counts as several, and intervals may be too narrow; the run's own"
            " are in its contrasts.csv."
        )
    ]
