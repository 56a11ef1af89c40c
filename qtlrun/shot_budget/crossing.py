"""Section of study=shots on the least budgets at which the composed row reaches a reference."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.row import Row
from qtlrun.report.frame import shot_budget as frames
from qtlrun.report.section import Section
from qtlrun.report.sentence import Note
from qtlrun.shot_budget.curve import Outlook
from qtlrun.statistic.crossing import Crossing, find_crossing

NOT_WORSE = "not worse"
BETTER = "better"


@dataclass(frozen=True)
class Pairing:
    """Measured row and the row that it is held against, at the budgets that both have.

    points: comparisons by budget
    label: the reference of the comparison, which is either of the two
    sign: of the comparison's difference; -1 where the reference is the measured row
    """

    scheme: str
    row: str
    other: str
    points: dict[int, Comparison]
    label: str
    sign: int

    def find(self, level: float) -> Crossing:
        """Crossing of the row's NLL less the other's."""
        units = []
        names: list[Sequence[str]] = []
        by_budget = [each.pairs(self.label) for each in self.points.values()]
        for number, (model, _, seeds) in enumerate(by_budget[0]):
            pairs = [each[number] for each in by_budget]
            gaps = [self.sign * mine.paired(other, "nll", seeds) for mine, other, _ in pairs]
            stack = np.stack(gaps, axis=1)  # (seeds, budgets, items)
            # Of one split each training is a unit, of several the mean of a split's trainings
            stack = stack if len(by_budget[0]) == 1 else stack.mean(0, keepdims=True)
            units += list(stack)
            names += [_names(model, number)] * len(stack)
        return find_crossing(list(self.points), units, names, level, fewest=statistic.FEWEST)


def describe_crossings(outlook: Outlook, limit: statistic.Margin) -> Section:
    """Section with a line per measured row, scheme, other row and criterion."""
    lines = []
    notes = []
    for pairing in _pair(outlook):
        margin = pairing.points[max(pairing.points)].margins(limit)[pairing.label]
        for criterion, level in ((NOT_WORSE, margin), (BETTER, 0.0)):
            crossing = pairing.find(level)
            lines.append(_line(pairing, criterion, level, crossing))
            notes.append(Note(_say(pairing, criterion, level, crossing), ""))
    frame = frames.CROSSINGS.frame(lines)
    if lines:
        notes.append(
            Note(
                "Least preparations from which on the mean difference in NLL stays below the"
                " level, on the grid joined by straight lines in the logarithm of the budget;"
                " 95 % intervals by a bootstrap of trainings crossed with pictures."
            )
        )
    return Section("crossings", _table(frame), notes, {"crossings": frame}, {})


def _pair(outlook: Outlook) -> Iterator[Pairing]:
    """Composed row with each other, the measured one first; none where neither is measured."""
    composed = outlook.plan.composed
    for scheme in outlook.schemes:
        points = {budget: outlook.compare(scheme, budget) for budget in outlook.budgets}
        for label in outlook.plan.labels.names.values():
            shared = {
                budget: each
                for budget, each in points.items()
                if each is not None and each.pairs(label)
            }
            if label == composed or not shared:
                continue
            if outlook.has(composed, scheme):
                yield Pairing(scheme, composed, label, shared, label, 1)
            elif outlook.has(label, scheme):
                yield Pairing(scheme, label, composed, shared, label, -1)


def _names(row: Row, number: int) -> list[str]:
    """Names of test items, apart where each split draws its own."""
    items = row.items or tuple(map(str, range(len(row.labels))))
    return [f"{number} {item}" for item in items] if row.independent else list(items)


def _line(pairing: Pairing, criterion: str, level: float, crossing: Crossing) -> dict[str, object]:
    return {
        "scheme": pairing.scheme,
        "row": pairing.row,
        "reference": pairing.other,
        "criterion": criterion,
        "level": level,
        "budget": crossing.budget,
        "low": crossing.low,
        "high": crossing.high,
        "share": crossing.share,
        "at start": crossing.at_start,
    }


def _say(pairing: Pairing, criterion: str, level: float, crossing: Crossing) -> str:
    """Sentence on one crossing."""
    about = "better than" if criterion == BETTER else f"not worse by {level:.3g} nats than"
    subject = f"{pairing.row} {pairing.scheme} is {about} {pairing.other}"
    budgets = list(pairing.points)
    if not crossing.ever:
        share = "" if math.isnan(crossing.share) else f" ({crossing.share:.0%} of resamples are)"
        return f"{subject}: never on this grid, up to {budgets[-1]:,}{share}."
    interval = _interval(crossing)
    if crossing.at_start:
        return f"{subject} from the first budget on, {budgets[0]:,}{interval}."
    return f"{subject} from {crossing.budget:.2g} preparations on{interval}."


def _interval(crossing: Crossing) -> str:
    """Words on the interval of a crossing."""
    if math.isnan(crossing.low):
        return "; fewer than three trainings give no interval"
    ends = [
        f"{end:.2g}" if math.isfinite(end) else "beyond" for end in (crossing.low, crossing.high)
    ]
    return f" [{ends[0]}, {ends[1]}]"


def _table(frame: pd.DataFrame) -> pd.DataFrame:
    """Cells of the crossings."""
    lines = []
    for line in frame.to_dict("records"):
        least = "at most " if line["at start"] else ""
        budget = f"{least}{line['budget']:.2g}" if math.isfinite(line["budget"]) else "never here"
        ends = "" if math.isnan(line["low"]) else f"[{line['low']:.2g}, {line['high']:.2g}]"
        cells = {name: line[name] for name in ("row", "scheme", "criterion", "reference")}
        cells["level"] = f"{line['level']:.3g}"
        lines.append(cells | {"preparations": budget, "95 %": ends.replace("inf", "beyond")})
    return pd.DataFrame(lines)
