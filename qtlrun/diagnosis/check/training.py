"""Checks of training: what moves, and what should not."""

import math
from collections.abc import Iterator

from torch import Tensor, nn

from qtlrun.diagnosis.case import Case
from qtlrun.diagnosis.check.backward import find_module, name_some, owner
from qtlrun.diagnosis.finding import Evidence, Requirement, Severity, check
from qtlrun.diagnosis.wording import name_shape

MAX_MOVES = 0
MIN_TRAINED = 1
MAX_LOSS_GAP_NATS = 0.5
MIN_STEPS = 30  # after which a batch norm of momentum .1 has all but 4 % of its statistics


@check(
    "Q301",
    "FROZEN_MOVES",
    Severity.FAULT,
    limit=MAX_MOVES,
    reason="frozen means that not one bit moves",
    need=Requirement.OPTIMIZER,
)
def moving_weights(case: Case) -> Evidence | None:
    """Count weights meant frozen that move in the first steps."""
    steps = case.rehearsal
    if steps is None or steps.error is not None:
        return None
    frozen = {name for name, weight in case.model.named_parameters() if not weight.requires_grad}
    frozen |= case.frozen | _find_mistyped(case.model)
    moved = [name for name in frozen if not steps.start[name].equal(steps.end[name])]
    if not moved:
        return None
    return Evidence(
        len(moved),
        f"{len(moved)} tensors move although they are meant frozen: {name_some(sorted(moved))}",
        "module.requires_grad_(False) (a call, with an underscore) before the optimizer is built,"
        " and only trained weights for the optimizer",
        "" if case.composition is None else "recipe.weight_decay=0",
    )


def _find_mistyped(model: nn.Module) -> set[str]:
    """Weights of modules whose `requires_grad` was set, which sets no weight's."""
    names = set()
    for prefix, module in model.named_modules():
        if vars(module).get("requires_grad") is False:
            names |= {f"{prefix}.{name}".lstrip(".") for name, _ in module.named_parameters()}
    return names


@check(
    "Q302",
    "STATISTICS_MOVE",
    Severity.FAULT,
    limit=MAX_MOVES,
    reason="frozen means that not one bit moves, statistics of batch norms included",
)
def moving_statistics(case: Case) -> Evidence | None:
    """Count buffers of frozen modules that a forward pass in training moves."""
    moved = [name for name in case.trace.buffers if _is_frozen(case, owner(name))]
    if not moved:
        return None
    return Evidence(
        len(moved),
        f"a forward pass in training moves {len(moved)} statistics of frozen modules:"
        f" {name_some(moved)}",
        "hold frozen modules in evaluation mode, also after model.train(): override its train()",
        "" if case.composition is None else "freeze.batch_norm=eval",
    )


def _is_frozen(case: Case, name: str) -> bool:
    """Whether all weights of a module are frozen, or of the first around it that has any."""
    while True:
        module = find_module(case, name)
        prefix = f"{name}." if name else ""
        weights = {f"{prefix}{each}": weight for each, weight in module.named_parameters()}
        if weights or not name:
            break
        name = owner(name)
    flags = [each in case.frozen or not weight.requires_grad for each, weight in weights.items()]
    return bool(flags) and all(flags)


@check(
    "Q303",
    "WEIGHTS_FORGOTTEN",
    Severity.WARNING,
    limit=MAX_MOVES,
    reason="a weight that the optimizer lacks never moves",
    need=Requirement.OPTIMIZER,
)
def missing_weights(case: Case) -> Evidence | None:
    """Count trained weights that the optimizer lacks."""
    if case.optimizer is None:
        return None
    held = {id(weight) for weight in _find_optimized(case)}
    missing = [name for name, weight in case.trained.items() if id(weight) not in held]
    if not missing:
        return None
    return Evidence(
        len(missing),
        f"the optimizer lacks {len(missing)} of {len(case.trained)} trained tensors:"
        f" {name_some(missing)}",
        "build the optimizer after the last layer is replaced; set requires_grad_(False) on what"
        " is frozen",
    )


