"""Frames of what a lens reads: numbers of trainings, and the differences between rows."""

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd
from jaxtyping import Float64

from qtlrun import statistic
from qtlrun.report import schema

KEYS = ["measure", "layer"]
MARK = "≠"  # of a number that differs from the composed row's; a star is part of some labels
MAX_NOISE = 1e-9  # of rounding


def readings_frame(lines: list[dict[str, object]]) -> pd.DataFrame:
    """Numbers that a lens read, a line for each training, measure and layer."""
    return schema.READINGS.frame(lines)


def spread_frame(readings: pd.DataFrame, composed: str) -> pd.DataFrame:
    """Each row's mean and spread between trainings, and the composed row's difference to it.

    Trainings of one split are averaged where there are several, for they share its items. Holm's
    correction is over all differences of the lens that are tested.
    """
    lines = []
    spreads: list[statistic.Spread | None] = []
    tested = []
    for (measure, layer), group in readings.groupby(KEYS, sort=False):
        by_row = {
            row: each.set_index(["split", "seed"])["value"]
            for row, each in group.groupby("row", sort=False)
        }
        is_tested = bool(group["tested"].all())
        for row, values in by_row.items():
            finite = values[np.isfinite(values)].to_numpy()
            line = {"measure": measure, "layer": layer, "row": row, "trainings": len(finite)}
            line |= {"mean": finite.mean() if len(finite) else np.nan}
            lines.append(line | {"deviation": statistic.deviation(finite)})
            compared = row != composed and composed in by_row
            each = _compare(by_row[composed], values) if compared else None
            spreads.append(each)
            tested.append(each.p if each and is_tested else np.nan)
    for line, each, p in zip(lines, spreads, statistic.holm(tested), strict=True):
        if each is not None:
            line |= {"difference": each.difference, "low": each.low, "high": each.high}
            line |= {"noise": each.noise, "p_holm": p, "differs": each.exceeds_noise(p)}
    return schema.SPREADS.frame(lines)


def spread_table(spreads: pd.DataFrame) -> pd.DataFrame:
    """A line for each measure and layer, a column for each row: mean +- deviation.

    MARK stands where the row differs from the composed one. Rounding noise is shown as 0.
    """
    lines = []
    if "differs" not in spreads:
        spreads = spreads.assign(differs=pd.NA)
    rows = list(dict.fromkeys(spreads["row"]))
    for (measure, layer), group in spreads.groupby(KEYS, sort=False):
        line = {"number": f"{measure}, {layer}" if layer else measure}
        cells = {each.row: _cell(each) for each in group.itertuples()}
        lines.append(line | {row: cells.get(row, "") for row in rows})
    return pd.DataFrame(lines)


def short_table(table: pd.DataFrame, most: int) -> pd.DataFrame:
    """A spread table of so many lines at most: of a longer one those in which rows differ."""
    if len(table) <= most:
        return table
    is_marked = table.apply(lambda column: column.str.endswith(MARK)).any(axis=1)
    return table[is_marked].head(most)


def differing(spreads: pd.DataFrame) -> Iterable[tuple[str, str]]:
    """Number and row of each difference that exceeds the spread between trainings."""
    if "differs" not in spreads:
        return
    for line in spreads[spreads["differs"].fillna(value=False).astype(bool)].itertuples():
        yield (f"{line.measure}, {line.layer}" if line.layer else line.measure), line.row


def _compare(composed: pd.Series, values: pd.Series) -> statistic.Spread:
    """Difference of the composed row to another over the trainings that both have."""
    common = composed.index.intersection(values.index)
    return statistic.spread(_average(composed.loc[common]), _average(values.loc[common]))


def _average(values: pd.Series) -> Float64[np.ndarray, " pairs"]:
    """Values of trainings; their means by split, where several trainings share several splits."""
    splits = values.index.get_level_values("split")
    if 1 < splits.nunique() < len(values):
        values = values.groupby(splits).mean()
    return values.to_numpy()


def _cell(line) -> str:
    """Mean and deviation of a row."""
    if not line.trainings:
        return ""
    noise = MAX_NOISE * max(1.0, abs(line.mean))
    deviation = "" if np.isnan(line.deviation) else f" ± {_format(line.deviation, 2, noise)}"
    mark = "" if pd.isna(line.differs) or not line.differs else f" {MARK}"
    return f"{_format(line.mean, 3, MAX_NOISE)}{deviation}{mark}"


def _format(number: float, digits: int, noise: float) -> str:
    """Number to so many digits, without the zero before its point."""
    if abs(number) < noise:
        return "0"
    return re.sub(r"^(-?)0\.", r"\1.", f"{number:.{digits}g}")
