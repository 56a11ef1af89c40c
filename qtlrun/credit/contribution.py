"""Contributions of games: gains, shares, interactions, differences, with their intervals."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd

from qtlrun import statistic
from qtlrun.credit.game import Gain, Game
from qtlrun.credit.player import PLUS
from qtlrun.credit.weight import (
    Weights,
    list_chosen,
    weigh_dividend,
    weigh_interaction,
    weigh_share,
    weigh_step,
    weigh_whole,
)
from qtlrun.report.frame import credit as frame

METRICS: dict[Gain, str] = {"nll": "test_nll", "correct": "test_accuracy"}
JOINTS = {"interaction": " x "}  # between players in a title, by kind
JUDGED = ("share", "interaction", "difference")  # kinds that Holm's correction is over


@dataclass(frozen=True)
class Contribution:
    """Figure that follows from the worths of a game.

    row: label of the row
    kind: gain, share, alone, last, interaction, dividend or difference
    players: names of those that it is about
    title: their names in tables, unique for its kind within a row
    gain: what it is counted in
    p_holm: by Holm's correction over all contributions of a gain that are judged; nan of others
    """

    row: str
    kind: str
    players: tuple[str, ...]
    title: str
    gain: Gain
    verdict: statistic.Verdict
    p_holm: float = math.nan

    @property
    def interval(self) -> statistic.Interval:
        """Mean over trainings and items, with its interval."""
        return self.verdict.interval

    @property
    def is_single(self) -> bool:
        """Whether it is of one training, which has no interval."""
        return self.interval.seeds * self.interval.splits == 1

    @property
    def p(self) -> float:
        """Two-sided p value; nan where it is not judged."""
        is_judged = self.kind in JUDGED and self.verdict.judged
        return statistic.p_value(self.interval) if is_judged else math.nan

    @property
    def is_told(self) -> bool:
        """Whether it is told from 0, by its interval and by Holm's correction."""
        return self.verdict.detectable and self.p_holm <= statistic.ALPHA

    @property
    def line(self) -> dict[str, object]:
        """Line of the frame."""
        interval = self.interval
        return {
            "row": self.row,
            "kind": self.kind,
            "parts": self.title,
            "metric": METRICS[self.gain],
            "value": interval.mean,
            "low": math.nan if self.is_single else interval.low,
            "high": math.nan if self.is_single else interval.high,
            "training": interval.training,
            "pictures": interval.pictures,
            "p": self.p,
            "p_holm": self.p_holm,
        }


class Contributions:
    """Contributions of all games, corrected together."""

    def __init__(self, contributions: list[Contribution]):
        self.by_key: dict[tuple[str, str, str, Gain], Contribution] = {}
        for gain in METRICS:
            same = [contribution for contribution in contributions if contribution.gain == gain]
            corrected = statistic.holm([contribution.p for contribution in same])
            for contribution, p in zip(same, corrected, strict=True):
                key = contribution.row, contribution.kind, contribution.title, gain
                self.by_key[key] = replace(contribution, p_holm=float(p))

    def points(self, contribution: Contribution) -> Contribution:
        """The same figure in right answers."""
        return self.by_key[contribution.row, contribution.kind, contribution.title, "correct"]

    def select(self, *kinds: str, row: str | None = None) -> list[Contribution]:
        """Contributions of these kinds in nats; of one row or of all."""
        return [
            contribution
            for contribution in self.by_key.values()
            if contribution.gain == "nll"
            and contribution.kind in kinds
            and row in (None, contribution.row)
        ]

    @property
    def frame(self) -> pd.DataFrame:
        """Line of each contribution."""
        return frame.CREDITS.frame([contribution.line for contribution in self.by_key.values()])


def list_contributions(game: Game) -> Iterator[Contribution]:
    """Contributions of a game in nats and in right answers; none without a training to count."""
    if not game.trainings:
        return
    for gain in METRICS:
        for kind, players, weights in _list_weights(game):
            title = JOINTS.get(kind, PLUS).join(players)
            verdict = game.estimate(weights, gain)
            yield Contribution(game.label, kind, players, title, gain, verdict)


def compare_middles(game: Game, other: Game) -> Iterator[Contribution]:
    """Share of the player between the layers, minus another row's, on the same trainings."""
    places = [_find_middle(each) for each in (game, other)]
    if None in places:
        return
    names = [each.players[place].name for each, place in zip((game, other), places, strict=True)]
    title = f"{names[0]} - {other.label}'s {names[1]}"
    for gain in METRICS:
        shares = [
            each.apply(weigh_share(each.count, place), gain)
            for each, place in zip((game, other), places, strict=True)
        ]
        both = {cell: shares[0][cell] - shares[1][cell] for cell in shares[0] if cell in shares[1]}
        if both:
            verdict = game.judge(both)
            verdict = verdict if other.is_whole else verdict.withheld()
            yield Contribution(game.label, "difference", (names[0],), title, gain, verdict)


def _list_weights(game: Game) -> Iterator[tuple[str, tuple[str, ...], Weights]]:
    """Kind, players and weights of each contribution of a game."""
    count = game.count
    names = tuple(player.name for player in game.players)
    everything = 2**count - 1
    yield "gain", names, weigh_whole(count)
    for player, name in enumerate(names):
        yield "share", (name,), weigh_share(count, player)
        yield "alone", (name,), weigh_step(count, player, 0)
        yield "last", (name,), weigh_step(count, player, everything - (1 << player))
    for pair in itertools.combinations(range(count), 2):
        yield "interaction", (names[pair[0]], names[pair[1]]), weigh_interaction(count, pair)
    for coalition in range(1, 2**count):
        chosen = tuple(names[player] for player in list_chosen(count, coalition))
        yield "dividend", chosen, weigh_dividend(count, coalition)


def _find_middle(game: Game) -> int | None:
    """Number of the only player between the layers; None where there is none or several."""
    places = [
        place for place, player in enumerate(game.players) if player.key not in ("pre", "post")
    ]
    return places[0] if len(places) == 1 else None
