"""The only loops over batches and epochs."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from qtlrun.checkpoint import Keeper, Progress, Record, Schedule
from qtlrun.freeze import Freeze, is_norm
from qtlrun.layer import generator
from qtlrun.mode import each_freshly
from qtlrun.optimizer import Buffer, Optimizer, one_or_each
from qtlrun.recipe import JUDGES, Recipe

CHUNK = 2**18  # numbers of one run that evaluation takes at once
# Times as long as leaving a keeper the state takes, training goes on before the next; that is 1.7 %
# of the time
KEPT = 60


@dataclass(frozen=True)
class Data:
    """Items to train or evaluate on: `take(index, epoch)` gives those (runs, batch, ...).

    `sequence(epoch)`, where there is one, is the order in which every run takes the items; else
    each has its own.
    """

    take: Callable[[Int[Tensor, "runs batch"], int | None], Tensor]
    labels: Int[Tensor, " items"]
    chunk: int  # items that evaluation takes at once
    sequence: Callable[[int], Int[Tensor, " items"]] | None = None


def cached(
    features: Float[Tensor, "*scalings items features"],
    labels: Int[Tensor, " items"],
    scaling: list[int] = (),
    sequence: Callable[[int], Int[Tensor, " items"]] | None = None,
) -> Data:
    """Features that are computed already, the same for every epoch; of several scalings each run
    sees its own.
    """
    flat = features.flatten(0, -2)
    shift = torch.tensor(scaling).unsqueeze(1) * features.shape[-2] if scaling else 0

    def take(index: Tensor, _epoch: int | None) -> Tensor:
        if index.stride(0) == 0 and len(set(scaling)) < 2:
            # Every run takes the same items: one copy of them.
            chosen = index[0] + (shift[0] if scaling else 0)
            return flat.index_select(0, chosen.to(flat.device)).expand(len(index), -1, -1)
        return flat.index_select(0, (index + shift).flatten().to(flat.device)).unflatten(
            0, index.shape
        )

    return Data(take, labels, max(1, min(1024, CHUNK // features.shape[-1])), sequence)


@each_freshly
def fit(
    model: nn.Module,
    backbone: nn.Module | None,
    recipes: list[Recipe],
    freeze: Freeze,
    train: Data,
    validation: Data,
    seeds: list[int],
    keeper: Keeper | None = None,
) -> Iterator[Record]:
    """Train every run of a model; yields a record an epoch, and leaves each run in the state of its
    best epoch.

    Each run has a recipe and a seed; recipes may differ in what `OWN` names. The loss of a run is
    the mean (or sum) over its batch; losses are summed over runs, which do not feel each other. A
    run whose loss is no longer finite keeps its best epoch so far (-1: it never had one). A keeper
    is left the state as often as costs next to nothing; where it has one already, its records come
    first, training goes on after them, and ends at the bits where one that was never broken off
    ends.
    """
    recipe = recipes[0]
    optimizer = _optimizer(model, backbone, recipes)
    orders = [generator(seed, "order") for seed in seeds]
    progress = Progress(model, optimizer, len(seeds))
    schedule = Schedule(KEPT, progress.size())
    joined = joins(model, backbone, freeze)
    if keeper is not None and (state := keeper.get()) is not None:
        progress.resume(state, recipe.epochs)
        yield from list(progress.records)
    for epoch in range(len(progress.records)):
        _order(train, orders, epoch)  # what these epochs drew
    for epoch in range(len(progress.records), recipe.epochs):
        began = time.perf_counter()
        rates = [
            one.rate(epoch, [past.loss[run] for past in progress.records])
            for run, one in enumerate(recipes)
        ]
        model.train()
        if backbone is not None:
            freeze.apply(backbone, epoch)
        with torch.random.fork_rng():
            torch.manual_seed(
                generator(seeds[0], "dropout", epoch).initial_seed()
            )  # dropout draws from torch's own generator
            loss = _epoch(
                model, optimizer, one_or_each(rates), recipe, train, orders, joined, epoch
            )
        nll, accuracy = score(evaluate(model, validation, len(seeds)), validation.labels)
        progress.judge(
            epoch,
            _worth(recipes, epoch, nll, accuracy).where(
                loss.isfinite() & nll.isfinite(), torch.nan
            ),
        )
        progress.records.append(
            Record(
                epoch,
                loss.tolist(),
                nll.tolist(),
                accuracy.tolist(),
                progress.best.tolist(),
                [one.lr * rate for one, rate in zip(recipes, rates, strict=True)],
                time.perf_counter() - began,
            )
        )
        if keeper is not None and schedule.due():
            schedule.put(keeper, progress.state)
        yield progress.records[-1]
    model.load_state_dict(progress.kept)


def joins(model: nn.Module, backbone: nn.Module | None, freeze: Freeze) -> bool:
    """Whether a last batch of one item joins the batch before: a batch norm that is trained has no
    variance of one.
    """
    inside = set(backbone.modules()) if backbone is not None else set()
    outside = any(is_norm(module) for module in _modules(model) if module not in inside)
    return outside or (backbone is not None and freeze.normalises(backbone))


def _modules(model: nn.Module) -> Iterator[nn.Module]:
    """Every module of a model, with those that one calls without owning them."""
    for module in model.modules():
        yield module
        if hasattr(module, "inner_modules"):
            yield from module.inner_modules()


def steps(items: int, batch_size: int, joined: bool) -> int:
    """The number of batches of an epoch."""
    return len(_sizes(items, batch_size, joined))


def _sizes(items: int, batch_size: int, joined: bool) -> list[int]:
    """The number of items in each batch of an epoch."""
    sizes = [batch_size] * (items // batch_size) + [items % batch_size] * (items % batch_size > 0)
    if joined and len(sizes) > 1 and sizes[-1] == 1 < batch_size:
        sizes[-2:] = [batch_size + 1]
    return sizes


@torch.no_grad()
def evaluate(
    model: nn.Module, data: Data, runs: int, *given: Tensor
) -> Float[Tensor, "runs items classes"]:
    """Logits of all items, in evaluation mode; a model that generates its weights does so once,
    from what is `given`.
    """
    model.eval()
    still = model.settled(*given) if hasattr(model, "settled") else model
    every = torch.arange(len(data.labels)).expand(runs, -1)
    return torch.cat(
        [still(data.take(index, None)) for index in every.split(data.chunk, dim=1)], dim=1
    )


def pace(model: nn.Module, recipe: Recipe, data: Data, runs: int) -> float:
    """Seconds of one training step, measured on the first batch; nothing of the model changes."""
    model.eval()
    index = torch.arange(len(data.labels))[: recipe.batch_size].expand(runs, -1)
    seconds = []
    for _ in range(3):  # the first is slower, and a busy machine makes any of them so
        began = time.perf_counter()
        worth = model(data.take(index, None)).square().mean()
        if worth.requires_grad:
            worth.backward()
        model.zero_grad(set_to_none=True)
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def score(
    logits: Float[Tensor, "runs items classes"], labels: Int[Tensor, " items"]
) -> tuple[Tensor, Tensor]:
    """Mean negative log-likelihood in nats, and the share correct, of each run; on the CPU."""
    logits = logits.cpu().double()
    nll = nn.functional.cross_entropy(
        logits.flatten(0, 1), labels.repeat(len(logits)), reduction="none"
    )
    right = (logits.argmax(-1) == labels) & logits.isfinite().all(-1)
    return nll.view(len(logits), -1).mean(1), right.double().mean(1)


def _epoch(
    model: nn.Module,
    optimizer: Optimizer,
    factor: float | Float[Tensor, " runs"],
    recipe: Recipe,
    data: Data,
    orders: list[torch.Generator],
    joined: bool,
    epoch: int,
) -> Float[Tensor, " runs"]:
    """One pass over the data; the mean loss of each run."""
    order = _order(data, orders, epoch)
    total = []
    for index in order.split(_sizes(order.shape[1], recipe.batch_size, joined), dim=1):
        items = data.take(index, epoch)
        labels = data.labels.index_select(0, index.flatten()).to(items.device)
        logits = model(items)
        losses = nn.functional.cross_entropy(
            logits.flatten(0, 1), labels, reduction="none", label_smoothing=recipe.label_smoothing
        )
        losses = (
            losses.view(index.shape).sum(1)
            if recipe.reduction == "sum"
            else losses.view(index.shape).mean(1)
        )
        if losses.requires_grad:  # a head may have nothing to train
            optimizer.zero()
            losses.sum().backward()
            optimizer.step(factor)
        total.append(losses.detach() * (1 if recipe.reduction == "sum" else index.shape[1]))
        del logits, losses  # and with them what the backward pass kept, before the next batch
    return torch.stack(total).cpu().double().sum(0) / order.shape[1]


def _order(data: Data, orders: list[torch.Generator], epoch: int) -> Int[Tensor, "runs items"]:
    """The items of an epoch in the order in which each run takes them: one of its own, unless one
    is given.
    """
    if data.sequence is not None:
        return data.sequence(epoch).expand(len(orders), -1)
    return torch.stack([torch.randperm(len(data.labels), generator=one) for one in orders])


def _worth(
    recipes: list[Recipe], epoch: int, nll: Float[Tensor, " runs"], accuracy: Float[Tensor, " runs"]
) -> Float[Tensor, " runs"]:
    """Figure by which each run's epochs are chosen, the less the better."""
    judge = torch.tensor([JUDGES.index(one.select) for one in recipes])
    return torch.stack([nll, -accuracy, torch.full_like(nll, -epoch)])[
        judge, torch.arange(len(recipes))
    ]


def _optimizer(model: nn.Module, backbone: nn.Module | None, recipes: list[Recipe]) -> Optimizer:
    """The optimiser over the head and each stage of the backbone; what is frozen together lies
    together.
    """
    stages = [stage.parameters for stage in backbone.stages] if backbone is not None else []
    inside = {id(weight) for stage in stages for weight in stage}
    head = [
        weight for weight in model.parameters() if id(weight) not in inside and weight.requires_grad
    ]
    rates, backbone_rates, decays = (
        [getattr(one, name) for one in recipes] for name in ("lr", "backbone_lr", "weight_decay")
    )
    buffers = [Buffer(head, rates, decays)] if head else []
    buffers += [Buffer(stage, backbone_rates, decays) for stage in stages if stage]
    return Optimizer(buffers, recipes[0].optimizer, recipes[0].momentum, recipes[0].eps)
