"""Published figures beside ours: presets, each as published and in its sound form."""
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from qtlrun import plan as plans, result, statistic
from qtlrun.experiment import Experiment
from qtlrun.plan import Refused
from qtlrun.row import Point
from qtlrun.study import record, sentence, table, terminal
from qtlrun.study.progress import Progress

POINT = .01  # of accuracy: what another library's rounding and order may move a figure by
WIDE = .2  # a range of possible figures beyond which none is told from others
COLUMNS = ("run", "row", "published", "ours", "low", "high", "least", "most", "norm_kept", "seeds", "verdict", "sound run", "sound", "sound low", "sound high", "source")


@dataclass(frozen=True)
class Reproduce:
    """Trains presets that carry `published` figures, and says which of these come out here.

    `runs` are command lines, one a preset; beside those of `experiment=NAME_paper` stand the figures of the first run of
    `experiment=NAME`. A figure counts as reproduced where one more training of ours would give it, to one point of accuracy: where
    it lies that near to Student's prediction interval over our seeds (95 %; of a single seed the figure itself), and is
    undecided where that interval is wider than 20 points. A run whose weights or data cannot be had is left out, and the table says why.
    """
    runs: list[str] | None
    shots: int
    excuses = True  # a run that is refused costs that run

    def __post_init__(self):
        statistic.check_shots(self.shots)

    def check(self, jobs: list[dict], experiment: Experiment) -> None:
        """Refuse plans without a published figure, and figures of rows that are not there."""
        if not any("published" in job for job in jobs):
            raise Refused("study=reproduce: no plan here has published figures; choose presets that have, as study.runs=['experiment=spirals_paper'].")
        for job in jobs:
            for row in job.get("published", {}).get("accuracy", {}):
                known = ("composed", *(job.get("compare") or {}))
                if row not in known:
                    raise Refused(f"published.accuracy.{row}: this plan has no such row; {plans.nearest(row, known)}")

    def run(self, jobs: list[dict], out: Path, experiment: Experiment, console: Console) -> tuple[pd.DataFrame, bool]:
        """A line a published figure, and whether no run failed."""
        points = {}
        with Progress(console, out / "log.txt") as progress:
            experiment.session.step = progress.step
            for job in jobs:
                points[_place(job)] = point = table.begin(job, {"run": _place(job)})
                progress.say(f"{_place(job)}:")
                if "refused" not in job:
                    table.fill(point, job, experiment, progress)
        frame = pd.DataFrame([line for job in jobs for line in _lines(job, points)], columns=COLUMNS)
        made = [point for point in points.values() if point.splits]
        frames = {"reproduction": frame, "rows": result.rows_frame(made, self.shots) if made else pd.DataFrame()}
        lines = self._sentences(jobs, frame, made)
        terminal.show_words(console, _shown(frame).drop(columns=["source", "seeds"]))
        terminal.say(console, lines)
        record.write_study(out, jobs, lines, {"table": _shown(frame)} | frames, {})
        return frame, not any(point.failed for point in made)

    def _sentences(self, jobs: list[dict], frame: pd.DataFrame, points: list[Point]) -> list[str]:
        done = frame["verdict"].value_counts()
        lines = [f"{len(frame)} published figures: {', '.join(f'{count} {word}' for word, count in done.items())}.",
                 "Reproduced: one more training here would give the published figure, to one point of accuracy (95 %, over seeds); undecided where that "
                 "range is wider than 20 points. Sound: the same example without the published defects. Intervals are over seeds and test items."]
        lines += [f"{_place(job)}: not run: {' '.join(job['refused'].splitlines()).rstrip('.')}. With the weights or data in place: qtlrun {_place(job)}"
                  for job in jobs if "refused" in job]
        sound = [point for point in points if point.place.removeprefix("run=") in set(frame["sound run"].dropna())]
        lines += [f"{point.place.removeprefix('run=')}: {point.about[point.composed]}. {point.held}" for point in sound if point.composed in point.labels]
        return lines + [line for point in points for line in sentence.errors(point)]


def _lines(job: dict, points: dict[str, Point]) -> list[dict]:
    """A line a published figure of a plan."""
    published, lines = job.get("published", {}), []
    for name, figure in published.get("accuracy", {}).items():
        line = {"run": _place(job), "row": name, "published": figure, "source": published.get("source", "")}
        if "refused" in job:
            line["verdict"] = "not run"
        else:
            line |= _ours(points[_place(job)], name, figure)
        sound = _sound(_place(job), points)
        if sound and (found := _estimate(sound, name)):
            line |= {"sound run": sound.place.removeprefix("run="), "sound": found.mean, "sound low": max(found.low, 0.), "sound high": min(found.high, 1.)}
        lines.append(line)
    return lines


def _ours(point: Point, name: str, figure: float) -> dict:
    """Our figure of a row, and what it says of the published one."""
    found = _estimate(point, name)
    if found is None:
        return {"verdict": "error"}
    values = np.concatenate([statistic.correct(row.logits, row.labels).mean(1) for row in point.of(_label(point, name))])
    least, most = np.clip(statistic.further(values), 0, 1)
    inside = least - POINT <= figure <= most + POINT
    return {"ours": found.mean, "low": max(found.low, 0.), "high": min(found.high, 1.), "least": least, "most": most, "seeds": len(values),
            "norm_kept": point.metrics(_label(point, name)).mean().get("norm_kept"), "verdict": "undecided" if most - least > WIDE else "reproduced" if inside else "not reproduced"}


def _sound(place: str, points: dict[str, Point]) -> Point | None:
    """The first run of the same preset without its published defects."""
    name = place.partition(" ")[0].removesuffix("_paper")
    return next((point for run, point in points.items() if run.partition(" ")[0] == name != place.partition(" ")[0] and point.splits), None)


def _estimate(point: Point, name: str) -> statistic.Interval | None:
    """The accuracy of a row by the name that it has in `compare`; None where no seed of it ended."""
    label = _label(point, name)
    return point.estimate(label, lambda row: statistic.correct(row.logits, row.labels)) if label in point.labels and point.of(label) else None


def _label(point: Point, name: str) -> str:
    return point.composed if name == "composed" else next((label for label in point.labels if label.rstrip("*") == name), name)


def _place(job: dict) -> str:
    """What a run is called: its words."""
    said = dict(word.split("=", 1) for word in job["overrides"] if "=" in word)
    words = [(word, word.partition("=")[0]) for word in job.get("run", " ".join(job["overrides"])).split()]
    return " ".join(f"{key}={said[key]}" if "," in word and key in said else word for word, key in words)  # of a sweep its own point


def _shown(frame: pd.DataFrame) -> pd.DataFrame:
    """The table as it is read."""
    def spread(line: pd.Series, *names: str) -> str:
        return "" if pd.isna(line[names[0]]) else terminal.interval(*line[list(names)])
    norm = {"norm": frame["norm_kept"].astype(float)} if frame["norm_kept"].notna().any() else {}
    return pd.DataFrame({
        "run: row": frame["run"].str.removeprefix("experiment=") + ": " + frame["row"], "paper": frame["published"].astype(float),
        "ours, 95 %": [spread(line, "ours", "low", "high") for _, line in frame.iterrows()],
        **norm, "seeds": frame["seeds"].astype("Int64"), "verdict": frame["verdict"],
        "sound, 95 %": [spread(line, "sound", "sound low", "sound high") for _, line in frame.iterrows()], "source": frame["source"]})
