"""A row of the table: its data, features and pre-training, trained for all its seeds, evaluated once, kept in the store."""
import contextlib
import copy
import json
import math
import os
import resource
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from qtlrun import plan as plans, store, train
from qtlrun.freeze import Freeze
from qtlrun.layer import Start, generator
from qtlrun.plan import Refused, build
from qtlrun.result import Row

LONG = 60  # seconds; a training that takes longer is announced
Step = Callable[[str, int, int], None]  # stage, done, total; a total of 0 is a line to print


class Network(nn.Module):
    """A backbone and a head as one model of one run: pictures (batch, ...) to logits (1, batch, classes)."""

    def __init__(self, backbone: nn.Module, head: nn.Module, scale: Callable[[Tensor], Tensor]):
        super().__init__()
        self.backbone, self.head, self.scale = backbone, head, scale

    def forward(self, pictures: Tensor) -> Tensor:
        return self.head(self.scale(self.backbone(pictures)).unsqueeze(0))


class Experiment:
    """Makes rows from plans; what several rows share (datasets, backbones, features) is made once."""

    def __init__(self, home: str, fresh: bool = False, step: Step = lambda stage, done, total: None):
        self.home, self.fresh, self.step = Path(home).expanduser(), fresh, step
        self.store = store.Store(home)
        self._made: dict[str, object] = {}

    def check(self, row: dict) -> None:
        """Build every part, cheapest first and no weights yet; refuse what cannot be."""
        accelerator = row["accelerator"]
        if accelerator != "cpu" and not getattr(torch, accelerator).is_available():
            raise Refused(f"accelerator={accelerator}: torch finds none on this machine; use cpu.")
        Parts(row, self).check()

    def load(self, row: dict) -> None:
        """Get weights and look at every picture once; refuse what cannot be had or read."""
        parts = Parts(row, self)
        if row["backbone"].get("weights") != "pretrain":
            parts.backbone  # noqa: B018  # built here, so that missing weights are a refusal and not a failed row
        if self.store.get("verified", parts.dataset.fingerprint) is None:
            try:
                parts.dataset.verify(lambda done, total: self.step("reading pictures", done, total))
            except ValueError as error:
                raise Refused(f"dataset.{error}") from error
            self.store.put("verified", parts.dataset.fingerprint, store.Entry({"pictures": parts.dataset.size}))

    def row(self, name: str, row: dict, seeds: list[int]) -> Row:
        """The finished row: its seeds from the store, or trained now."""
        parts = Parts(row, self)
        keys = {seed: parts.key(seed) for seed in seeds}
        trained_now = {seed for seed in seeds if ("row", keys[seed]) in self._made}
        entries = {seed: None if self.fresh and seed not in trained_now else self.store.get("row", keys[seed]) for seed in seeds}
        missing = [seed for seed in seeds if entries[seed] is None]
        errors = {}
        if missing:
            with self.store.lock("row", store.key(keys=[keys[seed] for seed in missing])):
                for seed, outcome in _train(name, parts, missing, self.step):
                    if isinstance(outcome, str):
                        errors[seed] = outcome
                    else:
                        self.store.put("row", keys[seed], outcome)
                        entries[seed] = outcome
                        self._made["row", keys[seed]] = True
        finished = {seed: entry for seed, entry in entries.items() if entry is not None}
        fingerprints = {"data": parts.dataset.fingerprint, "weights": parts.weights_key()}
        return Row(name, plans.describe(row), finished, parts.dataset.classes, errors, not missing and not trained_now,
                   parts.dataset.test.names, fingerprints, getattr(parts.dataset, "caution", ""))

    def once(self, key: str, make: Callable[[], object]) -> object:
        """What `make` gives, made once for a key."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]


class Parts:
    """The built parts of one row's plan, each made when it is first asked for."""

    def __init__(self, row: dict, experiment: Experiment):
        self.plan, self.experiment = row, experiment
        self.dtype = getattr(torch, row["dtype"])

    def part(self, group: str, key: str = "", **offered):
        return build(group, self.plan[group], self.plan["plugins"], key, **offered)

    recipe = cached_property(lambda self: self.part("recipe"))
    freeze = cached_property(lambda self: self.part("freeze"))
    circuit = cached_property(lambda self: self.part("circuit"))
    device = cached_property(lambda self: self.part("device"))

    @cached_property
    def dataset(self):
        return self._dataset(self.plan["dataset"], "dataset")

    def _dataset(self, part: dict, key: str):
        data = Path(os.environ.get("QTLRUN_DATA") or self.experiment.home / "data").expanduser()
        return self.experiment.once(json.dumps([part, str(data)]), lambda: build(
            "dataset", part, self.plan["plugins"], key, data=data))

    @cached_property
    def backbone(self) -> nn.Module:
        """The backbone with its weights, in evaluation mode, on the accelerator; shared, so never trained itself."""
        def make():
            pretrained = self.plan["backbone"].get("weights") == "pretrain"
            backbone = self.part("backbone", state=_pretrain(self)[0] if pretrained else None)
            return backbone.to(self.plan["accelerator"], self.dtype, memory_format=torch.channels_last).eval()
        return self.experiment.once(json.dumps([self.plan[name] for name in ("backbone", "dtype", "accelerator")]), make)

    def head(self, features: int, seeds: list[int]) -> nn.Module:
        circuit = self.circuit
        head = self.part("head", features=features, classes=len(self.dataset.classes), circuit=circuit, device=self.device,
                         start=Start(seeds, self.dtype), **{name: getattr(circuit, name) for name in ("qubits", "depth")})
        return head.to(self.plan["accelerator"])

    def check(self) -> None:
        """Build all that needs no weights."""
        for name in ("circuit", "device", "recipe", "freeze", "dataset"):
            getattr(self, name)
        bare = self.plan["backbone"] | ({"weights": "none"} if "weights" in self.plan["backbone"] else {})
        try:
            with torch.device("meta"):
                backbone = build("backbone", bare, self.plan["plugins"])
        except NotImplementedError:  # some models compute while they are built
            backbone = build("backbone", bare, self.plan["plugins"])
        try:
            self.freeze.check(len(backbone.stages))
        except ValueError as error:
            raise Refused(str(error)) from error
        self.head(backbone.features, [0])
        self.source()

    def source(self):
        """The source task's dataset where the backbone is pre-trained here; refused where it shares an item with the target."""
        sub = self.plan["backbone"].get("pretrain") if self.plan["backbone"].get("weights") == "pretrain" else None
        if not sub:
            return None
        source = self._dataset(sub["dataset"], "backbone.pretrain.dataset")
        mine = {item for split in (self.dataset.train, self.dataset.validation, self.dataset.test) for item in split.items}
        shared = mine & {item for split in (source.train, source.validation) for item in split.items}
        if shared:
            raise Refused(f"dataset: {len(shared)} of its {len(mine)} items are in the source task that the backbone is "
                          "pre-trained on; let their classes or shares not overlap.")
        return source

    def weights_key(self) -> str:
        """What identifies the backbone's weights: their bytes, or the key of the pre-training that makes them."""
        if self.plan["backbone"].get("weights") == "pretrain":
            sub = self.plan["backbone"]["pretrain"]
            built = {name: value for name, value in self.plan["backbone"].items() if name not in ("pretrain", "weights", "layer")}
            return store.key(backbone=built, recipe=sub["recipe"], seed=sub["seed"], data=self.source().fingerprint,
                             dtype=self.plan["dtype"], accelerator=self.plan["accelerator"], versions=store.versions(),
                             sources=store.sources("train.py", "freeze.py", "layer.py", "head", "backbone", "dataset"))
        return self.backbone.fingerprint

    def _said(self) -> dict:
        """The identity of the row, with the bytes of data and weights in place of their paths."""
        said = plans.identity(self.plan)
        said["backbone"] = {name: value for name, value in said["backbone"].items() if name not in ("weights", "pretrain")}
        return said | {"weights": self.weights_key(), "data": self.dataset.fingerprint, "versions": store.versions()}

    def key(self, seed: int) -> str:
        """The key of the row's entry for one seed."""
        said = self._said()
        circuit = ("circuit", "device") if "device" in said else ()
        return store.key(**said, seed=seed, sources=store.sources(
            "experiment.py", "train.py", "freeze.py", "layer.py", "head", "backbone", "dataset", *circuit))

    @cached_property
    def features(self) -> dict[str, Tensor]:
        """Features of the three splits under the backbone as it is, from the store or computed once; and their seconds."""
        said = self._said()
        key = store.key(**{name: said[name] for name in ("backbone", "dtype", "accelerator", "weights", "data", "versions")},
                        sources=store.sources("backbone", "dataset"))
        return self.experiment.once("features" + key, lambda: self._features(key))

    def _features(self, key: str) -> dict[str, Tensor]:
        keep = self.experiment.store
        entry = keep.get("features", key)
        if entry is None:
            with keep.lock("features", key):
                entry = keep.get("features", key) or self._extract()
                keep.put("features", key, entry)
        place = self.plan["accelerator"]
        return {name: torch.from_numpy(array).to(place) for name, array in entry.arrays.items()} | {
            "seconds": torch.tensor(entry.values["seconds"])}

    def _extract(self) -> store.Entry:
        began, done, total = time.perf_counter(), 0, self.dataset.size
        arrays = {}
        with torch.inference_mode():
            for name in ("train", "validation", "test"):
                split, pieces = getattr(self.dataset, name), []
                for index in torch.arange(len(split.labels)).split(train_chunk(self.backbone)):
                    pictures = _place(split.batch(index, self.backbone.preprocess), self)
                    pieces.append(self.backbone(pictures).cpu())
                    done += len(index)
                    self.experiment.step("features", min(done, total), total)
                arrays[name] = torch.cat(pieces).numpy()
        return store.Entry({"seconds": time.perf_counter() - began}, arrays)

    def scale(self) -> Callable[[Tensor], Tensor]:
        """What is done to features before the head, with statistics of the training split alone."""
        if self.recipe.scale == "none":
            return lambda features: features
        features = self.features["train"]
        mean, deviation = features.mean(0), features.std(0, correction=0).clamp_min(1e-6)
        return lambda features: (features - mean) / deviation


