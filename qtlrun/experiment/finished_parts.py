"""Parts of a finished training, built without the data of the training."""

import json
from functools import cached_property

import numpy as np
import torch

from qtlrun.backbone.weights import is_file
from qtlrun.dataset.dataset import Dataset
from qtlrun.dataset.split import Split
from qtlrun.error import UsageError
from qtlrun.experiment import pretraining
from qtlrun.experiment.item import ItemShape
from qtlrun.experiment.network import Module
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.session import Session
from qtlrun.plan import Variant, is_plugin


class FinishedParts(Parts):
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
            and not is_plugin(self.variant.target("backbone"))
            and not (self.parametrization.weights and self.parametrization.added)
        )

    def _empty(self) -> Module:
        """Backbone without weights of its own."""
        part = self.variant.backbone
        is_pretrained = pretraining.is_wanted(self.variant)
        bare = self.bare_values if is_pretrained or not is_plugin(part["_target_"]) else part
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
