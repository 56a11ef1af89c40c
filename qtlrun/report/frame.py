"""Rows to data frames; data frames to CSV, Markdown and the cells that a terminal shows."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from qtlrun.comparison.comparison import Point
from qtlrun.comparison.row import COSTS, COUNTS, GENERATED, SATURATED, SHARES, Row
from qtlrun.plan import override

FORMULA = ("=", "+", "-", "@", "\t")  # a spreadsheet computes what begins with one of these
TRUTHS = (
    "true",
    "false",
)  # in any letters, truth values to pandas.read_csv; and what it takes for missing:
MISSING = {
    " ",
    "#N/A",
    "#N/A N/A",
    "#NA",
    "-1.#IND",
    "-1.#QNAN",
    "-NaN",
    "-nan",
    "1.#IND",
    "1.#QNAN",
    "<NA>",
    "N/A",
    "NA",
    "NULL",
    "NaN",
    "None",
    "n/a",
    "nan",
    "null",
}


def rows_frame(points: list[Point], shots: int) -> pd.DataFrame:
    """Long form: the swept keys, row, split (where there are several), seed, metric, value; a
    failed seed has the metric `error`.
    """
    lines = []
    for point in points:
        for number, label, row in _rows(point):
            place = {**point.keys, "row": label, "split": number}
            metrics = (
                row.metrics.assign(shots=lambda frame: frame["executions"] * shots)
                if row.outcomes
                else pd.DataFrame()
            )
            lines += [
                {**place, "seed": seed, "metric": name, "value": value}
                for seed, values in metrics.iterrows()
                for name, value in values.items()
                if not np.isnan(value)
            ]
            lines += [
                {**place, "seed": seed, "metric": "error", "value": 1.0} for seed in row.errors
            ]
        lines += [
            {
                **point.keys,
                "row": label,
                "split": number,
                "seed": -1,
                "metric": "error",
                "value": 1.0,
            }
            for label, number in point.errors
        ]
    return pd.DataFrame(
        lines, columns=[*points[0].keys, "row", *_split(points), "seed", "metric", "value"]
    )


def errors_frame(points: list[Point]) -> pd.DataFrame:
    """The words of every failure: the swept keys, row, split (where there are several), seed (-1:
    the whole row), error.
    """
    lines = [
        {**point.keys, "row": label, "split": number, "seed": seed, "error": words}
        for point in points
        for number, label, row in _rows(point)
        for seed, words in row.errors.items()
    ]
    lines += [
        {**point.keys, "row": label, "split": number, "seed": -1, "error": words}
        for point in points
        for (label, number), words in point.errors.items()
    ]
    return pd.DataFrame(lines, columns=[*points[0].keys, "row", *_split(points), "seed", "error"])


def trials_frame(points: list[Point]) -> pd.DataFrame:
    """A line a draw of a tuned row: its values, validation NLL in nats (mean over seeds), and
    whether it was chosen.
    """
    lines = [
        {
            **point.keys,
            "row": label,
            "split": number,
            "trial": trial,
            **draw,
            "validation_nll": mean,
            "chosen": trial == row.tuning.best,
        }
        for point in points
        for number, label, row in _rows(point)
        if row.tuning
        for (trial, mean), draw in zip(row.tuning.means.items(), row.draws, strict=True)
    ]
    return pd.DataFrame(lines).drop(columns=[] if _split(points) else "split", errors="ignore")


def shots_frame(points: list[Point]) -> pd.DataFrame:
    """A line a number of shots: the test accuracy of a row's seed where its generator's
    probabilities are estimated from them.
    """
    lines = [
        {
            **point.keys,
            "row": label,
            "split": number,
            "seed": seed,
            "shots": shots,
            "accuracy": accuracy,
        }
        for point in points
        for number, label, row in _rows(point)
        for seed, line in row.shots.iterrows()
        for shots, accuracy in line.items()
    ]
    return pd.DataFrame(
        lines, columns=[*points[0].keys, "row", *_split(points), "seed", "shots", "accuracy"]
    )


def contrasts_frame(points: list[Point], margin: float) -> pd.DataFrame:
    """A line a contrast and metric: composed minus reference, its 95 % interval, its two noises,
    the verdict.

    Of test NLL in nats, where less is better, and of test accuracy, where more is; accuracy has no
    margin.
    """
    lines = [
        {
            **point.keys,
            "reference": label,
            "metric": metric,
            "difference": verdict.interval.mean,
            "low": verdict.interval.low,
            "high": verdict.interval.high,
            "training": verdict.interval.training,
            "pictures": verdict.interval.pictures,
            "verdict": verdict.word,
        }
        for point in points
        for metric, contrasts in (
            ("test_nll", point.contrasts(margin)),
            ("test_accuracy", point.accuracy_contrasts()),
        )
        for label, verdict in contrasts.items()
    ]
    return pd.DataFrame(
        lines,
        columns=[
            *points[0].keys,
            "reference",
            "metric",
            "difference",
            "low",
            "high",
            "training",
            "pictures",
            "verdict",
        ],
    )


def table(point: Point, margin: float, shots: int) -> pd.DataFrame:
    """The table of one point, a line a row; of several splits the mean."""
    verdicts = point.contrasts(margin)
    accuracies = point.accuracy_contrasts()
    lines = []
    for label in point.labels:
        line = {
            "row": label,
            "what it is": point.about[label],
            "seeds": sum(len(row.outcomes) for row in point.of(label)),
            "failed": point.failures(label),
        }
        if line["seeds"]:
            mean = point.metrics(label).mean()
            accuracy = point.accuracy(label)
            nll = point.estimate(label, lambda row: row.nll)
            line |= {
                "accuracy": accuracy.mean,
                "accuracy low": accuracy.low,
                "accuracy high": accuracy.high,
                "train accuracy": mean["train_accuracy"],
                "gap": mean["generalisation_gap"],
                "macro F1": mean["test_f1"],
                "NLL": nll.mean,
                "NLL low": max(nll.low, 0.0),
                "NLL high": nll.high,
                "ECE": mean["test_ece"],
            }
            trials = max(
                1, *(len(row.draws) for row in point.of(label)), 1
            )  # the cost of a tuned row is that of all its draws
            costs = {name: round(mean[name]) * (trials if name in COSTS else 1) for name in COUNTS}
            line |= (
                costs
                | {"shots": costs["executions"] * shots}
                | {name: mean[name] for name in (*SHARES, SATURATED, "compression") if name in mean}
            )
            line |= {name: round(mean[name]) for name in GENERATED if name in mean}
            line |= {
                "seconds per seed": mean["seconds"],
                "seconds alone": sum(row.seconds_alone for row in point.of(label)),
                "from the store": all(row.stored for row in point.of(label)),
            }
            line |= _chosen(point.of(label))
        if label in verdicts:
            verdict = verdicts[label]
            line |= {
                "difference": verdict.interval.mean,
                "difference low": verdict.interval.low,
                "difference high": verdict.interval.high,
                "training noise": verdict.interval.training,
                "picture noise": verdict.interval.pictures,
                "verdict": verdict.word,
            }
            gap = accuracies[label].interval
            line |= {
                "accuracy difference": gap.mean,
                "accuracy difference low": gap.low,
                "accuracy difference high": gap.high,
            }
        lines.append(line)
    lines += [
        {"row": label, "what it is": "error", "seeds": 0, "failed": pd.NA}
        for label in dict.fromkeys(label for label, _ in point.errors)
    ]
    frame = pd.DataFrame(lines)
    return frame.astype(
        {
            name: "Int64"
            for name in ("failed", *COUNTS, *GENERATED, "shots", "trials")
            if name in frame
        }
    )


def sweep_table(points: list[Point]) -> pd.DataFrame:
    """A line a point: validation NLL of the composed row in nats, and composed minus reference, a
    column each.

    Validation figures, because a point may be chosen by them; `chosen` marks the (first) lowest
    among points in which no seed failed and that may be chosen.
    """
    lines = []
    for point in points:
        own = (
            point.metrics(point.composed)["validation_nll"]
            if point.of(point.composed)
            else pd.Series(dtype=float)
        )
        failures = len(point.errors) + sum(len(row.errors) for _, _, row in _rows(point))
        line = {**point.keys, "validation NLL": own.mean(), "error": failures}
        if point.of(point.composed):  # of photonic rows, whose cutoff may be what is swept
            line |= {
                name: mean
                for name, mean in point.metrics(point.composed).mean().items()
                if name in SHARES
            }
        for label in point.labels:
            if label != point.composed:
                gaps = [
                    mine.metrics["validation_nll"].loc[both]
                    - other.metrics["validation_nll"].loc[both]
                    for mine, other, both in point.pairs(label)
                ]
                line[f"minus {label}"] = pd.concat(gaps).mean() if gaps else np.nan
        lines.append(line)
    frame = pd.DataFrame(lines)
    whole = frame["validation NLL"].where(
        (frame["error"] == 0) & pd.Series([point.choosable for point in points])
    )
    lowest = whole == whole.min()
    return frame.assign(chosen=lowest & ~lowest.cumsum().gt(1))


def csv(frame: pd.DataFrame) -> str:
    """A data frame as CSV; an apostrophe stands before a text that a spreadsheet or pandas would
    take for something else.
    """
    texts = frame.select_dtypes(exclude="number")
    return frame.assign(**{name: texts[name].map(_inert) for name in texts}).to_csv(index=False)


def markdown(frame: pd.DataFrame, exact: tuple[str, ...] = ()) -> str:
    """A data frame as a Markdown table; `exact` as in `cells`."""
    lines = [list(map(_one_line, line)) for line in (frame.columns, *cells(frame, exact))]
    lines.insert(1, ["---"] * len(frame.columns))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cells(frame: pd.DataFrame, exact: tuple[str, ...] = ()) -> list[list[str]]:
    """Cells of a shown frame: figures to three places, columns of `exact` as they are."""
    return [
        [
            str(value) if name in exact else _cell(value)
            for name, value in zip(frame.columns, values, strict=True)
        ]
        for values in frame.itertuples(index=False)
    ]


def _rows(point: Point) -> Iterator[tuple[int, str, Row]]:
    """Every row of a point: its split, its label, itself."""
    return (
        (number, label, row)
        for number, rows in enumerate(point.splits)
        for label, row in rows.items()
    )


def _split(points: list[Point]) -> list[str]:
    """The column that tells splits apart, where there are several."""
    return ["split"] if any(len(point.splits) > 1 for point in points) else []


def _chosen(rows: list[Row]) -> dict[str, object]:
    """How many draws a row was given, and the values chosen; of several splits those of each."""
    if not rows[0].tuning:
        return {}
    values = {key: [row.drawn[key] for row in rows] for key in rows[0].drawn}
    return {"trials": len(rows[0].draws)} | {
        key: given[0] if len(set(given)) == 1 else " | ".join(map(str, given))
        for key, given in values.items()
    }


def _cell(value: object) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else ""
    if pd.isna(value):
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _one_line(cell: str) -> str:
    return " ".join(cell.split()).replace("|", "\\|")


def _inert(value: object) -> object:
    if not isinstance(value, str):
        return value
    return "'" * _mistaken(value) + value.replace("\r", "\\r")  # unquoted, it would end the line


def _mistaken(text: str) -> bool:
    """Whether a spreadsheet computes a text, or pandas.read_csv gives a missing value, a truth
    value or another number for it.
    """
    if text in MISSING or text.lower() in TRUTHS:
        return True
    value = override.number(text)
    if isinstance(value, str):
        return text.startswith(FORMULA)
    return str(value) != text or (isinstance(value, int) and not -(2**63) <= value < 2**63)