def train_chunk(backbone: nn.Module) -> int:
    """Items that go through a backbone at once when nothing is trained."""
    weights = sum(parameter.numel() for parameter in backbone.parameters())
    return 32 if weights > 1_000_000 else 512


def _train(name: str, parts: Parts, seeds: list[int], step: Step):
    """Train the seeds of a row; yields (seed, entry) or (seed, words of what went wrong)."""
    if parts.freeze.fixed(parts.backbone) and not parts.recipe.augment:
        with _one_thread():
            yield from _train_heads(name, parts, seeds, step)
    else:
        for place, seed in enumerate(seeds):
            yield from _train_network(name, parts, seed, step, place, len(seeds))


def _train_heads(name: str, parts: Parts, seeds: list[int], step: Step):
    """All seeds as one program on the features of a backbone that does not move."""
    features, scale = parts.features, parts.scale()
    data = {split: train.cached(scale(features[split]), getattr(parts.dataset, split).labels)
            for split in ("train", "validation", "test")}
    head = parts.head(features["train"].shape[1], seeds)
    yield from _fit(name, parts, seeds, head, head, None, data, lambda done: step(name, done, parts.recipe.epochs), len(seeds), step)


def _train_network(name: str, parts: Parts, seed: int, step: Step, place: int, count: int):
    """One seed through the whole network, from the pictures."""
    backbone = copy.deepcopy(parts.backbone)
    head = parts.head(backbone.features, [seed])
    network = Network(backbone, head, parts.scale())
    data = {split: train.Data(_pictures(parts, split, seed), getattr(parts.dataset, split).labels, train_chunk(backbone))
            for split in ("train", "validation", "test")}
    epochs = parts.recipe.epochs
    yield from _fit(name, parts, [seed], network, head, backbone, data,
                    lambda done: step(name, place * epochs + done, count * epochs), count - place, step if not place else None)


