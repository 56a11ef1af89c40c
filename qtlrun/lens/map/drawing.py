"""Frames, figures and sentences of saliency maps."""

import itertools

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float64
from torch import Tensor

from qtlrun.lens.map.explanation import Explanation, Explanations
from qtlrun.lens.view import View, coarsen
from qtlrun.report.figure import saliency as figure
from qtlrun.report.sentence import Note
from qtlrun.report.sentence import count as quantity

GRID = 45  # points on a side of the plane, an odd multiple of the arrows there


def draw(view: View, explained: list[Explanation]) -> None:
    """Add what the items allow: maps of pictures, a plane of points, bars of longer vectors."""
    first = explained[0]
    if len(first.shape) == 3:
        _draw_pictures(view, explained)
        return
    _draw_vectors(view, explained)
    if first.shape == (2,):
        points = _points(first)
        reach = 1.05 * float(points[["x", "y"]].abs().to_numpy().max())
        frames = [_compute_field(each, reach) for each in explained]
        view.frames["field"] = pd.concat(frames, ignore_index=True)
        view.figures["field"] = figure.field(view.frames["field"], points, _axes(first))


def average_curves(explained: Explanations) -> pd.DataFrame:
    """Curves of each row and method, means over maps of all trainings, without empty ones.

    Beside a method's curve stands that of the same items in random orders. Where all maps are
    empty, so is the frame.
    """
    frames = []
    for label, row in explained.items():
        for method, curve in itertools.product(row[0].removals, ("deletion", "insertion")):
            mapped = []
            random = []
            for each in row:
                items = ~each.empty(method)
                mapped.append(each.removals[method].curves[curve][items])
                orders = np.mean([removal.curves[curve] for removal in each.random], axis=0)
                random.append(orders[items])
            values = np.concatenate(mapped)
            if len(values):
                keys = {"row": label, "method": method, "curve": curve, "maps": len(values)}
                shares = {"share": row[0].removals[method].shares, "probability": values.mean(0)}
                shares |= {"random": np.concatenate(random).mean(0)}
                frames.append(pd.DataFrame(keys | shares))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def write_notes(explained: Explanations, target: str) -> list[Note]:
    """Sentences on what the maps are of, and on what does not apply to which row."""
    any_row = next(iter(explained.values()))
    count = len(any_row[0].split)
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
            "Agreement with other trainings is a mean over pairs, which share trainings: means and"
            " deviations are shown, and rows are not tested by it."
        ),
        Note(
            f"Integrated gradients begin at {begin}, and deletion puts it in place of what it"
            " removes. Areas under these curves are less those of random orders: below 0 by"
            " deletion, above 0 by insertion, the network needs what the map marks."
        ),
    ]
    reasons: dict[tuple[str, str], list[str]] = {}
    for label, row in explained.items():
        for method, reason in row[0].absent.items():
            reasons.setdefault((method, reason), []).append(label)
    for (method, reason), labels in reasons.items():
        notes.append(Note(f"{method} does not apply to {', '.join(labels)}: {reason}."))
    return notes + _note_empty(explained)


def _note_empty(explained: Explanations) -> list[Note]:
    """Sentence on how many maps are the same everywhere, by row and method; none without any."""
    parts = []
    for label, row in explained.items():
        counts = []
        for method in row[0].maps:
            empty = np.concatenate([each.empty(method) for each in row])
            if empty.any():
                counts.append(f"{empty.sum()} of {len(empty)} by {method}")
        if counts:
            parts.append(f"{label} {', '.join(counts)}")
    if not parts:
        return []
    return [
        Note(
            f"Empty maps are left out of numbers and curves: {'; '.join(parts)}. Grad-CAM's"
            " is empty where all that it weighs speaks against the class, another's where a"
            " saturated unit stops the gradient.",
            f"Empty maps are left out of numbers and curves: {'; '.join(parts)}.",
        )
    ]


