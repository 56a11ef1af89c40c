"""Table of one point."""

import pandas as pd

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.metric import COSTS, RESULTS, Metric
from qtlrun.comparison.row import Row
from qtlrun.report import schema


def table(comparison: Comparison, margin: float, shots: int) -> pd.DataFrame:
    """Table of one point: a line per row, means over seeds and splits.

    `margin` is that of the verdicts, in nats; `shots` are those of each execution.
    """
    verdicts = comparison.contrasts(margin)
    accuracies = comparison.accuracy_contrasts()
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
        if line["seeds"]:
            line |= (
                _results(comparison, label) | _costs(comparison, label, shots) | _chosen_draw(rows)
            )
            drawn |= dict.fromkeys(rows[0].drawn)
        if label in verdicts:
            line |= _verdict(verdicts[label], accuracies[label].interval)
        lines.append(line)
    lines += [
        {"row": label, "what it is": "error", "seeds": 0, "failed": pd.NA}
        for label in _failed_labels(comparison)
    ]
    return schema.TABLE.with_family(schema.DRAWN, drawn).frame(lines)


def _failed_labels(comparison: Comparison) -> list[str]:
    """Rows that failed whole on a split, each once."""
    return list(dict.fromkeys(label for label, _ in comparison.errors))


def _results(comparison: Comparison, label: str) -> dict[str, object]:
    """Metrics of a row, accuracy and NLL with their intervals."""
    mean = comparison.metrics(label).mean()
    accuracy = comparison.accuracy(label)
    nll = comparison.estimate(label, lambda row: row.nll)
    line: dict[str, object] = {}
    for metric in RESULTS:
        if metric.column:
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


def _verdict(verdict: statistic.Verdict, accuracy: statistic.Interval) -> dict[str, object]:
    """Difference of the composed row to a reference, with its verdict, and that of accuracies."""
    return {
        "difference": verdict.interval.mean,
        "difference low": verdict.interval.low,
        "difference high": verdict.interval.high,
        "training noise": verdict.interval.training,
        "picture noise": verdict.interval.pictures,
        "verdict": verdict.word,
        "accuracy difference": accuracy.mean,
        "accuracy difference low": accuracy.low,
        "accuracy difference high": accuracy.high,
    }