def _pictures(parts: Parts, split: str, seed: int):
    """Batches of one split's pictures; augmented while training where the recipe says so, each by its epoch and place."""
    whole, preprocess = getattr(parts.dataset, split), parts.backbone.preprocess

    def take(index: Tensor, epoch: int | None) -> Tensor:
        augment = None
        if epoch is not None and parts.recipe.augment:
            augment = lambda item: generator(seed, "augment", epoch, item)  # noqa: E731
        return _place(whole.batch(index[0], preprocess, augment), parts)
    return take


def _fit(name, parts, seeds, model, head, backbone, data, tick, rest, announce):
    """Train, evaluate on the test split once, and make an entry of each seed."""
    recipe, began = parts.recipe, time.perf_counter()
    if announce:
        _announce(name, train.pace(model, recipe, data["train"], len(seeds)) * math.ceil(
            len(data["train"].labels) / recipe.batch_size) * recipe.epochs * (rest if backbone is not None else 1), announce)
    records = []
    for record in train.fit(model, backbone, recipe, parts.freeze, data["train"], data["validation"], seeds):
        records.append(record)
        tick(record.epoch + 1)
    logits = train.evaluate(model, data["test"], len(seeds)).double().cpu()
    common = {"seconds": (time.perf_counter() - began) / len(seeds), "dataset": len(data["test"].labels),
              "features_seconds": float(parts.features["seconds"]) if backbone is None else 0.} | _counts(parts, head, backbone, data)
    ranks = head.effective(data["train"].take(torch.arange(len(data["train"].labels))[:64].expand(len(seeds), -1), None)
                           ) if backbone is None and hasattr(head, "effective") and head.angles.requires_grad else [0] * len(seeds)
    for run, seed in enumerate(seeds):
        bad = next((one.epoch for one in records if not math.isfinite(one.loss[run]) or not math.isfinite(one.nll[run])), None)
        if bad is not None or not logits[run].isfinite().all():
            yield seed, (f"the loss is no longer finite in epoch {bad + 1 if bad is not None else recipe.epochs}; "
                         f"recipe.lr={recipe.lr} may be too large")
            continue
        curves = [{"epoch": one.epoch + 1, "loss": one.loss[run], "nll": one.nll[run], "accuracy": one.accuracy[run],
                   "lr": one.lr} for one in records]
        arrays = {"logits": logits[run].numpy(), "labels": data["test"].labels.numpy()} | {
            f"weights/{key}": value for key, value in _weights(model, head, run).items()}
        yield seed, store.Entry(common | {"best_epoch": records[-1].best[run] + 1, "angles_effective": ranks[run],
                                          "curves": curves}, arrays)


