"""Rehearsal: the first steps of an optimizer on one batch."""

import time
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from qtlrun.diagnosis.attempt import attempt
from qtlrun.layer import reseeded

MAX_STEPS = 40
MAX_SECONDS = 3.0  # of the processor, which other programs do not take


@dataclass(eq=False)
class FirstSteps:
    """Some steps of the optimizer on the batch, of a model that is thrown away.

    losses: mean cross-entropy in nats in training mode, before each step and after the last
    before: logits in evaluation mode before the first step; None where it never came so far
    after: and after the last
    start: weights and buffers before the first step, by name
    end: and after the last
    gradients: norm of each trained tensor's gradient in the first step; None where it has none
    moves: norm of each trained tensor's change in the first step
    error: that ended it; None
    """

    losses: list[float] = field(default_factory=list)
    before: Float[Tensor, "batch classes"] | None = None
    after: Float[Tensor, "batch classes"] | None = None
    start: dict[str, Tensor] = field(default_factory=dict)
    end: dict[str, Tensor] = field(default_factory=dict)
    gradients: dict[str, float | None] = field(default_factory=dict)
    moves: dict[str, float] = field(default_factory=dict)
    error: Exception | None = None

    @property
    def steps(self) -> int:
        """Count of steps that were taken."""
        return max(0, len(self.losses) - 1)


def rehearse(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    items: Tensor,
    labels: Int64[Tensor, " batch"],
    most: int = MAX_STEPS,
) -> FirstSteps:
    """Take up to so many steps within 3 s of the processor; torch's generator begins at 0."""
    rehearsal = FirstSteps(start=_copy_state(model))

    def work() -> None:
        began = time.process_time()
        rehearsal.before = _evaluate(model, items)
        loss = _find_loss(model, items, labels)
        rehearsal.losses.append(loss.item())
        for step in range(most):
            if not loss.requires_grad:
                break
            optimizer.zero_grad()
            loss.backward()
            if step == 0:
                _take_first_step(model, optimizer, rehearsal)
            else:
                optimizer.step()
            loss = _find_loss(model, items, labels)
            rehearsal.losses.append(loss.item())
            if time.process_time() - began > MAX_SECONDS:
                break
        rehearsal.after = _evaluate(model, items)

    with reseeded(0, items.device):
        _, rehearsal.error = attempt(work)
    rehearsal.end = _copy_state(model)
    return rehearsal


def _take_first_step(
    model: nn.Module, optimizer: torch.optim.Optimizer, rehearsal: FirstSteps
) -> None:
    """Take a step, and note what it moves."""
    weights = dict(model.named_parameters())
    before = {name: weight.detach().clone() for name, weight in weights.items()}
    for name, weight in weights.items():
        rehearsal.gradients[name] = None if weight.grad is None else weight.grad.norm().item()
    optimizer.step()
    for name, weight in weights.items():
        rehearsal.moves[name] = (weight.detach() - before[name]).norm().item()


def _find_loss(model: nn.Module, items: Tensor, labels: Int64[Tensor, " batch"]) -> Tensor:
    """Mean cross-entropy in nats, in training mode."""
    model.train()
    return nn.functional.cross_entropy(model(items), labels)


@torch.no_grad()
def _evaluate(model: nn.Module, items: Tensor) -> Tensor:
    """Logits in evaluation mode."""
    model.eval()
    return model(items)


def _copy_state(model: nn.Module) -> dict[str, Tensor]:
    """Weights and buffers, those left out of the state too."""
    named = (*model.named_parameters(), *model.named_buffers())
    return {name: value.detach().clone() for name, value in named}
