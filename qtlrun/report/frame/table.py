"""Table of one point."""

import numpy as np
import pandas as pd

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.metric import COSTS, RESULTS, Metric
from qtlrun.comparison.row import Row
from qtlrun.report import schema


def table(comparison: Comparison, margin: statistic.Margin | float, shots: int) -> pd.DataFrame:
    """Table of one point: a line per row, means over seeds and splits.

    `margin` is that of the verdicts; `shots` are those of each execution.
    """
    verdicts = comparison.contrasts(margin)
    accuracies = comparison.accuracy_contrasts()
    scores = comparison.score_contrasts("brier")
    any_dead = any(comparison.dead(label) for label in comparison.labels)
    lines = []
    drawn: dict[str, None] = {}
    for label in comparison.labels:
        rows = comparison.of(label)
        line = {
            "row": label,
            "what it is": comparison.about[label],
            "seeds": sum(len(row.outcomes) for row in rows),
            "failed": comparison.failures(label),
        }
        if any_dead:
            line["dead"] = comparison.dead(label)
        if line["seeds"]:
            line |= _trainings(comparison, label)
            line |= (
                _results(comparison, label) | _costs(comparison, label, shots) | _chosen_draw(rows)
            )
            drawn |= dict.fromkeys(rows[0].drawn)
        if label in verdicts:
            line |= _verdict(verdicts[label])
            line |= _difference("accuracy difference", accuracies[label].interval)
            line |= _difference("Brier difference", scores[label].interval)
            if comparison.declared is not None:
                line["status"] = "declared" if label in comparison.declared else "exploratory"
        lines.append(line)
    lines += [
        {"row": label, "what it is": "error", "seeds": 0, "failed": pd.NA}
        for label in comparison.errors
    ]
    return schema.TABLE.with_family(schema.DRAWN, drawn).frame(lines)


def _trainings(comparison: Comparison, label: str) -> dict[str, object]:
    """NLL of the median and of the worst training."""
    losses = comparison.losses(label)
    return {"NLL median": float(np.median(losses)), "NLL worst": float(losses.max())}


def _results(comparison: Comparison, label: str) -> dict[str, object]:
    """Metrics of a row, accuracy and NLL with their intervals."""
    mean = comparison.metrics(label).mean()
    accuracy = comparison.accuracy(label)
    nll = comparison.estimate(label, lambda row: row.nll)
    line: dict[str, object] = {}
    for metric in RESULTS:
        if metric.column and metric.name in mean:
            line[metric.column] = mean[metric.name]
    return line | {
        "accuracy": accuracy.mean,
        "accuracy low": accuracy.low,
        "accuracy high": accuracy.high,
        "NLL": nll.mean,
        "NLL low": max(nll.low, 0.0),
        "NLL high": nll.high,
    }


def _costs(comparison: Comparison, label: str, shots: int) -> dict[str, object]:
    """Sizes and costs of a row; the cost of a tuned row is that of all its draws."""
    mean = comparison.metrics(label).mean()
    rows = comparison.of(label)
    draws = max(1, *(len(row.draws) for row in rows))
    costs = [metric for metric in COSTS if metric.name in mean]
    line: dict[str, object] = {}
    for metric in costs:
        line[metric.column] = _cost(metric, mean[metric.name], draws)
    line["shots"] = round(mean["executions"]) * draws * shots
    line["seconds alone"] = sum(row.seconds_alone for row in rows)
    line["from the store"] = all(row.stored for row in rows)
    return line


def _cost(metric: Metric, mean: float, draws: int) -> float:
    """A mean cost as its column shows it: counts whole, and those of each draw together."""
    value = round(mean) if metric.kind == "Int64" else mean
    return value * draws if metric.per_draw else value


def _chosen_draw(rows: list[Row]) -> dict[str, object]:
    """Number of draws of a tuned row, and the values chosen; of several splits those of each."""
    if not rows[0].tuning:
        return {}
    line: dict[str, object] = {"trials": len(rows[0].draws)}
    for key in rows[0].drawn:
        values = [row.drawn[key] for row in rows]
        same = len(set(values)) == 1
        line[key] = values[0] if same else " | ".join(map(str, values))
    return line


def _verdict(verdict: statistic.Verdict) -> dict[str, object]:
    """Difference in NLL of the composed row to a reference, with its noises and its verdict."""
    return _difference("difference", verdict.interval) | {
        "training noise": verdict.interval.training,
        "picture noise": verdict.interval.pictures,
        "verdict": verdict.phrase,
    }


def _difference(name: str, gap: statistic.Interval) -> dict[str, object]:
    """A difference with the ends of its interval, under its name."""
    return {name: gap.mean, f"{name} low": gap.low, f"{name} high": gap.high}
