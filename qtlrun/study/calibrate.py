"""Calibration of verdicts and intervals on cases whose truth is known."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.population import OTHER, Population
from qtlrun.comparison.predictions import Predictions
from qtlrun.comparison.publication import BEST_OF, RULE_SEEDS, claims_of
from qtlrun.comparison.row import Row
from qtlrun.error import BadValue, UsageError
from qtlrun.experiment import Experiment
from qtlrun.experiment.planted import Plant
from qtlrun.ledger import Readings
from qtlrun.plan import Plan, Redraw, check_single
from qtlrun.report import figure, frame, sentence
from qtlrun.report.progress import Progress
from qtlrun.report.report import Report
from qtlrun.report.sentence import Note

PLANTED_FOR = ("C", "twin")  # references that effects are planted for
# Sizes at which verdicts on simulated families are counted
FAMILY_TRAININGS = (3, 5, 10, 20)
FAMILY_PICTURES = (40, 308, 2000)
# Trainings of the population to one division of those
RULE_SHARE = 8


@dataclass(frozen=True)
class Calibrate:
    """Test the verdicts of a plan, with its seeds, splits and tuning, where the truth is known.

    Null: each row against itself from other seeds; a verdict of better or worse is false.
    Coverage: divisions, seeds and pictures drawn with replacement from trainings of the composed
    model and each reference, whose mean difference is the truth. Families: simulated differences
    with heavy tails, skew, deaths. Planted: labels drawn from hidden logits; from a random circuit
    the composed model must come out better than C, from a linear map worse; these rows alone are
    not tuned. Rules: how often those of publications claim a difference between models that are
    equal on average. Rates have exact binomial intervals.

    margin: of the verdicts, nats of NLL or a percentage of the reference's
    population: divisions on which a row with a frozen backbone is trained, twice each
    networks: the same of a row that trains its backbone
    draws: comparisons drawn from each population and family
    planted: data sets for each kind and effect
    effects: deviations of the hidden logits
    """

    margin: float | str
    population: int
    networks: int
    draws: int
    planted: int
    effects: list[float]

    @cached_property
    def limit(self) -> statistic.Margin:
        """The margin, parsed."""
        return statistic.Margin.of(self.margin)

    def __post_init__(self):
        _ = self.limit
        for name in ("population", "networks", "draws", "planted"):
            if getattr(self, name) < 1:
                raise BadValue(name, getattr(self, name), "a whole number from 1 up")
        if not self.effects or not all(0 < effect < np.inf for effect in self.effects):
            raise BadValue("effects", self.effects, "one or more numbers above 0")

    def check(self, plans: list[Plan], experiment: Experiment) -> None:
        """Refuse several points, several splits of several seeds, too few seeds, no reference."""
        check_single(plans, "calibrate", ("folds",))
        plan = plans[0]
        if plan.settings.splits not in (1, "each"):
            raise UsageError(
                "it calibrates comparisons of one division, or of one for each seed",
                "use splits=1 or splits=each",
                key="splits",
                value=plan.settings.splits,
            )
        if not plan.claims:
            raise UsageError(
                "it calibrates differences", "choose a reference", key="compare", value="[]"
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
        names = [plan.composed, *plan.claims]
        rows = {name: self._train(experiment, plan, name) for name in names}
        lines = [self._null(plan, name, rows[name]) for name in names]
        lines += [self._coverage(plan, name, rows) for name in plan.claims]
        lines += self._planted(experiment, plan, report.progress)
        rates = frame.rates_frame(lines)
        families = self._families(rows, plan, report.progress)
        rules = self._rules(experiment, plan, rows)
        sentences, honest = sentence.calibration(rates, families, rules)
        described = [(name, experiment.describe(name, plan.variants[name])) for name in names]
        reads = Readings.largest(row.reads for each in rows.values() for row in each)
        report.finish(
            plans,
            [
                *sentences,
                *self._describe_tuning(plan),
                sentence.readers(reads, described[0][1].noun),
                *sentence.described(described),
            ],
            {"calibration": rates, "families": families, "rules": rules},
            {"detection": figure.detection(rates)} if self._plants(plan) else {},
        )
        return rates, honest

    def _train(self, experiment: Experiment, plan: Plan, name: str) -> list[Row]:
        """Rows of one training each: first on every division, then again from other seeds."""
        variant = plan.variants[name]
        count = self.population if experiment.has_frozen_backbone(variant) else self.networks
        divisions = plan.changed({"seeds": count}).redraws
        others = [_with_later_seeds(redraw, count) for redraw in divisions]
        rows = experiment.train(name, variant, [*divisions, *others], reader=plan.reader_key)
        return [single for row in rows for single in _singles(row)]

    def _null(self, plan: Plan, name: str, rows: list[Row]) -> dict:
        """Rate at which a row is called better or worse than itself."""
        half = len(rows) // 2
        population = Population.of(rows[:half], rows[half:], plan.settings.splits == 1)
        words = self._words(population.draw_null, len(plan.seeds))
        hits = sum(word in ("better", "worse") for word in words)
        return frame.rate_line(
            "equal models", 0.0, f"{name} - {name}", "better or worse", hits, words
        )

    def _coverage(self, plan: Plan, name: str, rows: dict[str, list[Row]]) -> dict:
        """Rate at which an interval holds the mean of the population that it is drawn from."""
        population = _population(plan, rows, plan.composed, name)
        generator = np.random.default_rng(0)
        covered = []
        for _ in range(self.draws):
            verdict = self._verdict(population.draw(len(plan.seeds), generator))
            if verdict.judged:
                gap = verdict.interval
                covered.append(gap.low <= population.truth <= gap.high)
        contrast = f"{plan.composed} - {name}"
        return frame.rate_line("coverage", math.nan, contrast, "covered", sum(covered), covered)

    def _words(
        self, draw: Callable[[int, np.random.Generator], Comparison], trainings: int
    ) -> list[str]:
        """Words of the verdicts on comparisons drawn at random."""
        generator = np.random.default_rng(0)
        return [self._verdict(draw(trainings, generator)).word for _ in range(self.draws)]

    def _verdict(self, comparison: Comparison) -> statistic.Verdict:
        return comparison.contrasts(self.limit)[OTHER]

    def _families(self, rows: dict[str, list[Row]], plan: Plan, progress: Progress) -> pd.DataFrame:
        """Rates of verdicts on simulated families, and on the trained rows themselves."""
        nats = self.limit.beside(statistic.LEVEL)
        families: dict[str, tuple[statistic.Family, float]] = {
            name: (statistic.Simulated(name, statistic.ERROR * nats), nats)
            for name in statistic.FAMILIES
        }
        for name in plan.claims:
            population = _population(plan, rows, plan.composed, name)
            if len({model.items for model, _ in population.pairs}) == 1:
                trained = _trained(population)
                margin = self.limit.beside(float(trained.reference.mean()))
                families[f"trained {name}"] = trained, margin
        lines = []
        sizes = list(itertools.product(families, FAMILY_TRAININGS, FAMILY_PICTURES))
        for number, (name, trainings, pictures) in enumerate(sizes):
            progress.step("families, sizes", number, len(sizes))
            family, margin = families[name]
            rates = statistic.rates(family, trainings, pictures, margin=margin, draws=self.draws)
            lines.append(frame.family_line(name, trainings, pictures, rates))
        progress.step("families, sizes", len(sizes), len(sizes))
        return pd.DataFrame(lines)

    def _plants(self, plan: Plan) -> bool:
        """Whether the plan has the models that effects are planted for."""
        return plan.composed == "A" and set(PLANTED_FOR) <= plan.claims.keys()

    def _describe_tuning(self, plan: Plan) -> list[Note]:
        """Sentence on the rows that are not tuned though the plan tunes."""
        if not (plan.settings.tune and self._plants(plan)):
            return []
        return [Note("Rows on planted labels are not tuned; the recipe's values train them.")]

    def _planted(self, experiment: Experiment, plan: Plan, progress: Progress) -> list[dict]:
        """Rates of each verdict on A against each reference where an effect is planted."""
        if not self._plants(plan):
            return []
        lines = []
        for kind, effect in itertools.product(("circuit", "linear"), self.effects):
            plants = [Plant(kind, effect, number) for number in range(self.planted)]
            progress.say(f"planted {kind}, effect {effect:g}:")
            predictions = {}
            for name in (plan.composed, *PLANTED_FOR):
                variants = [plan.variants[name]] * self.planted
                seeds = [list(range(len(plan.seeds)))] * self.planted
                predictions[name] = experiment.predict(name, variants, seeds, plants=plants)
            for name in PLANTED_FOR:
                pairs = zip(predictions[plan.composed], predictions[name], strict=True)
                words = [self._word(model, other) for model, other in pairs]
                for word in ("better", "worse", "equivalent", "undecided"):
                    hits = sum(each.startswith(word) for each in words)
                    contrast = f"{plan.composed} - {name}"
                    lines.append(
                        frame.rate_line(f"planted {kind}", effect, contrast, word, hits, words)
                    )
        return lines

    def _word(self, model: Predictions, reference: Predictions) -> str:
        """Verdict as the table gives it; `failed` where a training did."""
        if not np.isfinite(model.nll + reference.nll).all():
            return "failed"
        nats = self.limit.beside(float(reference.nll.mean()))
        level = statistic.guess(model.labels)
        return statistic.verdict_rows(model.nll, reference.nll, nats, level).word

    def _rules(
        self, experiment: Experiment, plan: Plan, rows: dict[str, list[Row]]
    ) -> pd.DataFrame:
        """Rates at which rules of publications, and verdicts here, claim a false difference.

        The composed model and a reference are equal on average where either stands for the other
        at random: a difference that is seen is one of the division, the pictures and the seeds.
        """
        rival = "twin" if "twin" in plan.claims else next(iter(plan.claims))
        count = max(2, len(rows[plan.composed]) // RULE_SHARE)
        redraws = plan.changed({"seeds": count, "splits": "each"}).redraws
        divisions = [
            replace(redraw, seeds=list(range(BEST_OF * number, BEST_OF * (number + 1))))
            for number, redraw in enumerate(redraws)
        ]
        trained = [
            experiment.train(name, plan.variants[name], divisions, reader=plan.reader_key)
            for name in (plan.composed, rival)
        ]
        pairs = list(zip(*trained, strict=True))
        generator = np.random.default_rng(0)
        claims: dict[str, list[bool]] = {}
        for _ in range(self.draws):
            model, other = pairs[int(generator.integers(len(pairs)))]
            if generator.random() < 0.5:
                model, other = other, model
            for name, claim in claims_of(model, other, generator).items():
                claims.setdefault(name, []).append(claim)
        population = _population(plan, rows, plan.composed, rival)
        for trainings in (RULE_SEEDS, BEST_OF):
            words = self._words(population.draw_null, trainings)
            title = f"this program, {trainings} seeds on divisions of their own"
            claims[title] = [word in ("better", "worse") for word in words]
        return frame.rules_frame(claims)


def _with_later_seeds(redraw: Redraw, shift: int) -> Redraw:
    """The same division with seeds that are so much larger."""
    return replace(redraw, seeds=[seed + shift for seed in redraw.seeds])


def _singles(row: Row) -> list[Row]:
    """Rows of one training each, without an outcome where it failed; weights take memory."""
    rows = []
    for seed in sorted({*row.outcomes, *row.errors}):
        outcome = row.outcomes.get(seed)
        outcomes = {seed: replace(outcome, weights={})} if outcome else {}
        rows.append(replace(row, outcomes=outcomes, errors={}))
    return rows


def _population(plan: Plan, rows: dict[str, list[Row]], model: str, other: str) -> Population:
    """Population of two rows on the same divisions, each of as many as both have."""
    count = min(len(rows[model]), len(rows[other])) // 2
    shared = plan.settings.splits == 1
    return Population.of(rows[model][:count], rows[other][:count], shared)


def _trained(population: Population) -> statistic.Resampled:
    """Family of the seeds and pictures of trained rows on the same test pictures."""
    model = np.concatenate([model.nll for model, _ in population.pairs])
    other = np.concatenate([other.nll for _, other in population.pairs])
    return statistic.Resampled(model, other, statistic.guess(population.pairs[0][0].labels))
