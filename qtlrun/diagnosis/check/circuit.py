"""Checks of circuits: do inputs and weights reach what is measured, and that the logits?"""

import torch

from qtlrun.diagnosis.case import Case
from qtlrun.diagnosis.circuit_use import CircuitUse
from qtlrun.diagnosis.finding import Evidence, Severity, check

PROBES = 10  # points of random inputs and weights; a slope that is 0 at all of them is 0 everywhere
MAX_UNMEASURED_WEIGHTS = 0
MAX_ROUNDING = 1e-12  # of a slope in float64


@check(
    "Q102",
    "WEIGHTS_UNMEASURED",
    Severity.FAULT,
    limit=MAX_UNMEASURED_WEIGHTS,
    reason=f"a weight that acts has a slope other than 0 at {PROBES} random points",
)
def unmeasured_weights(case: Case) -> Evidence | None:
    """Count weights that no output of their circuit depends on."""
    for use in case.circuits:
        slopes = _find_slopes(use)
        if slopes is None:
            continue
        still = (slopes <= MAX_ROUNDING).nonzero().flatten().tolist()
        if still:
            return Evidence(
                len(still),
                f"{len(still)} of {len(slopes)} weights of {use.name} reach no measurement",
                "measure the wires that they act on, or leave them out",
            )
    return None


def _find_slopes(use: CircuitUse) -> torch.Tensor | None:
    """Largest slope of any output by each weight over random points, (weights,)."""
    if use.exact is None or not use.weights.shape[1]:
        return None
    weights = use.draw_weights(PROBES).requires_grad_()
    outputs = use.exact(use.draw_inputs(PROBES, 1), weights)
    slopes = torch.zeros(use.weights.shape[1], dtype=torch.float64)
    for output in outputs.unbind(-1):
        (slope,) = torch.autograd.grad(output.sum(), weights, retain_graph=True)
        slopes = slopes.maximum(slope.abs().amax(0))
    return slopes


CHECKS = (unmeasured_weights,)
