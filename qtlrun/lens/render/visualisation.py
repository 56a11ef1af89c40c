"""Visualisation of a target: the pictures that make it large, with their numbers and panels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from qtlrun.lens.render.ascent import Pictures, read_pictures
from qtlrun.lens.render.target import Target
from qtlrun.lens.render.transfer import Belief
from qtlrun.lens.view import coarsen
from qtlrun.report.figure.dream import Panel

NOISE = "noise"  # where a dream begins
ITEM = "test item"
DECIMALS = 4  # of a pixel there


@dataclass(frozen=True, eq=False)
class Visualisation:
    """Dreams of the numbers of a target.

    origin: NOISE or ITEM
    start: pictures that they began from
    pictures: at their end
    """

    target: Target
    origin: str
    start: Pictures
    pictures: Pictures

    @property
    def is_judged(self) -> bool:
        """Whether they are dreams of classes that began from noise."""
        return self.origin == NOISE and self.target.layer == "logits"

    @torch.no_grad()
    def describe(self, belief: Belief) -> list[dict[str, Any]]:
        """Numbers of each dream, a line each.

        `reached` and `largest` are in deviations above the mean of the test items, the others in
        the unit of the layer.
        """
        target = self.target
        scores = target.score(read_pictures(target.subject, self.pictures))
        columns = {
            "reached": scores,
            "largest": target.excess,
            "value": target.mean + scores * target.deviation,
            "mean": target.mean,
            "deviation": target.deviation,
        }
        if self.is_judged:
            columns["probability"] = belief.itself
            columns["probability_row"] = belief.row
            columns["probability_others"] = belief.others
        lines = []
        for number, name in enumerate(target.names):
            line = target.subject.keys | {
                "origin": self.origin,
                "layer": target.layer,
                "name": name,
            }
            values = {key: float(each[number]) for key, each in columns.items()}
            lines.append(line | values)
        return lines

    def tabulate(self) -> pd.DataFrame:
        """Pixels of the dreams in [0, 1], a line a place; larger ones are averaged over patches.

        Behind a test item, they begin with its own.
        """
        pictures = self.pictures
        names = [*self.target.names]
        if self.origin == ITEM:
            pictures = torch.cat([self.start[:1], pictures])
            names = [ITEM, *names]
        pixels = coarsen(pictures).movedim(1, 3).cpu().double()
        number, y, x = (index.ravel() for index in np.indices(pixels.shape[:3]))
        colours = ("grey",) if pixels.shape[3] == 1 else ("red", "green", "blue")
        values = pixels.reshape(-1, len(colours)).T.numpy().round(DECIMALS)
        keys = self.target.subject.keys | {"origin": self.origin, "layer": self.target.layer}
        places = {"name": np.array(names)[number], "y": y, "x": x}
        return pd.DataFrame(keys | places | dict(zip(colours, values, strict=True)))

    def show(self, row: str, lines: list[dict[str, Any]]) -> list[Panel]:
        """Panels of the dreams, with their numbers; that of a test item in front."""
        panels = []
        if self.origin == ITEM:
            panels.append(Panel(row, ITEM, _pixels(self.start[0])))
        for picture, line in zip(self.pictures, lines, strict=True):
            panels.append(Panel(row, line["name"], _pixels(picture), self._caption(line)))
        return panels

    def _caption(self, line: dict[str, Any]) -> str:
        caption = f"{line['reached']:.1f} ({line['largest']:.1f})"
        if not self.is_judged:
            return caption
        chances = [line["probability"], line["probability_row"], line["probability_others"]]
        return f"{caption}\n{', '.join(_percent(chance) for chance in chances)}"


def _percent(chance: float) -> str:
    return "-" if chance != chance else f"{100 * chance:.0f}%"


def _pixels(picture: torch.Tensor):
    """Picture as it is drawn, its channels last."""
    return picture.movedim(0, -1).cpu().double().numpy()
