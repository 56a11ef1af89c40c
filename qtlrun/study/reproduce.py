"""Published figures beside ours: presets, each as published and in its sound form."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from qtlrun import plan as plans
from qtlrun import statistic
from qtlrun.comparison.comparison import Point
from qtlrun.experiment import Experiment
from qtlrun.plan import Refused
from qtlrun.plan.override import parse
from qtlrun.report import frame, output, sentence, terminal
from qtlrun.report.progress import Progress
from qtlrun.study import table

POINT = 0.01  # of accuracy: what another library's rounding and order may move a figure by
WIDE = 0.2  # a range of possible figures beyond which none is told from others
CHANGED = "with this changed"  # what stands in a verdict's place
OTHERS = "other items"  # the same, where a publication tested on other items
COLUMNS = (
    "run",
    "row",
    "published",
    "ours",
    "low",
    "high",
    "least",
    "most",
    "norm_kept",
    "seeds",
    "verdict",
    "sound run",
    "sound",
    "sound low",
    "sound high",
    "sound norm_kept",
    "source",
)


@dataclass(frozen=True)
class Reproduce:
    """Trains presets that carry `published` figures, and says which of these come out here.

    `runs` are command lines, one a preset; beside those of `experiment=NAME_paper` stand the
    figures of the first run of `experiment=NAME`. A figure counts as reproduced where one more
    training of ours would give it, to one point of accuracy: where it lies that near to Student's
    prediction interval over our seeds (95 %; of a single seed the figure itself), and is undecided
    where that interval is wider than 20 points or a seed failed. A figure of other test items than
    ours (`published.items` says which) is neither. A run whose words change more than the preset,
    its seeds or its references is no repetition: it has neither verdict nor sound figure. A run
    whose weights or data cannot be had is left out, and the table says why.
    """

    runs: list[str] | None
    shots: int
    excuses = True  # a run that is refused costs that run

    def __post_init__(self):
        statistic.check_shots(self.shots)

    def check(self, jobs: list[dict], experiment: Experiment) -> None:
        """Refuse plans without a published figure, figures of rows that are not there, and splits
        drawn anew.
        """
        if not any("published" in job for job in jobs):
            raise Refused(
                "study=reproduce: no plan here has published figures; choose presets that have, as"
                " study.runs=['experiment=spirals_paper']."
            )
        for job in jobs:
            for row in job.get("published", {}).get("accuracy", {}):
                known = ("composed", *(job.get("compare") or {}))
                if row not in known:
                    raise Refused(
                        f"published.accuracy.{row}: this plan has no such row;"
                        f" {plans.nearest(row, known)}"
                    )
            for key, unset in (("splits", 1), ("folds", None)):
                if job[key] != unset:
                    raise Refused(
                        f"{key}={job[key]}: study=reproduce does not use it; leave it out."
                    )

    def run(
        self, jobs: list[dict], out: Path, experiment: Experiment, console: Console
    ) -> tuple[pd.DataFrame, bool]:
        """A line a published figure, and whether every run was made and none failed."""
        points = {}
        with Progress(console, out / "log.txt") as progress:
            experiment.session.step = progress.step
            for job in jobs:
                points[_place(job)] = point = table.begin(job, {"run": _place(job)})
                progress.say(f"{_place(job)}:")
                if "refused" not in job:
                    table.fill(point, job, experiment, progress)
        found = pd.DataFrame(
            [line for job in jobs for line in _lines(job, points)], columns=COLUMNS
        )
        made = [point for point in points.values() if point.splits]
        frames = {
            "reproduction": found,
            "rows": frame.rows_frame(made, self.shots) if made else pd.DataFrame(),
        }
        lines = self._sentences(jobs, found, made)
        output.write_study(out, jobs, lines, {"table": _shown(found)} | frames, {})
        terminal.show_words(console, _shown(found).drop(columns=["source", "seeds"]))
        terminal.say(console, lines)
        return found, len(made) == len(points) and not any(point.failed for point in made)

    def _sentences(self, jobs: list[dict], found: pd.DataFrame, points: list[Point]) -> list[str]:
        lines = [
            _counted(found),
            (
                "Reproduced: one more training here would give the published figure, to one point"
                " of accuracy (95 %, over seeds); undecided where that range is wider than 20"
                " points or a seed failed; of one seed its own figure is compared. Sound: the same"
                " example without the published defects. Intervals are over seeds and test items."
            ),
        ]
        lines += [
            f"{_place(job)}: published on {job['published']['items']}, so its figure and ours are"
            " of different items: no verdict."
            for job in jobs
            if job.get("published", {}).get("items") and "refused" not in job
        ]
        lines += [
            f"{_place(job)}: not run: {' '.join(job['refused'].splitlines()).rstrip('.')}. With the"
            f" weights or data in place: qtlrun {_place(job)}"
            for job in jobs
            if "refused" in job
        ]
        lines += _truncated(found)
        sound = [
            point
            for point in points
            if point.place.removeprefix("run=") in set(found["sound run"].dropna())
        ]
        lines += [
            f"{point.place.removeprefix('run=')}: {point.about[point.composed]}. {point.held}"
            for point in sound
            if point.composed in point.labels
        ]
        return (
            lines
            + sentence.data(points)
            + [line for point in points for line in sentence.errors(point)]
        )


def _lines(job: dict, points: dict[str, Point]) -> list[dict]:
    """A line a published figure of a plan."""
    published = job.get("published", {})
    lines = []
    for name, figure in published.get("accuracy", {}).items():
        line = {
            "run": _place(job),
            "row": name,
            "published": figure,
            "source": published.get("source", ""),
        }
        if "refused" in job:
            line["verdict"] = "not run"
        else:
            line |= _ours(points[_place(job)], name, figure)
        made = line["verdict"] not in ("not run", "error")
        if made and published.get("items") and not _changed(job):
            line["verdict"] = OTHERS
        if _changed(job):
            line |= {"verdict": CHANGED} if made else {}
        elif (sound := _sound(_place(job), points)) and (found := _estimate(sound, name)):
            line |= {
                "sound run": sound.place.removeprefix("run="),
                "sound": found.mean,
                "sound low": found.low,
                "sound high": found.high,
                "sound norm_kept": _norm(sound, name),
            }
        lines.append(line)
    return lines


def _ours(point: Point, name: str, figure: float) -> dict:
    """Our figure of a row, and what it says of the published one."""
    found = _estimate(point, name)
    if found is None:
        return {"verdict": "error"}
    values = np.concatenate([row.correct.mean(1) for row in point.of(_label(point, name))])
    least, most = np.clip(statistic.further(values), 0, 1)
    unsure = most - least > WIDE or point.failures(_label(point, name))
    inside = least - POINT <= figure <= most + POINT
    return {
        "ours": found.mean,
        "low": found.low,
        "high": found.high,
        "least": least,
        "most": most,
        "seeds": len(values),
        "norm_kept": _norm(point, name),
        "verdict": "undecided" if unsure else "reproduced" if inside else "not reproduced",
    }


def _changed(job: dict) -> bool:
    """Whether more than the preset, its seeds and which references it has was said: any value that
    a figure depends on.
    """
    return any(
        override.key in ("dtype", "tune")
        or override.key.partition(".")[0] in plans.PARTS
        or override.is_below("compare")
        for override in plans.overrides(job)
    )


def _norm(point: Point, name: str) -> float | None:
    """Mean norm of a row's states inside their cutoff; None of a row without states."""
    return point.metrics(_label(point, name)).mean().get("norm_kept")


