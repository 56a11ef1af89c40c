"""Finished runs, read from their folders; rows predict without the data of their training."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from safetensors import SafetensorError
from safetensors.numpy import load
from torch import Tensor

from qtlrun import disk
from qtlrun.backbone.weights import is_file
from qtlrun.dataset.dataset import Dataset
from qtlrun.dataset.split import Split
from qtlrun.error import UsageError
from qtlrun.experiment import pretraining
from qtlrun.experiment.network import Module, Network
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.restoration import restore_network
from qtlrun.experiment.session import Session
from qtlrun.plan import Plan, Variant, is_own
from qtlrun.runfolder import WEIGHTS_FILE as FILE

AGAIN = "run its command again, as plan.yaml has it: what the store holds is not trained anew"


@dataclass(frozen=True)
class ItemShape:
    """Kind and shape of the items that a row was trained on.

    kind: pictures, vectors or states
    shape: of one item; the sides of pictures that may differ are None
    numbers: of one item, where the backbone takes no other count
    columns: names of a vector's numbers, where the training's table had them
    """

    kind: str
    shape: tuple[int | None, ...]
    numbers: int | None
    columns: tuple[str, ...] = ()

    def takes(self, pixels: Tensor) -> bool:
        """Whether a picture has the sides of those of the training, or is resized to them."""
        if self.numbers is None:
            return True
        sides = zip(self.shape[1:], pixels.shape[1:], strict=True)
        is_alike = all(trained in (None, side) for trained, side in sides)
        return is_alike and pixels.numel() == self.numbers


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
        return restore_network(self.parts, self.seed, self.weights)

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
    archive = _Archive(folder)
    variants = {label: plan.variants[name] for name, label in plan.labels.names.items()}
    rows = {}
    for label, description in archive.rows.items():
        if label not in variants:
            raise archive.refusal(f"its {FILE} has a row {label}, and its plan.yaml has none")
        rows[label] = _load_row(archive, label, description, variants[label], session)
    if not rows:
        raise archive.refusal("it has no trained row")
    return FinishedRun(folder, plan.labels.names[plan.composed], rows)


class _Archive:
    """Files of a run's folder, each held against its hash."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._tensors: dict[str, tuple[dict[str, np.ndarray], str]] = {}
        with self.reading(FILE):
            content = json.loads((folder / FILE).read_bytes())
            self.rows: dict[str, dict[str, Any]] = content["rows"]
            self.digests: dict[str, str] = content["sha256"]

    def read(self, file: str) -> tuple[dict[str, np.ndarray], str]:
        """Tensors of a file of weights, and its hash; read once."""
        if file not in self._tensors:
            with self.reading(file):
                data = (self.folder / file).read_bytes()
                digest = disk.digest(data)
                if digest != self.digests[file]:
                    raise self.refusal(f"{file} is not the file that was written: its hash differs")
                self._tensors[file] = load(data), digest
        return self._tensors[file]

    @contextlib.contextmanager
    def reading(self, file: str) -> Iterator[None]:
        """Refuse, within, a file that is absent or unreadable, or lacks a value."""
        try:
            yield
        except FileNotFoundError as error:
            raise self.refusal(f"{file} is not in it") from error
        except OSError as error:
            raise self.refusal(f"{file} cannot be read ({error.strerror})") from error
        except (KeyError, TypeError) as error:
            raise self.refusal(f"{file} lacks {error}, as other versions of it do") from error
        except (json.JSONDecodeError, UnicodeDecodeError, SafetensorError) as error:
            raise self.refusal(f"{file} is damaged") from error

    def refusal(self, reason: str) -> UsageError:
        return UsageError(reason, AGAIN, key="run", value=str(self.folder))


def _load_row(
    archive: _Archive, label: str, description: dict[str, Any], variant: Variant, session: Session
) -> FinishedRow:
    """Row with its trainings, whose networks are built when they are asked for."""
    trainings = []
    with archive.reading(FILE):
        classes = tuple(description["classes"])
        item = ItemShape(
            description["item"]["kind"],
            tuple(description["item"]["shape"]),
            description["numbers"],
            tuple(description["item"].get("columns", ())),
        )
        for entry in description["files"]:
            parts = _FinishedParts(
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


class _FinishedParts(Parts):
    """Parts of a finished training, built without its dataset.

    frozen: whether the head was trained on features that never changed
    begun_from: SHA-256 of the file of weights that the backbone began with; None without one
    state: weights of the backbone, and their hash, where the run's folder has them
    """

    def __init__(
        self,
        variant: Variant,
        session: Session,
        item: ItemShape,
        classes: tuple[str, ...],
        *,
        frozen: bool,
        begun_from: str | None,
        state: tuple[dict[str, np.ndarray], str] | None,
    ):
        super().__init__(variant, session)
        self.numbers = item.numbers
        self.dataset = _without_items(item, classes)
        self.frozen = frozen
        self.begun_from = begun_from
        self.state = state

    @cached_property
    def backbone(self) -> Module:
        """Backbone as the training began with it, or without weights where it has others now."""
        if self.state is not None:
            arrays, digest = self.state
            return self._once(digest, lambda: self._fill(arrays))
        if self._is_overwritten():
            return self._once("overwritten", self._empty)
        try:
            backbone = super().backbone
        except UsageError as error:
            if not error.missing:
                raise
            raise UsageError(
                f"the run begins from this file, and it is not here ({error.reason})",
                "name the same file at its place with backbone.weights=FILE",
                key="backbone.weights",
                value=self.variant.backbone.get("weights"),
            ) from error
        if self.begun_from not in (None, backbone.fingerprint):
            raise UsageError(
                f"the run begins from another file, whose SHA-256 is {self.begun_from}",
                "name that one with backbone.weights=FILE",
                key="backbone.weights",
                value=self.variant.backbone.get("weights"),
            )
        return backbone

    def _is_overwritten(self) -> bool:
        """Whether all weights of the backbone are the training's, and none need be fetched."""
        weights = self.variant.backbone.get("weights")
        from_file = isinstance(weights, str) and is_file(weights)
        return (
            not self.frozen
            and (pretraining.is_wanted(self.variant) or from_file)
            and not is_own(self.variant.target("backbone"))
            and not (self.parametrization.weights and self.parametrization.added)
        )

    def _empty(self) -> Module:
        """Backbone without weights of its own."""
        part = self.variant.backbone
        is_pretrained = pretraining.is_wanted(self.variant)
        bare = self.bare_values if is_pretrained or not is_own(part["_target_"]) else part
        return self.to_accelerator(self.network(bare)).eval()

    def _fill(self, arrays: dict[str, np.ndarray]) -> Module:
        """Backbone with weights by `backbone.name`."""
        backbone = self._empty()
        backbone.load_state_dict(
            {
                name.removeprefix("backbone."): torch.from_numpy(array)
                for name, array in arrays.items()
            }
        )
        return backbone

    def _once(self, name: str, make) -> Module:
        """Backbone that rows of the run share."""
        values = json.dumps([self.numbers, self.variant.backbone, self.variant.dtype])
        return self.session.once(f"finished backbone {name}{values}", make)


def _without_items(item: ItemShape, classes: tuple[str, ...]) -> Dataset:
    """Dataset of these classes that has no items."""
    sides = tuple(side or 0 for side in item.shape)
    kind = torch.uint8 if item.kind == "pictures" else torch.float64
    split = Split(torch.zeros((0, *sides), dtype=kind), torch.zeros(0, dtype=torch.int64), ())
    return Dataset(split, split, split, classes, 0, "")
