"""Section of study=shots on its curves: NLL and accuracy at each budget."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.row import Row
from qtlrun.ledger import Readings
from qtlrun.report import sentence
from qtlrun.report.figure.shot_budget import budget_curves
from qtlrun.report.frame import shot_budget as frames
from qtlrun.report.section import Section
from qtlrun.report.sentence import Note
from qtlrun.shot_budget.curve import Outlook
from qtlrun.shot_budget.ration import REFITTED, SCHEMES, TESTED, shorten

NO_SHOTS = "exact"  # scheme of a circuit's row without shots
NO_STATES = "none"  # of a row that prepares no state


@dataclass(frozen=True)
class Judgement:
    """Verdict on the composed row against a reference, at a budget under a scheme."""

    scheme: str
    budget: int
    reference: str
    verdict: statistic.Verdict


def describe_curves(
    outlook: Outlook, limit: statistic.Margin, seconds: float | None, processor: str | None
) -> Section:
    """Section with a line per row, scheme and budget.

    seconds: of a preparation on the processor whose time stands above the figure
    """
    frame = frames.CURVES.frame(list(_lines(outlook)))
    judgements = list(_judgements(outlook, limit))
    differences = frames.DIFFERENCES.frame([_difference(each) for each in judgements])
    table = _table(frame, judgements, outlook.plan.composed)
    notes = [*_explain(outlook), *_unreachable(outlook), *_judge(judgements, outlook, limit)]
    notes += _errors(outlook)
    return Section(
        "shots",
        table,
        notes,
        {"curves": frame, "differences": differences},
        {"shots": budget_curves(frame, seconds, processor)},
        is_failed=bool(frame["failed"].any()),
        shown=_summary(frame),
    )


def _lines(outlook: Outlook) -> Iterator[dict[str, object]]:
    """Lines of the frame: rows without shots first, then each curve."""
    for label, rows in outlook.exact.items():
        scheme = NO_SHOTS if outlook.unmeasured.get(label, True) else NO_STATES
        key = {"scheme": scheme, "row": label, "budget": pd.NA, "shots": pd.NA}
        yield key | {"epochs": pd.NA, "spent": pd.NA} | _figures(label, rows)
    for curve in outlook.curves:
        for budget, rows in curve.rows.items():
            ration = curve.rations[budget]
            epochs = pd.NA if ration.epochs is None else ration.epochs
            key = {"scheme": curve.scheme, "row": curve.label, "budget": budget}
            paid = {"shots": ration.shots, "epochs": epochs, "spent": ration.spent}
            yield key | paid | _figures(curve.label, rows)


def _figures(label: str, rows: list[Row]) -> dict[str, object]:
    """NLL and accuracy of a row with their intervals."""
    splits = [{label: row} for row in rows]
    comparison = Comparison({}, label, splits, drawn=len(splits) > 1)
    counts = {
        "trainings": sum(len(row.outcomes) for row in rows),
        "failed": comparison.failures(label),
    }
    names = ("NLL", "NLL low", "NLL high", "accuracy", "accuracy low", "accuracy high")
    if not counts["trainings"]:
        return counts | dict.fromkeys(names, float("nan"))
    nll = comparison.estimate(label, lambda row: row.nll)
    accuracy = comparison.accuracy(label)
    values = (nll.mean, max(nll.low, 0.0), nll.high, accuracy.mean, accuracy.low, accuracy.high)
    return counts | dict(zip(names, values, strict=True))


def _judgements(outlook: Outlook, limit: statistic.Margin) -> Iterator[Judgement]:
    """Verdicts on the composed row against each reference, at each budget under each scheme.

    Of those pairs of which one is measured.
    """
    for scheme, budget in itertools.product(outlook.schemes, outlook.budgets):
        comparison = outlook.compare(scheme, budget)
        verdicts = comparison.contrasts(limit) if comparison is not None else {}
        for label, verdict in verdicts.items():
            if outlook.has(outlook.plan.composed, scheme) or outlook.has(label, scheme):
                yield Judgement(scheme, budget, label, verdict)


def _difference(judgement: Judgement) -> dict[str, object]:
    """Line of the frame of differences."""
    interval = judgement.verdict.interval
    return {
        "scheme": judgement.scheme,
        "budget": judgement.budget,
        "reference": judgement.reference,
        "difference": interval.mean,
        "low": interval.low,
        "high": interval.high,
        "verdict": judgement.verdict.phrase,
    }


def _table(frame: pd.DataFrame, judgements: list[Judgement], composed: str) -> pd.DataFrame:
    """Cells of all lines; those of the composed row have its verdict on each reference."""
    words = {(each.scheme, each.budget, each.reference): each.verdict.phrase for each in judgements}
    references = list(dict.fromkeys(each.reference for each in judgements))
    lines = []
    for line in frame.to_dict("records"):
        cells = {"row": line["row"], "scheme": line["scheme"]}
        cells |= {name: _number(line[name]) for name in ("budget", "shots", "epochs")}
        cells |= {name: _estimate(line, name) for name in ("NLL", "accuracy")}
        key = line["scheme"], line["budget"]
        is_composed = line["row"] == composed
        for name in references:
            cells[f"against {name}"] = words.get((*key, name), "") if is_composed else ""
        lines.append(cells)
    return pd.DataFrame(lines)


def _summary(frame: pd.DataFrame) -> pd.DataFrame:
    """NLL with a line per budget and a column per curve; rows without shots in each line."""
    curves = frame[frame["budget"].notna()]
    names = list(dict.fromkeys(zip(curves["row"], curves["scheme"], strict=True)))
    others = frame[frame["budget"].isna()].to_dict("records")
    lines = []
    for budget in sorted(set(curves["budget"])):
        at = curves[curves["budget"] == budget]
        cells = {"preparations": f"{budget:,}"}
        for row, scheme in names:
            values = at["NLL"][(at["row"] == row) & (at["scheme"] == scheme)]
            cells[f"{row} {scheme}"] = f"{values.iloc[0]:.3f}" if len(values) else "-"
        for line in others:
            ending = " exact" if line["scheme"] == NO_SHOTS else ""
            cells[f"{line['row']}{ending}"] = f"{line['NLL']:.3f}"
        lines.append(cells)
    return pd.DataFrame(lines)


def _explain(outlook: Outlook) -> list[Note]:
    """Sentences on how to read the table."""
    words = "; ".join(f"{scheme}: {SCHEMES[scheme]}" for scheme in outlook.schemes)
    notes = [
        Note("Test NLL in nats, lower is better, by preparations of one training. " + words + "."),
        Note(
            "A budget is divided by the executions of the whole recipe, in each basis that is"
            " measured: parameter-shift gradients of every step, validation after every epoch and"
            " the test once. Every execution gets as many shots; where the recipe costs more than"
            " the budget at the fewest shots, epochs are cut. What is left over is not spent.",
            "",
        ),
    ]
    if {TESTED, REFITTED} & set(outlook.schemes):
        notes.append(
            Note(
                "tested and refitted leave out what the training itself would cost on a processor:"
                " their angles come from an exact simulation."
            )
        )
    notes += _leave_out(outlook)
    rows = [row for rows in outlook.exact.values() for row in rows]
    rows += [row for curve in outlook.curves for row in curve.all_rows]
    reads = Readings.largest(row.reads for row in rows)
    return [*notes, sentence.readers(reads, rows[0].noun)]


def _leave_out(outlook: Outlook) -> list[Note]:
    """Sentence on the scheme that would let the test split choose."""
    rows = [row for curve in outlook.curves if curve.scheme == TESTED for row in curve.all_rows]
    if all(row.blind for row in rows):
        return []
    return [
        Note(
            "refitted is left out: validation chooses the penalty of its readout, and"
            " dataset.validation=test would let the test split do so."
        )
    ]


def _unreachable(outlook: Outlook) -> list[Note]:
    """Sentences on budgets that do not pay for a curve's test, or for one epoch and the test."""
    notes = []
    for curve in outlook.curves:
        lacking = [f"{budget:,}" for budget in outlook.budgets if budget not in curve.rations]
        if lacking:
            what = "one epoch and the test" if curve.expense.epochs else "what it measures once"
            words = f"{curve.label}, {curve.scheme}: {', '.join(lacking)} do not pay for {what}."
            notes.append(Note(words))
    plain = [label for label, is_simulated in outlook.unmeasured.items() if not is_simulated]
    limits = [label for label, is_simulated in outlook.unmeasured.items() if is_simulated]
    if plain:
        notes.append(Note(f"Without any preparation, at every budget: {', '.join(plain)}."))
    if limits:
        notes.append(
            Note(
                f"Read without shots, as if of infinitely many preparations: {', '.join(limits)}."
                " How their states would be measured is not modelled here."
            )
        )
    return notes


