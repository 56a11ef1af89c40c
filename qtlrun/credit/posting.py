"""Postings of accounts: gains, shares, interactions and differences, each with its interval."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd

from qtlrun import statistic
from qtlrun.credit import game
from qtlrun.credit.account import Account, Gain
from qtlrun.credit.member import name_coalition
from qtlrun.report.frame import credit as frame

METRICS: dict[Gain, str] = {"nll": "test_nll", "correct": "test_accuracy"}
JUDGED = ("share", "interaction", "difference")  # kinds that Holm's correction is over


@dataclass(frozen=True)
class Posting:
    """Figure that follows from the worths of an account.

    row: label of the row
    kind: gain, share, alone, last, interaction, dividend or difference
    parts: that it is about
    gain: what it is counted in
    p_holm: by Holm's correction over all postings of a gain that are judged; nan of others
    """

    row: str
    kind: str
    parts: str
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
            "parts": self.parts,
            "metric": METRICS[self.gain],
            "value": interval.mean,
            "low": math.nan if self.is_single else interval.low,
            "high": math.nan if self.is_single else interval.high,
            "training": interval.training,
            "pictures": interval.pictures,
            "p": self.p,
            "p_holm": self.p_holm,
        }


class Postings:
    """Postings of all accounts, corrected together."""

    def __init__(self, postings: list[Posting]):
        self.by_key: dict[tuple[str, str, str, Gain], Posting] = {}
        for gain in METRICS:
            same = [posting for posting in postings if posting.gain == gain]
            corrected = statistic.holm([posting.p for posting in same])
            for posting, p in zip(same, corrected, strict=True):
                key = posting.row, posting.kind, posting.parts, gain
                self.by_key[key] = replace(posting, p_holm=float(p))

    def find(self, row: str, kind: str, parts: str, gain: Gain) -> Posting:
        """Posting of a row, by its kind, parts and gain."""
        return self.by_key[row, kind, parts, gain]

    def points(self, posting: Posting) -> Posting:
        """The same figure in right answers."""
        return self.find(posting.row, posting.kind, posting.parts, "correct")

    def select(self, *kinds: str, row: str | None = None) -> list[Posting]:
        """Postings of these kinds in nats; of one row or of all."""
        return [
            posting
            for posting in self.by_key.values()
            if posting.gain == "nll" and posting.kind in kinds and row in (None, posting.row)
        ]

    @property
    def frame(self) -> pd.DataFrame:
        """Line of each posting."""
        return frame.CREDITS.frame([posting.line for posting in self.by_key.values()])


def list_postings(account: Account) -> Iterator[Posting]:
    """Postings of an account in nats and in right answers; none without a training to count."""
    if not account.trainings:
        return
    for gain in METRICS:
        for kind, parts, weights in _list_weights(account):
            yield Posting(account.label, kind, parts, gain, account.estimate(weights, gain))


def compare_middles(account: Account, other: Account) -> Iterator[Posting]:
    """Share of the part between the layers, minus that of another row, on the same trainings."""
    places = [_find_middle(each) for each in (account, other)]
    if None in places:
        return
    names = [each.members[place].name for each, place in zip((account, other), places, strict=True)]
    parts = f"{names[0]} - {other.label}'s {names[1]}"
    for gain in METRICS:
        shares = [
            each.apply(game.weigh_share(each.count, place), gain)
            for each, place in zip((account, other), places, strict=True)
        ]
        both = {cell: shares[0][cell] - shares[1][cell] for cell in shares[0] if cell in shares[1]}
        if both:
            verdict = account.judge(both)
            verdict = verdict if other.is_whole else verdict.withheld()
            yield Posting(account.label, "difference", parts, gain, verdict)


def _list_weights(account: Account) -> Iterator[tuple[str, str, game.Weights]]:
    """Kind, parts and weights of each posting of an account."""
    count = account.count
    names = [member.name for member in account.members]
    everything = 2**count - 1
    yield "gain", account.names[-1], game.weigh_whole(count)
    for part, name in enumerate(names):
        yield "share", name, game.weigh_share(count, part)
        yield "alone", name, game.weigh_step(count, part, 0)
        yield "last", name, game.weigh_step(count, part, everything - (1 << part))
    for pair in itertools.combinations(range(count), 2):
        parts = " x ".join(names[part] for part in pair)
        yield "interaction", parts, game.weigh_interaction(count, pair)
    for coalition in range(1, 2**count):
        parts = name_coalition(account.members, coalition)
        yield "dividend", parts, game.weigh_dividend(count, coalition)


def _find_middle(account: Account) -> int | None:
    """Number of the only part between first and last layer; None where there is none or several."""
    places = [
        place for place, member in enumerate(account.members) if member.key not in ("pre", "post")
    ]
    return places[0] if len(places) == 1 else None
