"""Checks of the pass back: does the loss reach every weight that is trained?"""

from qtlrun.diagnosis.case import Case
from qtlrun.diagnosis.finding import Evidence, Severity, check

MAX_DETACHED_WEIGHTS = 0


@check(
    "Q201",
    "OUTPUT_DETACHED",
    Severity.FAULT,
    limit=MAX_DETACHED_WEIGHTS,
    reason="a loss without a gradient trains nothing",
)
def detached_output(case: Case) -> Evidence | None:
    """Count trained weights where the logits have no gradient at all."""
    logits = case.first_pass.logits
    if logits is None or logits.requires_grad or not case.trained:
        return None
    return Evidence(
        len(case.trained),
        f"the logits have no gradient, so none of {len(case.trained)} trained tensors moves",
        "leave torch.no_grad, detach and diff_method=None out of the forward pass",
    )


CHECKS = (detached_output,)
