"""Calibration of verdicts and intervals on cases whose truth is known."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from qtlrun import disk, statistic
from qtlrun.error import BadValue, UsageError
from qtlrun.experiment import Experiment
from qtlrun.experiment.planted import Plant
from qtlrun.plan import Plan, Variant, check_single
from qtlrun.report import figure, sentence
from qtlrun.report.progress import Progress
from qtlrun.report.report import Report
from qtlrun.report.sentence import Note

# Of the population that coverage is measured on
POPULATION_SEEDS = 200
# What no rate of an honest instrument contradicts
MAX_FALSE_RATE = 0.05
COVERAGE_RANGE = (0.90, 0.98)
MIN_DETECTION_RATE = 0.5
COLUMNS = ["check", "effect", "contrast", "verdict", "trials", "hits", "rate", "low", "high"]


@dataclass(frozen=True)
class Calibrate:
    """Test the verdicts of a plan, of its seeds and pictures, on cases whose truth is known.

    Null: the composed model against itself from other seeds; a verdict of better or worse is
    false. Coverage: seeds and pictures drawn with replacement from 200 seeds of composed minus
    twin, whose mean is the truth. Planted: labels drawn from hidden logits; from a random circuit
    the composed model must come out better than C, from a linear map worse. Rates have exact
    binomial intervals.

    margin: of the verdicts, nats of NLL
    nulls: comparisons of equal models
    resamples: intervals whose coverage is counted
    planted: data sets for each kind and effect
    effects: deviations of the hidden logits
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
                raise BadValue(name, getattr(self, name), "a whole number from 1 up")
        if not self.effects or not all(0 < effect < np.inf for effect in self.effects):
            raise BadValue("effects", self.effects, "one or more numbers above 0")

    def check(self, plans: list[Plan], experiment: Experiment) -> None:
        """Refuse several points, and plans without the models that effects are planted for."""
        check_single(plans, "calibrate", ("tune", "splits", "folds"))
        plan = plans[0]
        missing = {"C", "twin"} - plan.references.keys()
        if missing or plan.composed != "A":
            raise UsageError(
                "it plants effects for A against C and twin",
                "compose A (head=quantum freeze=backbone) and leave both in compare",
                key="study",
                value="calibrate",
            )
        if len(plan.seeds) < statistic.FEWEST:
            raise UsageError(
                "fewer than three give no verdict that could be calibrated",
                key="seeds",
                value=plan.settings.seeds,
            )

    def run(
        self, plans: list[Plan], experiment: Experiment, report: Report
    ) -> tuple[pd.DataFrame, bool]:
        """A line per rate, and whether all of them are what an honest instrument shows."""
        plan = plans[0]
        seeds = len(plan.seeds)
        variants = {name: plan.variants[name] for name in ("A", "C", "twin")}
        nulls = 2 * seeds * self.nulls
        model_seeds = list(range(max(nulls, POPULATION_SEEDS)))
        readers = [disk.digest(f"{plan.reader_key} calibrate {self.nulls}".encode())]
        nll = experiment.predict("A", [variants["A"]], model_seeds, readers=readers)[0].nll
        population = model_seeds[:POPULATION_SEEDS]
        twin = experiment.predict("twin", [variants["twin"]], population, readers=readers)[0]
        lines = [
            self._null(nll[:nulls], seeds),
            self._coverage(nll[:POPULATION_SEEDS] - twin.nll, seeds),
        ]
        for kind in ("circuit", "linear"):
            for effect in self.effects:
                plant = Plant(kind, effect, 0)
                lines += self._planted(experiment, variants, seeds, plant, report.progress)
        frame = pd.DataFrame(lines, columns=COLUMNS)
        sentences, honest = self._sentences(frame, seeds, nll.shape[1])
        rows = [(name, experiment.describe(name, variant)) for name, variant in variants.items()]
        report.finish(
            plans,
            [*map(Note, sentences), sentence.readers(twin.reads), *sentence.described(rows)],
            {"calibration": frame},
            {"detection": figure.detection(frame)},
        )
        return frame, honest

    def _null(self, nll: np.ndarray, seeds: int) -> dict:
        """Rate at which equal models are called better or worse."""
        pairs = nll.reshape(self.nulls, 2, seeds, -1)
        words = [
            statistic.verdict(first - second, self.margin).word
            for first, second in pairs
            if np.isfinite(first - second).all()
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
        """Rate at which an interval covers the mean of the population that it is drawn from."""
        generator = np.random.default_rng(0)
        hits = 0
        differences = differences[np.isfinite(differences).all(1)]
        count, items = differences.shape
        truth = differences.mean()
        for _ in range(self.resamples):
            lines = generator.integers(count, size=seeds)
            columns = generator.integers(items, size=items)
            interval = statistic.two_way(differences[np.ix_(lines, columns)])
            hits += bool(interval.low <= truth <= interval.high)
        return _rate("coverage", np.nan, "A - twin", "covered", hits, self.resamples)

    def _planted(
        self,
        experiment: Experiment,
        variants: dict[str, Variant],
        seeds: int,
        plant: Plant,
        progress: Progress,
    ) -> list[dict]:
        """Rates of each verdict on A against each reference where an effect is planted."""
        verdicts: dict[str, list[str]] = {"C": [], "twin": []}
        stage = f"planted {plant.kind}, effect {plant.effect:g}"
        progress.step(stage, 0, self.planted)
        for number in range(self.planted):
            # One line per stage, not per training
            with progress.quiet():
                nll = {
                    name: experiment.predict(
                        name,
                        [variant],
                        list(range(seeds)),
                        plant=replace(plant, number=number),
                    )[0].nll
                    for name, variant in variants.items()
                }
            for name, judged in verdicts.items():
                judged.append(self._verdict(nll["A"] - nll[name]))
            progress.step(stage, number + 1, self.planted)
        lines = []
        for name, judged in verdicts.items():
            check = f"planted {plant.kind}"
            contrast = f"A - {name}"
            lines += [
                _rate(check, plant.effect, contrast, verdict, judged.count(verdict), len(judged))
                for verdict in ("better", "worse", "equivalent", "undecided")
            ]
        return lines

    def _verdict(self, differences: np.ndarray) -> str:
        """Verdict on the seeds (seeds, items) that ended; `failed` where none did."""
        finished = np.isfinite(differences).all(1)
        if not finished.any():
            return "failed"
        return statistic.verdict(differences[finished], self.margin).word

    def _sentences(self, frame: pd.DataFrame, seeds: int, pictures: int) -> tuple[list[str], bool]:
        """Sentences on the rates, and whether they are what was promised."""
        null = frame[frame["check"] == "equal models"].iloc[0]
        coverage = frame[frame["check"] == "coverage"].iloc[0]
        promises = [
            null["low"] <= MAX_FALSE_RATE,
            coverage["high"] >= COVERAGE_RANGE[0] and coverage["low"] <= COVERAGE_RANGE[1],
        ]
        lines = [
            f"Null: A against itself from other seeds, {seeds} seeds and {pictures} pictures"
            f" each: {_fraction(null)} called better or worse.",
            "Coverage: the 95 % interval of A - twin holds the mean of its population in"
            f" {_fraction(coverage)}.",
        ]
        for kind, name, verdict in (
            ("circuit", "circuit", "better"),
            ("linear", "linear map", "worse"),
        ):
            rates = frame[
                (frame["check"] == f"planted {kind}")
                & (frame["contrast"] == "A - C")
                & (frame["verdict"] == verdict)
            ]
            shares = ", ".join(
                f"effect {line.effect:g}: {line.hits} of {line.trials}"
                for line in rates.itertuples()
            )
            lines.append(f"Planted {name}: A {verdict} than C in {shares}.")
            promises.append(rates["high"].max() > MIN_DETECTION_RATE)
        lines.append(
            "No rate contradicts what an honest instrument promises."
            if all(promises)
            else "NOT honest: a rate contradicts what is promised; look at calibration.csv."
        )
        return lines, all(promises)


def _rate(check: str, effect: float, contrast: str, verdict: str, hits: int, trials: int) -> dict:
    """A line of the frame, with the exact interval of its rate."""
    low, high = statistic.binomial(int(hits), trials)
    values = (check, effect, contrast, verdict, trials, int(hits), hits / trials, low, high)
    return dict(zip(COLUMNS, values, strict=True))


def _fraction(line: pd.Series) -> str:
    """Hits of trials, with the rate and its interval."""
    return (
        f"{line['hits']} of {line['trials']} ({line['rate']:.1%} [{line['low']:.1%},"
        f" {line['high']:.1%}])"
    )