def _draw_pictures(view: View, explained: list[Explanation]) -> None:
    """Add a figure of each method, and its maps as a frame."""
    first = explained[0]
    pictures = [_picture(first, number) for number in range(len(first.split))]
    names = [first.subject.classes[label] for label in first.split.labels]
    methods = list(dict.fromkeys(name for each in explained for name in each.maps))
    frames = []
    for method in methods:
        rows = {}
        for each in explained:
            if method in each.maps and each.split.items == first.split.items:
                maps = each.maps[method]
                mean = maps.flatten(1).mean(1).clamp_min(torch.finfo(maps.dtype).tiny)
                rows[each.subject.row] = (maps / mean.view(-1, 1, 1)).numpy()
                frames.append(_map_frame(each, method, maps, names))
        view.figures[method] = figure.maps(pictures, names, rows, method)
    if frames:
        view.frames["maps"] = pd.concat(frames, ignore_index=True)


def _map_frame(each: Explanation, method: str, maps: Tensor, names: list[str]) -> pd.DataFrame:
    """Maps as lines, a line a place; larger ones are averaged over patches."""
    values = coarsen(maps).numpy()
    item, y, x = (index.ravel() for index in np.indices(values.shape))
    return pd.DataFrame(
        each.subject.keys
        | {
            "method": method,
            "item": item,
            "class": np.array(names)[item],
            "y": y,
            "x": x,
            "value": values.ravel(),
        }
    )


def _picture(each: Explanation, number: int) -> Float64[np.ndarray, "height width colours"]:
    """Picture as its network sees it, in [0, 1]: resized and cropped, without its scaling.

    A preprocessing scales each channel; a black and a white picture tell by what.
    """
    raw = each.split.inputs[number]
    prepare = each.subject.network.backbone.preprocess
    item, black, white = (
        prepare(colour).double().cpu().reshape(each.shape)
        for colour in (raw, torch.zeros_like(raw), torch.full_like(raw, 255))
    )
    return ((item - black) / (white - black)).clamp(0, 1).movedim(0, 2).numpy()


def _draw_vectors(view: View, explained: list[Explanation]) -> None:
    """Add the share of each number in the map, a mean over items, and a figure of it."""
    names = _axes(explained[0])
    lines = []
    for each in explained:
        for method, maps in each.maps.items():
            shares = maps / maps.sum(1, keepdim=True).clamp_min(torch.finfo(maps.dtype).tiny)
            for name, share in zip(names, shares.mean(0).tolist(), strict=True):
                keys = each.subject.keys | {"method": method, "number": name}
                lines.append(keys | {"share": share})
    view.frames["shares"] = pd.DataFrame(lines)
    view.figures["shares"] = figure.shares(view.frames["shares"])


def _compute_field(each: Explanation, reach: float) -> pd.DataFrame:
    """Margin between the two largest logits over the plane, and its gradient."""
    side = torch.linspace(-reach, reach, GRID, dtype=torch.float64)
    grid = torch.cartesian_prod(side, side)
    points = grid.to(each.question.items).requires_grad_()
    with torch.enable_grad():
        best = each.model.fast(points)[0].topk(2, 1)
        margin = best.values[:, 0] - best.values[:, 1]
    slope = torch.autograd.grad(margin.sum(), points)[0].double().cpu()
    return pd.DataFrame(
        each.subject.keys
        | {
            "x": grid[:, 0],
            "y": grid[:, 1],
            "class": [each.subject.classes[number] for number in best.indices[:, 0].tolist()],
            "margin": margin.detach().double().cpu(),
            "slope_x": slope[:, 0],
            "slope_y": slope[:, 1],
        }
    )


def _points(each: Explanation) -> pd.DataFrame:
    """Test points of the plane with their classes."""
    test = each.subject.split("test")
    points = test.vectors.double()
    names = [each.subject.classes[label] for label in test.labels]
    return pd.DataFrame({"x": points[:, 0], "y": points[:, 1], "class": names})


def _axes(each: Explanation) -> list[str]:
    """Names of a vector's numbers."""
    names = each.subject.dataset.column_names
    return list(names) or [f"x{number + 1}" for number in range(each.shape[0])]