@check(
    "Q304",
    "WEIGHTS_FOREIGN",
    Severity.FAULT,
    limit=MAX_MOVES,
    reason="a weight that the model lacks changes no logit",
    need=Requirement.OPTIMIZER,
)
def foreign_weights(case: Case) -> Evidence | None:
    """Count tensors of the optimizer that the model lacks."""
    if case.optimizer is None:
        return None
    weights = {id(weight) for weight in case.model.parameters()}
    foreign = [weight for weight in _find_optimized(case) if id(weight) not in weights]
    if not foreign:
        return None
    shapes = [name_shape(weight.shape) for weight in foreign]
    return Evidence(
        len(foreign),
        f"the optimizer holds {len(foreign)} tensors that the model lacks, of the shapes"
        f" {name_some(shapes)}",
        "build the optimizer after layers are replaced or moved, from model.parameters()",
    )


def _find_optimized(case: Case) -> Iterator[Tensor]:
    """Tensors of the optimizer."""
    for group in [] if case.optimizer is None else case.optimizer.param_groups:
        yield from group["params"]


@check(
    "Q305",
    "NOTHING_TRAINED",
    Severity.FAULT,
    limit=MIN_TRAINED,
    reason="a model learns by a weight that moves",
    need=Requirement.GRADIENT,
)
def still_model(case: Case) -> Evidence | None:
    """Count weights that the first step moves."""
    if not case.trained:
        return Evidence(
            0,
            "no weight of the model is trained",
            "leave requires_grad on the last layers",
            "" if case.composition is None else "freeze=none",
        )
    steps = case.rehearsal
    if steps is None or not steps.moves or any(steps.moves.values()):
        return None
    if not any(steps.gradients.values()):
        return None
    rates = ", ".join(f"{rate:.2g}" for rate in find_rates(case))
    return Evidence(
        0,
        f"a step moves none of {len(case.trained)} trained tensors, at the rates {rates}",
        "give the optimizer the weights that are trained, and a learning rate above 0",
        "" if case.composition is None else "recipe.lr=0.001",
    )


def find_rates(case: Case) -> list[float]:
    """Learning rate of each group of weights."""
    if case.optimizer is None:
        return []
    return [float(group["lr"]) for group in case.optimizer.param_groups if "lr" in group]


@check(
    "Q312",
    "TRAIN_UNLIKE_EVAL",
    Severity.WARNING,
    limit=MAX_LOSS_GAP_NATS,
    reason="shipped models hold their batch norms and have no gap; a dropout of .5 has about .1",
    need=Requirement.OPTIMIZER,
)
def unlike_modes(case: Case) -> Evidence | None:
    """Loss in evaluation beside that in training, of the same items after the first steps."""
    gap = find_gap(case)
    if gap is None or abs(gap) <= MAX_LOSS_GAP_NATS:
        return None
    steps = case.rehearsal
    assert steps is not None
    return Evidence(
        abs(gap),
        f"after {steps.steps} steps the batch has the loss {steps.losses[-1]:.3g} in training and"
        f" {steps.losses[-1] + gap:.3g} in evaluation",
        "hold batch norms in evaluation, or take larger batches; lower a large dropout",
        "" if case.composition is None else "freeze.batch_norm=eval",
    )


def find_gap(case: Case) -> float | None:
    """Loss in evaluation less that in training after the first steps, in nats."""
    steps = case.rehearsal
    if steps is None or steps.after is None or steps.steps < MIN_STEPS:
        return None
    if not math.isfinite(steps.losses[-1]):
        return None
    return nn.functional.cross_entropy(steps.after, case.labels).item() - steps.losses[-1]


CHECKS = (
    moving_weights,
    moving_statistics,
    missing_weights,
    foreign_weights,
    still_model,
    unlike_modes,
)
