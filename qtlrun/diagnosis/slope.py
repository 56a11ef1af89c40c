"""Slopes of the loss by autograd and by finite differences, in float64."""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from qtlrun.derivative.gradient import find_gradients
from qtlrun.diagnosis.attempt import attempt
from qtlrun.diagnosis.case import Case
from qtlrun.diagnosis.straight_through import HardSteps, Recorder, StraightThrough
from qtlrun.experiment.feature import MAX_WEIGHTS_SMALL
from qtlrun.experiment.network import Module
from qtlrun.layer import generator

MAX_ITEMS = 8
MAX_ITEMS_LARGE = 2  # of a model with a large trained backbone
MAX_SECONDS = 2.0  # of the processor
# Of a weight, in units of the deviation of its direction; the first that agrees is taken
STEPS = (1e-4, 1e-5, 1e-6, 1e-3, 1e-2)
RESOLUTION = 1e-6  # relative, of a loss: a float32 inside a model rounds by less
AGREEMENT = 1e-3  # relative; well below any limit
MAX_SLOPE_ERROR = 0.05  # relative
# A slope below this share of the largest one is not compared: a difference has few digits of it
MIN_SHARE = 1e-3
MIN_COMPARED_SLOPE = 1e-6
# Of a weight, by which the start is moved: at a start of exact zeros a ReLU has two slopes
NUDGE = 1e-2

Find = Callable[[], Tensor]


@dataclass(frozen=True)
class Slope:
    """Slope of the loss along a random direction of some weights.

    names: of the weights
    gradient: by autograd
    difference: by the finite difference that is nearest to it
    is_straight: whether the two differ by a straight-through estimator: the loss is level where
        the gradient is not, or it moves by the gradient once hard steps move as their inputs do
    """

    names: list[str]
    gradient: float
    difference: float
    is_straight: bool = False

    @property
    def size(self) -> float:
        """Larger of the two, without its sign."""
        return max(abs(self.gradient), abs(self.difference))

    @property
    def error(self) -> float:
        """Difference of the two as a share of the larger."""
        return abs(self.gradient - self.difference) / self.size if self.size else 0.0


def find_slopes(case: Case) -> list[Slope]:
    """Slopes by module, from the last to the first, of the first items in evaluation mode.

    Empty where the gradient is random, and where the pass fails in float64.
    """
    is_repeated = _repeats(case)
    case = case.start_again()
    model, items = _widen(case)
    model.eval()
    weights = {name: each for name, each in model.named_parameters() if each.requires_grad}
    _nudge(weights)
    labels = case.labels[: len(items)]

    def find_loss() -> Tensor:
        return nn.functional.cross_entropy(model(items).flatten(0, -2), labels)

    began = time.process_time()
    gradients, _ = attempt(lambda: find_gradients(find_loss(), weights))
    others = gradients
    if not is_repeated:
        others, _ = attempt(lambda: find_gradients(find_loss(), weights))
    if gradients is None or others is None or _differ(gradients, others):
        return []
    slopes, _ = attempt(lambda: _compare(find_loss, weights, gradients, began + MAX_SECONDS))
    largest = max((abs(each.difference) for each in slopes or ()), default=0.0)
    least = max(MIN_COMPARED_SLOPE, MIN_SHARE * largest)
    # A gradient of exactly 0 has a check of its own
    return [each for each in slopes or () if each.gradient and each.size > least]


def _repeats(case: Case) -> bool:
    """Whether a composed model's logits come again to the last bit, and its gradient with them.

    A gradient that a device estimates is not asked for its slope.
    """
    evaluation = case.evaluation
    return (
        case.composition is not None
        and evaluation.difference(evaluation.again, len(case.items)) == 0
    )


def _widen(case: Case) -> tuple[nn.Module, Tensor]:
    """Model and first items in float64; the head alone where a backbone is frozen."""
    trained = sum(weight.numel() for weight in case.trained.values())
    items = case.items[: MAX_ITEMS_LARGE if trained > MAX_WEIGHTS_SMALL else MAX_ITEMS]
    if case.composition is not None and case.composition.parts.fixed:
        model: Module = case.model
        with torch.no_grad():
            features = model.features(case.items)[:, : len(items)]
        return case.composition.ensemble.whole.double(), features.double()
    return case.model.double(), items.double() if items.is_floating_point() else items


