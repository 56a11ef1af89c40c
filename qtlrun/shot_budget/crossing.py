"""Section of study=shots on the least budgets at which the composed row reaches a reference."""

import math

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


def describe_crossings(outlook: Outlook, limit: statistic.Margin) -> Section:
    """Section with a line per scheme, reference and criterion."""
    lines = []
    notes = []
    for scheme in outlook.schemes:
        points = _points(outlook, scheme)
        for label in outlook.plan.labels.names.values():
            shared = {budget: each for budget, each in points.items() if each.pairs(label)}
            if label == outlook.plan.composed or not shared:
                continue
            margin = shared[max(shared)].margins(limit)[label]
            for criterion, level in ((NOT_WORSE, margin), (BETTER, 0.0)):
                crossing = _find(shared, label, level)
                lines.append(_line(scheme, label, criterion, level, crossing))
                notes.append(_say(outlook, scheme, label, criterion, level, crossing, shared))
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


def _points(outlook: Outlook, scheme: str) -> dict[int, Comparison]:
    """Comparisons by budget, of those at which the composed row has a value."""
    points = {budget: outlook.compare(scheme, budget) for budget in outlook.budgets}
    return {budget: each for budget, each in points.items() if each is not None}


def _find(points: dict[int, Comparison], label: str, level: float) -> Crossing:
    """Crossing of the composed row's NLL less a reference's."""
    units = []
    names = []
    by_budget = [each.pairs(label) for each in points.values()]
    first = by_budget[0]
    for number, (model, _, seeds) in enumerate(first):
        gaps = [pairs[number][0].paired(pairs[number][1], "nll", seeds) for pairs in by_budget]
        # Of one split each training is a unit, of several the mean of a split's trainings is one
        stacks = [[gap[seed] for gap in gaps] for seed in range(len(seeds))]
        if len(first) > 1:
            stacks = [[gap.mean(0) for gap in gaps]]
        units += [pd.DataFrame(stack).to_numpy() for stack in stacks]
        names += [_names(model, number)] * len(stacks)
    return find_crossing(list(points), units, names, level, fewest=statistic.FEWEST)


def _names(row: Row, number: int) -> list[str]:
    """Names of test items, apart where each split draws its own."""
    items = row.items or tuple(map(str, range(len(row.labels))))
    return [f"{number} {item}" for item in items] if row.independent else list(items)


def _line(scheme: str, label: str, criterion: str, level: float, crossing: Crossing) -> dict:
    return {
        "scheme": scheme,
        "reference": label,
        "criterion": criterion,
        "level": level,
        "budget": crossing.budget,
        "low": crossing.low,
        "high": crossing.high,
        "share": crossing.share,
    }


def _say(
    outlook: Outlook,
    scheme: str,
    label: str,
    criterion: str,
    level: float,
    crossing: Crossing,
    points: dict[int, Comparison],
) -> Note:
    """Sentence on one crossing."""
    about = "better than" if criterion == BETTER else f"not worse by {level:.3g} nats than"
    subject = f"{outlook.plan.composed} {scheme} is {about} {label}"
    share = "" if math.isnan(crossing.share) else f" ({crossing.share:.0%} of resamples do)"
    if not crossing.ever:
        return Note(f"{subject}: never on this grid, up to {max(points):,}{share}.")
    interval = _interval(crossing, max(points))
    if crossing.at_start:
        return Note(f"{subject} from the first budget on, {min(points):,}{interval}.")
    return Note(f"{subject} from {crossing.budget:.2g} preparations on{interval}.")


def _interval(crossing: Crossing, largest: int) -> str:
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
        budget = f"{line['budget']:.2g}" if math.isfinite(line["budget"]) else "never here"
        ends = "" if math.isnan(line["low"]) else f"[{line['low']:.2g}, {line['high']:.2g}]"
        cells = {"scheme": line["scheme"], "reference": line["reference"]}
        cells |= {"criterion": line["criterion"], "level": f"{line['level']:.3g}"}
        lines.append(cells | {"preparations": budget, "95 %": ends.replace("inf", "beyond")})
    return pd.DataFrame(lines)
