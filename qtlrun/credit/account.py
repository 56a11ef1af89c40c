"""Account of a row: test figures of all coalitions of its parts, and what follows from them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Float64

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.pairing import judge
from qtlrun.comparison.row import Row
from qtlrun.credit.game import Weights, weigh_share, weigh_whole
from qtlrun.credit.member import FEWEST_MEMBERS, Member, hold_others, list_members, name_coalition
from qtlrun.experiment import Experiment
from qtlrun.plan import Plan, Redraw, Variant

Gain = Literal["nll", "correct"]  # nats by which the test NLL falls; right answers, 1 or 0
Worths = Float64[np.ndarray, "coalitions seeds items"]
Cells = list[tuple[Row, Float64[np.ndarray, "seeds items"]]]  # by split, with a row of its items
MAX_REST = 1e-9  # by which shares may differ from their sum, in nats


@dataclass(frozen=True)
class Account:
    """Coalitions of a row's parts, each trained alone beside the others at their start.

    label: of the row
    members: parts, in the order of a coalition's bits
    comparison: rows of the coalitions by name, on each split
    """

    label: str
    members: list[Member]
    comparison: Comparison

    @property
    def count(self) -> int:
        """Number of parts."""
        return len(self.members)

    @property
    def names(self) -> list[str]:
        """Names of the coalitions, in their order."""
        return [name_coalition(self.members, number) for number in range(2**self.count)]

    @cached_property
    def seeds(self) -> list[list[int]]:
        """Seeds that all coalitions finished, by split."""
        if self.comparison.errors:
            return [[] for _ in self.comparison.splits]
        seeds = []
        for rows in self.comparison.splits:
            finished = [set(rows[name].outcomes) for name in self.names]
            seeds.append(sorted(set.intersection(*finished)))
        return seeds

    @property
    def trainings(self) -> int:
        """Trainings of each coalition that count, over all splits."""
        return sum(map(len, self.seeds))

    @property
    def is_whole(self) -> bool:
        """Whether no training of any coalition failed."""
        return not self.comparison.failed

    def index_of(self, name: str) -> int:
        """Number of a part, by its name."""
        return [member.name for member in self.members].index(name)

    def apply(self, weights: Weights, gain: Gain) -> dict[tuple[int, int], np.ndarray]:
        """Weighted sum of the worths, (items,), by split and seed."""
        values = {}
        for split, worths in self._worths(gain).items():
            sums = np.tensordot(weights, worths, 1)
            for seed, items in zip(self.seeds[split], sums, strict=True):
                values[split, seed] = items
        return values

    def estimate(self, weights: Weights, gain: Gain) -> statistic.Verdict:
        """Weighted sum of the worths with its interval; better where it is above 0."""
        return self.judge(self.apply(weights, gain))

    def judge(self, values: dict[tuple[int, int], np.ndarray]) -> statistic.Verdict:
        """Mean of values (items,) by split and seed, with its interval; better where above 0.

        Withheld where a training failed: the others are no sample of all.
        """
        cells: Cells = []
        for split, rows in enumerate(self.comparison.splits):
            lines = [line for (number, _), line in values.items() if number == split]
            if lines:
                cells.append((rows[self.names[-1]], np.stack(lines)))
        verdict = statistic.detect(judge(statistic.crossed, statistic.resampled, cells))
        return verdict if self.is_whole else verdict.withheld()

    def check_sum(self) -> None:
        """Hold the Shapley values of each training and item against the gain of all parts."""
        for gain in ("nll", "correct"):
            whole = self.apply(weigh_whole(self.count), gain)
            shares = [self.apply(weigh_share(self.count, part), gain) for part in range(self.count)]
            for cell, items in whole.items():
                rest = np.abs(sum(share[cell] for share in shares) - items).max()
                if rest > MAX_REST:
                    raise ArithmeticError(f"shares of {self.label} differ by {rest} from the sum")

    def _worths(self, gain: Gain) -> dict[int, Worths]:
        """Worths of all coalitions, by split with a training that all of them finished."""
        worths = {}
        for split, (rows, seeds) in enumerate(zip(self.comparison.splits, self.seeds, strict=True)):
            if seeds:
                worths[split] = np.stack(
                    [measure_row(rows[name], gain, seeds) for name in self.names]
                )
        return worths


def open_account(
    label: str, variant: Variant, plan: Plan, experiment: Experiment
) -> Account | None:
    """Train all coalitions of a row's parts in as few programs as possible.

    None of a row with fewer than two parts, or with a backbone that is trained.
    """
    redraws = experiment.distinct_redraws(plan)
    first = variant.redrawn(redraws[0].change)
    if not experiment.has_frozen_backbone(first):
        return None
    members = experiment.explore(first, list_members)
    if len(members) < FEWEST_MEMBERS:
        return None
    variants = {
        name_coalition(members, coalition): hold_others(variant, members, coalition)
        for coalition in range(2 ** len(members))
    }
    rows, errors = _train_rows(label, variants, redraws, plan.reader_key, experiment)
    splits: list[dict[str, Row]] = [{} for _ in redraws]
    for name, each in rows.items():
        for split, row in zip(splits, each, strict=True):
            split[name] = row
    comparison = Comparison({}, list(variants)[-1], splits, errors=errors)
    account = Account(label, members, comparison)
    account.check_sum()
    return account


def _train_rows(
    label: str,
    variants: dict[str, Variant],
    redraws: list[Redraw],
    reader: str,
    experiment: Experiment,
) -> tuple[dict[str, list[Row]], dict[str, str]]:
    """Rows of coalitions on each split, and why a coalition has none, by name.

    Where an error ends the program of all, as that of a diverging coalition does whose circuit no
    longer agrees with itself, each coalition has a program of its own.
    """
    try:
        return experiment.train_all(label, variants, redraws, reader=reader), {}
    except OSError:  # the disk or the store
        raise
    except Exception:  # the border of all rows
        experiment.session.progress.trace()
    rows: dict[str, list[Row]] = {}
    errors: dict[str, str] = {}
    for name, variant in variants.items():
        try:
            rows[name] = experiment.train(name, variant, redraws, reader=reader)
        except OSError:
            raise
        except Exception as error:  # the border of a row
            errors[name] = f"{type(error).__name__}: {error}"
            experiment.session.progress.trace()
    return rows, errors


def measure_row(row: Row, gain: Gain, seeds: list[int]) -> Float64[np.ndarray, "seeds items"]:
    """Worth of a coalition for each of these seeds and each item."""
    values = row.of_seeds(-row.nll if gain == "nll" else row.correct, seeds)
    return np.asarray(values, dtype=np.float64)