def _counted(found: pd.DataFrame) -> str:
    """Count of figures by verdict: each preset's row once, by its first run as published."""
    repeated = found[found["verdict"] != CHANGED]
    once = repeated[
        ~pd.DataFrame(
            {"preset": repeated["run"].str.split().str[0], "row": repeated["row"]}
        ).duplicated()
    ]
    done = ", ".join(f"{count} {word}" for word, count in once["verdict"].value_counts().items())
    more = len(found) - len(repeated)
    return (
        f"{sentence.count(len(once), 'published figure')}{': ' * bool(done)}{done}."
        + f" {sentence.count(more, 'line')} with something changed: no repetition, and no verdict."
        * bool(more)
    )


def _truncated(found: pd.DataFrame) -> list[str]:
    """A warning where a cutoff loses probability."""
    kept = {
        run: norm
        for name, key in (("run", "norm_kept"), ("sound run", "sound norm_kept"))
        for run, norm in zip(found[name], found[key].astype(float), strict=True)
        if not np.isnan(norm)
    }
    lost = sum(norm < sentence.LEAST_NORM for norm in kept.values())
    return (
        [
            f"Norm kept inside the cutoff: below {sentence.LEAST_NORM} in {lost} of"
            f" {sentence.count(len(kept), 'run')} with states. These are figures of the truncated"
            " model, not of the states. Sweep the cutoff: -m backbone.cutoff=15,20,30."
        ]
        if lost
        else []
    )


def _sound(place: str, points: dict[str, Point]) -> Point | None:
    """The first run of the same preset without its published defects."""
    name = place.partition(" ")[0].removesuffix("_paper")
    return next(
        (
            point
            for run, point in points.items()
            if run.partition(" ")[0] == name != place.partition(" ")[0] and point.splits
        ),
        None,
    )


def _estimate(point: Point, name: str) -> statistic.Interval | None:
    """Accuracy of a row by its name in `compare`; None where no seed of it ended."""
    label = _label(point, name)
    return point.accuracy(label) if label in point.labels and point.of(label) else None


def _label(point: Point, name: str) -> str:
    return (
        point.composed
        if name == "composed"
        else next((label for label in point.labels if label.rstrip("*") == name), name)
    )


def _place(job: dict) -> str:
    """Name of a run: its words."""
    said = {override.key: override for override in plans.overrides(job) if override.sets}
    # Of a sweep its own point.
    return " ".join(
        said[word.key].text if "," in word.text and word.key in said else word.text
        for word in parse(job.get("run", " ".join(job["overrides"])).split())
    )


def _shown(found: pd.DataFrame) -> pd.DataFrame:
    """The table as it is read."""

    def spread(line: pd.Series, *names: str) -> str:
        return "" if pd.isna(line[names[0]]) else terminal.interval(*line[list(names)])

    norm, beside = (
        {name: found[key].astype(float)} if found[key].notna().any() else {}
        for name, key in (("norm", "norm_kept"), ("its norm", "sound norm_kept"))
    )
    return pd.DataFrame(
        {
            "run: row": found["run"].str.removeprefix("experiment=") + ": " + found["row"],
            "paper": found["published"].astype(float),
            "ours, 95 %": [spread(line, "ours", "low", "high") for _, line in found.iterrows()],
            **norm,
            "seeds": found["seeds"].astype("Int64"),
            "verdict": found["verdict"],
            "sound, 95 %": [
                spread(line, "sound", "sound low", "sound high") for _, line in found.iterrows()
            ],
            **beside,
            "source": found["source"],
        }
    )