def _weights(model: nn.Module, head: nn.Module, run: int) -> dict[str, np.ndarray]:
    """The trained state of one run: its slice of the head, and the backbone where that was trained too."""
    inside = {id(value) for value in (*head.parameters(), *head.buffers())}
    return {name: (value[run] if id(value) in inside else value).detach().cpu().numpy()
            for name, value in (*model.named_parameters(), *model.named_buffers())}


def _counts(parts: Parts, head: nn.Module, backbone: nn.Module | None, data: dict) -> dict[str, int]:
    """Trained parameters by place, and what the circuit cost here and would cost on a processor, of one seed."""
    def numbers(module):
        return sum(one.numel() for one in module.parameters() if one.requires_grad)
    runs = next(head.parameters()).shape[0]
    angles = getattr(head, "angles", None)
    circuit = angles.numel() // runs if angles is not None and angles.requires_grad else 0
    counts = {"parameters_circuit": circuit, "parameters_head": numbers(head) // runs - circuit,
              "parameters_backbone": 0 if backbone is None else numbers(backbone)}
    if hasattr(head, "executions"):
        epochs = parts.recipe.epochs
        looks = epochs * len(data["validation"].labels) + len(data["test"].labels)
        counts |= {"evaluations": epochs * len(data["train"].labels) + looks,
                   "executions": epochs * len(data["train"].labels) * head.executions() + looks}
    return counts


def _announce(name: str, seconds: float, step: Step) -> None:
    if seconds > LONG:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        step(f"{name}: training takes about {seconds / 60:.0f} min and {memory:.1f} GiB of memory.", 0, 0)


def _pretrain(parts: Parts) -> tuple[dict[str, Tensor], float]:
    """The backbone's state after its source task, from the store or trained now; and its accuracy on validation there."""
    keep, key = parts.experiment.store, parts.weights_key()
    entry = keep.get("backbone", key)
    if entry is None:
        with keep.lock("backbone", key):
            entry = keep.get("backbone", key) or _train_source(parts)
            keep.put("backbone", key, entry)
    return {name: torch.from_numpy(array) for name, array in entry.arrays.items()}, entry.values["accuracy"]


def _train_source(parts: Parts) -> store.Entry:
    """Train the whole backbone, down from its last layer, on the source task with a linear head."""
    sub, source = parts.plan["backbone"]["pretrain"], parts.source()
    bare = {name: value for name, value in parts.plan["backbone"].items() if name not in ("pretrain", "layer")}
    backbone = build("backbone", bare | {"weights": "none"}, parts.plan["plugins"])
    recipe = build("recipe", sub["recipe"], parts.plan["plugins"], "backbone.pretrain.recipe")
    head = build("head", {"_target_": "qtlrun.head.classical.Classical"}, features=backbone.features,
                 classes=len(source.classes), start=Start([sub["seed"]], parts.dtype))
    network = Network(backbone, head, lambda features: features).to(parts.plan["accelerator"], parts.dtype)
    data = [train.Data(lambda index, epoch, split=split: _place(split.batch(index[0], backbone.preprocess), parts),
                       split.labels, train_chunk(backbone)) for split in (source.train, source.validation)]
    for record in train.fit(network, backbone, recipe, Freeze(frozen=0, batch_norm="train"), *data, [sub["seed"]]):
        parts.experiment.step("pre-training", record.epoch + 1, recipe.epochs)
    if record.best[0] < 0:
        raise FloatingPointError(f"pre-training diverged; backbone.pretrain.recipe.lr={recipe.lr} may be too large")
    best = asdict(record)["best"][0]
    return store.Entry({"accuracy": record.accuracy[0], "best_epoch": best + 1},
                       {name: value.detach().cpu().numpy() for name, value in backbone.state_dict().items()})


def _place(pictures: Tensor, parts: Parts) -> Tensor:
    return pictures.to(parts.plan["accelerator"], parts.dtype)


@contextlib.contextmanager
def _one_thread():
    """Heads of a few hundred numbers are slower on two threads, and their bits would depend on the number of runs."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
