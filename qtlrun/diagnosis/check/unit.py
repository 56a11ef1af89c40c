"""Checks of units: activations at their ends, gradients by layer, numbers that are none."""

import math

import torch

from qtlrun.diagnosis.case import IGNORED_LABEL, Case
from qtlrun.diagnosis.check.backward import name_some, owner
from qtlrun.diagnosis.finding import Evidence, Requirement, Severity, check

MAX_SATURATED_SHARE = 0.5
MAX_DEAD_SHARE = 0.9
MIN_GRADIENT_RATIO = 1e-4
MAX_GRADIENT_NORM = 1e3
MAX_NOT_FINITE = 0
MAX_PROBABILITY_SHARE = 0.99
SUM_TOLERANCE = 1e-4


@check(
    "Q211",
    "UNITS_SATURATED",
    Severity.WARNING,
    limit=MAX_SATURATED_SHARE,
    reason="a tanh has less than .02 of its slope there; shipped models have 1 % of values there",
)
def saturated_units(case: Case) -> Evidence | None:
    """Largest share of a layer's tanh or sigmoid values that are at their ends."""
    layers = [each for each in case.trace.activations if not each.units and each.has_gradient]
    worst = max(layers, key=lambda layer: layer.saturated, default=None)
    if worst is None or worst.saturated <= MAX_SATURATED_SHARE:
        return None
    return Evidence(
        worst.saturated,
        f"{worst.saturated:.0%} of the values of the {worst.function} in"
        f" {worst.name or 'the model'} are at their ends, where its slope is below .02 of its"
        " largest",
        "scale what it is fed, by a batch norm or layer norm, or start from smaller weights",
        "" if case.composition is None else "recipe.scale=standard",
    )


@check(
    "Q212",
    "UNITS_DEAD",
    Severity.WARNING,
    limit=MAX_DEAD_SHARE,
    reason="about half of the units rest on positive features by chance",
)
def dead_units(case: Case) -> Evidence | None:
    """Largest share of a layer's ReLU units that are 0 for all items."""
    layers = [each for each in case.trace.activations if each.units and each.has_gradient]
    worst = max(layers, key=lambda layer: layer.dead, default=None)
    if worst is None or worst.dead <= MAX_DEAD_SHARE:
        return None
    return Evidence(
        worst.dead,
        f"{worst.dead:.0%} of {worst.units} ReLU units in {worst.name or 'the model'} are 0 for all"
        f" {len(case.items)} items",
        "start its biases at 0 and centre what it is fed, or use a leaky ReLU",
    )


@check(
    "Q213",
    "GRADIENT_VANISHES",
    Severity.WARNING,
    limit=MIN_GRADIENT_RATIO,
    reason="shipped models have ratios from .2 to 6",
    need=Requirement.GRADIENT,
)
def vanishing_gradient(case: Case) -> Evidence | None:
    """Gradient of the first layer beside that of the last, root mean square by weight."""
    sizes = _find_sizes(case)
    if len(sizes) < 2:
        return None
    (first, small), *_, (last, large) = sizes
    # A gradient of exactly 0 has a check of its own
    if not small or not large or not math.isfinite(large) or small / large >= MIN_GRADIENT_RATIO:
        return None
    return Evidence(
        small / large,
        f"the gradient of {first} is {small:.2g} a weight, and that of {last} {large:.2g}",
        "put normalisations or shortcuts between the layers, or ReLU in place of sigmoid",
    )


@check(
    "Q214",
    "GRADIENT_EXPLODES",
    Severity.WARNING,
    limit=MAX_GRADIENT_NORM,
    reason="shipped models have norms from .07 to 61",
    need=Requirement.GRADIENT,
)
def exploding_gradient(case: Case) -> Evidence | None:
    """Norm of the gradient over all trained weights."""
    norms = find_norms(case)
    norm = math.hypot(*norms.values())
    if not math.isfinite(norm) or norm <= MAX_GRADIENT_NORM:
        return None
    worst = max(norms, key=lambda name: norms[name])
    return Evidence(
        norm,
        f"the gradient has the norm {norm:.2g}, and that of {worst} alone {norms[worst]:.2g}",
        "start from smaller weights, scale the items, normalise between the layers, or clip the"
        " gradient",
    )