def _judge(judgements: list[Judgement], outlook: Outlook, limit: statistic.Margin) -> list[Note]:
    """Sentence on the verdicts of each scheme against each reference."""
    groups: dict[tuple[str, str], dict[str, list[str]]] = {}
    for each in judgements:
        budgets = groups.setdefault((each.scheme, each.reference), {})
        budgets.setdefault(each.verdict.phrase, []).append(shorten(each.budget))
    notes = []
    for (scheme, reference), group in groups.items():
        phrases = [f"{word} at {', '.join(budgets)}" for word, budgets in group.items()]
        words = f"{outlook.plan.composed} - {reference}, {scheme}: {'; '.join(phrases)}."
        notes.append(Note(words))
    seen = any(each.verdict.equivalent for each in judgements)
    return [*notes, sentence.equivalence(limit, seen=seen)] if notes else []


def _errors(outlook: Outlook) -> list[Note]:
    """Sentences on trainings that failed."""
    notes = []
    for curve in outlook.curves:
        for budget, rows in curve.rows.items():
            reasons = {reason for row in rows for reason in row.errors.values()}
            where = f"{curve.label}, {curve.scheme}, {budget:,}"
            notes += [Note(f"{where}: error: {reason}.") for reason in sorted(reasons)]
    return notes


def _number(value: object) -> str:
    return "" if pd.isna(value) else f"{value:,}"


def _estimate(line: dict, name: str) -> str:
    """Value with its interval, as .81 [.70, .88]."""
    if pd.isna(line[name]):
        return "error"
    low, high = (line[f"{name} {end}"] for end in ("low", "high"))
    return f"{line[name]:.3f} [{low:.2f}, {high:.2f}]"
