"""Rows to data frames; data frames to CSV, Markdown and the cells that a terminal shows."""
import numpy as np
import pandas as pd

from qtlrun import statistic
from qtlrun.row import COUNTS, Point

FORMULA = ("=", "+", "-", "@", "\t")  # a spreadsheet computes what begins with one of these


def rows_frame(points: list[Point], shots: int) -> pd.DataFrame:
    """Long form: the swept keys, row, seed, metric, value; a failed seed has the metric `error`."""
    lines = []
    for point in points:
        for label, row in point.rows.items():
            metrics = row.metrics.assign(shots=lambda frame: frame["executions"] * shots) if row.entries else pd.DataFrame()
            lines += [{**point.keys, "row": label, "seed": seed, "metric": name, "value": value}
                      for seed, values in metrics.iterrows() for name, value in values.items()]
            lines += [{**point.keys, "row": label, "seed": seed, "metric": "error", "value": 1.} for seed in row.errors]
        lines += [{**point.keys, "row": label, "seed": -1, "metric": "error", "value": 1.} for label in point.errors]
    return pd.DataFrame(lines, columns=[*points[0].keys, "row", "seed", "metric", "value"])


def errors_frame(points: list[Point]) -> pd.DataFrame:
    """The words of every failure: the swept keys, row, seed (-1: the whole row), error."""
    lines = [{**point.keys, "row": label, "seed": seed, "error": words} for point in points
             for label, row in point.rows.items() for seed, words in row.errors.items()]
    lines += [{**point.keys, "row": label, "seed": -1, "error": words} for point in points
              for label, words in point.errors.items()]
    return pd.DataFrame(lines, columns=[*points[0].keys, "row", "seed", "error"])


def contrasts_frame(points: list[Point], margin: float) -> pd.DataFrame:
    """A line a contrast: composed minus reference in nats of test NLL, its 95 % interval, its two noises, the verdict."""
    lines = [{**point.keys, "reference": label, "metric": "test_nll", "difference": verdict.interval.mean,
              "low": verdict.interval.low, "high": verdict.interval.high, "training": verdict.interval.training,
              "pictures": verdict.interval.pictures, "verdict": verdict.word}
             for point in points for label, verdict in point.contrasts(margin).items()]
    return pd.DataFrame(lines, columns=[*points[0].keys, "reference", "metric", "difference", "low", "high", "training",
                                        "pictures", "verdict"])


def table(point: Point, margin: float, shots: int) -> pd.DataFrame:
    """The table of one point, a line a row."""
    verdicts, lines = point.contrasts(margin), []
    for label, row in point.rows.items():
        line = {"row": label, "what it is": row.about, "seeds": len(row.entries)}
        if row.entries:
            mean = row.metrics.mean()
            accuracy = statistic.two_way(statistic.correct(row.logits, row.labels))
            nll = statistic.two_way(row.nll)
            line |= {"accuracy": accuracy.mean, "accuracy low": max(accuracy.low, 0.), "accuracy high": min(accuracy.high, 1.),
                     "macro F1": mean["test_f1"], "NLL": nll.mean, "NLL low": max(nll.low, 0.), "NLL high": nll.high,
                     "ECE": mean["test_ece"]}
            line |= {name: round(mean[name]) for name in COUNTS} | {"shots": round(mean["executions"]) * shots}
            line |= {"seconds per seed": mean["seconds"], "seconds alone": row.seconds_alone, "from the store": row.stored}
        if label in verdicts:
            verdict = verdicts[label]
            line |= {"difference": verdict.interval.mean, "difference low": verdict.interval.low,
                     "difference high": verdict.interval.high, "training noise": verdict.interval.training,
                     "picture noise": verdict.interval.pictures, "verdict": verdict.word}
        lines.append(line)
    lines += [{"row": label, "what it is": "error", "seeds": 0} for label in point.errors]
    frame = pd.DataFrame(lines)
    return frame.astype({name: "Int64" for name in (*COUNTS, "shots") if name in frame})


def sweep_table(points: list[Point]) -> pd.DataFrame:
    """A line a point: validation NLL of the composed row in nats, and composed minus reference, a column each.

    Validation figures, because a point may be chosen by them; `chosen` marks the (first) lowest among points in which no seed failed.
    """
    lines = []
    for point in points:
        mine = point.rows.get(point.composed)
        own = mine.metrics["validation_nll"] if mine and mine.entries else pd.Series(dtype=float)
        failures = len(point.errors) + sum(len(row.errors) for row in point.rows.values())
        line = {**point.keys, "validation NLL": own.mean(), "error": failures}
        for label, row in point.rows.items():
            if label != point.composed:
                both = point.both(label)
                line[f"minus {label}"] = (own.loc[both] - row.metrics["validation_nll"].loc[both]).mean() if both else np.nan
        lines.append(line)
    frame = pd.DataFrame(lines)
    whole = frame["validation NLL"].where(frame["error"] == 0)
    lowest = whole == whole.min()
    return frame.assign(chosen=lowest & ~lowest.cumsum().gt(1))


def swept(overrides: list[list[str]]) -> list[dict[str, object]]:
    """The keys whose values differ between the points of a sweep, with their values, a dict a point."""
    pairs = [dict(word.lstrip("+").split("=", 1) for word in words if "=" in word) for words in overrides]
    keys = [key for key in pairs[0] if len({words.get(key) for words in pairs}) > 1]
    return [{key: number(words[key]) for key in keys} for words in pairs]


def csv(frame: pd.DataFrame) -> str:
    """A data frame as CSV; before a text that a spreadsheet would take for a formula stands an apostrophe."""
    texts = frame.select_dtypes(exclude="number")
    return frame.assign(**{name: texts[name].map(_inert) for name in texts}).to_csv(index=False)


def markdown(frame: pd.DataFrame, exact: tuple[str, ...] = ()) -> str:
    """A data frame as a Markdown table; `exact` as in `cells`."""
    lines = [list(map(_one_line, line)) for line in (frame.columns, *cells(frame, exact))]
    lines.insert(1, ["---"] * len(frame.columns))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cells(frame: pd.DataFrame, exact: tuple[str, ...] = ()) -> list[list[str]]:
    """What is shown of a data frame: figures to three places, those of the columns `exact` as they are."""
    return [[str(value) if name in exact else _cell(value) for name, value in zip(frame.columns, values, strict=True)]
            for values in frame.itertuples(index=False)]


def number(text: str) -> int | float | str:
    """A number where the text is one; else the text, without quotes."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


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
    formula = value.startswith(FORMULA) and isinstance(number(value), str)
    return "'" * formula + value.replace("\r", "\\r")  # unquoted, it would end the line