def find_norms(case: Case) -> dict[str, float]:
    """Norm of the gradient of each trained weight that has one."""
    slopes = case.first_pass.gradients
    return {
        name: slope.abs().double().norm().item()
        for name, slope in slopes.items()
        if slope is not None
    }


def _find_sizes(case: Case) -> list[tuple[str, float]]:
    """Root mean square of the gradient of each layer's matrix, in the order of the calls."""
    order = case.trace.order
    sizes = {}
    for name, slope in case.first_pass.gradients.items():
        is_matrix = slope is not None and name.endswith("weight") and slope.dim() > 1
        if is_matrix and owner(name) in order:
            sizes[name] = slope.abs().double().square().mean().sqrt().item()
    return sorted(sizes.items(), key=lambda pair: order[owner(pair[0])])


@check(
    "Q215",
    "LOSS_NOT_FINITE",
    Severity.FAULT,
    limit=MAX_NOT_FINITE,
    reason="nan and infinity spread to all weights in one step",
)
def infinite_loss(case: Case) -> Evidence | None:
    """Count numbers of loss and gradient that are nan or infinite."""
    loss = case.first_pass.loss
    if loss is None or loss.is_meta:
        return None
    if not case.items.isfinite().all():
        count = int((~case.items.isfinite()).sum())
        return Evidence(count, f"{count} numbers of the items are nan or infinite", "mend the data")
    if bool((case.labels == IGNORED_LABEL).all()):
        return Evidence(
            len(case.labels),
            f"no label of the batch counts: all {len(case.labels)} are {IGNORED_LABEL}, which the"
            " loss leaves out, and a mean of nothing is nan",
            "give the items their classes",
        )
    if not loss.isfinite():
        return Evidence(
            1,
            f"the loss is {loss.item()}, first in {case.trace.infinite or 'the model itself'}",
            "clamp what a logarithm, a root or a division takes, at 1e-12",
        )
    wrong = [name for name, slope in case.first_pass.gradients.items() if _is_infinite(slope)]
    if not wrong:
        return None
    return Evidence(
        len(wrong),
        f"the loss is finite and the gradient of {name_some(wrong)} is not",
        "clamp what a root, a power below 1 or a norm takes: its slope at 0 is infinite",
    )


def _is_infinite(slope: torch.Tensor | None) -> bool:
    return slope is not None and not bool(slope.isfinite().all())


@check(
    "Q311",
    "LOSS_OF_PROBABILITIES",
    Severity.FAULT,
    limit=MAX_PROBABILITY_SHARE,
    reason="logits of shipped models are no probabilities for any item",
)
def double_softmax(case: Case) -> Evidence | None:
    """Share of the items whose logits are probabilities."""
    logits = case.evaluation.whole
    if not isinstance(logits, torch.Tensor) or logits.dim() != 2:
        return None
    if logits.is_meta or not logits.is_floating_point():
        return None
    sums = (logits.sum(1) - 1).abs() < SUM_TOLERANCE
    share = (sums & (logits >= 0).all(1)).double().mean().item()
    if share <= MAX_PROBABILITY_SHARE:
        return None
    floor = torch.tensor(logits.shape[1] - 1 + torch.e).log().item() - 1
    return Evidence(
        share,
        f"the logits of {share:.0%} of the items are probabilities, so that the cross-entropy"
        f" cannot fall below {floor:.2g} nats",
        "leave out the softmax: the cross-entropy has one",
    )


CHECKS = (
    saturated_units,
    dead_units,
    vanishing_gradient,
    exploding_gradient,
    infinite_loss,
    double_softmax,
)
