"""Section of study=shots on the least budgets at which the composed row reaches a reference."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import pandas as pd

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.pairing import stack_units
from qtlrun.report.frame import shot_budget as frames
from qtlrun.report.section import Section
from qtlrun.report.sentence import Note
from qtlrun.shot_budget.curve import Outlook
from qtlrun.shot_budget.ration import shorten
from qtlrun.statistic.crossing import FEWEST_UNITS, Crossing, find_crossing

NOT_WORSE = "not worse"
BETTER = "better"
WITHHELD = "withheld"  # where trainings failed


@dataclass(frozen=True)
class Pairing:
    """Measured row and the row that it is held against, at the budgets that both have.

    points: comparisons by budget
    label: the reference of the comparison, which is either of the two
    sign: of the comparison's difference; -1 where the reference is the measured row
    lost: those of the two of which a training failed, at any budget
    """

    scheme: str
    row: str
    other: str
    points: dict[int, Comparison]
    label: str
    sign: int
    lost: tuple[str, ...]

    @property
    def is_by_split(self) -> bool:
        """Whether splits are drawn anew, each with the mean of its trainings; else trainings."""
        return len(next(iter(self.points.values())).splits) > 1

    @property
    def units(self) -> str:
        """Noun for what is drawn anew."""
        return "splits" if self.is_by_split else "trainings"

    @property
    def first(self) -> int:
        """Least budget that both have."""
        return min(self.points)

    @property
    def last(self) -> int:
        """Largest budget that both have."""
        return max(self.points)

    def find(self, level: float) -> Crossing:
        """Least budget from which on the row's NLL less the other's lies at or below a level.

        Of the trainings that all budgets have, on an axis of the budget's logarithm.
        """
        points = [each.pairs_by_split(self.label) for each in self.points.values()]
        units, names = stack_units(points, by_split=self.is_by_split)
        if not units:
            return Crossing(math.nan, math.nan, math.nan, math.nan, at_lowest=False)
        gaps = [self.sign * unit for unit in units]
        places = [math.log(budget) for budget in self.points]
        crossing = find_crossing(places, gaps, names, level, downwards=True)
        position, low, high = map(math.exp, (crossing.position, crossing.low, crossing.high))
        return replace(crossing, position=position, low=low, high=high)


def describe_crossings(outlook: Outlook, limit: statistic.Margin) -> Section:
    """Section with a line per measured row, scheme, other row and criterion."""
    lines = []
    cells = []
    notes = []
    for pairing in _pair(outlook):
        margin = pairing.points[pairing.last].margins(limit)[pairing.label]
        for criterion, level in ((NOT_WORSE, margin), (BETTER, 0.0)):
            crossing = pairing.find(level)
            lines.append(_line(pairing, criterion, level, crossing))
            cells.append(_cells(pairing, criterion, level, crossing))
            notes.append(Note(_say(pairing, criterion, level, crossing), ""))
    frame = frames.CROSSINGS.frame(lines)
    if lines:
        notes.append(
            Note(
                "Least preparations from which on the mean difference in NLL stays below the"
                " level, on the grid joined by straight lines in the logarithm of the budget;"
                " 95 % intervals by a bootstrap of trainings crossed with pictures, the trainings'"
                " part as wide as Student's."
            )
        )
    return Section("crossings", pd.DataFrame(cells), notes, {"crossings": frame}, {})


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
            names = (composed, label)
            lost = tuple(name for name in names if _has_failed(name, points.values()))
            if outlook.has(composed, scheme):
                yield Pairing(scheme, composed, label, shared, label, 1, lost)
            elif outlook.has(label, scheme):
                yield Pairing(scheme, label, composed, shared, label, -1, lost)


def _has_failed(label: str, points: Iterable[Comparison | None]) -> bool:
    """Whether a training of a row failed at any budget."""
    return any(each.failures(label) for each in points if each is not None)


def _line(pairing: Pairing, criterion: str, level: float, crossing: Crossing) -> dict[str, object]:
    return {
        "scheme": pairing.scheme,
        "row": pairing.row,
        "reference": pairing.other,
        "criterion": criterion,
        "level": level,
        "budget": crossing.position,
        "low": crossing.low,
        "high": crossing.high,
        "share": 1 - crossing.beyond,
        "at start": crossing.at_lowest,
        "lost": bool(pairing.lost),
    }


def _say(pairing: Pairing, criterion: str, level: float, crossing: Crossing) -> str:
    """Sentence on one crossing."""
    about = "better than" if criterion == BETTER else f"not worse by {level:.3g} nats than"
    subject = f"{pairing.row} {pairing.scheme} is {about} {pairing.other}"
    if pairing.lost:
        names = " and ".join(pairing.lost)
        reason = f"trainings of {names} failed; the others are no sample of all"
        return f"{subject}: withheld, for {reason}."
    if not math.isfinite(crossing.position):
        share = ""
        if crossing.is_estimated:
            share = f" ({1 - crossing.beyond:.0%} of resamples are)"
        return f"{subject}: never on this grid, up to {pairing.last:,}{share}."
    fewer = f"; fewer than {FEWEST_UNITS} {pairing.units} give no interval"
    interval = f" {_interval(crossing, pairing.first)}" if crossing.is_estimated else fewer
    if crossing.at_lowest:
        return f"{subject} from the first budget on, {pairing.first:,}{interval}."
    return f"{subject} from {shorten(crossing.position, 2)} preparations on{interval}."


def _interval(crossing: Crossing, first: int) -> str:
    """Ends of the interval of a crossing; nothing without one."""
    if not crossing.is_estimated:
        return ""
    return f"[{_end(crossing.low, first)}, {_end(crossing.high, first)}]"


def _end(budget: float, first: int) -> str:
    """Budget at which a level is crossed, on a grid of which one is the first."""
    if math.isinf(budget):
        return "beyond"
    # Below the first budget nothing was measured
    is_first = budget <= first or math.isclose(budget, first)
    return f"at most {shorten(first)}" if is_first else shorten(budget, 2)


def _cells(pairing: Pairing, criterion: str, level: float, crossing: Crossing) -> dict[str, str]:
    """Line of the table."""
    is_crossed = math.isfinite(crossing.position)
    budget = _end(crossing.position, pairing.first) if is_crossed else "never here"
    return {
        "row": pairing.row,
        "scheme": pairing.scheme,
        "criterion": criterion,
        "reference": pairing.other,
        "level": f"{level:.3g}",
        "preparations": WITHHELD if pairing.lost else budget,
        "95 %": "" if pairing.lost else _interval(crossing, pairing.first),
    }
