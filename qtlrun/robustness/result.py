"""Numbers of one kind of noise, and words on where a row loses under it."""

import math
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from qtlrun import statistic
from qtlrun.report.sentence import Note
from qtlrun.robustness.contrast import NoisyContrast
from qtlrun.robustness.crossing import CrossingPoint
from qtlrun.robustness.kind import Grid
from qtlrun.statistic.crossing import FEWEST_UNITS, Crossing
from qtlrun.statistic.judge import NO_VERDICT

Line = dict[str, Any]  # of a frame
NEVER = "never"  # behind on the grid
FROM_START = "from the start"  # behind without noise
CROSSES = "falls behind"
LEAST_SHARE = 0.01  # of draws that a sentence names


@dataclass(frozen=True)
class GridContrast:
    """Contrast of a row to another at a position of a grid.

    row, reference: their labels
    p_holm: by Holm's correction over the positions of the pair; nan where it is not judged
    """

    position: float
    row: str
    reference: str
    contrast: NoisyContrast
    p_holm: float = math.nan

    @property
    def verdict(self) -> statistic.Verdict:
        """Verdict on the difference in NLL."""
        return self.contrast.verdict

    @property
    def pair(self) -> tuple[str, str]:
        """Labels of both rows."""
        return self.row, self.reference

    def line(self, grid: Grid) -> Line:
        """Line of the frame of contrasts."""
        gap = self.verdict.interval
        accuracy = self.contrast.accuracy
        return {
            "kind": grid.kind,
            "strength": grid.strength(self.position),
            "row": self.row,
            "reference": self.reference,
            "difference": gap.mean,
            "low": gap.low,
            "high": gap.high,
            "verdict": self.verdict.phrase,
            "p_holm": self.p_holm,
            "accuracy": accuracy.mean,
            "accuracy_low": accuracy.low,
            "accuracy_high": accuracy.high,
        }


@dataclass(frozen=True)
class NoiseResult:
    """Curves, as lines of a frame, contrasts and crossings of one kind of noise.

    crossings: of the composed row, by reference
    hurts_from: first position at which it is worse than without noise; None: there is none
    dead: number of trainings that are dead without noise, of the rows that have any
    fallen: number of those that are dead under the noise alone, by row and position
    lost: labels of the rows of which trainings failed in the run or are dead without noise
    retrained: labels of the rows that were trained under it
    """

    grid: Grid
    curves: list[Line]
    contrasts: list[GridContrast]
    crossings: dict[str, CrossingPoint]
    hurts_from: float | None = None
    dead: dict[str, int] = field(default_factory=dict)
    fallen: dict[str, dict[float, int]] = field(default_factory=dict)
    lost: frozenset[str] = frozenset()
    retrained: tuple[str, ...] = ()


def list_crossings(result: NoiseResult, composed: str) -> list[Line]:
    """Lines of the frame of crossings."""
    lines = []
    grid = result.grid
    for reference, point in result.crossings.items():
        each = point.crossing
        # Shots grow fewer where other noise grows stronger
        near, far = (each.high, each.low) if grid.is_sampled else (each.low, each.high)
        strength, low, high = map(grid.strength, (each.position, near, far))
        first = math.nan if point.first_worse is None else grid.strength(point.first_worse)
        lines.append(
            {
                "kind": grid.kind,
                "row": composed,
                "reference": reference,
                "state": _state(each),
                "strength": strength,
                "low": low,
                "high": high,
                "never": each.beyond,
                "first_worse": first,
                "lost": bool(point.lost),
            }
        )
    return lines


def _state(crossing: Crossing) -> str:
    """Whether a row falls behind on the grid."""
    if math.isinf(crossing.position):
        return NEVER
    return CROSSES if crossing.position else FROM_START


def describe_crossings(
    results: list[NoiseResult], composed: str, rival: str | None
) -> tuple[pd.DataFrame, list[Note]]:
    """Table and sentences on where the composed row loses, to itself and to a rival."""
    lines = []
    sentences: dict[str, list[str]] = {}
    for result in results:
        grid = result.grid
        loss = _name(grid, result.hurts_from)
        line = {
            "noise": grid.kind,
            "grid": f"{grid.name(grid.positions[1])} to {grid.name(grid.positions[-1])}",
            "hurts from": NO_VERDICT if composed in result.lost else loss,
        }
        point = result.crossings.get(rival or "")
        if point is not None:
            crossed = _describe_position(grid, point.crossing)
            first = _name(grid, point.first_worse)
            line[f"behind {rival} at"] = NO_VERDICT if point.lost else crossed
            line[f"worse than {rival} from"] = NO_VERDICT if point.lost else first
            words = _describe_crossing(grid, composed, str(rival), point)
            sentences.setdefault(words, []).append(grid.kind)
        lines.append(line)
    notes = [Note(f"{', '.join(kinds)}: {words}.") for words, kinds in sentences.items()]
    points = [each for result in results for each in result.crossings.values()]
    if any(not each.crossing.is_estimated for each in points):
        words = f"Fewer than {FEWEST_UNITS} trainings, or splits where there are several, give"
        notes.append(Note(f"{words} the place of a crossing no interval."))
    return pd.DataFrame(lines), notes


def _name(grid: Grid, position: float | None) -> str:
    """Place of a grid at which something is shown, in words."""
    if position is None:
        return f"not shown up to {grid.name(grid.positions[-1])}"
    return "no noise" if not position else grid.name(position)


def _describe_position(grid: Grid, crossing: Crossing) -> str:
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


def _describe_crossing(grid: Grid, composed: str, rival: str, point: CrossingPoint) -> str:
    """Words on where a row falls behind its rival."""
    if point.lost:
        names = " and ".join(point.lost)
        return (
            f"{composed} against {rival}: {NO_VERDICT}, for trainings of {names} failed or died;"
            " the others are no sample of all"
        )
    crossing = point.crossing
    if not point.first_worse and point.first_worse is not None:
        return f"{composed} is worse than {rival} already without noise"
    last = grid.name(grid.positions[-1])
    if math.isinf(crossing.position):
        words = f"does not fall behind {rival} in mean NLL on this grid, up to {last}"
    elif not crossing.position:
        words = f"is behind {rival} in mean NLL without noise"
    else:
        words = f"falls behind {rival} in mean NLL at {_describe_position(grid, crossing)}"
    if point.first_worse is None:
        verdict = f"the verdict is never worse, up to {last}"
    else:
        verdict = f"the first strength with the verdict worse is {grid.name(point.first_worse)}"
    share = (
        f"; in {crossing.beyond:.0%} of the draws {composed} never does"
        if crossing.beyond >= LEAST_SHARE
        else ""
    )
    return f"{composed} {words}{share}; {verdict}"
