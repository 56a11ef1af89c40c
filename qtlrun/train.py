"""Training and evaluation: the only loops over epochs and batches."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from qtlrun.batch import Data, batch_sizes, draw_order, joins
from qtlrun.checkpoint import Keeper, Record, Schedule, TrainingState
from qtlrun.freeze import Freeze
from qtlrun.layer import generator, reseeded
from qtlrun.mode import each_freshly, small_convolutions
from qtlrun.optimizer import Buffer, Holder, Optimizer, scalar_or_per_run
from qtlrun.recipe import CRITERIA, Recipe

# Training goes on this many times as long as writing its state took before the state is written
# again; that is 1.7 % of the time.
WORK_PER_WRITE = 60


@runtime_checkable
class Settler(Protocol):
    """Module whose evaluation shares what every call would compute again."""

    def settled(self, *chances: Float[Tensor, "runs states"]) -> Callable[[Tensor], Tensor]:
        """Function of the items for evaluation."""


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
    """Train all runs of a model together; yield a record per epoch, leave each run's best epoch.

    Each run has a recipe and a seed; recipes may differ in what `OWN` names. The loss of a run is
    the mean (or sum) over its batch; losses are summed over runs, which do not feel each other. A
    run whose loss is no longer finite keeps its best epoch so far (-1: it never had one).

    A keeper is left the state as often as costs next to nothing. Where it has one already, its
    records come first, and training goes on after them to the same bits as without the break.
    """
    optimizer = _optimizer(model, backbone, recipes)
    orders = [generator(seed, "order") for seed in seeds]
    joined = joins(model, backbone, freeze)
    device = next(model.parameters(), train.labels).device
    state = TrainingState(model, optimizer, len(seeds))
    schedule = Schedule(WORK_PER_WRITE, state.size())
    if keeper is not None and (arrays := keeper.get()) is not None:
        state.resume(arrays, recipes[0].epochs)
        yield from list(state.records)
    for epoch in range(len(state.records)):
        draw_order(train, orders, epoch)  # draws what these epochs drew

    for epoch in range(len(state.records), recipes[0].epochs):
        began = time.perf_counter()
        factors = _rate_factors(recipes, state.records, epoch)
        model.train()
        if backbone is not None:
            freeze.apply(backbone, epoch)
        seed = generator(seeds[0], "dropout", epoch).initial_seed()
        with reseeded(seed, device):  # dropout draws from torch's own generator
            loss = _train_epoch(
                model,
                optimizer,
                scalar_or_per_run(factors),
                recipes[0],
                train,
                orders,
                joined,
                epoch,
            )
        nll, accuracy = score(evaluate(model, validation, len(seeds)), validation.labels)
        criterion = _criterion(recipes, epoch, nll, accuracy)
        state.select(epoch, criterion.where(loss.isfinite() & nll.isfinite(), torch.nan))
        rates = [recipe.lr * factor for recipe, factor in zip(recipes, factors, strict=True)]
        seconds = time.perf_counter() - began
        state.record(epoch, loss, nll, accuracy, rates, seconds)
        if keeper is not None and schedule.due():
            schedule.put(keeper, state.arrays)
        yield state.records[-1]
    model.load_state_dict(state.best_state)


def _rate_factors(recipes: list[Recipe], records: Sequence[Record], epoch: int) -> list[float]:
    """Factor of each run's learning rates in an epoch, after the losses recorded so far."""
    factors = []
    for run, recipe in enumerate(recipes):
        losses = [record.loss[run] for record in records]
        factors.append(recipe.rate(epoch, losses))
    return factors


