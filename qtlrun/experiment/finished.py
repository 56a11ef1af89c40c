"""Finished runs, read from their folders; rows predict without the data of their training."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from qtlrun.error import UsageError, nearest
from qtlrun.experiment.archive import Archive
from qtlrun.experiment.finished_parts import FinishedParts
from qtlrun.experiment.item import ItemShape
from qtlrun.experiment.local import local_parts
from qtlrun.experiment.network import Module, Network
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.restoration import restore_network
from qtlrun.experiment.session import Session
from qtlrun.plan import Plan, Variant
from qtlrun.runfolder import WEIGHTS_FILE as FILE

PARTS = ("backbone", "head", "circuit", "device", "parametrization")  # of a row's description


@dataclass(frozen=True)
class FinishedTraining:
    """One finished training of a row.

    split: number of its division of the items; None where the run has one
    scaling: mean and deviation by which its dataset scaled vectors; None of pictures
    validation_nll: in nats, of its best epoch
    data: fingerprint of its dataset; None in a run of an earlier version
    weights: as an outcome has them
    """

    label: str
    seed: int
    split: int | None
    scaling: dict[str, list[float]] | None
    validation_nll: float
    data: str | None
    weights: dict[str, np.ndarray]
    parts: Parts

    @cached_property
    def network(self) -> Network:
        """Network in evaluation mode, from prepared items to logits (1, batch, classes)."""
        return restore_network(local_parts(self.parts), self.seed, self.weights)

    @cached_property
    def extractor(self) -> Module:
        """Backbone for evaluation; a frozen one computes features as it did for the training."""
        backbone = self.network.backbone
        settled = backbone.settled if self.parts.fixed else None
        return settled() if settled else backbone

    def prepare(self, items: Tensor) -> Tensor:
        """Raw pictures (..., channels, height, width) or vectors, as the network takes them."""
        if self.scaling is not None:
            mean, deviation = scaling_statistics(self.scaling)
            items = (items.double() - mean) / deviation
        return self.parts.to_accelerator(self.network.backbone.preprocess(items))


def scaling_statistics(
    scaling: dict[str, list[float]],
) -> tuple[Float64[Tensor, " numbers"], Float64[Tensor, " numbers"]]:
    """Mean and deviation by which vectors were scaled; single precision would round them."""
    mean, deviation = (
        torch.tensor(scaling[name], dtype=torch.float64) for name in ("mean", "deviation")
    )
    return mean, deviation


@dataclass(frozen=True)
class FinishedRow:
    """Row of a finished run.

    about: description of its variant
    classes: names, in the order of the logits
    trainings: by split and seed
    """

    label: str
    about: str
    classes: tuple[str, ...]
    item: ItemShape
    trainings: list[FinishedTraining]


@dataclass(frozen=True)
class FinishedRun:
    """Finished run: its folder, the label of its composed model, and its rows by label."""

    folder: Path
    composed: str
    rows: dict[str, FinishedRow]

    @property
    def item(self) -> ItemShape:
        """Items of the first row; those of the others are of its kind, channels and columns."""
        return next(iter(self.rows.values())).item

    @property
    def items(self) -> list[ItemShape]:
        """Items of each row, of which some take pictures of one size alone."""
        return [row.item for row in self.rows.values()]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes of all rows."""
        return next(iter(self.rows.values())).classes


def load_run(plan: Plan, session: Session) -> FinishedRun:
    """Load the run in the folder that a plan names; refuse one that is not whole."""
    folder = Path(str(plan.settings.run))
    archive = Archive(folder)
    variants = {label: plan.variants[name] for name, label in plan.labels.names.items()}
    rows = {}
    for label, description in archive.rows.items():
        if label not in variants:
            raise archive.refusal(f"its {FILE} has a row {label}, and its plan.yaml has none")
        rows[label] = _load_row(archive, label, description, variants[label], session)
    if not rows:
        raise archive.refusal("it has no trained row")
    return FinishedRun(folder, plan.labels.names[plan.composed], rows)


def find_labels(plan: Plan, labels: list[str], rows: Sequence[str] | None) -> list[str]:
    """Labels of the rows that `study.rows` asks for, with or without their star; all for none.

    labels: of a finished run's rows
    """
    if rows is None:
        return labels
    names = {name: label for name, label in plan.labels.names.items() if label in labels}
    names |= dict(zip(labels, labels, strict=True))
    for row in rows:
        if row not in names:
            reason = "the run has no such row"
            raise UsageError(reason, nearest(row, labels), key="study.rows", value=row)
    return [names[row] for row in rows]


def _load_row(
    archive: Archive, label: str, description: dict[str, Any], variant: Variant, session: Session
) -> FinishedRow:
    """Row with its trainings, whose networks are built when they are asked for."""
    trainings = []
    with archive.reading(FILE):
        _check_parts(archive, label, description, variant)
        classes = tuple(description["classes"])
        item = ItemShape(
            description["item"]["kind"],
            tuple(description["item"]["shape"]),
            description["numbers"],
            tuple(description["item"].get("columns", ())),
        )
        for entry in description["files"]:
            parts = FinishedParts(
                variant.changed(entry["drawn"] | {"head.state": None}),
                session,
                item,
                classes,
                frozen=description["frozen"],
                begun_from=entry["begun from"].get("weights"),
                state=archive.read(entry["backbone"]) if entry["backbone"] else None,
            )
            trainings.append(
                FinishedTraining(
                    label,
                    entry["seed"],
                    entry.get("split"),
                    entry["dataset_scaling"],
                    entry["validation_nll"],
                    entry.get("data"),
                    archive.read(entry["file"])[0],
                    parts,
                )
            )
        return FinishedRow(label, description["what it is"], classes, item, trainings)


def _check_parts(
    archive: Archive, label: str, description: dict[str, Any], variant: Variant
) -> None:
    """Refuse a row whose parts are not those that it was trained with.

    Values that tuning drew stand beside each training. The place of a backbone's weights may be
    another; their hash is checked where they are read. What a later version added is its default.
    """
    free = {"backbone.weights"}.union(*(entry["drawn"] for entry in description["files"]))
    identity = json.loads(json.dumps(variant.identity))
    for group in PARTS:
        part = identity.get(group, {})
        for key, value in description.get(group, {}).items():
            if f"{group}.{key}" not in free and part.get(key, value) != value:
                raise archive.refusal(
                    f"row {label} was trained with another {group}.{key}: plan.yaml, or a file that"
                    " it names, was changed"
                )
