"""The only loops over batches and epochs."""
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from qtlrun.freeze import Freeze
from qtlrun.layer import generator
from qtlrun.optimizer import Buffer, Optimizer
from qtlrun.plan import finite

JUDGES = ("nll", "accuracy", "last")  # what chooses the epoch kept
OWN = ("lr", "backbone_lr", "weight_decay", "scale", "select")  # what recipes of one training may differ in
CHUNK = 2**18  # numbers of one run that evaluation takes at once

@dataclass(frozen=True)
class Recipe:
    """How a row is trained; named as torch names it.

    `schedule=step` multiplies the rates by `gamma` every `step_size` epochs, cosine lets them fall to 0. The epoch kept
    is the best on validation by `select`. `schedule_step=start` steps the schedule before the first epoch, one epoch
    early, as published code does. `scale=standard` standardises the features by statistics of the training split.
    `optimizer=pennylane_adam` is that of PennyLane 0.7; `reduction=sum` sums the loss over a batch, which ties the rate to
    its size, as published code does.
    """
    epochs: int
    batch_size: int
    lr: float
    backbone_lr: float
    optimizer: Literal["adam", "adamw", "sgd", "pennylane_adam"] = "adam"
    momentum: float = 0.
    weight_decay: float = 0.
    schedule: Literal["none", "step", "cosine"] = "none"
    step_size: int = 10
    gamma: float = .1
    schedule_step: Literal["end", "start"] = "end"
    augment: bool = False
    scale: Literal["none", "standard"] = "none"
    label_smoothing: float = 0.
    reduction: Literal["mean", "sum"] = "mean"
    select: Literal["nll", "accuracy", "last"] = "nll"

    def __post_init__(self):
        for name in ("epochs", "batch_size", "step_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: a whole number from 1 up is needed here.")
        for name in ("lr", "backbone_lr", "momentum", "weight_decay", "gamma"):
            finite(**{name: getattr(self, name)})
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing={self.label_smoothing}: from 0 up, below 1.")

    def rate(self, epoch: int) -> float:
        """What the learning rates are multiplied by in an epoch, counted from 0."""
        steps = epoch + (self.schedule_step == "start")
        if self.schedule == "step":
            return self.gamma ** (steps // self.step_size)
        return (1 + math.cos(math.pi * min(1, steps / self.epochs))) / 2 if self.schedule == "cosine" else 1.


@dataclass(frozen=True)
class Data:
    """What is trained or evaluated on: `take(index, epoch)` gives items (runs, batch, ...) of an index (runs, batch).

    `sequence(epoch)`, where there is one, is the order in which every run takes the items; else each has its own.
    """
    take: Callable[[Int[Tensor, "runs batch"], int | None], Tensor]
    labels: Int[Tensor, "items"]
    chunk: int  # items that evaluation takes at once
    sequence: Callable[[int], Int[Tensor, "items"]] | None = None


def cached(features: Float[Tensor, "*scalings items features"], labels: Int[Tensor, "items"], scaling: list[int] = (),
           sequence: Callable[[int], Int[Tensor, "items"]] | None = None) -> Data:
    """Features that are computed already, the same for every epoch; of several scalings each run sees its own."""
    flat = features.flatten(0, -2)
    shift = torch.tensor(scaling).unsqueeze(1) * features.shape[-2] if scaling else 0

    def take(index: Tensor, epoch: int | None) -> Tensor:
        if index.stride(0) == 0 and len(set(scaling)) < 2:  # every run takes the same items: one copy of them
            chosen = index[0] + (shift[0] if scaling else 0)
            return flat.index_select(0, chosen.to(flat.device)).expand(len(index), -1, -1)
        return flat.index_select(0, (index + shift).flatten().to(flat.device)).unflatten(0, index.shape)
    return Data(take, labels, max(1, min(1024, CHUNK // features.shape[-1])), sequence)


@dataclass(frozen=True)
class Record:
    """One epoch, one number a run: mean training loss while it went, and validation after it (nats, share correct)."""
    epoch: int
    loss: list[float]
    nll: list[float]
    accuracy: list[float]
    best: list[int]
    lr: list[float]
    seconds: float


def fit(model: nn.Module, backbone: nn.Module | None, recipes: list[Recipe], freeze: Freeze, train: Data, validation: Data,
        seeds: list[int]) -> Iterator[Record]:
    """Train every run of a model; yields a record an epoch, and leaves each run in the state of its best epoch.

    Each run has a recipe and a seed; recipes may differ in what `OWN` names. The loss of a run is the mean (or sum) over its
    batch; losses are summed over runs, which do not feel each other. A run whose loss is no longer finite keeps its best
    epoch so far (-1: it never had one).
    """
    recipe, optimizer = recipes[0], _optimizer(model, backbone, recipes)
    judge = torch.tensor([JUDGES.index(one.select) for one in recipes])
    orders = [generator(seed, "order") for seed in seeds]
    best = torch.full((len(seeds),), torch.inf)
    at = torch.full((len(seeds),), -1)
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    for epoch in range(recipe.epochs):
        began = time.perf_counter()
        rate = recipe.rate(epoch)
        model.train()
        if backbone is not None:
            freeze.apply(backbone, epoch)
        with torch.random.fork_rng():
            torch.manual_seed(generator(seeds[0], "dropout", epoch).initial_seed())  # dropout draws from torch's own generator
            loss = _epoch(model, optimizer, rate, recipe, train, orders, epoch)
        nll, accuracy = score(evaluate(model, validation, len(seeds)), validation.labels)
        score_now = torch.stack([nll, -accuracy, torch.full_like(nll, -epoch)])[judge, torch.arange(len(seeds))]
        better = (score_now < best) & loss.isfinite() & nll.isfinite()
        best, at = torch.where(better, score_now, best), torch.where(better, epoch, at)
        _keep(kept, model, better)
        yield Record(epoch, loss.tolist(), nll.tolist(), accuracy.tolist(), at.tolist(), [one.lr * rate for one in recipes],
                     time.perf_counter() - began)
    model.load_state_dict(kept)


@torch.no_grad()
def evaluate(model: nn.Module, data: Data, runs: int) -> Float[Tensor, "runs items classes"]:
    """Logits of all items, in evaluation mode."""
    model.eval()
    every = torch.arange(len(data.labels)).expand(runs, -1)
    return torch.cat([model(data.take(index, None)) for index in every.split(data.chunk, dim=1)], dim=1)


def pace(model: nn.Module, recipe: Recipe, data: Data, runs: int) -> float:
    """Seconds of one training step, measured on the first batch; nothing of the model changes."""
    model.eval()
    index = torch.arange(len(data.labels))[:recipe.batch_size].expand(runs, -1)
    seconds = []
    for _ in range(3):  # the first is slower, and a busy machine makes any of them so
        began = time.perf_counter()
        worth = model(data.take(index, None)).square().mean()
        if worth.requires_grad:
            worth.backward()
        model.zero_grad(set_to_none=True)
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def score(logits: Float[Tensor, "runs items classes"], labels: Int[Tensor, "items"]) -> tuple[Tensor, Tensor]:
    """Mean negative log-likelihood in nats, and the share correct, of each run; on the CPU."""
    logits = logits.cpu().double()
    nll = nn.functional.cross_entropy(logits.flatten(0, 1), labels.repeat(len(logits)), reduction="none")
    right = (logits.argmax(-1) == labels) & logits.isfinite().all(-1)
    return nll.view(len(logits), -1).mean(1), right.double().mean(1)


def _epoch(model: nn.Module, optimizer: Optimizer, factor: float, recipe: Recipe, data: Data, orders: list, epoch: int) -> Float[Tensor, "runs"]:
    """One pass over the data, each run in an order of its own unless one is given; the mean loss of each."""
    if data.sequence is not None:
        order = data.sequence(epoch).expand(len(orders), -1)
    else:
        order = torch.stack([torch.randperm(len(data.labels), generator=one) for one in orders])
    total = []
    for index in order.split(recipe.batch_size, dim=1):
        items = data.take(index, epoch)
        labels = data.labels.index_select(0, index.flatten()).to(items.device)
        logits = model(items)
        losses = nn.functional.cross_entropy(logits.flatten(0, 1), labels, reduction="none", label_smoothing=recipe.label_smoothing)
        losses = losses.view(index.shape).sum(1) if recipe.reduction == "sum" else losses.view(index.shape).mean(1)
        if losses.requires_grad:  # a head may have nothing to train
            optimizer.zero()
            losses.sum().backward()
            optimizer.step(factor)
        total.append(losses.detach() * (1 if recipe.reduction == "sum" else index.shape[1]))
        del logits, losses  # and with them what the backward pass kept, before the next batch
    return torch.stack(total).cpu().double().sum(0) / order.shape[1]


def _optimizer(model: nn.Module, backbone: nn.Module | None, recipes: list[Recipe]) -> Optimizer:
    """The optimiser over the head and each stage of the backbone; what is frozen together lies together."""
    stages = [stage.parameters for stage in backbone.stages] if backbone is not None else []
    inside = {id(weight) for stage in stages for weight in stage}
    head = [weight for weight in model.parameters() if id(weight) not in inside and weight.requires_grad]
    rates, backbone_rates, decays = ([getattr(one, name) for one in recipes] for name in ("lr", "backbone_lr", "weight_decay"))
    buffers = [Buffer(head, rates, decays)] if head else []
    buffers += [Buffer(stage, backbone_rates, decays) for stage in stages]
    return Optimizer(buffers, recipes[0].optimizer, recipes[0].momentum)


def _keep(kept: dict[str, Tensor], model: nn.Module, better: Bool[Tensor, "runs"]) -> None:
    """Take over the state of the runs that are better now; a network has one run, and no run axis but in its head."""
    if better.any():
        for name, value in model.state_dict().items():
            chosen = better.to(value.device).view(-1, *[1] * (value.dim() - 1)) if value.dim() else better[0].to(value.device)
            kept[name] = torch.where(chosen, value, kept[name])
