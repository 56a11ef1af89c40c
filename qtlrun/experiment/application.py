"""Probabilities of new items, by every training of a finished run."""

import json

import numpy as np
import torch
from torch import Tensor

from qtlrun.dataset.unlabelled import Files
from qtlrun.error import UsageError
from qtlrun.experiment import feature
from qtlrun.experiment.finished import FinishedRun, FinishedTraining
from qtlrun.experiment.item import ItemShape
from qtlrun.experiment.session import Session

MAX_PICTURES = 32  # that are decoded at once


def apply_run(
    run: FinishedRun, items: Files | Tensor, session: Session
) -> tuple[dict[str, np.ndarray], dict[int, UsageError]]:
    """Probabilities (trainings, items, classes) by row; the refusal of each item that has none.

    Items are prepared as those of the training were. Where there is a refusal the progress does not
    end, for the caller may refuse all.
    """
    total = len(items.paths) if isinstance(items, Files) else len(items)
    trainings = [training for row in run.rows.values() for training in row.trainings]
    shape = (len(trainings), total, len(run.classes))
    probabilities = np.full(shape, np.nan)
    refusals: dict[int, UsageError] = {}
    with session.threads(large=any(map(_is_large, trainings))):
        step = min(feature.chunk(training.network.backbone) for training in trainings)
        step = min(step, MAX_PICTURES) if isinstance(items, Files) else step
        for start in range(0, total, step):
            session.progress.step("predictions", start, total)
            indices = range(start, min(start + step, total))
            raw, refused = _read(items, indices, run.items)
            refusals |= refused
            good = [index for index in indices if index not in refused]
            if good:
                # A smaller batch would be rounded otherwise
                padded = raw + raw[-1:] * (step - len(raw))
                probabilities[:, good] = _probabilities(trainings, padded)[:, : len(good)]
    if not refusals:
        session.progress.step("predictions", total, total)
    by_row = {}
    first = 0
    for label, row in run.rows.items():
        by_row[label] = probabilities[first : first + len(row.trainings)]
        first += len(row.trainings)
    return by_row, refusals


def _is_large(training: FinishedTraining) -> bool:
    """Whether a training's backbone takes many threads."""
    return feature.is_large(training.network.backbone)


def _read(
    items: Files | Tensor, indices: range, shapes: list[ItemShape]
) -> tuple[list[Tensor], dict[int, UsageError]]:
    """Raw items at the indices, without those that are refused."""
    if isinstance(items, Tensor):
        return list(items[indices.start : indices.stop]), {}
    raw = []
    refused = {}
    channels = shapes[0].shape[0] or 3
    for index, pixels in zip(indices, items.read(indices, channels), strict=True):
        if isinstance(pixels, Tensor):
            pixels = _check_size(pixels, shapes, items.names[index])
        if isinstance(pixels, UsageError):
            refused[index] = pixels
        else:
            raw.append(pixels)
    return raw, refused


def _check_size(pixels: Tensor, shapes: list[ItemShape], name: str) -> Tensor | UsageError:
    """The pixels, or the refusal of a picture that a backbone without resizing cannot take."""
    item = next((shape for shape in shapes if not shape.takes(pixels)), None)
    if item is None:
        return pixels
    height, width = pixels.shape[-2:]
    sides = [side for side in item.shape[1:] if side]
    trained = " x ".join(map(str, sides)) if sides else f"{item.numbers} numbers"
    return UsageError(
        f"{name} has {height} x {width} pixels, and its run takes those of {trained} as they are",
        "resize it, or train with a backbone that resizes",
    )


@torch.inference_mode()
def _probabilities(trainings: list[FinishedTraining], raw: list[Tensor]) -> np.ndarray:
    """Probabilities of raw items, (trainings, items, classes); a shared backbone runs once."""
    features: dict[tuple[int, str], Tensor] = {}
    logits = []
    for training in trainings:
        key = id(training.network.backbone), json.dumps(training.scaling)
        if key not in features:
            batch = torch.stack([training.prepare(item) for item in raw])
            features[key] = training.extractor(batch)
        network = training.network
        logits.append(network.head(network.scale(features[key]))[0].cpu().double())
    return torch.stack(logits).softmax(-1).numpy()