def _compare(
    find_loss: Find,
    weights: dict[str, nn.Parameter],
    gradients: dict[str, Tensor],
    deadline: float,
) -> list[Slope]:
    """Slopes along a random direction of each module's weights, as many as the time allows.

    The last module has all steps, whatever they take.
    """
    groups: dict[str, list[str]] = {}
    for name in gradients:
        groups.setdefault(name.rpartition(".")[0], []).append(name)
    slopes: list[Slope] = []
    for group in reversed(groups.values()):
        slope = _find_slope(
            find_loss, weights, gradients, group, deadline if slopes else float("inf")
        )
        if slope is None:
            break
        slopes.append(slope)
    return slopes


@torch.no_grad()
def _find_slope(
    find_loss: Find,
    weights: dict[str, nn.Parameter],
    gradients: dict[str, Tensor],
    names: list[str],
    deadline: float,
) -> Slope | None:
    """Slope along a random direction of some weights; None where the time ends before it agrees."""
    directions = {}
    for name in names:
        draw = generator(0, "slope", name)
        directions[name] = torch.randn(weights[name].shape, generator=draw).to(weights[name])
    gradient = 0.0
    for name in names:
        # Of a complex weight torch gives the slopes of both parts as one number
        gradient += (gradients[name].conj() * directions[name]).real.sum().item()
    moving = {weights[name]: direction for name, direction in directions.items()}
    slopes = []
    is_level = False
    for step in STEPS:
        above, below = _find_losses(find_loss, moving, step)
        slopes.append(Slope(names, gradient, (above - below) / (2 * step)))
        if slopes[-1].error < AGREEMENT:
            break
        loss = find_loss().item()
        is_visible = 2 * step * abs(gradient) > RESOLUTION * abs(loss)
        is_level |= is_visible and above == below == loss
        if time.process_time() > deadline:
            return None
    slope = min(slopes, key=lambda slope: slope.error)
    if slope.error <= MAX_SLOPE_ERROR:
        return slope
    if is_level:
        return dataclasses.replace(slope, difference=0.0, is_straight=True)
    return dataclasses.replace(slope, is_straight=_is_straight(find_loss, moving, slope))


def _find_losses(
    find_loss: Find, moving: dict[nn.Parameter, Tensor], step: float
) -> tuple[float, float]:
    """Losses a step along a direction and a step against it; the weights come back."""
    losses: list[float] = []
    for sign in (1, -2, 1):
        for weight, direction in moving.items():
            weight.add_(direction, alpha=sign * step)
        if sign != 1 or not losses:
            losses.append(find_loss().item())
    return losses[0], losses[1]


def _is_straight(find_loss: Find, moving: dict[nn.Parameter, Tensor], slope: Slope) -> bool:
    """Whether the loss moves by the gradient where hard steps move as their inputs do."""
    steps = HardSteps()
    with Recorder(steps):
        find_loss()
    if not steps.has_hard_step:
        return False

    def find_held_loss() -> Tensor:
        with StraightThrough(steps):
            return find_loss()

    for step in STEPS:
        above, below = _find_losses(find_held_loss, moving, step)
        held = dataclasses.replace(slope, difference=(above - below) / (2 * step))
        if held.error <= MAX_SLOPE_ERROR:
            return True
    return False


def _differ(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    """Whether a gradient differs from itself computed again, as an estimate does."""
    return any(not torch.allclose(first[name], second[name], rtol=AGREEMENT) for name in first)


@torch.no_grad()
def _nudge(weights: dict[str, nn.Parameter]) -> None:
    """Move the start by a share of each weight's size."""
    for name, weight in weights.items():
        noise = torch.randn(weight.shape, generator=generator(0, "nudge", name)).to(weight)
        weight.add_(noise, alpha=NUDGE * max(weight.std(correction=0).item(), NUDGE))
