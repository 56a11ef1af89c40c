"""Parts of one variant, each built at its first use."""

import contextlib
import copy
import json
import math
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from qtlrun import disk
from qtlrun.contract.check import check_part, complete_part, optional_members
from qtlrun.contract.circuit import check_size, sizes
from qtlrun.contract.completion import check_sized, complete_backbone, complete_dataset
from qtlrun.contract.device import draw_shots
from qtlrun.contract.part import build_part
from qtlrun.dataset.dataset import Dataset
from qtlrun.device.cached import CachedDevice
from qtlrun.error import UsageError
from qtlrun.experiment import pretraining, seedwise
from qtlrun.experiment.network import Module
from qtlrun.experiment.session import Session
from qtlrun.layer import Start, generator, without_values
from qtlrun.mode import find_layout
from qtlrun.parametrization.generated import BACKBONE, HEAD
from qtlrun.plan import Part, Variant, is_plugin, load_class, plugin


class Parts:
    """Circuit, device, recipe, freeze, dataset, backbone, head and parametrization of a variant."""

    def __init__(self, variant: Variant, session: Session):
        self.variant = variant
        self.session = session
        # In place of the backbone's features, by split, with their seconds
        self.planted_features: dict[str, Tensor] | None = None
        self.dtype = getattr(torch, variant.dtype)
        self.accelerator = variant.accelerator

    recipe = cached_property(lambda self: self._build("recipe"))
    freeze = cached_property(lambda self: self._build("freeze"))
    layout = cached_property(lambda self: find_layout(self.bare))  # of pictures in memory
    circuit = cached_property(lambda self: self._build_once("circuit"))
    device = cached_property(lambda self: self._build_once("device"))
    dataset = cached_property(lambda self: self.dataset_of(self.variant.dataset, "dataset"))

    @cached_property
    def parametrization(self) -> Module:
        """The row's parametrization, on the exact device where it takes one."""
        takes_device = "device" in self.variant.takes("parametrization")
        offered = {"device": self.exact_device} if takes_device else {}
        return self._build("parametrization", **offered)

    def dataset_of(self, part: dict, key: str) -> Dataset:
        """A dataset, indexed once per session; a user's one with all that it may leave out."""

        def make() -> Dataset:
            dataset = build_part("dataset", part, self.variant.plugins, key, data=self.session.data)
            if not is_plugin(part["_target_"]):
                return dataset
            with plugin.blamed(key, part["_target_"]):
                return complete_dataset(dataset, key, part["_target_"])

        return self.session.once(json.dumps([part, str(self.session.data)]), make)

    @cached_property
    def backbone(self) -> Module:
        """Backbone with its weights, in evaluation mode; rows share it, and train a copy."""

        def make() -> Module:
            state = pretraining.state(self) if pretraining.is_wanted(self.variant) else None
            return self.to_accelerator(self.network(self.variant.backbone, state=state)).eval()

        values = self.variant.backbone, self.variant.dtype, self.variant.accelerator
        return self.session.once(json.dumps([self.numbers, *values]), make)

    def trained_backbone(self, seed: int) -> Module:
        """A copy of the backbone to train.

        One that is not pre-trained starts from random weights of the seed, if it is trained.
        """
        part = self.variant.backbone
        is_random = "seed" in part or is_plugin(part["_target_"])
        if (
            not is_random
            or part.get("weights") not in (None, "none")
            or self.freeze.fixed(self.backbone)
        ):
            return copy.deepcopy(self.backbone)
        weights_seed = generator(seed, "backbone", part.get("seed", 0)).initial_seed() % 2**32
        part = part | ({"seed": weights_seed} if "seed" in part else {})
        return self.to_accelerator(self.network(part, seed=weights_seed)).eval()

    @property
    def bare(self) -> Module:
        """Backbone without weights or memory, for its sizes."""
        part = self.bare_values
        plugins = self.variant.plugins
        if self.variant.runs_code("backbone") and not pretraining.is_wanted(self.variant):
            # What it computes while it is built is unknown
            return self.backbone

        def make() -> Module:
            if is_plugin(part["_target_"]):
                return self.to_accelerator(self.network(part)).eval()
            # NotImplementedError is one; so is that of a value which is read of no memory
            with contextlib.suppress(RuntimeError), without_values():
                return build_part("backbone", part, plugins, **self._offers())
            # Some models compute while they are built
            return build_part("backbone", part, plugins, **self._offers())

        return self.session.once(f"bare{self.numbers}" + json.dumps(part), make)

    @property
    def bare_values(self) -> Part:
        """Values of the backbone without weights."""
        part = self.variant.backbone
        return part | ({"weights": "none"} if "weights" in part else {})

    def network(self, part: dict, seed: int = 0, **offered) -> Module:
        """A backbone with its weights; a user's one draws from the seed."""
        target = part["_target_"]
        offers = offered | self._offers()
        if not is_plugin(target):
            return build_part("backbone", part, self.variant.plugins, **offers)
        with seedwise.seeded(seed, "backbone"):
            network = build_part("backbone", part, self.variant.plugins, **offers)
        with plugin.blamed("backbone", target):
            return complete_backbone(network, target)

    @cached_property
    def numbers(self) -> int | None:
        """Count of an item's numbers, where the backbone asks for it and all items have as many."""
        if "numbers" not in self.variant.takes("backbone"):
            return None
        if isinstance(self.dataset.train.inputs, Tensor):
            return self.dataset.train.inputs[0].numel()
        sizes = self.dataset.sizes
        return 3 * math.prod(*sizes) if len(sizes) == 1 else None

    def head(
        self, features: int, seeds: list[int], shots: list[int | None] | None = None
    ) -> Module:
        """A head with one run per seed, with start values; `shots` are those of each run."""
        if not is_plugin(self.variant.target("head")):
            return self._head(features, seeds, shots).to(self.accelerator)
        form = self.form(features)
        head = seedwise.build(
            lambda runs: self._head(features, runs).to(self.accelerator, self.dtype), seeds, form
        )
        return complete_part("head", head)

    def form(self, features: int) -> seedwise.Form:
        """How the head is run; a user's head is tried on a small batch."""
        target = self.variant.target("head")
        if not is_plugin(target):
            return seedwise.Form(stacked=True)

        def make(seeds: list[int]) -> Module:
            head = self._head(features, seeds)
            check_part("head", head, "head", target)
            check_sized(head, "head", target)
            return head.to(self.dtype)

        name = f"{features}, {len(self.dataset.classes)}, {self.variant.key}"
        return self.session.once(
            "form" + name,
            lambda: seedwise.form(
                make,
                features,
                len(self.dataset.classes),
                target,
                self.dtype,
                starts="start" in self.variant.takes("head"),
            ),
        )

    @property
    def exact(self) -> bool:
        """Whether the row's circuit, if any, always gives the same values.

        It does without shots and without a random gradient.
        """
        return "device" not in self.variant.identity or self.device.exact

    @cached_property
    def exact_device(self) -> CachedDevice:
        """The row's device without shots or random gradient."""
        exact = self.device if self.device.exact else self.device.exactly()
        key = "exact device" + json.dumps(self.variant.device)
        return self.session.once(key, lambda: CachedDevice(exact))

    @cached_property
    def fixed(self) -> bool:
        """Whether an item's features never change, so that heads are trained on them."""
        return (
            self.freeze.fixed(self.backbone)
            and not self.recipe.augment
            and not any(name.startswith(BACKBONE) for name in self.generated)
        )

    @cached_property
    def stacked(self) -> bool:
        """Whether heads of several seeds can be one, sharing no random draw."""
        form = self.form(self.bare.features)
        return form.stacked and not form.chance

    @cached_property
    def generated(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the generated weights, by their names in the whole network."""
        if not self.parametrization.weights:
            return {}
        shapes = {
            f"{BACKBONE}{name}": tuple(weight.shape)
            for name, weight in self.bare.named_parameters()
        }
        # What a head holds fixed is not generated
        shapes |= {
            f"{HEAD}{name}": tuple(weight.shape[1:])
            for name, weight in self.head(self.bare.features, [0]).named_parameters()
            if weight.requires_grad
        }
        try:
            return {name: shapes[name] for name in self.parametrization.matched(list(shapes))}
        except ValueError as error:
            raise UsageError.of(error, "parametrization") from error

    @cached_property
    def planted_key(self) -> str:
        """Hash of planted features and labels; empty on those of the dataset."""
        if self.planted_features is None:
            return ""
        arrays = [
            self.planted_features[name].cpu().numpy().tobytes() + split.labels.numpy().tobytes()
            for name, split in self.dataset.splits.items()
        ]
        return disk.digest(b"".join(arrays))

    @cached_property
    def solved(self) -> bool:
        """Whether the head is solved for, not trained by epochs."""
        target = self.variant.target("head")
        if not is_plugin(target):
            return optional_members("head", load_class(target))["solve"] is not None
        return self.head(self.bare.features, [0]).solve is not None

    @property
    def epochs(self) -> int:
        """Epochs of a training; a head that is solved for takes one."""
        return 1 if self.solved else self.recipe.epochs

    def to_accelerator(self, value: Any):
        """Items or a network in the row's dtype on its accelerator."""
        layout = torch.preserve_format
        if not isinstance(value, Tensor) or value.dim() == 4:
            layout = self.layout if isinstance(value, Tensor) else find_layout(value)
        return value.to(self.accelerator, self.dtype, memory_format=layout)

    def backbone_identity(self) -> dict[str, Any]:
        """Values of the backbone, with the identity of its weights in place of their path."""
        values = dict(self.variant.identity["backbone"])
        for name in ("weights", "pretrain"):
            values.pop(name, None)
        return {"backbone": values, "weights": pretraining.weights_key(self)}

    def modules(self, *groups: str) -> list[str]:
        """Modules of the classes that the row names in these groups."""
        return [self.variant.target(group).rpartition(".")[0] for group in groups]

    def _head(
        self, features: int, seeds: list[int], shots: list[int | None] | None = None
    ) -> Module:
        """A head as its class builds it."""
        if "device" in self.variant.identity:
            check_size(self.circuit, "circuit")
        return self._build(
            "head",
            features=features,
            classes=len(self.dataset.classes),
            circuit=self.circuit,
            device=self.exact_device if self.exact else draw_shots(self.device, seeds, shots),
            start=Start(seeds, self.dtype),
            **sizes(self.circuit, self.variant.takes("head")),
        )

    def _build(self, group: str, **offered):
        """The row's part of a group."""
        return build_part(group, self.variant.part(group), self.variant.plugins, **offered)

    def _build_once(self, group: str):
        """The row's part of a group, shared by the rows of a session that have equal values."""
        values = json.dumps(self.variant.part(group))
        return self.session.once(group + values, lambda: self._build(group))

    def _offers(self) -> dict:
        """Objects offered to a backbone beside its values."""
        return {"data": self.session.data, "numbers": self.numbers}
