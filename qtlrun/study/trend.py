"""How the differences to the references change along one value: slopes with intervals, and what
they say of a claim.
"""

import itertools
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
from qtlrun.report import figure, frame, output, sentence, terminal
from qtlrun.report.progress import Progress
from qtlrun.study import table

DIFFERENCES = ["series", "key", "value", "reference", "metric", "difference", "low", "high"]
SLOPES = [
    "series",
    "key",
    "reference",
    "classical",
    "metric",
    "slope",
    "low",
    "high",
    "range",
    "seeds",
    "places",
]
METRICS = {"NLL": lambda row: row.nll, "accuracy": lambda row: row.correct}
ERRORS = {"NLL": statistic.crossed, "accuracy": statistic.proportion_difference}


@dataclass(frozen=True)
class Trend:
    """Trains the composed model and its references along a sweep of one number, and fits a line to
    each difference.

    `runs` are command lines that each sweep one key; without them the sweep of the command line
    itself is taken. `claim` is a sentence that predicts that the composed model gains on its
    classical references as the number grows, which the slopes in NLL are held against: intervals of
    95 % each, over seeds and test items.
    """

    runs: list[str] | None
    claim: str | None
    shots: int

    def __post_init__(self):
        statistic.check_shots(self.shots)

    def check(self, jobs: list[dict], experiment: Experiment) -> None:
        """Refuse sweeps of several keys, of words, of one value, of few seeds, and models without
        references that it needs.
        """
        for mine in _runs(jobs):
            where = f"study.runs, {mine[0]['run']}: " if "run" in mine[0] else ""
            keys = _swept(mine)
            if len(keys[0]) != 1 or not all(
                isinstance(value, (int, float)) for one in keys for value in one.values()
            ):
                raise Refused(
                    f"{where}study=trend follows one number; sweep it, as -m dataset.turns=0.5,1,2"
                    f" (here vary: {', '.join(keys[0]) or 'none'})."
                )
            if not plans.references(mine[0])[0]:
                raise Refused(
                    f"{where}compare=[]: a trend is one of differences; choose a reference, as"
                    " compare=[twin]."
                )
            if self.claim is not None and not _rivals(mine[0]):
                raise Refused(
                    f"{where}study.claim: it is held against references without a circuit, and"
                    " there is none; choose one, as compare=[twin]."
                )
            if len(plans.seeds(mine[0])) < statistic.FEWEST:
                raise Refused(
                    f"{where}seeds={mine[0]['seeds']}: fewer than three seeds give no interval"
                    " here."
                )
        for key, unset in (("splits", 1), ("folds", None)):
            if jobs[0][key] != unset:
                raise Refused(f"{key}={jobs[0][key]}: study=trend does not use it; leave it out.")

    def run(
        self, jobs: list[dict], out: Path, experiment: Experiment, console: Console
    ) -> tuple[pd.DataFrame, bool]:
        """A line a series, reference and metric: its slope; and whether no row failed."""
        series = {}
        with Progress(console, out / "log.txt") as progress:
            experiment.session.step = progress.step
            for name, mine in _series(jobs).items():
                points = series[name] = []
                for keys, job in zip(_swept(mine), mine, strict=True):
                    points.append(table.begin(job, keys))
                    progress.say(
                        f"{job['dataset']['_target_'].rpartition('.')[2].lower()},"
                        f" {points[-1].place}:"
                    )
                    table.fill(points[-1], job, experiment, progress)
        differences = pd.DataFrame(
            [line for name, points in series.items() for line in _differences(name, points)],
            columns=DIFFERENCES,
        )
        slopes = pd.DataFrame(
            [
                line
                for (name, points), mine in zip(series.items(), _series(jobs).values(), strict=True)
                for line in _slopes(name, points, _rivals(mine[0]))
            ],
            columns=SLOPES,
        )
        every = [point for points in series.values() for point in points]
        lines = [
            *self._verdict(
                slopes, differences, {name: _failures(points) for name, points in series.items()}
            ),
            *dict.fromkeys(note for point in every for note in point.notes),
            (
                "Least-squares lines from the least to the largest value, with 95 % intervals over"
                f" {len(plans.seeds(jobs[0]))} seeds and the test items; items that values share"
                " are paired."
            ),
            sentence.readers(max(point.reads for point in every)),
            *dict.fromkeys(point.held for point in every),
            *sentence.data(every),
            *(line for point in every for line in sentence.errors(point)),
        ]
        output.write_study(
            out,
            jobs,
            lines,
            {
                "table": _shown(slopes),
                "slopes": slopes,
                "differences": differences,
                "rows": pd.concat(
                    frame.rows_frame(points, self.shots) for points in series.values()
                ),
            },
            {"trend": figure.trend(differences)},
        )
        terminal.show_words(console, _shown(slopes))
        terminal.say(console, lines)
        return slopes, not any(point.failed for point in every)

    def _verdict(
        self, slopes: pd.DataFrame, differences: pd.DataFrame, failures: dict[str, int]
    ) -> list[str]:
        """Verdict of the slopes in NLL on the claim; nothing where trainings failed."""
        if self.claim is None:
            return []
        lines = [f"The claim: {self.claim}"]
        found = slopes[(slopes["metric"] == "NLL") & slopes["classical"]]
        for name, mine in found.groupby("series", sort=False):
            if failures[name]:
                lines.append(
                    f"{name}: no verdict, for {sentence.count(failures[name], 'training')} failed;"
                    " the slopes are of the others."
                )
                continue
            end = differences[
                (differences["series"] == name)
                & (differences["metric"] == "NLL")
                & differences["reference"].isin(mine["reference"])
            ]
            end = end[end["value"] == end["value"].max()]
            gains, loses = (
                mine["reference"][mine[side] * sign > 0].tolist()
                for side, sign in (("high", -1), ("low", 1))
            )
            better = end["reference"][end["high"] < 0].tolist()
            word = (
                "supported"
                if len(gains) == len(mine) == len(better)
                else "contradicted"
                if loses and not gains
                else "not supported"
            )
            lines.append(
                f"{name}: {word}. As {mine['key'].iloc[0]} grows, the composed model gains on"
                f" {_listed(gains)}, loses on {_listed(loses)} of {len(mine)} classical references;"
                f" at the largest it is better than {_listed(better)}."
            )
        return lines


