"""Checks of the learning rate and of the weight decay, by the first steps."""

import math

import torch

from qtlrun.diagnosis.case import Case
from qtlrun.diagnosis.check.training import find_rates
from qtlrun.diagnosis.curvature import find_curvature
from qtlrun.diagnosis.finding import Evidence, Requirement, Severity, check

MIN_STEPS = 5
MAX_LOSS_RATIO = 1.25
MIN_MOVE = 1e-5
MAX_DECAY_RATIO = 1.0


@check(
    "Q306",
    "RATE_TOO_LARGE",
    Severity.WARNING,
    limit=MAX_LOSS_RATIO,
    reason="the mean loss of shipped models is .1 to .9 of the first; no step at all gives 1",
    need=Requirement.OPTIMIZER,
)
def large_rate(case: Case) -> Evidence | None:
    """Mean loss over the first steps beside that before them, on the batch that they take."""
    steps = case.rehearsal
    if steps is None or steps.steps < MIN_STEPS or not math.isfinite(steps.losses[0]):
        return None
    ratio = find_loss_ratio(steps.losses)
    if ratio <= MAX_LOSS_RATIO:
        return None
    rate = max(find_rates(case), default=0.0)
    lower = rate / 10
    where = ""
    bound = _find_stable_rate(case)
    if bound is not None and bound < rate:
        lower = bound / 2
        where = f"; by the curvature, steps of sgd shrink the loss up to the rate {bound:.2g}"
    return Evidence(
        ratio,
        f"{steps.steps} steps on one batch take its loss from {steps.losses[0]:.3g} to"
        f" {max(steps.losses):.3g} nats, at the rate {rate:.2g}{where}",
        f"try the rate {lower:.2g}",
        "" if case.composition is None else f"recipe.lr={lower:.2g}",
    )


def _find_stable_rate(case: Case) -> float | None:
    """Rate at which steps of sgd stop to shrink the loss; None of other optimizers.

    It is 2 (1 + momentum) over the largest curvature, for a loss that is quadratic.
    """
    if not isinstance(case.optimizer, torch.optim.SGD):
        return None
    curvature = find_curvature(case)
    if curvature is None or curvature <= 0:
        return None
    momentum = min(float(group["momentum"]) for group in case.optimizer.param_groups)
    return 2 * (1 + momentum) / curvature


def find_loss_ratio(losses: list[float]) -> float:
    """Mean of the losses beside the first; infinite where any is no number."""
    mean = sum(losses[1:]) / len(losses[1:])
    return mean / losses[0] if math.isfinite(mean) else math.inf


@check(
    "Q307",
    "RATE_TOO_SMALL",
    Severity.WARNING,
    limit=MIN_MOVE,
    reason="the fastest tensor of shipped models moves by .003 and more of its norm",
    need=Requirement.OPTIMIZER,
)
def small_rate(case: Case) -> Evidence | None:
    """Largest move of a trained tensor in the first step, as a share of its norm."""
    move = find_largest_move(case)
    if move is None or not 0 < move < MIN_MOVE:
        return None
    rate = max(find_rates(case), default=0.0)
    return Evidence(
        move,
        f"the first step moves no trained tensor by more than {move:.1g} of its norm, at the rate"
        f" {rate:.2g}; about 1e-3 is usual",
        "raise the learning rate",
        "" if case.composition is None else "recipe.lr=0.001",
    )


def find_largest_move(case: Case) -> float | None:
    """Largest move of a trained tensor in the first step, as a share of its norm."""
    steps = case.rehearsal
    if steps is None or not steps.moves:
        return None
    moves = []
    for name in case.trained:
        size = steps.start[name].norm().item()
        moves.append(steps.moves[name] / size if size else 0.0)
    return max(moves, default=None)


@check(
    "Q310",
    "DECAY_ABOVE_GRADIENT",
    Severity.WARNING,
    limit=MAX_DECAY_RATIO,
    reason="above 1 the weights go to 0 whatever the data say; shipped models have 1e-3 or less",
    need=Requirement.OPTIMIZER,
)
def large_decay(case: Case) -> Evidence | None:
    """Pull of the weight decay beside the gradient, at the start, in norm over all weights."""
    ratio = find_decay_ratio(case)
    if ratio is None or ratio <= MAX_DECAY_RATIO:
        return None
    return Evidence(
        ratio,
        f"the weight decay pulls {ratio:.2g} times as hard as the gradient, already at the start",
        "lower the weight decay",
        "" if case.composition is None else "recipe.weight_decay=0",
    )


def find_decay_ratio(case: Case) -> float | None:
    """Norm of the decay beside that of the gradient; under AdamW, of the moves of a step."""
    steps = case.rehearsal
    if steps is None or case.optimizer is None:
        return None
    names = {id(weight): name for name, weight in case.model.named_parameters()}
    pull = force = 0.0
    for group in case.optimizer.param_groups:
        decay = float(group.get("weight_decay") or 0)
        is_apart = bool(group.get("decoupled_weight_decay"))
        for weight in group["params"]:
            name = names.get(id(weight), "")
            if steps.gradients.get(name) is not None:
                pull += (decay * weight.norm().item()) ** 2
                # A first step of Adam moves each weight by its rate
                force += weight.numel() if is_apart else steps.gradients[name] ** 2
    return math.sqrt(pull / force) if force else None


CHECKS = (large_rate, small_rate, large_decay)
