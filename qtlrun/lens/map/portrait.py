"""Frames and figures of saliency maps, of the first training of each row."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float64
from torch import Tensor
from torch.nn import functional

from qtlrun.dataset.split import Split
from qtlrun.experiment.subject import Subject
from qtlrun.lens.map.attribution import Model, Question
from qtlrun.lens.map.removal import Removal
from qtlrun.lens.map.survey import Maps, Survey, Surveys
from qtlrun.lens.view import View
from qtlrun.report.figure import saliency as figure
from qtlrun.report.sentence import Note
from qtlrun.report.sentence import count as quantity

MAX_SIDE = 16  # of a map in a CSV file
GRID = 15  # arrows on a side of the plane
RANDOM = "random order"


@dataclass(frozen=True, eq=False)
class Sitting:
    """Training of a row with the items that are drawn, and their maps."""

    subject: Subject
    split: Split
    model: Model
    question: Question
    shape: tuple[int, ...]
    maps: Maps


def draw(view: View, sittings: list[Sitting]) -> None:
    """Add what the items allow: maps of pictures, a plane of points, bars of longer vectors."""
    first = sittings[0]
    if len(first.shape) == 3:
        _draw_pictures(view, sittings)
        return
    _draw_vectors(view, sittings)
    if first.shape == (2,):
        points = _points(first)
        reach = 1.05 * float(points[["x", "y"]].abs().to_numpy().max())
        frames = [_compute_field(sitting, reach) for sitting in sittings]
        view.frames["field"] = pd.concat(frames, ignore_index=True)
        view.figures["field"] = figure.field(view.frames["field"], points, _axes(first))


def average_curves(surveys: Surveys) -> pd.DataFrame:
    """Curves of each row and method, means over items and trainings."""
    lines: list[dict] = []
    for label, row in surveys.items():
        for method in row[0].removals:
            _add_curves(lines, label, method, [each.removals[method] for each in row])
        _add_curves(lines, label, RANDOM, [curves for each in row for curves in each.random])
    return pd.DataFrame(lines)


def explain(surveys: Surveys, target: str) -> list[Note]:
    """Sentences on what the maps are of, and on what does not apply to which row."""
    any_row = next(iter(surveys.values()))
    count = len(any_row[0].items)
    begin = "the mean colour of training pictures"
    if len(any_row[0].shape) == 1:
        begin = "the mean of training items"
    notes = [
        Note(
            f"saliency: maps are absolute values, summed over channels, of the logit of {target};"
            f" numbers are means over {quantity(count, 'test item')}. Agreement is Spearman's"
            " correlation of a map with that of the same network with random layers, of a head"
            " trained on shuffled labels, and of other trainings: near 1, the map does not depend"
            " on what differs."
        ),
        Note(
            f"Integrated gradients begin at {begin}, and deletion puts it in place of what it"
            " removes. Areas under these curves are less those of random orders: below 0 by"
            " deletion, above 0 by insertion, the network needs what the map marks."
        ),
    ]
    reasons: dict[tuple[str, str], list[str]] = {}
    for label, row in surveys.items():
        for method, reason in row[0].absent.items():
            reasons.setdefault((method, reason), []).append(label)
    for (method, reason), labels in reasons.items():
        notes.append(Note(f"{method} does not apply to {', '.join(labels)}: {reason}."))
    return notes + [_note_empty(label, row) for label, row in surveys.items() if _has_empty(row)]


def _has_empty(row: list[Survey]) -> bool:
    """Whether no gradient passes to an item of a row."""
    return any("gradient" in each.ranks and each.empty("gradient").any() for each in row)


def _note_empty(label: str, row: list[Survey]) -> Note:
    """Sentence on how many items of a row no gradient passes to."""
    empty = np.concatenate([each.empty("gradient") for each in row])
    return Note(
        f"{label}: no gradient passes to {empty.sum()} of {len(empty)} maps (a saturated squashing"
        " stops it); numbers leave these out."
    )


def _draw_pictures(view: View, sittings: list[Sitting]) -> None:
    """Add a figure of each method, and its maps as a frame."""
    first = sittings[0]
    pictures = [_picture(first, number) for number in range(len(first.split))]
    names = [first.subject.classes[label] for label in first.split.labels]
    methods = list(dict.fromkeys(name for sitting in sittings for name in sitting.maps))
    frames = []
    for method in methods:
        rows = {}
        for sitting in sittings:
            if method in sitting.maps and sitting.split.items == first.split.items:
                maps = sitting.maps[method]
                mean = maps.flatten(1).mean(1).clamp_min(torch.finfo(maps.dtype).tiny)
                rows[sitting.subject.row] = (maps / mean.view(-1, 1, 1)).numpy()
                frames.append(_map_frame(sitting, method, maps, names))
        view.figures[method] = figure.maps(pictures, names, rows, method)
    if frames:
        view.frames["maps"] = pd.concat(frames, ignore_index=True)


def _map_frame(sitting: Sitting, method: str, maps: Tensor, names: list[str]) -> pd.DataFrame:
    """Maps as lines, a line a place; larger ones are averaged over patches."""
    height, width = (min(side, MAX_SIDE) for side in maps.shape[1:])
    values = functional.adaptive_avg_pool2d(maps, (height, width)).numpy()
    item, y, x = (index.ravel() for index in np.indices(values.shape))
    row = sitting.subject.row
    return pd.DataFrame(
        {
            "row": row,
            "method": method,
            "item": item,
            "class": np.array(names)[item],
            "y": y,
            "x": x,
            "value": values.ravel(),
        }
    )


def _picture(sitting: Sitting, number: int) -> Float64[np.ndarray, "height width colours"]:
    """Picture as its network sees it, in [0, 1]: resized and cropped, without its scaling.

    A preprocessing scales each channel; a black and a white picture tell by what.
    """
    raw = sitting.split.inputs[number]
    prepare = sitting.subject.network.backbone.preprocess
    item, black, white = (
        prepare(each).double().cpu().reshape(sitting.shape)
        for each in (raw, torch.zeros_like(raw), torch.full_like(raw, 255))
    )
    return ((item - black) / (white - black)).clamp(0, 1).movedim(0, 2).numpy()


def _draw_vectors(view: View, sittings: list[Sitting]) -> None:
    """Add the share of each number in the map, a mean over items, and a figure of it."""
    names = _axes(sittings[0])
    lines = []
    for sitting in sittings:
        for method, maps in sitting.maps.items():
            shares = maps / maps.sum(1, keepdim=True).clamp_min(torch.finfo(maps.dtype).tiny)
            for name, share in zip(names, shares.mean(0).tolist(), strict=True):
                keys = {"row": sitting.subject.row, "method": method, "number": name}
                lines.append(keys | {"share": share})
    view.frames["shares"] = pd.DataFrame(lines)
    view.figures["shares"] = figure.shares(view.frames["shares"])


def _compute_field(sitting: Sitting, reach: float) -> pd.DataFrame:
    """Margin between the two largest logits over the plane, and its gradient."""
    side = torch.linspace(-reach, reach, GRID, dtype=torch.float64)
    grid = torch.cartesian_prod(side, side)
    points = grid.to(sitting.question.items).requires_grad_()
    with torch.enable_grad():
        best = sitting.model.fast(points)[0].topk(2, 1)
        margin = best.values[:, 0] - best.values[:, 1]
    slope = torch.autograd.grad(margin.sum(), points)[0].double().cpu()
    return pd.DataFrame(
        {
            "row": sitting.subject.row,
            "x": grid[:, 0],
            "y": grid[:, 1],
            "class": [sitting.subject.classes[number] for number in best.indices[:, 0].tolist()],
            "margin": margin.detach().double().cpu(),
            "slope_x": slope[:, 0],
            "slope_y": slope[:, 1],
        }
    )


def _points(sitting: Sitting) -> pd.DataFrame:
    """Test points of the plane with their classes."""
    test = sitting.subject.split("test")
    points = test.vectors.double()
    names = [sitting.subject.classes[label] for label in test.labels]
    return pd.DataFrame({"x": points[:, 0], "y": points[:, 1], "class": names})


def _axes(sitting: Sitting) -> list[str]:
    """Names of a vector's numbers."""
    names = sitting.subject.dataset.column_names
    return list(names) or [f"x{number + 1}" for number in range(sitting.shape[0])]


def _add_curves(lines: list[dict], row: str, method: str, curves: list[Removal]) -> None:
    """Add lines of the mean of curves, a line a share."""
    means = {"deletion": np.mean([each.deletion.mean(0) for each in curves], axis=0)}
    means["insertion"] = np.mean([each.insertion.mean(0) for each in curves], axis=0)
    for name, values in means.items():
        for share, probability in zip(curves[0].shares, values, strict=True):
            keys = {"row": row, "method": method, "curve": name, "share": share}
            lines.append(keys | {"probability": probability})
