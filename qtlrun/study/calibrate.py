"""Is the instrument honest: equal models, planted effects, and intervals whose truth is known."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from qtlrun import disk, statistic
from qtlrun import plan as plans
from qtlrun.experiment import Experiment
from qtlrun.experiment.planted import Plant
from qtlrun.plan import Refused
from qtlrun.report import figure, output, sentence, terminal
from qtlrun.report.progress import Progress
from qtlrun.study import table

POPULATION = 200  # seeds of the population that coverage is measured on
FALSE, COVERED, FOUND = (
    0.05,
    (0.90, 0.98),
    0.5,
)  # at most, within, more than: what no rate of an honest instrument contradicts
COLUMNS = ["check", "effect", "contrast", "verdict", "trials", "hits", "rate", "low", "high"]


@dataclass(frozen=True)
class Calibrate:
    """Judges the verdicts of this plan, its seeds and its pictures on cases whose truth is known.

    Null: the composed model against itself from other seeds, `nulls` times; a verdict of better or
    worse is false. Coverage: seeds and pictures drawn with replacement, `resamples` times, from 200
    seeds of composed minus twin, whose mean is the truth. Planted: labels drawn from hidden logits
    of `effects` times unit deviation, `planted` times each; from a random circuit the composed
    model must come out better than C, from a linear map worse. Rates have exact binomial intervals.
    """

    margin: float
    nulls: int
    resamples: int
    planted: int
    effects: list[float]

    def __post_init__(self):
        statistic.check_nats(self.margin)
        for name in ("nulls", "resamples", "planted"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: a whole number from 1 up.")
        if not self.effects or not all(0 < one < np.inf for one in self.effects):
            raise ValueError(f"effects={self.effects}: one or more numbers above 0.")

    def check(self, jobs: list[dict], experiment: Experiment) -> None:
        """Refuse several points, and models that nothing can be planted for."""
        table.check_one(jobs, "calibrate")
        missing = {"C", "twin"} - plans.references(jobs[0])[0].keys()
        if missing or table.name(jobs[0]) != "A":
            raise Refused(
                "study=calibrate: it plants effects for A against C and twin; compose A"
                " (head=quantum freeze=backbone) and leave both in compare."
            )
        if len(plans.seeds(jobs[0])) < statistic.FEWEST:
            raise Refused(
                f"seeds={jobs[0]['seeds']}: fewer than three give no verdict that could be"
                " calibrated."
            )

    def run(
        self, jobs: list[dict], out: Path, experiment: Experiment, console: Console
    ) -> tuple[pd.DataFrame, bool]:
        """A line a rate, and whether all of them are what an honest instrument shows."""
        (job,), made, seeds = jobs, table.rows(jobs[0]), len(plans.seeds(jobs[0]))
        rows = {name: made[name] for name in ("A", "C", "twin")}
        with Progress(console, out / "log.txt") as progress:
            experiment.session.step = progress.step
            many = list(range(max(2 * seeds * self.nulls, POPULATION)))
            reader = [disk.digest(f"{table.reader(job)} calibrate {self.nulls}".encode())]
            own = experiment.figures("A", [rows["A"]], many, reader)[0].nll
            twin = experiment.figures("twin", [rows["twin"]], many[:POPULATION], reader)[0]
            reads = twin.reads
            twin = twin.nll
            lines = [
                self._null(own[: 2 * seeds * self.nulls], seeds),
                self._coverage(own[:POPULATION] - twin, seeds),
            ]
            for kind in ("circuit", "linear"):
                for effect in self.effects:
                    lines += self._found(experiment, rows, seeds, Plant(kind, effect, 0), progress)
        frame = pd.DataFrame(lines, columns=COLUMNS)
        said, honest = self._sentences(frame, seeds, own.shape[1])
        said.append(sentence.readers(reads))
        said += sentence.described(
            [(name, experiment.describe(name, row)) for name, row in rows.items()]
        )
        output.write_study(
            out, jobs, said, {"calibration": frame}, {"detection": figure.detection(frame)}
        )
        terminal.say(console, said)
        return frame, honest

    def _null(self, nll: np.ndarray, seeds: int) -> dict:
        """How often equal models are called better or worse."""
        pairs = nll.reshape(self.nulls, 2, seeds, -1)
        words = [
            statistic.verdict(one - other, self.margin).word
            for one, other in pairs
            if np.isfinite(one - other).all()
        ]
        return _rate(
            "equal models",
            0.0,
            "A - A",
            "better or worse",
            sum(word in ("better", "worse") for word in words),
            len(words),
        )

    def _coverage(self, differences: np.ndarray, seeds: int) -> dict:
        """How often the interval holds the mean of the population that its seeds and pictures were
        drawn from.
        """
        draw = np.random.default_rng(0)
        hits = 0
        differences = differences[np.isfinite(differences).all(1)]
        truth = differences.mean()
        for _ in range(self.resamples):
            some, pictures = (
                draw.integers(size, size=count)
                for size, count in zip(
                    differences.shape, (seeds, differences.shape[1]), strict=True
                )
            )
            interval = statistic.two_way(differences[np.ix_(some, pictures)])
            hits += bool(interval.low <= truth <= interval.high)
        return _rate("coverage", np.nan, "A - twin", "covered", hits, self.resamples)

    def _found(
        self,
        experiment: Experiment,
        rows: dict[str, dict],
        seeds: int,
        first: Plant,
        progress: Progress,
    ) -> list[dict]:
        """How often a planted effect is found: the circuit's by A, the linear map's by C; and what
        it says of the twin.
        """
        words = {"C": [], "twin": []}
        stage = f"planted {first.kind}, effect {first.effect:g}"
        experiment.session.step = lambda *_: None  # one line a stage, not one a training
        progress.step(stage, 0, self.planted)
        for number in range(self.planted):
            plant = replace(first, number=number)
            found = {
                name: experiment.figures(name, [row], list(range(seeds)), plant=plant)[0].nll
                for name, row in rows.items()
            }
            for name, verdicts in words.items():
                difference = found["A"] - found[name]
                whole = np.isfinite(difference).all(1)
                verdicts.append(
                    statistic.verdict(difference[whole], self.margin).word
                    if whole.any()
                    else "failed"
                )
            progress.step(stage, number + 1, self.planted)
        experiment.session.step = progress.step
        return [
            _rate(
                f"planted {first.kind}",
                first.effect,
                f"A - {name}",
                word,
                said.count(word),
                len(said),
            )
            for name, said in words.items()
            for word in ("better", "worse", "equivalent", "undecided")
        ]

    def _sentences(self, frame: pd.DataFrame, seeds: int, pictures: int) -> tuple[list[str], bool]:
        """The rates in words, and whether they are what was promised."""
        null, coverage = (
            frame[frame["check"] == name].iloc[0] for name in ("equal models", "coverage")
        )
        lines = [
            (
                f"Null: A against itself from other seeds, {seeds} seeds and {pictures} pictures"
                f" each: {_said(null)} called better or worse."
            ),
            (
                "Coverage: the 95 % interval of A - twin holds the mean of its population in"
                f" {_said(coverage)}."
            ),
        ]
        kept = [
            null["low"] <= FALSE,
            coverage["high"] >= COVERED[0] and coverage["low"] <= COVERED[1],
        ]
        for kind, word in (("circuit", "better"), ("linear", "worse")):
            found = frame[
                (frame["check"] == f"planted {kind}")
                & (frame["contrast"] == "A - C")
                & (frame["verdict"] == word)
            ]
            rates = ", ".join(
                f"effect {line.effect:g}: {line.hits} of {line.trials}"
                for line in found.itertuples()
            )
            lines.append(
                f"Planted {kind if kind == 'circuit' else 'linear map'}: A {word} than C in"
                f" {rates}."
            )
            kept.append(found["high"].max() > FOUND)
        lines.append(
            "No rate contradicts what an honest instrument promises."
            if all(kept)
            else "NOT honest: a rate contradicts what is promised; look at calibration.csv."
        )
        return lines, all(kept)


def _rate(check: str, effect: float, contrast: str, word: str, hits: int, trials: int) -> dict:
    low, high = statistic.binomial(int(hits), trials)
    return dict(
        zip(
            COLUMNS,
            (check, effect, contrast, word, trials, int(hits), hits / trials, low, high),
            strict=True,
        )
    )


def _said(line) -> str:
    return (
        f"{line['hits']} of {line['trials']} ({line['rate']:.1%} [{line['low']:.1%},"
        f" {line['high']:.1%}])"
    )
