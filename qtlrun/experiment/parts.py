"""The parts of one variant, built when they are first asked for."""

import contextlib
import copy
import dataclasses
import enum
import json
import math
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from qtlrun import disk, store
from qtlrun.dataset import kind
from qtlrun.dataset.split import Split
from qtlrun.device.cached import Ready
from qtlrun.experiment import contract, pretraining, seedwise
from qtlrun.experiment.session import Session
from qtlrun.layer import Start, generator
from qtlrun.parametrization.generated import BACKBONE, HEAD
from qtlrun.plan import Refused, Variant, build, is_own, plugin
from qtlrun.plan import contract as needs


class Parts:
    """Circuit, device, recipe, freeze, dataset, backbone, head and parametrization of a variant."""

    def __init__(self, variant: Variant, session: Session):
        self.variant = variant
        self.session = session
        self.given: dict[str, Tensor] | None = None  # features that stand in for the backbone's
        self.dtype = getattr(torch, variant.dtype)
        self.accelerator = variant.accelerator

    recipe = cached_property(lambda self: self._build("recipe"))
    freeze = cached_property(lambda self: self._build("freeze"))
    circuit = cached_property(
        lambda self: self.session.once(
            "circuit" + json.dumps(self.variant.circuit), lambda: self._build("circuit")
        )
    )
    device = cached_property(
        lambda self: self.session.once(
            "device" + json.dumps(self.variant.device), lambda: self._build("device")
        )
    )
    parametrization = cached_property(
        lambda self: self._build("parametrization", device=self.ready)
    )
    dataset = cached_property(lambda self: self.dataset_of(self.variant.dataset, "dataset"))

    @cached_property
    def backbone(self) -> nn.Module:
        """The backbone with its weights, in evaluation mode; rows share it, and train a copy."""

        def make() -> nn.Module:
            state = pretraining.state(self) if pretraining.wanted(self.variant) else None
            return self.place(self.network(self.variant.backbone, state=state)).eval()

        return self.session.once(
            json.dumps(
                [
                    self.numbers,
                    self.variant.backbone,
                    self.variant.dtype,
                    self.variant.accelerator,
                ]
            ),
            make,
        )

    def trained_backbone(self, seed: int) -> nn.Module:
        """A copy of the backbone to train; one that is not pre-trained starts from random weights
        of the run's own, if it is trained.
        """
        part = self.variant.backbone
        drawn = "seed" in part or is_own(part["_target_"])
        if (
            not drawn
            or part.get("weights") not in (None, "none")
            or self.freeze.fixed(self.backbone)
        ):
            return copy.deepcopy(self.backbone)
        own = generator(seed, "backbone", part.get("seed", 0)).initial_seed() % 2**32
        part = part | ({"seed": own} if "seed" in part else {})
        return self.place(self.network(part, seed=own)).eval()

    def head(self, features: int, seeds: list[int]) -> nn.Module:
        """A head whose runs are the seeds, with start values."""
        if not is_own(self.variant.target("head")):
            return self._head(features, seeds).to(self.accelerator)
        form = self.form(features)
        return seedwise.build(
            lambda mine: self._head(features, mine).to(self.accelerator, self.dtype), seeds, form
        )

    def form(self, features: int) -> seedwise.Form:
        """How the head is run; one of the user's is asked, on a small batch."""
        target = self.variant.target("head")
        if not is_own(target):
            return seedwise.Form(stacked=True)

        def make(seeds: list[int]) -> nn.Module:
            head = self._head(features, seeds)
            needs.check("head", head, "head", target)
            contract.check_sized(head, f"head: {target}")
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

    def _head(self, features: int, seeds: list[int]) -> nn.Module:
        sizes = {
            name: getattr(self.circuit, name)
            for name in ("qubits", "depth")
            if hasattr(self.circuit, name)
        }
        if hasattr(self.circuit, "shape"):
            sizes["circuit_angles"] = math.prod(self.circuit.shape)
        if "device" in self.variant.identity:
            needs.check_size(self.circuit, "circuit")
        return self._build(
            "head",
            features=features,
            classes=len(self.dataset.classes),
            circuit=self.circuit,
            device=self.ready if self.exact else self.device.drawing(seeds[0]),
            start=Start(seeds, self.dtype),
            **sizes,
        )

    @property
    def exact(self) -> bool:
        """Whether the row's circuit, if it has one, gives the same values each time: no shots, no
        random gradient.
        """
        return "device" not in self.variant.identity or getattr(self.device, "exact", True)

    @cached_property
    def fixed(self) -> bool:
        """Whether the features of a picture never change, so that heads are trained on them."""
        return (
            self.freeze.fixed(self.backbone)
            and not self.recipe.augment
            and not any(map(_of_backbone, self.generated))
        )

    @cached_property
    def stacked(self) -> bool:
        """Whether heads of several seeds can be one, without a chance that they would share."""
        form = self.form(self.bare.features)
        return form.stacked and not form.chance

    @cached_property
    def generated(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the weights that are generated, by their names in the whole network."""
        if not self.parametrization.weights:
            return {}
        shapes = {
            f"{BACKBONE}{name}": tuple(one.shape) for name, one in self.bare.named_parameters()
        }
        shapes |= {
            f"{HEAD}{name}": tuple(one.shape[1:])
            for name, one in self.head(self.bare.features, [0]).named_parameters()
            if one.requires_grad
        }  # what a head holds fixed stays its own
        try:
            return {name: shapes[name] for name in self.parametrization.matched(list(shapes))}
        except ValueError as error:
            raise Refused(f"parametrization.{error}") from error

    @cached_property
    def given_key(self) -> str:
        """Identity of features and labels that were made, told from others."""
        return (
            ""
            if self.given is None
            else disk.digest(
                b"".join(
                    self.given[name].cpu().numpy().tobytes()
                    + getattr(self.dataset, name).labels.numpy().tobytes()
                    for name in ("train", "validation", "test")
                )
            )
        )

    @cached_property
    def solved(self) -> bool:
        """Whether the head is solved for, not trained by epochs."""
        return hasattr(self.head(self.bare.features, [0]), "solve")

    @property
    def settings(self) -> int | None:
        """Settings among which validation chooses for a head that is solved for; None of one that
        is trained.
        """
        return getattr(self.head(self.bare.features, [0]), "settings", 0) if self.solved else None

    @cached_property
    def reading(self) -> str:
        """The fingerprint of the test split's pictures and labels, whatever they are called and in
        whichever order.
        """
        test = self.dataset.test
        return store.key(test=sorted(zip(test.items, test.labels.tolist(), strict=True)))

    def planted(self, splits: dict[str, tuple[Tensor, Tensor]]) -> "Parts":
        """The same on features and labels that were made, a pair a split; they are fixed and cost
        nothing.
        """
        other = Parts(self.variant, self.session)
        other.dataset = copy.copy(self.dataset)
        other.dataset.sequence = None  # an order of other items
        for name, (known, labels) in splits.items():
            setattr(other.dataset, name, Split(known, labels, tuple(map(str, range(len(labels))))))
        other.given = {
            name: known.to(self.accelerator, self.dtype) for name, (known, _) in splits.items()
        } | {"seconds": torch.tensor(0.0)}
        return other

    @cached_property
    def ready(self) -> Ready:
        """The row's device without chance."""
        exact = self.device if getattr(self.device, "exact", True) else self.device.exactly()
        return self.session.once("ready" + json.dumps(self.variant.device), lambda: Ready(exact))

    def dataset_of(self, part: dict, key: str):
        """A dataset, indexed once a session."""
        offered = {"data": self.session.data}
        return self.session.once(
            json.dumps([part, str(self.session.data)]),
            lambda: self._completed(
                part, key, build("dataset", part, self.variant.plugins, key, **offered)
            ),
        )

    def _completed(self, part: dict, key: str, made):
        if not is_own(part["_target_"]):
            return made
        with plugin.blamed(f"{key}: {part['_target_']}"):
            return contract.dataset(made, key, part["_target_"])

    def place(self, what: Tensor | nn.Module):
        """Pictures or a network in the row's dtype on its accelerator."""
        flat = isinstance(what, Tensor) and what.dim() != 4
        return what.to(
            self.accelerator,
            self.dtype,
            memory_format=torch.preserve_format if flat else torch.channels_last,
        )

    def weights_key(self) -> str:
        """Identity of the backbone's weights: their bytes, or the key of their pre-training."""
        return (
            pretraining.key(self) if pretraining.wanted(self.variant) else self.backbone.fingerprint
        )

    def backbone_identity(self) -> dict[str, object]:
        """Values of the backbone, with the identity of its weights in place of their path."""
        values = self.variant.identity["backbone"]
        return {
            "backbone": {
                name: value for name, value in values.items() if name not in ("weights", "pretrain")
            },
            "weights": self.weights_key(),
        }

    def files(self) -> dict[str, str]:
        """SHA-256 of each file of weights that the row begins with, by its key."""
        files = (
            {}
            if pretraining.wanted(self.variant) or self.backbone.fingerprint == "none"
            else {"weights": self.backbone.fingerprint}
        )
        state = self.variant.head.get("state")
        return files | ({"head.state": disk.digest(Path(state).read_bytes())} if state else {})

    def made_of(self) -> dict[str, object]:
        """Plain values that a network of the row is built from again."""
        preprocess = self.backbone.preprocess
        values = dataclasses.asdict(preprocess) if dataclasses.is_dataclass(preprocess) else None
        said = self.variant.identity
        kept = ("backbone", "head", "circuit", "device", "parametrization", "dtype")
        parts = {name: said[name] for name in kept if name in said}
        return json.loads(
            json.dumps(parts | {"preprocessing": values}, default=_plain), parse_constant=str
        )

    def frozen_state(self) -> dict[str, np.ndarray]:
        """The weights of a backbone that stays as it is and comes from no file: pre-trained here,
        or random.
        """
        if not self.fixed or self.backbone.fingerprint != "none":
            return {}
        return {
            name: value.detach().cpu().numpy() for name, value in self.backbone.state_dict().items()
        }

    def modules(self, *groups: str) -> list[str]:
        """The modules of the classes that the row names in these groups."""
        return [self.variant.target(group).rpartition(".")[0] for group in groups]

    def patterns(self) -> np.ndarray | None:
        """Backbone outputs of the classes' centres, (classes, side, side), if they are pictures."""
        centres = getattr(self.dataset, "centres", None)
        if centres is None or not hasattr(self.backbone, "patterns") or self.backbone.modes != 2:
            return None
        with torch.no_grad():
            return (
                self.backbone.patterns(self.place(self.backbone.preprocess(centres))).cpu().numpy()
            )

    @property
    def _offered(self) -> dict:
        """Objects offered to a backbone beside its values."""
        return {"data": self.session.data, "numbers": self.numbers}

    @cached_property
    def numbers(self) -> int | None:
        """The numbers of an item, where the backbone asks for them and all items have as many."""
        if "numbers" not in self.variant.takes("backbone"):
            return None
        if isinstance(self.dataset.train.inputs, Tensor):
            return self.dataset.train.inputs[0].numel()
        sizes = kind.sizes(self.dataset)
        return 3 * math.prod(*sizes) if len(sizes) == 1 else None

    def _build(self, group: str, **offered):
        target = self.variant.target(group)
        part = build(group, self.variant.part(group), self.variant.plugins, **offered)
        if is_own(target) and group in ("freeze", "recipe", "device", "parametrization"):
            needs.check(group, part, group, target)
        return part

    def network(self, part: dict, seed: int = 0, **offered) -> nn.Module:
        """A backbone with its weights; of the user's one its chances are drawn from the seed."""
        target = part["_target_"]
        if not is_own(target):
            return build("backbone", part, self.variant.plugins, **offered, **self._offered)
        with seedwise.seeded(seed, "backbone"):
            network = build("backbone", part, self.variant.plugins, **offered, **self._offered)
        with plugin.blamed(f"backbone: {target}"):
            return contract.backbone(network, target)

    @property
    def bare(self) -> nn.Module:
        """The backbone without weights or memory, for its sizes."""
        part = self.variant.backbone
        plugins = self.variant.plugins
        if is_own(part["_target_"]) and not pretraining.wanted(self.variant):
            return self.backbone  # what it computes while it is built is not known
        part = part | ({"weights": "none"} if "weights" in part else {})

        def make() -> nn.Module:
            if is_own(part["_target_"]):
                return self.place(self.network(part)).eval()
            with contextlib.suppress(NotImplementedError), torch.device("meta"):
                return build("backbone", part, plugins, **self._offered)
            return build(
                "backbone", part, plugins, **self._offered
            )  # some models compute while they are built

        return self.session.once(f"bare{self.numbers}" + json.dumps(part), make)


def _plain(value: object) -> object:
    """A value that JSON does not have: of an enumeration its own, of all else its words."""
    return value.value if isinstance(value, enum.Enum) else str(value)


def _of_backbone(name: str) -> bool:
    return name.startswith(BACKBONE)
