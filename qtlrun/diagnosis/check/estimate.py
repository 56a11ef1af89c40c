"""Checks of gradients that are estimated, and of states that leave what is simulated."""

import time

import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.derivative.gradient import find_gradients
from qtlrun.diagnosis.attempt import attempt
from qtlrun.diagnosis.case import Case, find_loss
from qtlrun.diagnosis.finding import Evidence, Requirement, Severity, check
from qtlrun.experiment.network import Module
from qtlrun.layer import generator

MAX_RATIO = 1.0  # of the gradient's deviation over repetitions to its mean
REPETITIONS = 6
MIN_REPETITIONS = 4
BUDGET_S = 5.0  # of the processor, for all repetitions
MAX_ITEMS = 4  # of which the gradient is repeated
MIN_NORM = 0.9
NORM_ITEMS = 500  # of the training split; that of one item may be .2 or 1
NORM = "norm_kept"  # name of the probability within the cutoff, by the contract
LARGEST_RATIO = 10.0  # that few repetitions tell


@check(
    "Q113",
    "SHOTS_BELOW_GRADIENT",
    Severity.WARNING,
    limit=MAX_RATIO,
    reason="above it the sign of a step is chance",
    need=Requirement.SLOPES,
)
def shots_below_gradient(case: Case) -> Evidence | None:
    """Deviation of the circuit's gradient over repetitions by shots, over its mean."""
    shots = [use.shots for use in Requirement.SLOPES.select(case) if use.shots is not None]
    if not shots:
        return None
    ratio = _find_ratio(case)
    if ratio is None or ratio <= MAX_RATIO:
        return None
    needed = shots[0] * ratio**2
    return Evidence(
        ratio,
        f"the gradient by the circuit's weights deviates by {ratio:.1f} times its mean over"
        f" repetitions with shots={shots[0]}",
        f"use {needed:.0f} shots or more, or larger batches",
        f"device.shots={10 * needed:.0f}" if case.composition is not None else "",
    )


@check(
    "Q114",
    "ESTIMATOR_ROUGH",
    Severity.WARNING,
    limit=MAX_RATIO,
    reason="above it the sign of a step is chance",
    need=Requirement.SLOPES,
)
def rough_estimator(case: Case) -> Evidence | None:
    """Deviation of the circuit's gradient over repetitions by spsa, over its mean."""
    if not any(
        use.method == "spsa" and use.shots is None for use in Requirement.SLOPES.select(case)
    ):
        return None
    ratio = _find_ratio(case)
    if ratio is None or ratio <= MAX_RATIO:
        return None
    return Evidence(
        ratio,
        f"the gradient by the circuit's weights deviates by {ratio:.1f} times its mean over"
        " repetitions of spsa",
        "use an exact method on a simulator, or average more directions and lower the rate",
        "device.diff_method=best" if case.composition is not None else "",
    )


@check(
    "Q121",
    "NORM_LOST",
    Severity.WARNING,
    limit=MIN_NORM,
    reason="training finds a use for what is lost; presets keep .93 at the start",
    need=Requirement.DATA,
)
def lost_norm(case: Case) -> Evidence | None:
    """Mean probability that states of light still have within the cutoff."""
    norms = _find_norms(case)
    if min(norms, default=1.0) >= MIN_NORM:
        return None
    return Evidence(
        min(norms),
        f"states of light keep a probability of {min(norms):.3f} within the cutoff, mean over"
        " training items",
        "raise the cutoff and compare two, or make displacements smaller",
        "backbone.cutoff=20",
    )


def _find_ratio(case: Case) -> float | None:
    """Deviation of the gradient by the circuits' weights over repetitions, over its mean's norm.

    The variance, of the first items, is scaled to the whole batch. The norm is free of the bias by
    few repetitions. None where a pass fails or takes too long.
    """
    gradients = _repeat_gradient(case)
    if gradients is None or len(gradients) < MIN_REPETITIONS:
        return None
    variance = float(gradients.var(0).sum())
    square = float(gradients.mean(0).square().sum()) - variance / len(gradients)
    if not variance:
        return 0.0
    variance *= min(1.0, MAX_ITEMS / len(case.items))
    return (variance / max(square, variance / LARGEST_RATIO**2)) ** 0.5


def _repeat_gradient(case: Case) -> Float[Tensor, "repetitions weights"] | None:
    """Gradients of the loss by the circuits' weights, of a few items in evaluation."""
    names = {name for use in Requirement.SLOPES.select(case) for name in use.parameters}
    fresh = case.start_again()
    weights = {name: weight for name, weight in fresh.trained.items() if name in names}
    if not weights:
        return None
    model = fresh.model.eval()
    items = fresh.items[:MAX_ITEMS]
    rows: list[Tensor] = []

    def work() -> None:
        began = time.process_time()
        while len(rows) < REPETITIONS and time.process_time() < began + BUDGET_S:
            loss = find_loss(model(items), fresh.labels[:MAX_ITEMS])
            gradients = find_gradients(loss, weights)
            rows.append(torch.cat([each.flatten() for each in gradients.values()]))

    _, error = attempt(work)
    return torch.stack(rows) if error is None else None


def _find_norms(case: Case) -> list[float]:
    """Mean probability within the cutoff, of backbone and head where they have one."""
    parts = case.data.parts
    model: Module = case.model.eval()
    head: Module = case.data.ensemble.head
    train = parts.dataset.train
    order = torch.randperm(len(train), generator=generator(case.seed, "norms"))[:NORM_ITEMS]
    values: list[dict[str, Tensor]] = []
    with torch.no_grad():
        if model.backbone.retention is not None:
            items = train.batch(order, model.backbone.preprocess)
            values.append(model.backbone.retention(parts.to_accelerator(items)))
        if head.retention is not None:
            features = case.data.ensemble.features("train", order)
            values.append(head.retention(features.unsqueeze(0)))
    return [float(each[NORM].mean()) for each in values if NORM in each]


CHECKS = (shots_below_gradient, rough_estimator, lost_norm)
