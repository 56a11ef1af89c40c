"""Output folders of finished runs, read again."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from qtlrun.comparison.outcome import Outcome
from qtlrun.comparison.row import Row
from qtlrun.error import UsageError
from qtlrun.plan import Plan
from qtlrun.plan.override import number, parse, swept_values
from qtlrun.report.frame import read_csv
from qtlrun.runfolder import PLAN_FILE, POINT, point_number, read_plans, run_folder

PREDICTIONS_FILE = "predictions.csv"
RUN_FILES = (PLAN_FILE, "rows.csv", "environment.json")  # of a sweep for all of its points
FIGURES = ("test_accuracy", "test_nll")
FAILED = "failed in its run"  # the reason stands in errors.csv of the run
SMALLEST = np.finfo(float).tiny  # of a probability, whose logarithm is a logit


@dataclass(frozen=True)
class RunFolder:
    """Folder of a run of one point, or of a point of a sweep, as `study=compare` writes it."""

    path: Path

    @cached_property
    def run(self) -> Path:
        """Folder of the whole run."""
        return run_folder(self.path)

    @property
    def name(self) -> str:
        """Name of the run, and of the point in a sweep."""
        return "/".join(self.path.parts[len(self.run.parts) - 1 :])

    @cached_property
    def plan(self) -> Plan:
        """The run's plan."""
        return Plan(self._documents[0])

    @property
    def composed(self) -> str:
        """Label of its composed row, which may have failed."""
        return self.plan.labels.names[self.plan.composed]

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """Lines of rows.csv, each with its split."""
        frame = read_csv(self.run / "rows.csv")
        for key, value in self._swept.items():
            frame = frame[frame[key].map(_value) == _value(value)]
        return frame if "split" in frame else frame.assign(split=0)

    def check(self) -> None:
        """Refuse a folder that is no run's of one point."""
        for name in RUN_FILES:
            self._check_file(self.run / name)
        if len(self._documents) > 1:
            raise self._refusal(
                f"it is a sweep of {len(self._documents)} points",
                f"join its points, as {self.path.name}/{POINT}0",
            )
        self._check_file(self.path / PREDICTIONS_FILE)

    def means(self, label: str) -> dict[str, float]:
        """Means of a row over its trainings, by metric; its count of trainings."""
        lines = self.metrics[self.metrics["row"] == label]
        values = {}
        for name in FIGURES:
            values[name.removeprefix("test_")] = lines[lines["metric"] == name]["value"].mean()
        return {"trainings": int((lines["metric"] == FIGURES[0]).sum())} | values

    def data(self, label: str) -> list[str]:
        """Fingerprints of the data that a row was trained and tested on, by split."""
        splits = self._environment["fingerprints"][self._number]
        return [rows[label]["data"] for rows in splits if label in rows]

    def weights(self, label: str) -> list[str]:
        """Fingerprints of the weights that a row began with, by split."""
        splits = self._environment["fingerprints"][self._number]
        return [rows[label]["weights"] for rows in splits if label in rows]

    @property
    def hashes_items(self) -> bool:
        """Whether its predictions have hashes of the test items; those of older runs have none."""
        return "item" in self._predictions

    def rows(self, label: str, *, hashed: bool) -> list[Row]:
        """A row on each split: the test predictions of each of its seeds.

        Its test items are known by their hashes, or by their names and numbers.
        """
        lines = self._predictions[self._predictions["row"] == label]
        classes = tuple(name[2:-1] for name in lines if name.startswith("p("))
        rows = []
        for split, described in enumerate(self._environment["data"][self._number]):
            if label not in described:
                continue
            count = described[label]["items"]
            part = lines[lines["split"] == split]
            rows.append(
                Row(
                    label,
                    label,
                    {seed: _outcome(each, classes) for seed, each in part.groupby("seed")},
                    classes,
                    errors=self._errors(label, split),
                    items=_items(part, split, hashed=hashed) if len(part) else (),
                    trained_on=sum(count["train"].values()),
                    validated_on=sum(count["validation"].values()),
                    pool=described[label].get("pool", 0),
                    independent=described[label].get("independent", False),
                )
            )
        return rows

    def _errors(self, label: str, split: int) -> dict[int, str]:
        """Seeds of a row whose trainings failed on a split."""
        lines = self.metrics[(self.metrics["row"] == label) & (self.metrics["metric"] == "error")]
        return {int(seed): FAILED for seed in lines[lines["split"] == split]["seed"]}

    @cached_property
    def labels(self) -> list[str]:
        """Labels of its rows with a prediction, in their order."""
        return list(dict.fromkeys(self._predictions["row"]))

    @cached_property
    def _documents(self) -> list[dict[str, Any]]:
        return read_plans("runs", str(self.path), self.path)

    @property
    def _number(self) -> int:
        """Number of the point in its run."""
        return point_number(self.path) if self.run != self.path else 0

    @property
    def _swept(self) -> dict[str, object]:
        """Keys that the sweep of the point varies, with its values."""
        if self.run == self.path:
            return {}
        documents = read_plans("runs", str(self.path), self.run)
        points = [parse(document["overrides"]) for document in documents]
        return swept_values(points)[self._number]

    @cached_property
    def _environment(self) -> dict[str, Any]:
        return json.loads((self.run / "environment.json").read_text())

    @cached_property
    def _predictions(self) -> pd.DataFrame:
        frame = read_csv(self.path / PREDICTIONS_FILE)
        return frame if "split" in frame else frame.assign(split=0)

    def _check_file(self, file: Path) -> None:
        """Refuse a folder without a file."""
        if not file.is_file():
            is_folder = self.path.is_dir()
            reason = f"{file.name} is not there" if is_folder else "there is no such folder"
            raise self._refusal(reason, "name folders OUTPUTS/DATE/TIME-NAME of study=compare")

    def _refusal(self, reason: str, fix: str) -> UsageError:
        return UsageError(reason, fix, key="runs", value=str(self.path))


def _value(cell: object) -> int | float | str:
    """Value of a swept key, whether typed or read from a table: 2 for 2.0, `true` for True."""
    return number(str(cell).lower())


def _items(part: pd.DataFrame, split: object, *, hashed: bool) -> tuple[str, ...]:
    """Hashes of the test items of a split, or their names, or their numbers in it."""
    first = part[part["seed"] == part["seed"].iloc[0]]
    if hashed:
        return tuple(first["item"].astype(str))
    pictures = first["picture"]
    if pd.api.types.is_numeric_dtype(pictures):
        return tuple(f"{split}/{number}" for number in pictures)
    return tuple(pictures)


def _outcome(lines: pd.DataFrame, classes: tuple[str, ...]) -> Outcome:
    """Outcome with the test predictions of one seed alone."""
    columns = [f"p({name})" for name in classes]
    logits = np.log(np.maximum(lines[columns].to_numpy(float), SMALLEST))
    labels = lines["class"].astype(str).map(classes.index).to_numpy()
    logits[range(len(labels)), labels] = -lines["nll"]  # a probability may have no digit left
    arrays = {"logits": logits, "labels": labels}
    return Outcome([], 0, "none", "none", 0.0, 0.0, arrays=arrays)
