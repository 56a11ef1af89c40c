"""Sections on games: coalitions, shares and interactions."""

import math
from collections.abc import Sequence

import pandas as pd

from qtlrun.credit.contribution import (
    Contribution,
    Contributions,
    compare_middles,
    list_contributions,
)
from qtlrun.credit.game import Game
from qtlrun.credit.wording import (
    POINTS,
    state_credit,
    state_design,
    state_difference,
    state_failures,
    state_interaction,
    write,
)
from qtlrun.plan import Plan
from qtlrun.report import sentence
from qtlrun.report.figure.credit import credit_bars
from qtlrun.report.frame import credit as frame
from qtlrun.report.section import Section
from qtlrun.report.sentence import Note

LEAST_P = 0.001  # below which a table writes no p value


def describe_games(
    games: list[Game], plan: Plan, extra: Sequence[Contribution], notes: Sequence[Note]
) -> list[Section]:
    """Sections on all games, the composed row's first.

    `extra` are figures from beside them, `notes` sentences on what has none.
    """
    listed = [contribution for game in games for contribution in list_contributions(game)]
    for other in games[1:]:
        listed += compare_middles(games[0], other)
    contributions = Contributions([*listed, *extra])
    return [
        _describe_coalitions(games, plan),
        _describe_shares(games, contributions, notes),
        _describe_interactions(contributions),
    ]


def _describe_coalitions(games: list[Game], plan: Plan) -> Section:
    """Section on the test figures of all coalitions."""
    lines = frame.COALITIONS.frame([line for game in games for line in _list_coalitions(game)])
    table = pd.DataFrame(
        {
            "row": lines["row"],
            "trained": lines["trained"],
            "numbers": lines["numbers"].astype(str),
            "NLL, nats [95 %]": _write_column(lines, "nll"),
            "accuracy [95 %]": _write_column(lines, "accuracy"),
        }
    )
    if lines["failed"].any():
        table["failed"] = lines["failed"].astype(str)
    comparison = games[0].comparison
    notes = [
        Note("Parts that are not trained keep the start values of their seed; none: no part is."),
        *(note for game in games for note in state_failures(game)),
        state_design(games[0]),
        sentence.readers(comparison.reads, comparison.noun),
        sentence.held_fixed(plan, comparison),
    ]
    is_failed = not all(game.is_whole for game in games)
    return Section(
        "coalitions", table, notes, {"coalitions": lines}, {}, is_failed=is_failed, shown=table
    )


def _describe_shares(
    games: list[Game], contributions: Contributions, beside: Sequence[Note]
) -> Section:
    """Section on what each player brings, with the figure of all games."""
    notes = [note for game in games for note in state_credit(game, contributions)]
    notes += map(state_difference, contributions.select("difference"))
    if not contributions.select("share"):
        return Section("shares", pd.DataFrame(), [*notes, *beside], {}, {}, is_failed=True)
    notes.append(
        Note(
            "A share is the mean fall of the test NLL over all orders in which the parts can join"
            " the training (Shapley value); the shares sum to the gain. Alone: beside no other"
            " trained part; last: beside all others. Points: of test accuracy. p is Holm's over"
            " shares, interactions and differences."
        )
    )
    table = _tabulate(contributions, "gain", "share", "difference")
    table["alone"] = _write_steps(contributions, table, "alone")
    table["last"] = _write_steps(contributions, table, "last")
    lines = contributions.frame
    figures = {"credit": credit_bars(lines)}
    return Section("shares", table, [*notes, *beside], {"credit": lines}, figures, shown=table)


def _describe_interactions(contributions: Contributions) -> Section:
    """Section on pairs of players: what they bring together beyond what they bring apart."""
    interactions = contributions.select("interaction")
    if not interactions:
        return Section("interactions", pd.DataFrame(), [], {}, {})
    table = _tabulate(contributions, "interaction")
    notes = [
        *map(state_interaction, interactions),
        Note(
            "An interaction is what two parts gain together beyond what each gains without the"
            " other, mean over the training of the rest (Grabisch and Roubens 1999); credit.csv has"
            " the dividends of all coalitions (Harsanyi 1963)."
        ),
    ]
    return Section("interactions", table, notes, {}, {}, shown=table)


def _list_coalitions(game: Game) -> list[dict[str, object]]:
    """Lines of a game's coalitions, from none to all."""
    lines = []
    comparison = game.comparison
    for number, name in enumerate(game.names):
        numbers = sum(
            player.numbers for place, player in enumerate(game.players) if number >> place & 1
        )
        failed = comparison.failures(name)
        line: dict[str, object] = {"row": game.label, "trained": name, "numbers": numbers}
        line |= {"trainings": comparison.trainings(name) - failed, "failed": failed}
        is_finished = bool(comparison.of(name))
        nll = comparison.estimate(name, lambda row: row.nll) if is_finished else None
        accuracy = comparison.accuracy(name) if is_finished else None
        for key, interval in {"nll": nll, "accuracy": accuracy}.items():
            line[key] = interval.mean if interval else math.nan
            line[f"{key}_low"] = interval.low if interval else math.nan
            line[f"{key}_high"] = interval.high if interval else math.nan
        lines.append(line)
    return lines


def _tabulate(contributions: Contributions, *kinds: str) -> pd.DataFrame:
    """Figures of these kinds in nats beside those in accuracy points."""
    lines = [
        {
            "row": contribution.row,
            "part": "all" if contribution.kind == "gain" else contribution.title,
            "nats [95 %]": write(contribution),
            "p": _write_p(contribution.p_holm),
            "points [95 %]": write(contributions.points(contribution), "+z.1f", POINTS),
        }
        for contribution in contributions.select(*kinds)
    ]
    return pd.DataFrame(lines)


def _write_p(p: float) -> str:
    """P value to three places; empty where there is none."""
    if math.isnan(p):
        return ""
    return f"{p:.3f}" if p >= LEAST_P else f"<{LEAST_P}"


def _write_steps(contributions: Contributions, table: pd.DataFrame, kind: str) -> list[str]:
    """Gain of each line's player when it joins no other, or all others; empty of other lines."""
    means = {(each.row, each.title): each.interval.mean for each in contributions.select(kind)}
    keys = zip(table["row"], table["part"], strict=True)
    return [f"{means[key]:+z.3f}" if key in means else "" for key in keys]


def _write_column(lines: pd.DataFrame, key: str) -> list[str]:
    """Figure of each line with its interval; empty where there is none."""
    columns = (lines[key], lines[f"{key}_low"], lines[f"{key}_high"])
    return [
        "" if math.isnan(mean) else f"{mean:.3f} [{low:.3f}, {high:.3f}]"
        for mean, low, high in zip(*columns, strict=True)
    ]
