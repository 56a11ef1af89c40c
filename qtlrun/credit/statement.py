"""Statement of accounts: sections on coalitions, shares and interactions."""

import math
from collections.abc import Sequence

import pandas as pd

from qtlrun.credit.account import Account
from qtlrun.credit.posting import Posting, Postings, compare_middles, list_postings
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


def state_accounts(
    accounts: list[Account], plan: Plan, extra: Sequence[Posting], notes: Sequence[Note]
) -> list[Section]:
    """Sections on all accounts, the composed row's first.

    `extra` are figures from beside them, `notes` sentences on what has none.
    """
    listed = [posting for account in accounts for posting in list_postings(account)]
    for other in accounts[1:]:
        listed += compare_middles(accounts[0], other)
    postings = Postings([*listed, *extra])
    return [
        _describe_coalitions(accounts, plan),
        _describe_shares(accounts, postings, notes),
        _describe_interactions(postings),
    ]


def _describe_coalitions(accounts: list[Account], plan: Plan) -> Section:
    """Section on the test figures of all coalitions."""
    lines = frame.COALITIONS.frame(
        [line for account in accounts for line in _list_coalitions(account)]
    )
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
    comparison = accounts[0].comparison
    notes = [
        Note("Parts that are not trained keep the start values of their seed; none: no part is."),
        *(note for account in accounts for note in state_failures(account)),
        state_design(accounts[0]),
        sentence.readers(comparison.reads, comparison.noun),
        sentence.held_fixed(plan, comparison),
    ]
    is_failed = not all(account.is_whole for account in accounts)
    return Section(
        "coalitions", table, notes, {"coalitions": lines}, {}, is_failed=is_failed, shown=table
    )


def _describe_shares(
    accounts: list[Account], postings: Postings, beside: Sequence[Note]
) -> Section:
    """Section on what each part brings, with the figure of all accounts."""
    notes = [note for account in accounts for note in state_credit(account, postings)]
    notes += map(state_difference, postings.select("difference"))
    if not postings.select("share"):
        return Section("shares", pd.DataFrame(), [*notes, *beside], {}, {}, is_failed=True)
    notes.append(
        Note(
            "A share is the mean fall of the test NLL over all orders in which the parts can join"
            " the training (Shapley value); the shares sum to the gain. Alone: beside no other"
            " trained part; last: beside all others. Points: of test accuracy. p is Holm's over"
            " shares, interactions and differences."
        )
    )
    table = _tabulate(postings, "gain", "share", "difference")
    table["alone"] = _write_steps(postings, table, "alone")
    table["last"] = _write_steps(postings, table, "last")
    lines = postings.frame
    figures = {"credit": credit_bars(lines)}
    return Section("shares", table, [*notes, *beside], {"credit": lines}, figures, shown=table)


def _describe_interactions(postings: Postings) -> Section:
    """Section on pairs of parts: what they bring together beyond what they bring apart."""
    interactions = postings.select("interaction")
    if not interactions:
        return Section("interactions", pd.DataFrame(), [], {}, {})
    table = _tabulate(postings, "interaction")
    notes = [
        *map(state_interaction, interactions),
        Note(
            "An interaction is what two parts gain together beyond what each gains without the"
            " other, mean over the training of the rest (Grabisch and Roubens 1999); credit.csv has"
            " the dividends of all coalitions (Harsanyi 1963)."
        ),
    ]
    return Section("interactions", table, notes, {}, {}, shown=table)


def _list_coalitions(account: Account) -> list[dict[str, object]]:
    """Lines of an account's coalitions, from none to all."""
    lines = []
    comparison = account.comparison
    for number, name in enumerate(account.names):
        numbers = sum(
            member.numbers for place, member in enumerate(account.members) if number >> place & 1
        )
        failed = comparison.failures(name)
        line: dict[str, object] = {"row": account.label, "trained": name, "numbers": numbers}
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


def _tabulate(postings: Postings, *kinds: str) -> pd.DataFrame:
    """Figures of these kinds in nats beside those in accuracy points."""
    lines = [
        {
            "row": posting.row,
            "part": "all" if posting.kind == "gain" else posting.parts,
            "nats [95 %]": write(posting),
            "p": _write_p(posting.p_holm),
            "points [95 %]": write(postings.points(posting), "+z.1f", POINTS),
        }
        for posting in postings.select(*kinds)
    ]
    return pd.DataFrame(lines)


def _write_p(p: float) -> str:
    """P value to three places; empty where there is none."""
    if math.isnan(p):
        return ""
    return f"{p:.3f}" if p >= LEAST_P else f"<{LEAST_P}"


def _write_steps(postings: Postings, table: pd.DataFrame, kind: str) -> list[str]:
    """Gain of each line's part when it joins no other, or all others; empty of other lines."""
    means = {(each.row, each.parts): each.interval.mean for each in postings.select(kind)}
    keys = zip(table["row"], table["part"], strict=True)
    return [f"{means[key]:+z.3f}" if key in means else "" for key in keys]


def _write_column(lines: pd.DataFrame, key: str) -> list[str]:
    """Figure of each line with its interval; empty where there is none."""
    columns = (lines[key], lines[f"{key}_low"], lines[f"{key}_high"])
    return [
        "" if math.isnan(mean) else f"{mean:.3f} [{low:.3f}, {high:.3f}]"
        for mean, low, high in zip(*columns, strict=True)
    ]