def _train_epoch(
    model: nn.Module,
    optimizer: Optimizer,
    factor: float | Float[Tensor, " runs"],
    recipe: Recipe,
    data: Data,
    orders: list[torch.Generator],
    joined: bool,
    epoch: int,
) -> Float[Tensor, " runs"]:
    """Train one pass over the data; give the mean loss of each run."""
    order = draw_order(data, orders, epoch)
    weights = recipe.item_weights(data.labels)
    total = []
    for index in order.split(batch_sizes(order.shape[1], recipe.batch_size, joined), dim=1):
        items = data.take(index, epoch)
        labels = data.labels.expand(len(index), -1).gather(1, index).flatten().to(items.device)
        with small_convolutions(items):
            logits = model(items)
            losses = nn.functional.cross_entropy(
                logits.flatten(0, 1),
                labels,
                reduction="none",
                label_smoothing=recipe.label_smoothing,
            ).view(index.shape)
            if weights is not None:
                losses = losses * weights.expand(len(index), -1).gather(1, index).to(losses)
            losses = losses.sum(1) if recipe.reduction == "sum" else losses.mean(1)
            if losses.requires_grad:  # a head may have nothing to train
                optimizer.zero()
                losses.sum().backward()
                optimizer.step(factor)
        total.append(losses.detach() * (1 if recipe.reduction == "sum" else index.shape[1]))
        del logits, losses  # and with them what the backward pass kept, before the next batch
    return torch.stack(total).cpu().double().sum(0) / order.shape[1]


@torch.no_grad()
def evaluate(
    model: nn.Module, data: Data, runs: int, *chances: Float[Tensor, "runs states"]
) -> Float[Tensor, "runs items classes"]:
    """Logits of all items, in evaluation mode.

    A model that generates its weights does so once, from estimated probabilities (`chances`) where
    these are passed, and else from its circuit's exact ones.
    """
    model.eval()
    still: Callable[[Tensor], Tensor]
    still = model.settled(*chances) if isinstance(model, Settler) else model
    indices = torch.arange(data.count).expand(runs, -1)
    logits = [still(data.take(index, None)) for index in indices.split(data.chunk, dim=1)]
    return torch.cat(logits, dim=1)


def score(
    logits: Float[Tensor, "runs items classes"], labels: Int[Tensor, "*#runs items"]
) -> tuple[Float[Tensor, " runs"], Float[Tensor, " runs"]]:
    """Mean negative log-likelihood (nats) and accuracy in [0, 1] of each run, on the CPU.

    An item with a logit that is not finite counts as wrong.
    """
    logits = logits.cpu().double()
    labels = labels.expand(len(logits), -1)
    nll = nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
    right = (logits.argmax(-1) == labels) & logits.isfinite().all(-1)
    return nll.view(len(logits), -1).mean(1), right.double().mean(1)


def _criterion(
    recipes: list[Recipe], epoch: int, nll: Float[Tensor, " runs"], accuracy: Float[Tensor, " runs"]
) -> Float[Tensor, " runs"]:
    """Criterion by which each run's best epoch is selected; lower is better."""
    judge = torch.tensor([CRITERIA.index(recipe.select) for recipe in recipes])
    return torch.stack([nll, -accuracy, torch.full_like(nll, -epoch)])[
        judge, torch.arange(len(recipes))
    ]


def pace(model: nn.Module, recipe: Recipe, data: Data, runs: int) -> float:
    """Seconds of one training step, measured on the first batch; the model stays as it is."""
    model.eval()
    index = torch.arange(data.count)[: recipe.batch_size].expand(runs, -1)
    seconds = []
    for _ in range(3):  # the first is slower, and a busy machine makes any of them so
        began = time.perf_counter()
        loss = model(data.take(index, None)).square().mean()
        if loss.requires_grad:
            loss.backward()
        model.zero_grad(set_to_none=True)
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def _optimizer(model: nn.Module, backbone, recipes: list[Recipe]) -> Optimizer:
    """Optimizer with a buffer for the head and one for each stage, which is frozen as a whole."""
    stages = [stage.parameters for stage in backbone.stages] if backbone is not None else []
    inside = {id(weight) for stage in stages for weight in stage}
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    head = [weight for weight in trained if id(weight) not in inside]
    rates = [recipe.lr for recipe in recipes]
    backbone_rates = [recipe.backbone_lr for recipe in recipes]
    decays = [recipe.weight_decay for recipe in recipes]
    held = model.held if isinstance(model, Holder) else None
    buffers = [Buffer(head, rates, decays, held)] if head else []
    buffers += [Buffer(stage, backbone_rates, decays) for stage in stages if stage]
    return Optimizer(buffers, recipes[0].optimizer, recipes[0].momentum, recipes[0].eps)
