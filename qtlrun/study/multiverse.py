"""Differences under each defensible protocol: their signs, and the choices that turn them."""

import itertools
import json
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from qtlrun import disk, statistic
from qtlrun.comparison.predictions import Predictions
from qtlrun.error import NO_VALUE, BadValue, UsageError, nearest, text
from qtlrun.experiment import Experiment
from qtlrun.ledger import Readings
from qtlrun.plan import GROUPS, Plan, bare, check_part, check_same, check_single
from qtlrun.report import figure, sentence
from qtlrun.report.frame import joint_frame
from qtlrun.report.report import Report
from qtlrun.report.sentence import Note, count


@dataclass(frozen=True)
class Multiverse:
    """Train the composed model and its references under every combination of choices.

    Each protocol has all seeds. A difference is composed minus reference in nats of test NLL,
    two-way over seeds and pictures within its protocol. A joint test over all protocols exchanges
    the two models within a seed (`statistic.flip_signs`). Source: Steegen et al. 2016,
    doi:10.1177/1745691616658637; the specification curve of Simonsohn et al. 2020,
    doi:10.1038/s41562-020-0912-z.

    margin: of the verdicts, nats of NLL or a percentage of the reference's
    choices: values to try, by group and key
    """

    margin: float | str
    choices: dict

    @cached_property
    def limit(self) -> statistic.Margin:
        """The margin, parsed."""
        return statistic.Margin.of(self.margin)

    def __post_init__(self):
        _ = self.limit
        if not self.choices or not all(
            isinstance(part, dict) and part for part in self.choices.values()
        ):
            raise BadValue(
                "choices",
                NO_VALUE,
                "groups of keys with the values to try, as study.choices.recipe.lr=[0.001,0.01]",
            )
        for group, part in self.choices.items():
            for name, values in part.items():
                if (
                    not isinstance(values, list)
                    or not values
                    or len(set(map(str, values))) < len(values)
                ):
                    reason = "a list of different values is needed here"
                    raise BadValue(f"choices.{group}.{name}", values, reason)

    def check(self, plans: list[Plan], experiment: Experiment) -> None:
        """Refuse several points, no reference, and protocols that cannot be built."""
        check_single(plans, "multiverse", ("tune", "splits", "folds"))
        plan = plans[0]
        if not plan.references:
            raise UsageError(
                "a multiverse is one of differences",
                "choose a reference, as compare=[twin]",
                key="compare",
                value="[]",
            )
        for key in self._keys():
            _check_choice(plan, key)
        for variant in plan.variants.values():
            for values in self._single_values():
                check_same(variant, values, "study.choices")
                changed = variant.changed(values)
                for group in self.choices:
                    check_part(group, changed.part(group), changed.plugins)
                experiment.check(changed)

    def run(
        self, plans: list[Plan], experiment: Experiment, report: Report
    ) -> tuple[pd.DataFrame, bool]:
        """Difference to each reference under each protocol, and whether none failed."""
        plan = plans[0]
        protocols = self._protocols()
        readers = [
            disk.digest(json.dumps([plan.reader_key, protocol]).encode()) for protocol in protocols
        ]
        seeds = count(len(plan.seeds), "seed")
        report.progress.say(f"{len(protocols)} protocols, {seeds} each:")
        variants = {}
        for name in (plan.composed, *plan.claims):
            variants[name] = [plan.variants[name].changed(protocol) for protocol in protocols]
        predictions = {
            name: experiment.predict(name, each, [plan.seeds] * len(each), readers=readers)
            for name, each in variants.items()
        }
        frame = self._frame(protocols, predictions)
        joint = joint_frame(predictions)
        reads = Readings.largest(each.reads for row in predictions.values() for each in row)
        rows = [
            (name, experiment.describe(name, variant))
            for name, each in variants.items()
            for variant in each
        ]
        report.finish(
            plans,
            [
                *self._sentences(frame, plan),
                *sentence.joint(joint, plan.composed),
                sentence.readers(reads, rows[0][1].noun),
                *sentence.described(rows),
            ],
            {"multiverse": frame, "joint": joint},
            {
                f"specification_curve-{name}": figure.specification_curve(
                    part, plan.composed, name, self._keys()
                )
                for name, part in frame.groupby("reference", sort=False)
            },
        )
        return frame, bool((frame["seeds"] == len(plan.seeds)).all())

    def _keys(self) -> list[str]:
        """Keys of the choices, as `group.key`."""
        return [f"{group}.{name}" for group, part in self.choices.items() for name in part]

    def _protocols(self) -> list[dict[str, object]]:
        """Combinations of the values of all choices, by `group.key`."""
        values = [values for part in self.choices.values() for values in part.values()]
        return [dict(zip(self._keys(), each, strict=True)) for each in itertools.product(*values)]

    def _single_values(self) -> list[dict[str, object]]:
        """Each value of each choice alone, for the checks."""
        return [
            {f"{group}.{name}": value}
            for group, part in self.choices.items()
            for name, values in part.items()
            for value in values
        ]

    def _frame(
        self, protocols: list[dict], predictions: dict[str, list[Predictions]]
    ) -> pd.DataFrame:
        """A line per reference and protocol; `predictions` has the composed model first."""
        composed, *references = predictions
        lines = []
        for name in references:
            pairs = zip(predictions[composed], predictions[name], strict=True)
            for protocol, (model, other) in zip(protocols, pairs, strict=True):
                choices = {key: _cell(value) for key, value in protocol.items()}
                line = {"reference": name} | choices | self._difference(model, other)
                lines.append(line)
        columns = [
            "reference",
            *self._keys(),
            "seeds",
            "difference",
            "low",
            "high",
            "verdict",
            "margin",
            "validation",
        ]
        return pd.DataFrame(lines, columns=columns)

    def _difference(self, model: Predictions, other: Predictions) -> dict[str, object]:
        """Paired difference of the seeds that both finished; no verdict where one failed."""
        finished = np.isfinite(model.nll + other.nll).all(1)
        count = int(finished.sum())
        if count < min(len(finished), statistic.FEWEST):
            return {"difference": np.nan, "seeds": count}
        margin = self.limit.beside(float(other.nll[finished].mean()))
        level = statistic.guess(model.labels)
        verdict = statistic.verdict_rows(model.nll[finished], other.nll[finished], margin, level)
        if not finished.all():
            verdict = verdict.withheld()
        return {
            "difference": verdict.interval.mean,
            "seeds": count,
            "low": verdict.interval.low,
            "high": verdict.interval.high,
            "verdict": verdict.phrase,
            "margin": margin,
            "validation": float((model.validation - other.validation)[finished].mean()),
        }

    def _sentences(self, frame: pd.DataFrame, plan: Plan) -> list[Note]:
        """Sentence on each reference over the grid."""
        notes = []
        for name, part in frame.groupby("reference", sort=False):
            finished = part[np.isfinite(part["difference"])]
            if finished.empty:
                notes.append(Note(f"{plan.composed} - {name}: no protocol was finished."))
            else:
                note = self._sentence(part, finished, len(plan.seeds), plan.composed)
                notes.append(note.at(f"{plan.composed} - {name}, {plan.claims[name]}"))
        return notes

    def _sentence(
        self, protocols: pd.DataFrame, finished: pd.DataFrame, seeds: int, composed: str
    ) -> Note:
        """Sentence on the signs of differences, their range, and the choices that turn them."""
        gap = finished["difference"]
        below = (gap < 0).mean()
        above = (gap > 0).mean()
        whole = finished["seeds"] == seeds
        surely_below = (whole & (finished["high"] < 0)).mean()
        surely_above = (whole & (finished["low"] > 0)).mean()
        lost = int((protocols["seeds"] < seeds).sum())
        failed = (
            f" {count(lost, 'protocol')} had seeds that failed and no verdict; those with"
            " fewer than three are left out."
            if lost
            else ""
        )
        shares = self._shares(finished)
        total = f"{count(len(finished), 'protocol')} of {count(seeds, 'seed')}"
        most = f"; {shares[0]} of the variance" if shares else ""
        parts = (
            f" Of the variance between protocols each choice has a part in: {', '.join(shares)}."
            if shares
            else ""
        )
        return Note(
            f"below 0 ({composed} better) in {below:.0%} of {total}, above 0 in {above:.0%};"
            f" median {gap.median():+z.3f} nats, from {gap.min():+z.3f} to {gap.max():+z.3f};"
            f" the 95 % interval lies below 0 in {surely_below:.0%} and"
            f" above 0 in {surely_above:.0%}.{parts}{failed}",
            f"{composed} better in {below:.0%} of {total} (95 % interval below 0 in"
            f" {surely_below:.0%}), worse in {above:.0%} (above 0 in {surely_above:.0%}){most}."
            f"{failed}",
        )

    def _shares(self, finished: pd.DataFrame) -> list[str]:
        """Shares of the variance by choice, in total and alone, the largest first."""
        gaps = finished["difference"].to_numpy()
        choices = {key: finished[key] for key in self._keys() if finished[key].nunique() > 1}
        alone = statistic.explained(gaps, choices)
        total = statistic.swayed(gaps, choices)
        order = sorted(total, key=total.get, reverse=True)
        return [f"{key} {total[key]:.0%} ({alone[key]:.0%} alone)" for key in order]


def _check_choice(plan: Plan, key: str) -> None:
    """Refuse a choice that no row has, or that the command line gives a value."""
    group, _, name = key.partition(".")
    if group not in GROUPS:
        raise UsageError(nearest(group, GROUPS), key=f"study.choices.{group}")
    if not any(variant.has(key) for variant in plan.variants.values()):
        names = [each for each in bare(plan.model.part(group)) if each != "_target_"]
        raise UsageError(
            "no row has such a value", nearest(name, names), key=f"study.choices.{key}"
        )
    if plan.sets(key):
        raise UsageError(
            f"study.choices.{key} has it too, so the value typed would not be heeded",
            f"~study.choices.{key} takes it out of the grid",
            key=key,
        )


def _cell(value: object) -> object:
    """A choice as a cell: null and lists as the texts that they are typed by."""
    return value if isinstance(value, (int, float, str)) else text(value)
