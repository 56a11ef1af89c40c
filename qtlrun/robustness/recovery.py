"""Section on mitigation: what each method recovers of a row, beside what it executes."""

import math

import pandas as pd

from qtlrun import statistic
from qtlrun.experiment.subject import Subject
from qtlrun.report.figure import robustness as figure
from qtlrun.report.frame import robustness as schema
from qtlrun.report.section import Section
from qtlrun.report.sentence import Note
from qtlrun.robustness.contrast import contrast
from qtlrun.robustness.exposure import CircuitRow, compare_logits
from qtlrun.robustness.mitigation import (
    CALIBRATIONS,
    NONE,
    Attempt,
    Mitigation,
    error_of,
)
from qtlrun.robustness.selection import Selection

TITLE = "mitigation"


def describe_mitigation(
    trial: Mitigation, selection: Selection, margin: statistic.Margin | float
) -> Section:
    """Section of a trial on the first row of a selection."""
    label = selection.composed
    floor = _nll(trial.row, label, trial.row.decode(trial.row.ideal))
    is_lost = label in selection.failures
    lines = []
    for shots in (None, trial.shots):
        lines += _judge(trial, trial.attempts(shots), margin, is_lost)
    frame = schema.MITIGATIONS.frame(lines)
    strengths = ", ".join(f"{name}={value:g}" for name, value in trial.noise.values.items())
    notes = [
        Note(
            f"{TITLE}: {label} under {strengths}; without noise its NLL is {floor:.3f}. Zero-noise"
            f" extrapolation folds the whole circuit to {_listed(trial.factors)} times its gates"
            " (Giurgica-Tiron et al., arXiv:2005.10921); the readout is inverted wire by wire by"
            f" chances that {CALIBRATIONS} circuits of {trial.shots} shots estimate, once for all"
            " items. `more shots` spends on the plain circuit what extrapolation does. Variance is"
            " that of a value from shots, by the plain circuit's."
        )
    ]
    return Section(TITLE, _table(frame), notes, {TITLE: frame}, {TITLE: figure.mitigation(frame)})


def _judge(
    trial: Mitigation, attempts: list[Attempt], margin: statistic.Margin | float, is_lost: bool
) -> list[dict[str, object]]:
    """Lines of attempts, the first of which is without mitigation.

    is_lost: whether a training of the row failed, so that no verdict is given
    """
    row = trial.row
    silent = row.decode(trial.row.ideal)
    plain = row.decode(attempts[0].values)
    floor = _nll(row, NONE, silent)
    cost = _nll(row, NONE, plain) - floor
    lines = []
    for each in attempts:
        both = {each.method: row.subjects, NONE: row.subjects}
        logits = {NONE: plain, each.method: row.decode(each.values)}
        comparison = compare_logits(both, each.method, logits)
        first = compare_logits(both, each.method, dict.fromkeys(both, silent))
        nll = comparison.estimate(each.method, lambda row: row.nll).mean
        line = _line(each, error_of(each.values, trial.row.ideal))
        line |= {"accuracy": comparison.accuracy(each.method).mean, "nll": nll}
        line["recovered"] = 1 - (nll - floor) / cost if cost > 0 else math.nan
        lost = (NONE,) if is_lost else ()
        judged = None
        if each.method != NONE:
            judged = contrast(comparison, NONE, margin, first, lost)
        lines.append(line | _gap(judged))
    return lines


def _listed(factors) -> str:
    """Factors in words."""
    return ", ".join(map(str, factors))


def _nll(row: CircuitRow, label: str, logits) -> float:
    """Test NLL of a row with these logits."""
    subjects: dict[str, list[Subject]] = {label: row.subjects}
    comparison = compare_logits(subjects, label, {label: logits})
    return comparison.estimate(label, lambda each: each.nll).mean


def _line(attempt: Attempt, error: float) -> dict[str, object]:
    """Columns of what a method costs, and the error that is left."""
    return {
        "method": attempt.method,
        "shots": math.inf if attempt.shots is None else float(attempt.shots),
        "circuits": attempt.circuits,
        "gates": float(attempt.gates),
        "shots_per_item": attempt.shots_per_item,
        "variance": attempt.variance,
        "error": error,
    }


def _gap(judged) -> dict[str, object]:
    """Columns of a difference to no mitigation."""
    if judged is None:
        return {"difference": 0.0, "low": math.nan, "high": math.nan, "verdict": ""}
    gap = judged.verdict.interval
    return {
        "difference": gap.mean,
        "low": gap.low,
        "high": gap.high,
        "verdict": judged.verdict.phrase,
    }


def _table(frame: pd.DataFrame) -> pd.DataFrame:
    """Table of methods as it is shown."""
    lines = []
    for each in frame.itertuples():
        shots = "exact" if math.isinf(each.shots) else f"{each.shots:.0f}"
        gap = f"{each.difference:+.3f} [{each.low:+.3f}, {each.high:+.3f}] {each.verdict}"
        lines.append(
            {
                "method": each.method,
                "shots": shots,
                "circuits": str(each.circuits),
                "gates": f"{each.gates:g}",
                "variance": "" if math.isnan(each.variance) else f"{each.variance:.2f}",
                "error of <Z>": f"{each.error:.3f}",
                "accuracy": f"{each.accuracy:.3f}",
                "NLL": f"{each.nll:.3f}",
                "recovered": "" if math.isnan(each.recovered) else f"{each.recovered:.0%}",
                "NLL - none": "" if each.method == NONE else gap,
            }
        )
    return pd.DataFrame(lines)
