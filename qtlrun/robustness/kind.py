"""Kinds of noise, each with one strength, from none to what a grid asks for."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qtlrun.error import BadValue, UsageError, nearest
from qtlrun.simulator.noise import CHANNELS, GATES, PLACES, Noise

READOUT = "readout"
OVER_ROTATION = "over_rotation"
SHOTS = "shots"
KINDS = (*CHANNELS, READOUT, OVER_ROTATION, SHOTS)
UNITS = {
    READOUT: "the probability that a wire is misread",
    OVER_ROTATION: "the share added to each angle",
    SHOTS: "the number of measurements of each circuit",
}


@dataclass(frozen=True)
class Grid:
    """Strengths of one kind of noise, from the weakest.

    kind: name among `KINDS`
    strengths: of the kind; of shots their numbers, from the most
    after: gates that channels stand behind
    """

    kind: str
    strengths: tuple[float, ...]
    after: str = GATES

    @property
    def is_sampled(self) -> bool:
        """Whether it draws at random."""
        return self.kind == SHOTS

    @property
    def unit(self) -> str:
        """Strength in words."""
        return UNITS.get(self.kind, "the probability of the channel after a gate")

    @property
    def noises(self) -> list[Noise]:
        """Noise at each strength, with none before it; of shots none alone."""
        if self.is_sampled:
            return [Noise()]
        return [Noise(after=self.after), *(self.at(strength) for strength in self.strengths)]

    @property
    def positions(self) -> list[float]:
        """Strengths with 0 before them, as an axis on which noise grows; shots by their inverse."""
        if self.is_sampled:
            return [0.0, *(1 / shots for shots in self.strengths)]
        return [0.0, *self.strengths]

    def at(self, strength: float) -> Noise:
        """Noise of a strength."""
        if self.kind == READOUT:
            return Noise(readout_0=strength, readout_1=strength)
        values: dict[str, Any] = {self.kind: strength, "after": self.after}
        return Noise(**values)

    def strength(self, position: float) -> float:
        """Strength at a place of the axis.

        No noise is 0 of a channel, and infinitely many shots; beyond the grid are inf and 0 shots.
        """
        if not self.is_sampled:
            return position
        return 1 / position if position else math.inf

    def name(self, position: float) -> str:
        """Place of the axis in words."""
        if not self.is_sampled:
            return f"{position:g}"
        return f"{1 / position:.0f}" if position else "exact"


def read_grids(strengths: Mapping[str, object], after: str) -> list[Grid]:
    """Grids of kinds by name; refuses unknown ones, and strengths that cannot be or do not grow."""
    if after not in PLACES:
        raise BadValue("after", after, nearest(after, PLACES))
    grids = []
    for kind, values in strengths.items():
        if kind not in KINDS:
            raise BadValue(f"strengths.{kind}", values, nearest(kind, KINDS))
        if values:
            grids.append(_read_grid(kind, values, after))
    if not grids:
        raise BadValue("strengths", strengths, "one kind of noise or more", ", ".join(KINDS))
    return grids


def _read_grid(kind: str, values: object, after: str) -> Grid:
    """Grid of one kind, checked."""
    key = f"strengths.{kind}"
    if not isinstance(values, (list, tuple)):
        raise BadValue(key, values, "a list, as [0.01, 0.1]", "null leaves the kind out")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise BadValue(key, value, "a number")
    grid = Grid(kind, tuple(values), after)
    if grid.is_sampled:
        if not all(1 <= value < 2**63 and value == int(value) for value in values):
            raise BadValue(key, list(values), "whole numbers of shots from 1 up, below 2**63")
        grid = Grid(kind, tuple(sorted(map(int, values), reverse=True)), after)
    else:
        _check(grid, key)
    if sorted(set(grid.positions)) != grid.positions:
        raise BadValue(
            key, list(values), "different strengths above 0, in ascending order", "0 is always made"
        )
    return grid


def _check(grid: Grid, key: str) -> None:
    """Refuse strengths that no noise has."""
    for strength in grid.strengths:
        try:
            grid.at(strength)
        except UsageError as error:
            raise BadValue(key, strength, error.reason, error.fix) from error
