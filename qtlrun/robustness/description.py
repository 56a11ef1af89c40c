"""Sections of study=robustness: rows under each kind of noise, where they lose, mitigation."""

import dataclasses
import math

import numpy as np
import pandas as pd

from qtlrun import statistic
from qtlrun.comparison.calibration import estimate_error
from qtlrun.comparison.comparison import Comparison
from qtlrun.report.figure import robustness as figure
from qtlrun.report.frame import robustness as schema
from qtlrun.report.section import Section
from qtlrun.report.sentence import Note
from qtlrun.robustness.crossing import contrast_at, find_crossing_point, find_first_worse
from qtlrun.robustness.exposure import ITSELF, Exposure
from qtlrun.robustness.result import (
    GridContrast,
    Line,
    NoiseResult,
    describe_crossings,
    list_crossings,
)
from qtlrun.robustness.selection import Selection
from qtlrun.statistic.judge import NO_VERDICT

AS_RUN = "as run"
UNDER_NOISE = "under the noise"


def summarise(exposure: Exposure, margin: statistic.Margin | float) -> NoiseResult:
    """Numbers of an exposure."""
    curves = []
    contrasts: list[GridContrast] = []
    for strength, comparison in exposure.comparisons.items():
        for label in comparison.labels:
            curves += [_curve(exposure, strength, label)] if label != ITSELF else []
        for label in (comparison.composed, *exposure.retrained):
            seen = dataclasses.replace(comparison, composed=label)
            contrasts += _contrasts(exposure, strength, seen, margin)
    references = [label for label in comparison.labels if label != comparison.composed]
    crossings = {}
    for label in references:
        crossing = None if label == ITSELF else find_crossing_point(exposure, label, margin)
        if crossing is not None:
            crossings[label] = crossing
    return NoiseResult(
        exposure.grid,
        curves,
        _correct(contrasts),
        crossings,
        hurts_from=find_first_worse(exposure, ITSELF, margin),
        dead=exposure.dead,
        fallen=exposure.fallen,
        lost=exposure.lost,
        retrained=exposure.retrained,
    )


def _curve(exposure: Exposure, position: float, label: str) -> Line:
    """Line of a row at a position."""
    comparison = exposure.comparisons[position]
    accuracy = comparison.accuracy(label)
    nll = comparison.estimate(label, lambda row: row.nll)
    brier = comparison.estimate(label, lambda row: row.brier)
    error, low, high = estimate_error(comparison, label)
    is_trained = label in exposure.retrained
    return {
        "kind": exposure.grid.kind,
        "strength": exposure.grid.strength(position),
        "row": label,
        "noisy": label in exposure.circuits,
        "trained": UNDER_NOISE if is_trained else AS_RUN,
        "accuracy": accuracy.mean,
        "accuracy_low": accuracy.low,
        "accuracy_high": accuracy.high,
        "nll": nll.mean,
        "nll_low": nll.low,
        "nll_high": nll.high,
        "brier": brier.mean,
        "brier_low": brier.low,
        "brier_high": brier.high,
        "ece": error,
        "ece_low": low,
        "ece_high": high,
        "trainings": comparison.trainings(label),
    }


def _contrasts(
    exposure: Exposure, position: float, comparison: Comparison, margin: statistic.Margin | float
) -> list[GridContrast]:
    """Contrasts of the composed row to each other at a position."""
    contrasts = []
    for label in comparison.labels:
        is_other = label != comparison.composed
        each = contrast_at(exposure, comparison, label, margin) if is_other else None
        if each is None or (label == ITSELF and not position):
            continue
        contrasts.append(GridContrast(position, comparison.composed, label, each))
    return contrasts


def _correct(contrasts: list[GridContrast]) -> list[GridContrast]:
    """Holm's correction over the positions, for each pair of rows."""
    corrected = {}
    for pair in dict.fromkeys(each.pair for each in contrasts):
        family = [each for each in contrasts if each.pair == pair]
        values = statistic.holm(
            [
                statistic.p_value(each.verdict.interval) if each.verdict.judged else math.nan
                for each in family
            ]
        )
        for each, value in zip(family, values, strict=True):
            corrected[pair, each.position] = dataclasses.replace(each, p_holm=float(value))
    return [corrected[each.pair, each.position] for each in contrasts]


def describe_results(results: list[NoiseResult], selection: Selection) -> list[Section]:
    """Section over all kinds of noise, with the figure, and one on each kind."""
    composed = selection.composed
    table, sentences = describe_crossings(results, composed, selection.rival)
    curves = schema.CURVES.frame([line for each in results for line in each.curves])
    crossings = schema.CROSSINGS.frame(
        [line for each in results for line in list_crossings(each, composed)]
    )
    frames = {"robustness": curves, "robustness_crossings": crossings}
    losses = [*_describe_dead(results), *_describe_fallen(results)]
    notes = [*describe_flat(curves), *sentences, *_describe_trained(results, selection)]
    notes += [*losses, *selection.notes]
    figures = {"robustness": figure.robustness(curves)}
    first = Section("robustness", table, notes, frames, figures)
    return [first, *(describe_kind(each, composed, selection.rival) for each in results)]


