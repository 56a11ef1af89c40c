"""Checks of repetition: has an item the same logits again, and without the others?"""

from qtlrun.diagnosis.case import Case
from qtlrun.diagnosis.check.backward import has_shots
from qtlrun.diagnosis.finding import Evidence, Severity, check

MAX_REPEAT_DIFFERENCE = 1e-3  # in the deviation of the logits


@check(
    "Q217",
    "FORWARD_RANDOM",
    Severity.FAULT,
    limit=MAX_REPEAT_DIFFERENCE,
    reason="in evaluation shipped models repeat their logits to the last bit",
)
def random_forward(case: Case) -> Evidence | None:
    """Compare the logits of the same items in evaluation mode, computed twice."""
    difference = case.evaluation.difference(case.evaluation.again, len(case.items))
    if difference is None or difference <= MAX_REPEAT_DIFFERENCE or has_shots(case):
        return None
    return Evidence(
        difference,
        f"logits of the same items in evaluation differ by {difference:.2g} of their deviation",
        "let dropout and noise ask self.training, as torch.nn.Dropout does",
    )


@check(
    "Q218",
    "ITEMS_MIXED",
    Severity.FAULT,
    limit=MAX_REPEAT_DIFFERENCE,
    reason="an item of shipped models has the same logits alone, within 1e-5",
)
def mixed_items(case: Case) -> Evidence | None:
    """Compare the logits of items alone with those in the batch, in evaluation mode."""
    evaluation = case.evaluation
    if has_shots(case) or random_forward.measure(case):
        return None
    differences = [
        evaluation.difference(logits, count) or 0.0 for count, logits in evaluation.short.items()
    ]
    largest = max(differences, default=0.0)
    if largest <= MAX_REPEAT_DIFFERENCE:
        return None
    return Evidence(
        largest,
        f"logits of items change by {largest:.2g} of their deviation with the others of the batch",
        "normalise and reshape along the axes of an item; let a batch norm track its statistics",
    )


CHECKS = (random_forward, mixed_items)
