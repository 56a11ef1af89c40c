"""Checks of the pass back: does the loss reach all weights that are trained?"""

import torch
from torch import nn

from qtlrun.diagnosis.case import Case, take_pass
from qtlrun.diagnosis.finding import Evidence, Requirement, Severity, check
from qtlrun.diagnosis.graph import count_saved
from qtlrun.diagnosis.slope import MAX_SLOPE_ERROR, Slope
from qtlrun.layer import generator

MAX_DETACHED_WEIGHTS = 0
MAX_STILL_ROWS = 0
STARTS = 10  # at which a gradient of 0 is taken for one of 0 everywhere
NUDGE = 1e-2  # of a weight: a layer that starts at exactly 0 has no slope before it
MAX_GROWTH = 0


@check(
    "Q201",
    "OUTPUT_DETACHED",
    Severity.FAULT,
    limit=MAX_DETACHED_WEIGHTS,
    reason="a loss without a gradient trains nothing",
    need=Requirement.GRADIENT,
)
def detached_output(case: Case) -> Evidence | None:
    """Count trained weights where the logits have no gradient at all."""
    loss = case.first_pass.loss
    if loss is None or loss.requires_grad or not case.trained:
        return None
    return Evidence(
        len(case.trained),
        f"the logits have no gradient, so none of {len(case.trained)} trained tensors moves",
        "leave torch.no_grad and detach out of the forward pass",
    )


@check(
    "Q202",
    "WEIGHTS_DETACHED",
    Severity.FAULT,
    limit=MAX_DETACHED_WEIGHTS,
    reason="a weight that is trained has a gradient; None of those of a healthy model is None",
    need=Requirement.GRADIENT,
)
def detached_weights(case: Case) -> Evidence | None:
    """Count trained weights without a gradient that stand beside others with one."""
    detached = [name for name in _find_detached(case) if name not in _find_cut_off(case)]
    if not detached:
        return None
    return Evidence(
        len(detached),
        f"{len(detached)} of {len(case.trained)} trained tensors get no gradient:"
        f" {name_some(detached)}",
        "hand the nn.Parameter itself on, without torch.tensor, .data, .detach, .item or .numpy;"
        " leave out what nothing uses",
    )


@check(
    "Q203",
    "INPUTS_DETACHED",
    Severity.FAULT,
    limit=MAX_DETACHED_WEIGHTS,
    reason="where the first trained layers have no gradient, what follows them cuts it off",
    need=Requirement.GRADIENT,
)
def detached_inputs(case: Case) -> Evidence | None:
    """Count trained weights without a gradient before the first layer that has one."""
    detached = _find_cut_off(case)
    if not detached:
        return None
    order = case.trace.order
    last = max(order[owner(name)] for name in detached)
    later = {name: number for name, number in order.items() if number > last}
    first = min(later, key=lambda name: later[name])
    return Evidence(
        len(detached),
        f"{first} gets a gradient, and nothing before it does: {name_some(detached)}",
        "hand the inputs on as they are, without torch.no_grad, .detach, .data or .numpy;"
        " in Qiskit Machine Learning input_gradients=True",
    )


def _find_detached(case: Case) -> list[str]:
    """Trained weights without a gradient, where the loss has one."""
    taken = case.first_pass
    if taken.error is not None or taken.loss is None or not taken.loss.requires_grad:
        return []
    return [name for name, slope in taken.gradients.items() if slope is None]


def _find_cut_off(case: Case) -> list[str]:
    """Weights without a gradient of modules that are called before the first with one."""
    order = case.trace.order
    detached = _find_detached(case)
    reached = set(map(owner, case.trained)) - set(map(owner, detached))
    # A module that calls others is not before or after them
    numbers = [order[name] for name in reached if name in order and _is_leaf(case, name)]
    if not numbers or not detached:
        return []
    return [name for name in detached if _is_before(case, name, min(numbers))]


def _is_before(case: Case, name: str, number: int) -> bool:
    """Whether a weight's module is called before the call of a number, and calls no others."""
    module = owner(name)
    return _is_leaf(case, module) and case.trace.order.get(module, number) < number


def _is_leaf(case: Case, name: str) -> bool:
    """Whether a module has none inside."""
    return not list(find_module(case, name).children())


@check(
    "Q204",
    "GRADIENT_ZERO",
    Severity.WARNING,
    limit=MAX_STILL_ROWS,
    reason=f"exactly 0 at {STARTS} starts on {STARTS} batches is 0 everywhere",
    need=Requirement.GRADIENT,
)
def zero_gradient(case: Case) -> Evidence | None:
    """Count rows of trained weights whose gradient is 0 at many starts and on many batches."""
    rows = _find_still_rows(case.start_again())
    for seed in range(1, STARTS):
        if not any(row.any() for row in rows.values()):
            return None
        others = _find_still_rows(case.start(case.seed + seed))
        rows = {name: row & others[name] for name, row in rows.items() if name in others}
    still = {name: int(row.sum()) for name, row in rows.items() if row.any()}
    if not still:
        return None
    worst = max(still, key=lambda name: still[name])
    return Evidence(
        sum(still.values()),
        f"the gradient of {still[worst]} of {len(rows[worst])} rows of {worst} is exactly 0 at"
        f" {STARTS} starts ({sum(still.values())} rows in all)",
        "leave out the weights that nothing depends on, or let them reach the logits",
    )