def describe_kind(result: NoiseResult, composed: str, rival: str | None) -> Section:
    """Section of a kind of noise: each row with a circuit by strength, and the rival's contrast."""
    curves = schema.CURVES.frame(result.curves)
    contrasts = schema.CONTRASTS.frame([each.line(result.grid) for each in result.contrasts])
    main = dict.fromkeys(["strength", composed, *result.retrained])
    lines = []
    for position in result.grid.positions:
        strength = result.grid.strength(position)
        noisy = curves[(curves["strength"] == strength) & curves["noisy"]]
        line: Line = {"strength": result.grid.name(position)}
        for each in noisy.itertuples():
            line[each.row] = f"{_short(each.accuracy)} / {_short(each.nll)} / {_short(each.ece)}"
        cells = _contrast_cells(result, position, composed, rival)
        main |= dict.fromkeys(cells)
        lines.append(line | cells)
    table = pd.DataFrame(lines)
    unit = result.grid.unit
    note = Note(
        f"{result.grid.kind}: strength is {unit}; cells are accuracy / NLL in nats / calibration"
        " error on the test split.",
    )
    name = f"robustness_{result.grid.kind}"
    frames = {name: curves, f"{name}_contrasts": contrasts}
    shown = table[[column for column in table if column in main]]
    return Section(result.grid.kind, table, [note], frames, {}, shown=shown)


def _contrast_cells(
    result: NoiseResult, position: float, composed: str, rival: str | None
) -> dict[str, str]:
    """Cells at a position: differences of the composed and the retrained row."""
    cells = {}
    pairs = [(composed, rival), (composed, ITSELF), *((row, rival) for row in result.retrained)]
    at_position = {each.pair: each for each in result.contrasts if each.position == position}
    for row, reference in pairs:
        each = at_position.get((row, str(reference)))
        if each is not None:
            gap = each.verdict.interval
            words = f"{_signed(gap.mean)} [{_signed(gap.low)}, {_signed(gap.high)}]"
            cells[f"NLL {row} - {reference}"] = f"{words} {each.verdict.phrase}"
    return cells


def _describe_trained(results: list[NoiseResult], selection: Selection) -> list[Note]:
    """Sentence on the strengths at which the row trained anew is worse than the rival."""
    composed = selection.composed
    losses = []
    for result in results:
        pairs = [each for each in result.contrasts if each.reference == selection.rival]
        contrasts = [each for each in pairs if each.row in result.retrained]
        if contrasts:
            losses.append(f"{result.grid.kind} {_list_losses(result, contrasts)}")
    words = f"Strengths at which {composed}, trained anew at each, is worse than {selection.rival}"
    return [Note(f"{words}: {'; '.join(losses)}.")] if losses else []


def _list_losses(result: NoiseResult, contrasts: list[GridContrast]) -> str:
    """Strengths with the verdict worse; no verdict where one is withheld."""
    if any(each.verdict.lost for each in contrasts):
        return NO_VERDICT
    worse = [each.position for each in contrasts if each.verdict.word == "worse"]
    return ", ".join(map(result.grid.name, worse)) or "none"


def _describe_dead(results: list[NoiseResult]) -> list[Note]:
    """Sentence on trainings that are dead without noise, whose verdicts are withheld.

    A row trained under noise is there the run's, and not told again.
    """
    first = results[0]
    repeated = {ITSELF, *first.retrained}
    counts = {label: count for label, count in first.dead.items() if label not in repeated}
    if not counts:
        return []
    rows = ", ".join(f"{label} {count}" for label, count in counts.items())
    return [Note(f"Trainings that are dead without noise, so that no verdict is given: {rows}.")]


def _describe_fallen(results: list[NoiseResult]) -> list[Note]:
    """Sentences on trainings that are dead under a noise alone, by kind."""
    notes = []
    for result in results:
        rows = []
        for label, counts in result.fallen.items():
            places = [f"{count} at {result.grid.name(at)}" for at, count in counts.items()]
            rows.append(f"{label} {', '.join(places)}")
        if rows:
            notes.append(
                Note(
                    f"{result.grid.kind}: trainings that die under the noise alone, and count in"
                    f" all figures and verdicts: {'; '.join(rows)}."
                )
            )
    return notes


def describe_flat(curves: pd.DataFrame) -> list[Note]:
    """Sentence on the rows without a circuit, if there are any."""
    flat = curves[~curves["noisy"]].drop_duplicates("row")
    cells = [
        f"{each.row} {_short(each.accuracy)} / {_short(each.nll)} / {_short(each.ece)}"
        for each in flat.itertuples()
    ]
    words = f"Rows without a circuit, at any strength: {', '.join(cells)} (accuracy / NLL / ECE)."
    return [Note(words)] if cells else []


def _short(value: float) -> str:
    """Number to three decimals, without the zero before the decimal point."""
    return f"{value:.3f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.3f}"


def _signed(value: float) -> str:
    """Number with its sign, to two decimals, without the zero before the decimal point."""
    text = f"{value:+.2f}"
    return text.replace("0.", ".", 1) if np.abs(value) < 1 else text
