"""Trains the seeds of a row, evaluates each on the test split once, and makes its entry for the store."""
import copy
import math
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from qtlrun import train
from qtlrun.experiment import feature
from qtlrun.experiment.network import Network
from qtlrun.experiment.parts import Parts
from qtlrun.store import Entry
from qtlrun.train import Data, Record

LONG = 60  # seconds; a training that takes longer is announced
RANKED = 64  # training items over which the effective angles are counted


@dataclass(frozen=True)
class Model:
    """What is trained at once: the heads of all seeds on features, or one seed's whole network."""
    whole: nn.Module
    head: nn.Module
    backbone: nn.Module | None
    data: dict[str, Data]
    seeds: list[int]


def train_seeds(label: str, parts: Parts, seeds: list[int]) -> Iterator[tuple[int, Entry | str]]:
    """Every seed with its entry, or with the words of what went wrong."""
    step, recipe, done = parts.session.step, parts.recipe, 0
    for model in _models(parts, seeds):
        with feature.threads(model.backbone):
            if not done:
                _announce(label, model, parts, seeds)
            step(f"{label}, epochs", done, recipe.epochs * len(seeds) // len(model.seeds))
            began, records = time.perf_counter(), []
            for record in train.fit(model.whole, model.backbone, recipe, parts.freeze, model.data["train"],
                                    model.data["validation"], model.seeds):
                records.append(record)
                step(f"{label}, epochs", done + len(records), recipe.epochs * len(seeds) // len(model.seeds))
            done += len(records)
            logits = train.evaluate(model.whole, model.data["test"], len(model.seeds)).cpu().double()
            seconds = (time.perf_counter() - began) / len(model.seeds)
        yield from _outcomes(model, parts, records, logits, seconds)


def _models(parts: Parts, seeds: list[int]) -> Iterator[Model]:
    """One model of all seeds where features do not change, else a network a seed."""
    splits, scale = {name: getattr(parts.dataset, name) for name in feature.SPLITS}, feature.scaling(parts)
    if parts.freeze.fixed(parts.backbone) and not parts.recipe.augment:
        known = feature.features(parts)
        data = {name: train.cached(scale(known[name]), split.labels) for name, split in splits.items()}
        for group in [seeds] if parts.exact else [[seed] for seed in seeds]:  # chance is drawn for a seed alone
            head = parts.head(known["train"].shape[1], group)
            yield Model(head, head, None, data, group)
        return
    for seed in seeds:
        backbone = copy.deepcopy(parts.backbone)
        head = parts.head(backbone.features, [seed])
        data = {name: Data(feature.pictures(parts, split, backbone, seed if parts.recipe.augment else None), split.labels,
                           feature.chunk(backbone)) for name, split in splits.items()}
        yield Model(Network(backbone, head, scale), head, backbone, data, [seed])


def _outcomes(model: Model, parts: Parts, records: list[Record], logits, seconds: float) -> Iterator[tuple[int, Entry | str]]:
    counts, ranks = _counts(model, parts), _effective(model, parts)
    waited = float(feature.features(parts)["seconds"]) if model.backbone is None else 0.
    for run, seed in enumerate(model.seeds):
        lost = [one.epoch + 1 for one in records if not math.isfinite(one.loss[run] + one.nll[run])]
        if lost or not logits[run].isfinite().all():
            yield seed, f"the loss is not finite from epoch {lost[0] if lost else len(records)} on; recipe.lr={parts.recipe.lr} may be too large"
            continue
        curves = [{"epoch": one.epoch + 1, "lr": one.lr} | {name: getattr(one, name)[run] for name in ("loss", "nll", "accuracy")}
                  for one in records]
        values = {"seconds": seconds, "features_seconds": waited, "best_epoch": records[-1].best[run] + 1, "curves": curves,
                  "angles_effective": ranks[run]} | counts
        arrays = {"logits": logits[run].numpy(), "labels": model.data["test"].labels.numpy()}
        yield seed, Entry(values, arrays | _weights(model, run))


def _weights(model: Model, run: int) -> dict:
    """The state of one run: its slice of the head, and the backbone where that was trained too."""
    state = {f"weights/head.{name}": value[run] for name, value in model.head.state_dict().items()}
    if model.backbone is not None:
        state |= {f"weights/backbone.{name}": value for name, value in model.backbone.state_dict().items()}
    return {name: value.detach().cpu().numpy() for name, value in state.items()}


def _counts(model: Model, parts: Parts) -> dict[str, int]:
    """Trained parameters by place; circuit evaluations here, and executions on a processor, of one seed's training."""
    runs, epochs = len(model.seeds), parts.recipe.epochs
    angles = getattr(model.head, "angles", None)
    circuit = angles.numel() // runs if angles is not None and angles.requires_grad else 0
    head = sum(one.numel() for one in model.head.parameters() if one.requires_grad) // runs - circuit
    backbone = _trained_backbone(model, parts)
    counts = {"parameters_circuit": circuit, "parameters_head": head, "parameters_backbone": backbone}
    if hasattr(model.head, "executions"):
        steps = epochs * len(model.data["train"].labels)
        looks = epochs * len(model.data["validation"].labels) + len(model.data["test"].labels)
        counts |= {"evaluations": steps + looks, "executions": steps * model.head.executions() + looks}
    return counts


def _trained_backbone(model: Model, parts: Parts) -> int:
    """Numbers of the backbone that were trained in any epoch; the last one has the fewest frozen."""
    if model.backbone is None:
        return 0
    frozen = parts.freeze.count(len(model.backbone.stages), parts.recipe.epochs - 1)
    return sum(one.numel() for stage in model.backbone.stages[frozen:] for one in stage.parameters)


def _effective(model: Model, parts: Parts) -> list[int]:
    """The effective angles of each run, simulated without shots; 0 for a head without trained ones."""
    angles = getattr(model.head, "angles", None)
    if angles is None or not angles.requires_grad or not angles.numel():
        return [0] * len(model.seeds)
    train_data = model.data["train"]
    items = train_data.take(torch.arange(len(train_data.labels))[:RANKED].expand(len(model.seeds), -1), None)
    model.whole.eval()
    with torch.no_grad():
        features = items if model.backbone is None else model.whole.features(items)
        exact = parts.device.exactly() if hasattr(parts.device, "exactly") else parts.device
        return model.head.effective(features, exact.run(parts.circuit, model.head.entangle))


def _announce(label: str, model: Model, parts: Parts, seeds: list[int]) -> None:
    """Say how long it takes, and what memory a step has taken, where that is long."""
    if not parts.exact:
        return  # a timing step would draw from the shots
    if model.backbone is not None:
        parts.freeze.apply(model.backbone, 0)
    steps = math.ceil(len(model.data["train"].labels) / parts.recipe.batch_size) * parts.recipe.epochs
    pace = train.pace(model.whole, parts.recipe, model.data["train"], len(model.seeds))
    seconds = pace * steps * len(seeds) / len(model.seeds)
    if seconds > LONG:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        parts.session.step(f"{label}: training takes about {seconds / 60:.0f} min and {memory:.1f} GiB of memory.", 0, 0)

