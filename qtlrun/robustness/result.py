"""Numbers of one kind of noise, and words on where a row loses under it."""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from qtlrun.report.sentence import Note
from qtlrun.robustness.crossing import FEWEST_UNITS, CrossingPoint
from qtlrun.robustness.exposure import ITSELF
from qtlrun.robustness.kind import Grid

Line = dict[str, Any]  # of a frame
WORSE = "worse"
NEVER = "never"  # behind on the grid
FROM_START = "from the start"  # behind without noise
CROSSES = "falls behind"
LEAST_SHARE = 0.01  # of draws that a sentence names


@dataclass(frozen=True)
class NoiseResult:
    """Curves, contrasts and crossings of one kind of noise, as lines of frames.

    crossings: of the composed row, by reference
    dead: number of trainings that are dead without noise, of the rows that have any
    """

    grid: Grid
    curves: list[Line]
    contrasts: list[Line]
    crossings: dict[str, CrossingPoint]
    dead: dict[str, int]


def list_crossings(result: NoiseResult, composed: str) -> list[Line]:
    """Lines of the frame of crossings."""
    lines = []
    for reference, each in result.crossings.items():
        # Shots grow fewer where other noise grows stronger
        near, far = (each.high, each.low) if result.grid.is_sampled else (each.low, each.high)
        positions = (each.position, near, far)
        strength, low, high = (_strength(result.grid, position) for position in positions)
        first = math.nan
        if each.first_worse is not None:
            first = _strength(result.grid, each.first_worse)
        lines.append(
            {
                "kind": result.grid.kind,
                "row": composed,
                "reference": reference,
                "state": _state(each),
                "strength": strength,
                "low": low,
                "high": high,
                "never": each.never,
                "first_worse": first,
            }
        )
    return lines


def _state(crossing: CrossingPoint) -> str:
    """Whether a row falls behind on the grid."""
    if math.isinf(crossing.position):
        return NEVER
    return CROSSES if crossing.position else FROM_START


def _strength(grid: Grid, position: float) -> float:
    """Strength at a position; of shots their number, 0 beyond the grid and inf without noise."""
    if not grid.is_sampled:
        return position
    return 1 / position if position else math.inf


def describe_crossings(
    results: list[NoiseResult], composed: str, rival: str | None
) -> tuple[pd.DataFrame, list[Note]]:
    """Table and sentences on where the composed row loses, to itself and to a rival."""
    lines = []
    sentences: dict[str, list[str]] = {}
    for result in results:
        grid = result.grid
        loss = _first(result, composed, ITSELF)
        line = {
            "noise": grid.kind,
            "grid": f"{grid.name(grid.positions[1])} to {grid.name(grid.positions[-1])}",
            "hurts from": _name(grid, loss),
        }
        crossing = result.crossings.get(rival or "")
        if crossing is not None:
            line[f"behind {rival} at"] = _describe_position(grid, crossing)
            line[f"worse than {rival} from"] = _name(grid, crossing.first_worse)
            words = _describe_crossing(grid, composed, str(rival), crossing)
            sentences.setdefault(words, []).append(grid.kind)
        lines.append(line)
    notes = [Note(f"{', '.join(kinds)}: {words}.") for words, kinds in sentences.items()]
    crossings = [each for result in results for each in result.crossings.values()]
    if any(not each.is_estimated for each in crossings):
        words = f"Fewer than {FEWEST_UNITS} trainings, or splits where there are several, give"
        notes.append(Note(f"{words} the place of a crossing no interval."))
    return pd.DataFrame(lines), notes


def _first(result: NoiseResult, composed: str, reference: str) -> float | None:
    """First position at which the composed row is worse than a reference."""
    for line in result.contrasts:
        pair = line["row"], line["reference"]
        if pair == (composed, reference) and line["verdict"] == WORSE:
            strength = float(line["strength"])
            return 1 / strength if result.grid.is_sampled else strength
    return None


def _name(grid: Grid, position: float | None) -> str:
    """Place of a grid at which something is shown, in words."""
    if position is None:
        return f"not shown up to {grid.name(grid.positions[-1])}"
    return "no noise" if not position else grid.name(position)


def _describe_position(grid: Grid, crossing: CrossingPoint) -> str:
    """Crossing with its interval."""
    if not crossing.position and not crossing.high:
        return "no noise"
    if not crossing.is_estimated:
        return _end(grid, crossing.position)
    ends = f"[{_end(grid, crossing.low)}, {_end(grid, crossing.high)}]"
    return f"{_end(grid, crossing.position)} {ends}"


def _end(grid: Grid, position: float) -> str:
    """Place on the axis, to two digits."""
    if math.isinf(position):
        return "beyond"
    return grid.name(float(f"{position:.2g}")) if position else grid.name(0.0)


def _describe_crossing(grid: Grid, composed: str, rival: str, crossing: CrossingPoint) -> str:
    """Words on where a row falls behind its rival."""
    if not crossing.first_worse and crossing.first_worse is not None:
        return f"{composed} is worse than {rival} already without noise"
    last = grid.name(grid.positions[-1])
    if math.isinf(crossing.position):
        words = f"does not fall behind {rival} in mean NLL on this grid, up to {last}"
    elif not crossing.position:
        words = f"is behind {rival} in mean NLL without noise"
    else:
        words = f"falls behind {rival} in mean NLL at {_describe_position(grid, crossing)}"
    if crossing.first_worse is None:
        verdict = f"the verdict is never worse, up to {last}"
    else:
        verdict = f"the first strength with the verdict worse is {grid.name(crossing.first_worse)}"
    share = (
        f"; in {crossing.never:.0%} of the draws {composed} never does"
        if crossing.never >= LEAST_SHARE
        else ""
    )
    return f"{composed} {words}{share}; {verdict}"
