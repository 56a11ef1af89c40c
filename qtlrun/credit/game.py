"""Game of a row: test figures of all coalitions of its players, and what follows from them."""

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal

import numpy as np
from jaxtyping import Float64

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.outcome import Failure
from qtlrun.comparison.pairing import judge
from qtlrun.comparison.row import Row
from qtlrun.credit.player import FEWEST_PLAYERS, Player, hold_others, list_players, name_coalition
from qtlrun.credit.weight import Weights, weigh_share, weigh_whole
from qtlrun.experiment import Experiment
from qtlrun.experiment.border import guard_row
from qtlrun.plan import Plan, Redraw, Variant

Gain = Literal["nll", "correct"]  # nats by which the test NLL falls; right answers, 1 or 0
Worths = Float64[np.ndarray, "coalitions seeds items"]
Cells = list[tuple[Row, Float64[np.ndarray, "seeds items"]]]  # by split, with a row of its items
MAX_REST = 1e-9  # by which shares may differ from their sum: of the largest worth, at least of 1


@dataclass(frozen=True)
class Game:
    """Coalitions of a row's players, each trained alone beside the others at their start.

    label: of the row
    players: in the order of a coalition's bits
    comparison: rows of the coalitions by name, on each split
    """

    label: str
    players: list[Player]
    comparison: Comparison

    @property
    def count(self) -> int:
        """Number of players."""
        return len(self.players)

    @property
    def names(self) -> list[str]:
        """Names of the coalitions, in their order."""
        return [name_coalition(self.players, number) for number in range(2**self.count)]

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
        """Number of a player, by its name."""
        return [player.name for player in self.players].index(name)

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
        """Hold the Shapley values of each training and item against the gain of all players."""
        for gain in ("nll", "correct"):
            largest = max((np.abs(each).max() for each in self._worths(gain).values()), default=0)
            whole = self.apply(weigh_whole(self.count), gain)
            shares = [
                self.apply(weigh_share(self.count, player), gain) for player in range(self.count)
            ]
            for cell, items in whole.items():
                rest = np.abs(sum(share[cell] for share in shares) - items).max()
                if rest > MAX_REST * max(1, largest):
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


def play_game(label: str, variant: Variant, plan: Plan, experiment: Experiment) -> Game | None:
    """Train all coalitions of a row's players in as few programs as possible.

    None of a row with fewer than two players, or with a backbone that is trained.
    """
    redraws = experiment.distinct_redraws(plan)
    first = variant.redrawn(redraws[0].change)
    if not experiment.has_frozen_backbone(first):
        return None
    players = experiment.explore(first, list_players)
    if len(players) < FEWEST_PLAYERS:
        return None
    variants = {
        name_coalition(players, coalition): hold_others(variant, players, coalition)
        for coalition in range(2 ** len(players))
    }
    rows, errors = _train_rows(label, variants, redraws, plan.reader_key, experiment)
    splits: list[dict[str, Row]] = [{} for _ in redraws]
    for name, each in rows.items():
        for split, row in zip(splits, each, strict=True):
            split[name] = row
    comparison = Comparison({}, list(variants)[-1], splits, errors=errors)
    game = Game(label, players, comparison)
    game.check_sum()
    return game


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
    train_all = partial(experiment.train_all, label, variants, redraws, reader=reader)
    together = guard_row(train_all, experiment.session)
    if not isinstance(together, Failure):
        return together, {}
    rows: dict[str, list[Row]] = {}
    errors: dict[str, str] = {}
    for name, variant in variants.items():
        train = partial(experiment.train, name, variant, redraws, reader=reader)
        alone = guard_row(train, experiment.session)
        if isinstance(alone, Failure):
            errors[name] = alone.reason
        else:
            rows[name] = alone
    return rows, errors


def measure_row(row: Row, gain: Gain, seeds: list[int]) -> Float64[np.ndarray, "seeds items"]:
    """Worth of a coalition for each of these seeds and each item."""
    values = row.of_seeds(-row.nll if gain == "nll" else row.correct, seeds)
    return np.asarray(values, dtype=np.float64)