def _find_still_rows(case: Case) -> dict[str, torch.Tensor]:
    """Rows by weight whose gradient is exactly 0, off the exact start; circuits have checks."""
    angles = None if case.composition is None else case.composition.ensemble.head.angles
    with torch.no_grad():
        for name, weight in case.trained.items():
            draw = generator(case.seed, "still", name)
            weight.add_(torch.randn(weight.shape, generator=draw).to(weight), alpha=NUDGE)
    trained = case.trained
    rows = {}
    for name, slope in take_pass(case).gradients.items():
        if slope is not None and trained[name] is not angles:
            # Units of a layer may rest on a batch; rows of weights that a module owns may not
            kind = type(find_module(case, owner(name))).__module__
            is_layer = kind.startswith(("torch.nn.", "qtlrun."))
            flat = slope.reshape(1 if is_layer or slope.dim() < 2 else len(slope), -1)
            rows[name] = (flat == 0).all(1)
    return rows


@check(
    "Q210",
    "GRADIENT_WRONG",
    Severity.FAULT,
    limit=MAX_SLOPE_ERROR,
    reason="slopes of shipped models agree within 1e-3 in float64",
    need=Requirement.GRADIENT,
)
def wrong_gradient(case: Case) -> Evidence | None:
    """Compare the gradient with finite differences of the whole loss, in float64."""
    worst = _find_worst(case, is_straight=False)
    if worst is None:
        return None
    return Evidence(
        worst.error,
        f"along {name_some(worst.names)} the loss has the slope {worst.difference:.3g} and the"
        f" gradient says {worst.gradient:.3g}",
        "correct the backward of the custom function, or leave the derivative to autograd or to"
        " PennyLane",
    )


@check(
    "Q221",
    "GRADIENT_STRAIGHT_THROUGH",
    Severity.NOTE,
    limit=MAX_SLOPE_ERROR,
    reason="a slope of the loss is that of its gradient; beyond a hard step it is none",
    need=Requirement.GRADIENT,
)
def straight_gradient(case: Case) -> Evidence | None:
    """Compare the gradient with finite differences where a hard step has one all the same."""
    worst = _find_worst(case, is_straight=True)
    if worst is None:
        return None
    return Evidence(
        worst.error,
        f"along {name_some(worst.names)} the gradient says {worst.gradient:.3g} where a hard step"
        f" leaves the loss a slope of {worst.difference:.3g}, as a straight-through estimator has"
        " it",
        "nothing, where that is meant; its gradient is no slope of the loss, so compare the losses"
        " of several rates",
    )


def _find_worst(case: Case, *, is_straight: bool) -> Slope | None:
    """Slope that is farthest from its finite difference, of those through a hard step or not.

    None where none is beyond the threshold.
    """
    if case.first_pass.error is not None or has_shots(case):
        return None
    slopes = [slope for slope in case.slopes if slope.is_straight == is_straight]
    worst = max(slopes, key=lambda slope: slope.error, default=None)
    return None if worst is None or worst.error <= MAX_SLOPE_ERROR else worst


def has_shots(case: Case) -> bool:
    """Whether values or gradients of a circuit are estimates."""
    is_estimate = case.composition is not None and not case.composition.parts.exact
    return is_estimate or any(use.shots is not None for use in case.circuits)


@check(
    "Q216",
    "GRAPH_KEPT",
    Severity.FAULT,
    limit=MAX_GROWTH,
    reason="what autograd saves is freed with the logits; shipped models keep 0 tensors",
)
def held_graph(case: Case) -> Evidence | None:
    """Count tensors that each forward pass leaves in memory."""
    if case.first_pass.error is not None:
        return None
    counts = count_saved(case)
    growth = (counts[-1] - counts[0]) / (len(counts) - 1) if counts else 0
    if growth <= MAX_GROWTH:
        return None
    return Evidence(
        growth,
        f"each forward pass leaves {growth:.3g} tensors of its graph in memory",
        "keep numbers, not tensors with a graph: .detach() or .item() before they are stored",
    )


def owner(name: str) -> str:
    """Name of the module that a weight belongs to."""
    return name.rpartition(".")[0]


def find_module(case: Case, name: str) -> nn.Module:
    """Module of the model by its name, compiled ones too."""
    return dict(case.model.named_modules())[name]


def name_some(names: list[str], count: int = 3) -> str:
    """The first of some names, and how many more there are."""
    rest = len(names) - count
    return ", ".join(names[:count]) + (f" and {rest} more" if rest > 0 else "")


CHECKS = (
    detached_output,
    detached_weights,
    detached_inputs,
    zero_gradient,
    wrong_gradient,
    straight_gradient,
    held_graph,
)
