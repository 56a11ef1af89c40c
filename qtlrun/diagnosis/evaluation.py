"""Logits of a batch and of parts of it, in evaluation mode."""

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from qtlrun.diagnosis.attempt import attempt

# Items of a part of the batch: one, and a short last batch
SHORT_ITEMS = (1, 3)


@dataclass(eq=False)
class Evaluation:
    """Logits of a batch and of parts of it, in evaluation mode.

    whole: of all items; None where the pass fails
    again: of all items once more
    short: of the first items by their number; None where the pass fails
    errors: that ended those, by their number
    """

    whole: Any = None
    again: Any = None
    short: dict[int, Any] = field(default_factory=dict)
    errors: dict[int, Exception] = field(default_factory=dict)

    def difference(self, other: Any, count: int) -> float | None:
        """Largest difference between the first items' logits and others', in their deviation.

        None where they have no common shape, or are not finite.
        """
        if not isinstance(self.whole, Tensor) or not isinstance(other, Tensor):
            return None
        first = self.whole[:count].double()
        if first.shape != other.shape or not first.numel():
            return None
        scale = max(self.whole.double().std().item(), torch.finfo(torch.float32).tiny)
        difference = (first - other.double()).abs().max().item() / scale
        return difference if math.isfinite(difference) else None


def evaluate(model: nn.Module, items: Tensor) -> Evaluation:
    """Logits of a batch, twice, and of its first items alone."""
    evaluation = Evaluation()
    model.eval()
    with torch.no_grad():
        evaluation.whole, error = attempt(lambda: model(items))
        if error is not None:
            return evaluation
        evaluation.again, _ = attempt(lambda: model(items))
        for count in [count for count in SHORT_ITEMS if count < len(items)]:
            evaluation.short[count], error = attempt(lambda: model(items[:count]))  # noqa: B023
            if error is not None:
                evaluation.errors[count] = error
    return evaluation