def _failures(points: list[Point]) -> int:
    """Trainings that failed anywhere in a series."""
    return sum(point.failures(label) for point in points for label in point.labels) + sum(
        len(point.errors) for point in points
    )


def _runs(jobs: list[dict]) -> list[list[dict]]:
    """The jobs of each run; without runs all of them."""
    return [list(mine) for _, mine in itertools.groupby(jobs, key=lambda job: job.get("run"))]


def _series(jobs: list[dict]) -> dict[str, list[dict]]:
    """The jobs of each run by a name for it: its own words, where the short names of two are the
    same.
    """
    names = [_name(mine) for mine in _runs(jobs)]
    return {
        name if names.count(name) == 1 else mine[0]["run"]: mine
        for name, mine in zip(names, _runs(jobs), strict=True)
    }


def _swept(jobs: list[dict]) -> list[dict[str, object]]:
    """The keys that vary within a series, with their values, a dict a job."""
    return frame.swept([job["overrides"] for job in jobs])


def _name(jobs: list[dict]) -> str:
    """Name of a series: the words that it does not sweep, or its dataset."""
    (key,) = _swept(jobs)[0]
    words = parse(jobs[0].get("run", "").split())
    named = " ".join(word.text for word in words if word.key != key).removeprefix("dataset=")
    dataset = jobs[0]["dataset"]["_target_"].rpartition(".")[2].lower()
    return f"{named or dataset}, {key.rpartition('.')[2]}"


def _rivals(job: dict) -> set[str]:
    """The references without a circuit."""
    return {
        label
        for label, row in plans.references(job)[0].items()
        if "circuit" not in plans.parameters("head", row["head"]["_target_"], tuple(row["plugins"]))
    }


def _gaps(
    points: list[Point], label: str, values
) -> tuple[list[float], list[np.ndarray], list[tuple[str, ...]]]:
    """Where a reference has differences, these (seeds, items), of the seeds that ended at every
    place, and the items' hashes.
    """
    found = [
        (point, mine, other, both) for point in points for mine, other, both in point.pairs(label)
    ]
    seeds = sorted(set.intersection(*(set(both) for *_, both in found))) if found else []
    if not seeds:
        return [], [], []
    return (
        [next(iter(point.keys.values())) for point, *_ in found],
        [
            mine.of_seeds(values(mine), seeds) - other.of_seeds(values(other), seeds)
            for _, mine, other, _ in found
        ],
        [mine.items for _, mine, *_ in found],
    )


def _differences(name: str, points: list[Point]) -> list[dict]:
    """A line a value, reference and metric: composed minus reference."""
    lines, (key,) = [], points[0].keys
    for label in _references(points):
        for metric, values in METRICS.items():
            for value, gaps, _ in zip(*_gaps(points, label, values), strict=True):
                gap = ERRORS[metric](gaps)
                lines.append(
                    {
                        "series": name,
                        "key": key,
                        "value": value,
                        "reference": label,
                        "metric": metric,
                        "difference": gap.mean,
                        "low": gap.low,
                        "high": gap.high,
                    }
                )
    return lines


def _slopes(name: str, points: list[Point], rivals: set[str]) -> list[dict]:
    lines, (key,) = [], points[0].keys
    for label in _references(points):
        for metric, values in METRICS.items():
            places, gaps, items = _gaps(points, label, values)
            if len(set(places)) > 1 and len(gaps[0]) > 1:
                line = statistic.slope(places, gaps, items, answers=metric == "accuracy")
                lines.append(
                    {
                        "series": name,
                        "key": key,
                        "reference": label,
                        "classical": label.rstrip("*") in rivals,
                        "metric": metric,
                        "slope": line.mean,
                        "low": line.low,
                        "high": line.high,
                        "range": max(places) - min(places),
                        "seeds": line.seeds,
                        "places": len(places),
                    }
                )
    return lines


def _references(points: list[Point]) -> list[str]:
    return [
        label
        for label in dict.fromkeys(label for point in points for label in point.labels)
        if label != points[0].composed
    ]


def _shown(slopes: pd.DataFrame) -> pd.DataFrame:
    """A line a series and reference, as it is read: slopes times the range of the values, whatever
    their unit.
    """
    changes = slopes[["slope", "low", "high"]].mul(slopes["range"], axis=0).astype(float)
    told = slopes.assign(
        words=[
            terminal.interval(*line, "+z.3f", "+z.3f") for line in changes.itertuples(index=False)
        ]
    )
    nll, accuracy = (
        told[told["metric"] == metric].set_index(["series", "reference"])["words"]
        for metric in METRICS
    )
    wide = pd.DataFrame(
        {"NLL along the range, nats, 95 %": nll, "accuracy, 95 %": accuracy}, index=nll.index
    )
    return wide.reset_index().rename(columns={"reference": "composed minus"})


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "none"
