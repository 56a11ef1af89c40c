"""Section on mitigation: what each method recovers of a row, beside what it executes."""

import math

import pandas as pd

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

TITLE = "mitigation"


def describe_mitigation(trial: Mitigation, label: str, margin: float) -> Section:
    """Section of a trial on the row of a label."""
    ideal = trial.row.ideal
    floor = _nll(trial.row, label, trial.row.decode(ideal))
    lines = []
    for shots in (None, trial.shots):
        attempts = trial.attempts(shots)
        plain = trial.row.decode(attempts[0].values)
        cost = _nll(trial.row, label, plain) - floor
        for each in attempts:
            logits = trial.row.decode(each.values)
            both = {each.method: trial.row.subjects, NONE: trial.row.subjects}
            line = _line(each, error_of(each.values, ideal))
            comparison = compare_logits(both, each.method, {NONE: plain, each.method: logits})
            nll = comparison.estimate(each.method, lambda row: row.nll).mean
            line |= {"accuracy": comparison.accuracy(each.method).mean, "nll": nll}
            line["recovered"] = 1 - (nll - floor) / cost if cost > 0 else math.nan
            judged = None if each.method == NONE else contrast(comparison, NONE, margin)
            lines.append(line | _gap(judged))
    frame = schema.MITIGATIONS.frame(lines)
    strengths = ", ".join(f"{name}={value:g}" for name, value in trial.noise.values.items())
    notes = [
        Note(
            f"{TITLE}: {label} under {strengths}; without noise its NLL is {floor:.3f}. Zero-noise"
            f" extrapolation folds the whole circuit to {_listed(trial.scales)} times its gates"
            " (Giurgica-Tiron et al., arXiv:2005.10921); the readout is inverted wire by wire by"
            f" chances that {CALIBRATIONS} circuits of {trial.shots} shots estimate, once for all"
            " items. `more shots` spends on the plain circuit what extrapolation does. Variance is"
            " that of a value from shots, by the plain circuit's."
        )
    ]
    return Section(TITLE, _table(frame), notes, {TITLE: frame}, {TITLE: figure.mitigation(frame)})


def _listed(scales) -> str:
    """Scales in words."""
    return ", ".join(map(str, scales))


def _nll(row: CircuitRow, label: str, logits) -> float:
    """Test NLL of a row with these logits."""
    subjects: dict[str, list[Subject]] = {label: row.subjects}
    comparison = compare_logits(subjects, label, {label: logits})
    return comparison.estimate(label, lambda each: each.nll).mean


def _line(attempt: Attempt, error: float) -> dict[str, object]:
    """Columns of what a method costs, and the error that is left."""
    return {
        "method": attempt.method,
        "shots": math.nan if attempt.shots is None else float(attempt.shots),
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
        "verdict": judged.verdict.word,
    }


def _table(frame: pd.DataFrame) -> pd.DataFrame:
    """Table of methods as it is shown."""
    lines = []
    for each in frame.itertuples():
        shots = "exact" if math.isnan(each.shots) else f"{each.shots:.0f}"
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
